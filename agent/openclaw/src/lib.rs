//! A typed client of the OpenClaw gateway protocol, version 4.
