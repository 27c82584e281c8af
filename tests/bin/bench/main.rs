//! `make bench`: every figure that Pilotfish promises, measured here beside its peer in the same run.
//!
//! `bench [--write FILE] [ROW…]` prints one line for each figure and ends with 0 whatever it measured: a figure is never
//! an assertion. `PILOTFISH_BENCH_ROUNDS` (200) sets the rounds of a change on disk; a gateway gets a tenth of them,
//! a restart a fortieth.
#![expect(clippy::print_stdout, reason = "a bench prints")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a stage that cannot be set ends the bench"
)]

mod document;
mod example;
mod figure;
mod hand;
mod idle;
mod journal;
mod machine;
mod merge;
mod peers;
mod process;
mod proof;
mod renames;
mod restart;
mod rounds;
mod sandboxes;
mod scrape;
mod scraped;
mod series;
mod size;
mod swap;
mod undo;
mod verdict;
mod watched;

use std::env;
use std::fs;
use std::path::PathBuf;

use figure::{Figure, markdown};
use rounds::Rounds;

type Row = fn(Rounds) -> Vec<Figure>;

const ROWS: &[(&str, Row)] = &[
    ("size", size::measure),
    ("merge", merge::measure),
    ("document", document::measure),
    ("idle", idle::measure),
    ("idle-sandboxes", idle::with_sandboxes),
    ("watched", watched::measure),
    ("scrape", scrape::measure),
    ("verdict", verdict::supervised),
    ("verdict-beside", verdict::beside),
    ("verdict-channel", verdict::channel),
    ("journal", journal::measure),
    ("proof", proof::measure),
    ("undo", undo::measure),
    ("restart", restart::measure),
    ("inventory", sandboxes::inventory),
    ("removal", sandboxes::removal),
    ("guard", sandboxes::guard),
];

fn main() {
    let mut write: Option<PathBuf> = None;
    let mut only = Vec::new();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--write" => write = words.next().map(PathBuf::from),
            _ => only.push(word),
        }
    }
    let rounds = Rounds::from_environment();
    let head = machine::describe(rounds);
    println!("{head}\n");
    let rows = ROWS
        .iter()
        .filter(|(name, _)| only.is_empty() || only.iter().any(|word| word == name));
    let figures: Vec<Figure> = rows.flat_map(|(_, row)| measured(*row, rounds)).collect();
    println!("\nload average at the end: {}", machine::load());
    if let Some(file) = write {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(
            file,
            format!("# Figures\n\n{head}\n\n{}", markdown(&figures)),
        )
        .unwrap();
    }
}

fn measured(row: Row, rounds: Rounds) -> Vec<Figure> {
    let figures = row(rounds);
    for figure in &figures {
        println!("{figure}");
    }
    figures
}
