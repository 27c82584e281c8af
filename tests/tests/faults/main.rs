//! What the machine and the gateway do to us: full disks, kills at every system call, planted files, broken layers, a
//! gateway that is absent, slow, restarting or wrong. The gateway is the fake one: it does on demand what the real one
//! cannot be made to show.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod attached;
mod checks;
mod disk;
mod gateway;
mod kill;
mod layers;
mod owner;
mod planted;
mod quarantine;
mod scene;
