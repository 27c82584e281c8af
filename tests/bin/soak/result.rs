//! What came of it, for the terminal and for the file that is kept.

use std::any::Any;
use std::fs;
use std::io::{IsTerminal, Write};
use std::process::Command;
use std::time::{Duration, Instant};

/// One part of the soak.
pub struct Part {
    title: &'static str,
    asked: usize,
    done: usize,
    took: Duration,
    note: String,
    failure: Option<String>,
}

impl Part {
    /// A part that is to have so many rounds.
    pub fn new(title: &'static str, asked: usize) -> Self {
        Self {
            title,
            asked,
            done: 0,
            took: Duration::ZERO,
            note: String::new(),
            failure: None,
        }
    }

    /// One round is over.
    pub fn step(&mut self) {
        self.done += 1;
        if std::io::stdout().is_terminal() {
            print!("\r  {} of {}", self.done, self.asked);
            let _ = std::io::stdout().flush();
        } else if self.done.is_multiple_of((self.asked / 10).max(1)) {
            println!("  {} of {}", self.done, self.asked);
        }
    }

    /// What is worth knowing beside the count.
    pub fn note(&mut self, note: String) {
        self.note = note;
    }

    /// It is over, with the words of its failure if it failed.
    pub fn end(&mut self, took: Duration, failure: Option<String>) {
        self.took = took;
        println!(
            "\r  {} of {} in {:.0} s{}",
            self.done,
            self.asked,
            took.as_secs_f64(),
            failure
                .as_deref()
                .map_or(String::new(), |why| format!(": FAILED: {why}"))
        );
        self.failure = failure;
    }

    fn row(&self) -> String {
        let verdict = match (&self.failure, self.asked) {
            (Some(why), _) => format!("**failed**: {}", why.lines().next().unwrap_or_default()),
            (None, 0) => "not run".to_owned(),
            (None, _) => "held".to_owned(),
        };
        format!(
            "| {} | {} of {} | {:.0} s | {verdict} | {} |\n",
            self.title,
            self.done,
            self.asked,
            self.took.as_secs_f64(),
            self.note
        )
    }
}

/// All parts.
pub struct Summary {
    parts: Vec<Part>,
    started: Instant,
}

impl Summary {
    /// The clock runs from here.
    pub fn begin() -> Self {
        Self {
            parts: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Takes a part in.
    pub fn add(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Whether some part failed.
    pub fn failed(&self) -> bool {
        self.parts.iter().any(|part| part.failure.is_some())
    }

    /// The parts as a table.
    pub fn table(&self) -> String {
        let rows: String = self.parts.iter().map(Part::row).collect();
        format!(
            "| fault | rounds | time | outcome | seen |\n| --- | --- | --- | --- | --- |\n{rows}"
        )
    }

    /// The table with date and machine, as it is kept in the repository.
    pub fn document(&self) -> String {
        let verdict = if self.failed() {
            "Something failed."
        } else {
            "Everything that was run held."
        };
        format!(
            "# The last soak\n\nWritten by `make soak` on {}, {}, in {:.0} minutes. {verdict}\n\n{}\n\
             Kills and faults are of a fake gateway that speaks the wire, unless a row says that it is the real one.\n",
            date(),
            machine(),
            self.started.elapsed().as_secs_f64() / 60.0,
            self.table(),
        )
    }
}

/// The words of a panic.
pub fn words(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| why.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
        .to_owned()
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// Processor, cores, memory and kernel: enough to know how a figure compares.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_default()
            .to_owned();
        line.split(':').nth(1).unwrap_or_default().trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes: u64 = field(&read("/proc/meminfo"), "MemTotal")
        .split(' ')
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{}, {cores} cores, {} GiB, Linux {}",
        field(&read("/proc/cpuinfo"), "model name"),
        kilobytes >> 20,
        kernel.trim()
    )
}
