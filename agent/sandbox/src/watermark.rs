//! Steps of a disk that fills, with hysteresis.

use crate::Disk;

/// How strict the disk makes the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Step {
    /// The limits as they are.
    #[default]
    Normal,
    /// Build cache, dangling layers, and unused images go at once.
    Tight,
    /// Also ended sandboxes at once, and idle ones four times as early.
    Strict,
    /// Also every sandbox that is not live.
    Critical,
}

impl Step {
    /// All steps, the mildest first.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Tight, Self::Strict, Self::Critical];

    /// The step as a word for logs and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Tight => "tight",
            Self::Strict => "strict",
            Self::Critical => "critical",
        }
    }

    /// The step before this one.
    fn milder(self) -> Self {
        match self {
            Self::Normal | Self::Tight => Self::Normal,
            Self::Strict => Self::Tight,
            Self::Critical => Self::Strict,
        }
    }
}

/// Where the steps begin and end, as percent of the daemon's disk or budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Watermarks {
    /// [`Step::Tight`], once begun, ends below this (70).
    pub low: f64,
    /// [`Step::Tight`] begins here (80).
    pub high: f64,
    /// [`Step::Strict`] begins here (90).
    pub very_high: f64,
    /// [`Step::Critical`] begins here (95).
    pub critical: f64,
    /// Strict and critical end so many points below where they begin (5).
    pub hysteresis: f64,
    /// The daemon's share of the disk, where it does not own all of it.
    pub budget_bytes: Option<u64>,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self {
            low: 70.0,
            high: 80.0,
            very_high: 90.0,
            critical: 95.0,
            hysteresis: 5.0,
            budget_bytes: None,
        }
    }
}

impl Watermarks {
    /// What is wrong with them, in words; nothing where they are in order.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let marks = [self.low, self.high, self.very_high, self.critical];
        if marks.iter().any(|mark| !(*mark > 0.0 && *mark <= 100.0)) {
            problems.push("a watermark is a percentage above 0 and at most 100".to_owned());
        }
        if !marks.is_sorted() {
            problems.push("watermarks go up: low, high, very high, critical".to_owned());
        }
        if !(0.0..=50.0).contains(&self.hysteresis) {
            problems.push("the hysteresis of watermarks is 0 to 50 points".to_owned());
        }
        if self.budget_bytes == Some(0) {
            problems.push("a disk budget of 0 bytes leaves no room for any sandbox".to_owned());
        }
        problems
    }

    /// Where a step begins.
    fn begins(&self, step: Step) -> f64 {
        match step {
            Step::Normal => 0.0,
            Step::Tight => self.high,
            Step::Strict => self.very_high,
            Step::Critical => self.critical,
        }
    }

    /// Below what a step ends.
    fn ends(&self, step: Step) -> f64 {
        match step {
            Step::Normal => 0.0,
            Step::Tight => self.low,
            Step::Strict | Step::Critical => self.begins(step) - self.hysteresis,
        }
    }
}

/// The step after a look at the disk. It rises at once, and falls only once the disk is clearly below.
#[must_use]
pub fn next(previous: Step, disk: &Disk, marks: &Watermarks) -> Step {
    let percent = disk.percent(marks.budget_bytes);
    let reached = |step: &Step| percent >= marks.begins(*step);
    let mut step = Step::ALL.into_iter().rfind(reached).unwrap_or_default();
    let mut held = previous;
    while held > step {
        if percent >= marks.ends(held) {
            step = held;
        }
        held = held.milder();
    }
    step
}
