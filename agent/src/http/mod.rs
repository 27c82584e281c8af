//! The way in from outside.
