//! From what the gateway says of a day to counters that never go back.
//!
//! The gateway tells what each model was used for on a day, and a session that was deleted is gone from it. A counter grows
//! by what a day has grown since it was last looked at. A day is looked at once more after its end.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::labels::OTHER;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days that are remembered: clocks are set back, too.
const DAYS: usize = 3;

/// After a longer absence the days before are not asked for.
const BACKLOG: u64 = 30;

/// A model, by its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Model {
    /// Its provider.
    pub provider: String,
    /// The model.
    pub model: String,
}

impl Model {
    /// All those without a label of their own.
    pub fn other() -> Self {
        Self {
            provider: OTHER.to_owned(),
            model: OTHER.to_owned(),
        }
    }
}

/// What a model was used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Tokens that went in, those read from a cache or written to it included.
    pub input: u64,
    /// Tokens that came out.
    pub output: u64,
    /// Its cost in US dollars.
    pub cost_usd: f64,
}

impl Used {
    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            input: self.input.saturating_add(more.input),
            output: self.output.saturating_add(more.output),
            cost_usd: self.cost_usd + more.cost_usd,
        }
    }

    /// What is more here than there.
    fn beyond(self, before: Self) -> Self {
        Self {
            input: self.input.saturating_sub(before.input),
            output: self.output.saturating_sub(before.output),
            cost_usd: (self.cost_usd - before.cost_usd).max(0.0),
        }
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What all models were used for, each by its labels.
pub type Amounts = BTreeMap<Model, Used>;

/// A day of UTC, in days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(u64);

impl Day {
    /// The day of a moment.
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs() / DAY)
    }

    /// As the gateway wants it: `2026-11-24`.
    pub fn text(self) -> String {
        let start = UNIX_EPOCH + Duration::from_secs(self.0.saturating_mul(DAY));
        let text = humantime::format_rfc3339_seconds(start).to_string();
        text.chars().take("2026-11-24".len()).collect()
    }

    /// The moment at which it ends.
    pub fn end(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.after().0.saturating_mul(DAY))
    }

    fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The counters, and the days as they were last seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// The counters.
    pub totals: Amounts,
    /// What has come since it was last told.
    untold: Amounts,
    days: BTreeMap<Day, Amounts>,
    /// The newest day that was looked at after its end.
    closed: Option<Day>,
}

impl Book {
    /// The day to ask for next.
    pub fn due(&self, today: Day) -> Day {
        let newest = self.days.range(..=today).next_back().map(|(day, _)| *day);
        match newest {
            Some(day) if day < today && self.closed < Some(day) => day,
            Some(day) if day < today => day.after().max(Day(today.0.saturating_sub(BACKLOG))),
            _ => today,
        }
    }

    /// Takes what the gateway says of a day, when it is sure of it. Gives what is new.
    pub fn see(&mut self, day: Day, today: Day, seen: Amounts) -> Amounts {
        let grown = match self.days.get(&day) {
            Some(before) => growth(before, &seen),
            // A clock that was set back leads to a day of which it is not known what was counted.
            None if self.days.keys().next_back() > Some(&day) => Amounts::new(),
            None => growth(&Amounts::new(), &seen),
        };
        for (model, used) in &grown {
            for sums in [&mut self.totals, &mut self.untold] {
                let sum = sums.entry(model.clone()).or_default();
                *sum = sum.and(*used);
            }
        }
        self.days.insert(day, seen);
        if day < today {
            self.closed = self.closed.max(Some(day));
        }
        self.forget(day);
        grown
    }

    /// Whether something was used on a day.
    pub fn has_seen(&self, day: Day) -> bool {
        self.days.get(&day).is_some_and(|seen| !seen.is_empty())
    }

    /// Whether something has come since it was last told.
    pub fn has_news(&self) -> bool {
        !self.untold.is_empty()
    }

    /// What has come since it was last told. It is told now.
    pub fn tell(&mut self) -> Amounts {
        std::mem::take(&mut self.untold)
    }

    fn forget(&mut self, near: Day) {
        while self.days.len() > DAYS {
            let farthest = self.days.keys().max_by_key(|day| day.0.abs_diff(near.0));
            let Some(farthest) = farthest.copied() else {
                return;
            };
            self.days.remove(&farthest);
        }
    }

    /// What is kept on disk.
    pub fn saved(&self) -> Saved {
        let day = |(day, seen): (&Day, &Amounts)| SavedDay {
            day: *day,
            models: rows(seen),
        };
        Saved {
            totals: rows(&self.totals),
            untold: rows(&self.untold),
            days: self.days.iter().map(day).collect(),
            closed: self.closed,
        }
    }

    /// The book of what was kept. `label` tells what a model is called now.
    pub fn restored(saved: Saved, mut label: impl FnMut(&Model) -> Model) -> Self {
        let totals = amounts(saved.totals, &mut label);
        let untold = amounts(saved.untold, &mut label);
        let day = |saved: SavedDay| (saved.day, amounts(saved.models, &mut label));
        Self {
            totals,
            untold,
            days: saved.days.into_iter().map(day).collect(),
            closed: saved.closed,
        }
    }
}

/// What has grown between two looks.
fn growth(before: &Amounts, seen: &Amounts) -> Amounts {
    let grown = seen.iter().map(|(model, used)| {
        let before = before.get(model).copied().unwrap_or_default();
        (model.clone(), used.beyond(before))
    });
    grown.filter(|(_, used)| !used.is_nothing()).collect()
}

/// A book on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    totals: Vec<Row>,
    #[serde(default)]
    untold: Vec<Row>,
    days: Vec<SavedDay>,
    closed: Option<Day>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedDay {
    day: Day,
    models: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    model: Model,
    #[serde(flatten)]
    used: Used,
}

fn rows(amounts: &Amounts) -> Vec<Row> {
    let row = |(model, used): (&Model, &Used)| Row {
        model: model.clone(),
        used: *used,
    };
    amounts.iter().map(row).collect()
}

fn amounts(rows: Vec<Row>, label: &mut impl FnMut(&Model) -> Model) -> Amounts {
    let mut amounts = Amounts::new();
    for Row { model, used } in rows {
        let sum = amounts.entry(label(&model)).or_default();
        *sum = sum.and(used);
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Model {
        Model {
            provider: "p".to_owned(),
            model: name.to_owned(),
        }
    }

    /// One model with so many tokens each way, and a cost of a hundredth of the input.
    fn seen(tokens: u64) -> Amounts {
        of("m", tokens)
    }

    fn of(name: &str, tokens: u64) -> Amounts {
        let used = Used {
            input: tokens,
            output: tokens / 10,
            cost_usd: tokens as f64 / 100.0,
        };
        Amounts::from([(model(name), used)])
    }

    fn input(book: &Book) -> u64 {
        book.totals.values().map(|used| used.input).sum()
    }

    /// Looks as the task does: `(today, what the gateway says of the day that is due)`, and the counter after it.
    fn looks(book: &mut Book, looks: &[(u64, u64, u64, u64)]) {
        for (today, asked, says, counter) in looks {
            let day = book.due(Day(*today));
            assert_eq!(day, Day(*asked), "on {today}");
            book.see(day, Day(*today), seen(*says));
            assert_eq!(input(book), *counter, "on {today}, asked for {asked}");
        }
    }

    #[test]
    fn a_counter_grows_by_what_the_day_has_grown() {
        let mut book = Book::default();
        looks(
            &mut book,
            &[
                (9, 9, 0, 0),
                (9, 9, 100, 100),
                (9, 9, 100, 100),
                (9, 9, 350, 350),
            ],
        );
        let used = book.totals[&model("m")];
        assert_eq!((used.output, used.cost_usd), (35, 3.5));
    }

    #[test]
    fn the_old_day_is_asked_once_more_after_midnight() {
        let mut book = Book::default();
        looks(
            &mut book,
            &[
                (9, 9, 100, 100),
                (10, 9, 130, 130),
                (10, 10, 7, 137),
                (10, 10, 9, 139),
            ],
        );
        // Nothing happened for days, then the agent was away for two months.
        looks(
            &mut book,
            &[(12, 10, 9, 139), (12, 11, 0, 139), (12, 12, 1, 140)],
        );
        looks(
            &mut book,
            &[(72, 12, 2, 141), (72, 42, 5, 146), (72, 43, 5, 151)],
        );
    }

    #[test]
    fn a_deleted_session_takes_nothing_back_and_hides_nothing() {
        let mut book = Book::default();
        looks(
            &mut book,
            &[(9, 9, 1000, 1000), (9, 9, 600, 1000), (9, 9, 700, 1100)],
        );
        let grown = book.see(Day(9), Day(9), Amounts::new());
        assert!(grown.is_empty());
        assert_eq!(input(&book), 1100);
    }

    #[test]
    fn a_clock_that_is_set_back_counts_nothing_twice() {
        let mut book = Book::default();
        looks(
            &mut book,
            &[(9, 9, 100, 100), (10, 9, 100, 100), (10, 10, 50, 150)],
        );
        // A day back: its total is still known.
        looks(&mut book, &[(9, 9, 120, 170), (10, 10, 60, 180)]);
        // Far back: what a day of long ago was used for has been counted or not; nobody knows.
        looks(&mut book, &[(3, 3, 900, 180), (3, 3, 910, 190)]);
        looks(&mut book, &[(10, 10, 61, 191)]);
    }

    #[test]
    fn a_restart_of_the_agent_goes_on_where_it_was() {
        let mut book = Book::default();
        looks(
            &mut book,
            &[(9, 9, 100, 100), (10, 9, 100, 100), (10, 10, 50, 150)],
        );
        let text = serde_json::to_string(&book.saved()).unwrap();
        let saved: Saved = serde_json::from_str(&text).unwrap();
        let mut restored = Book::restored(saved, Model::clone);
        assert_eq!(restored, book);
        assert_eq!(restored.tell(), book.totals);
        assert!(!restored.has_news());
        looks(
            &mut restored,
            &[(10, 10, 80, 180), (11, 10, 80, 180), (11, 11, 1, 181)],
        );
    }

    #[test]
    fn what_lost_its_label_goes_on_in_other() {
        let mut book = Book::default();
        let mut both = of("a", 100);
        both.extend(of("b", 10));
        book.see(Day(9), Day(9), both);
        let mut restored = Book::restored(book.saved(), |_| Model::other());
        assert_eq!(restored.totals[&Model::other()].input, 110);
        let now = Amounts::from([(
            Model::other(),
            Used {
                input: 115,
                ..Used::default()
            },
        )]);
        let grown = restored.see(Day(9), Day(9), now);
        assert_eq!(grown[&Model::other()].input, 5);
    }

    #[test]
    fn a_day_is_named_as_the_gateway_names_it() {
        for (seconds, want) in [
            (0, "1970-01-01"),
            (1_795_564_799, "2026-11-24"),
            (1_795_564_800, "2026-11-25"),
        ] {
            let day = Day::of(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(day.text(), want);
        }
        assert_eq!(Day::of(UNIX_EPOCH - Duration::from_secs(5)), Day(0));
    }
}
