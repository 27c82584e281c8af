//! What the journal's promise costs: `appends` of the journal crate, as a release, beside a bare file that is synced after
//! each line.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::example;
use crate::figure::Figure;
use crate::rounds::Rounds;
use crate::series::Series;

/// As long as an entry of the example.
const LINE: [u8; 160] = [b'x'; 160];

const TIMES: usize = 3;

/// What the example said.
struct Said {
    one: f64,
    burst: f64,
    burst_syncs: f64,
}

/// Measures the rows.
pub fn measure(_: Rounds) -> Vec<Figure> {
    let folder = tempfile::tempdir().unwrap();
    let mut bare = Series::default();
    let mut runs: Vec<Said> = Vec::new();
    for time in 0..TIMES {
        let place = folder.path().join(time.to_string());
        std::fs::create_dir(&place).unwrap();
        runs.push(ours(&place));
        bare.push(synced_lines(&place.join("bare"), 2_000));
    }
    let one = median(&runs, |said| said.one);
    let burst = median(&runs, |said| said.burst);
    let syncs = median(&runs, |said| said.burst_syncs);
    vec![
        Figure::new("journal: an entry on the disk, one by one", 1e3 / one, "ms")
            .beside("bare write and fdatasync", bare.p50() * 1e3 / 2_000.0)
            .at_most(1.0)
            .note(format!("{one:.0} a second")),
        Figure::new("journal: 1,000 entries in a burst", 1e6 / burst, "ms")
            .note(format!("{burst:.0} a second")),
        Figure::new("journal: syncs for that burst", syncs, "").at_most(1.0),
    ]
}

fn ours(place: &Path) -> Said {
    let said = example::run("journal", "appends", &[&place.to_string_lossy()]);
    let line = |what: &str| {
        let line = said.lines().find(|line| line.starts_with(what));
        line.unwrap_or_else(|| panic!("no {what:?} in {said}"))
    };
    let (one, burst) = (line("one by one"), line("in a burst"));
    Said {
        one: before(one, "/s"),
        burst: before(burst, "/s"),
        burst_syncs: before(burst, " fsyncs") - before(one, " fsyncs"),
    }
}

/// The number that stands before a word.
fn before(line: &str, word: &str) -> f64 {
    let number = line.split(word).next().unwrap().rsplit(' ').next();
    number.unwrap().parse().unwrap()
}

fn synced_lines(file: &Path, count: usize) -> Duration {
    let mut file = File::create_new(file).unwrap();
    let began = Instant::now();
    for _ in 0..count {
        file.write_all(&LINE).unwrap();
        file.sync_data().unwrap();
    }
    began.elapsed()
}

fn median(runs: &[Said], of: impl Fn(&Said) -> f64) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
