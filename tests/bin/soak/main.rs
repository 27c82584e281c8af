//! `make soak`: hundreds of rounds of every fault, with progress; ends with a summary, and writes it to a file.
//!
//! `soak [--kills N] [--rounds N] [--real N] [--daemons N] [--result FILE]`: random kills of the agent under a stream of
//! changes, rounds of each fault of a fake gateway, rounds with the real gateway, kills of each sandbox daemon.
#![expect(clippy::print_stdout, reason = "a soak prints")]
#![expect(
    clippy::unwrap_used,
    reason = "a stage that cannot be set ends the part of the soak that needs it"
)]

mod chance;
mod daemons;
mod faults;
mod kills;
mod real;
mod result;
mod scene;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use result::{Part, Summary};

/// What was asked for.
struct Order {
    kills: usize,
    rounds: usize,
    real: usize,
    daemons: usize,
    result: Option<PathBuf>,
}

impl Order {
    fn read() -> Result<Self, String> {
        let mut order = Self {
            kills: 1_000,
            rounds: 200,
            real: 10,
            daemons: 100,
            result: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("{word} needs a value"))?;
            let number = || {
                value
                    .parse()
                    .map_err(|_| format!("{word}: {value:?} is no number"))
            };
            match word.as_str() {
                "--kills" => order.kills = number()?,
                "--rounds" => order.rounds = number()?,
                "--real" => order.real = number()?,
                "--daemons" => order.daemons = number()?,
                "--result" => order.result = Some(PathBuf::from(&value)),
                _ => {
                    return Err(format!(
                        "{word}: known are --kills, --rounds, --real, --daemons and --result"
                    ));
                }
            }
        }
        Ok(order)
    }
}

fn main() -> ExitCode {
    let order = match Order::read() {
        Ok(order) => order,
        Err(mistake) => {
            println!("{mistake}");
            return ExitCode::from(2);
        }
    };
    let mut summary = Summary::begin();
    summary.add(play(
        "random SIGKILLs of the agent under a stream of changes",
        order.kills,
        kills::run,
    ));
    for (title, fault, ends) in faults::ALL {
        summary.add(play(title, order.rounds, |rounds, part| {
            faults::run(*fault, *ends, rounds, part)
        }));
    }
    summary.add(play(
        "the real gateway: a change, then the agent, the gateway or both killed in it",
        order.real,
        real::run,
    ));
    for (title, version) in daemons::ALL {
        summary.add(play(title, order.daemons, |rounds, part| {
            daemons::run(*version, rounds, part)
        }));
    }
    print!("\n{}", summary.table());
    if let Some(file) = &order.result {
        std::fs::write(file, summary.document()).unwrap();
    }
    ExitCode::from(u8::from(summary.failed()))
}

/// One part of the soak. The first failure ends it; the parts after it still run.
fn play(title: &'static str, rounds: usize, run: impl FnOnce(usize, &mut Part)) -> Part {
    let mut part = Part::new(title, rounds);
    if rounds == 0 {
        return part;
    }
    println!("{title}");
    let started = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| run(rounds, &mut part)));
    part.end(
        started.elapsed(),
        ended.err().map(|why| result::words(&*why)),
    );
    part
}
