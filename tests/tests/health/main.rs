//! The truth about a pod, from outside: what the built agent says of a gateway that is well, dead, blocked, killed, full or
//! wrong; what it does about it; and what it keeps of it. The real gateway where it can show it, else the fake one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "how long each story took")]

mod beside;
mod channels;
mod clock;
mod cures;
mod deaths;
mod disk;
mod frozen;
mod group;
mod journal;
mod odd;
mod parent;
mod port;
mod scene;
mod scrapes;
mod slow;
