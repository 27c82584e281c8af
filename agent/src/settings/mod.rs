//! Our knobs: one table gives flags, environment, settings file, defaults and help.
//!
//! A flag beats the environment, that beats the settings file, that beats the default. All
//! mistakes come at once, each with the place it was made in.

mod knobs;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;
use serde_json::Value;

pub use knobs::{AGENT, CHILD, DOCUMENT, Knob, SANDBOX};

/// The settings file is small; a larger one is something else.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// A mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was made: a flag, a variable, a place in the settings file.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All mistakes of a start.
#[derive(Debug, thiserror::Error)]
#[error("{} mistake(s) in the settings:\n{}", .0.len(), .0.iter().map(|m| format!("  {m}")).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<Mistake>);

/// The values that were given, and where.
pub struct Given {
    values: BTreeMap<&'static str, Vec<(String, String)>>,
    mistakes: std::cell::RefCell<Vec<Mistake>>,
}

impl Given {
    /// Gathers flags, environment and settings file for these knobs.
    pub fn gather(matches: &ArgMatches, knobs: &[&[Knob]], file: Option<&Path>) -> Self {
        let mut mistakes = Vec::new();
        let mut from_file = file
            .map(|path| read(path, &mut mistakes))
            .unwrap_or_default();
        let mut values = BTreeMap::new();
        for knob in knobs.iter().copied().flatten() {
            let file = from_file
                .remove(knob.name)
                .or_else(|| from_file.remove(&knob.name.replace('-', "_")));
            let given = flag(matches, knob)
                .or_else(|| variable(knob))
                .or(file)
                .unwrap_or_else(|| default(knob));
            if given.len() > 1 && !knob.many {
                mistakes.push(Mistake {
                    place: given[1].0.clone(),
                    message: format!("{} is given once", knob.name),
                });
            }
            values.insert(knob.name, given);
        }
        let known: Vec<&str> = [DOCUMENT, AGENT, CHILD, SANDBOX]
            .iter()
            .copied()
            .flatten()
            .map(|knob| knob.name)
            .collect();
        for (name, given) in from_file {
            if !known.contains(&name.replace('_', "-").as_str()) {
                let place = given
                    .first()
                    .map_or_else(|| name.clone(), |(place, _)| place.clone());
                mistakes.push(Mistake {
                    place,
                    message: "no such setting; `pilotfish-agent run --help` lists them".to_owned(),
                });
            }
        }
        Self {
            values,
            mistakes: mistakes.into(),
        }
    }

    /// The one value of a knob, as it was written.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)?
            .first()
            .map(|(_, value)| value.as_str())
    }

    /// The one value as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A path that must be there.
    pub fn needed(&self, name: &'static str) -> PathBuf {
        self.path(name).unwrap_or_else(|| {
            self.mistake(&format!("--{name}"), "is needed here");
            PathBuf::new()
        })
    }

    /// The one value, read as `T`; a mistake when it cannot be.
    pub fn read<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (place, value) = self.values.get(name)?.first()?;
        parse(value)
            .map_err(|message| self.mistake(place, &message))
            .ok()
    }

    /// All values, each read as `T`.
    pub fn all<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let given = self.values.get(name).into_iter().flatten();
        given
            .filter_map(|(place, value)| {
                parse(value)
                    .map_err(|message| self.mistake(place, &message))
                    .ok()
            })
            .collect()
    }

    /// Notes a mistake.
    pub fn mistake(&self, place: &str, message: &str) {
        self.mistakes.borrow_mut().push(Mistake {
            place: place.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Ends the gathering: the settings when there was no mistake, else all mistakes.
    pub fn finish<T>(self, settings: T) -> Result<T, Mistakes> {
        let mistakes = self.mistakes.into_inner();
        if mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

fn flag(matches: &ArgMatches, knob: &Knob) -> Option<Vec<(String, String)>> {
    let given: Vec<_> = matches
        .try_get_many::<String>(knob.name)
        .ok()??
        .map(|value| (format!("--{}", knob.name), value.clone()))
        .collect();
    (!given.is_empty()).then_some(given)
}

fn variable(knob: &Knob) -> Option<Vec<(String, String)>> {
    let name = format!("PILOTFISH_{}", knob.name.replace('-', "_").to_uppercase());
    let value = std::env::var(&name).ok()?;
    let values = split(knob, &value);
    let given = values.into_iter().map(|value| (name.clone(), value));
    // An empty list is one; an empty value is none, and the default holds.
    (knob.many || !value.trim().is_empty()).then(|| given.collect())
}

fn default(knob: &Knob) -> Vec<(String, String)> {
    let values = split(knob, knob.default);
    values
        .into_iter()
        .map(|value| ("default".to_owned(), value))
        .collect()
}

fn split(knob: &Knob, value: &str) -> Vec<String> {
    let values: Vec<&str> = if knob.many {
        value.split(',').collect()
    } else {
        vec![value]
    };
    values
        .into_iter()
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Reads the settings file: one JSON5 object, names as in the flags.
fn read(path: &Path, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, Vec<(String, String)>> {
    let shown = path.display().to_string();
    let mut fail = |message: String| {
        mistakes.push(Mistake {
            place: shown.clone(),
            message,
        });
        BTreeMap::new()
    };
    let bytes = match durable::read_mounted_file(path, MAX_FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return fail(error.to_string()),
    };
    match config_merge::parse(&shown, &bytes) {
        Err(problems) => {
            for problem in problems {
                fail(problem.to_string());
            }
            BTreeMap::new()
        }
        Ok(Value::Object(map)) => map
            .into_iter()
            .map(|(name, value)| (name.clone(), texts(&format!("{shown}: {name}"), &value)))
            .collect(),
        Ok(_) => fail("the settings file holds one object".to_owned()),
    }
}

fn texts(place: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Array(values) => values
            .iter()
            .flat_map(|value| texts(place, value))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (place.to_owned(), format!("{name}={}", plain(value))))
            .collect(),
        value => vec![(place.to_owned(), plain(value))],
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Reads a duration such as `15s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is no duration; write such as 200ms, 15s, 5m"))
}

/// Reads what `FromStr` reads.
pub fn parsed<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: fmt::Display,
{
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// Reads `UID:GID`.
pub fn owner(text: &str) -> Result<(u32, u32), String> {
    let ids = text
        .split_once(':')
        .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.ok_or_else(|| format!("{text:?} is no UID:GID; write such as 1000:1000"))
}

/// Reads an amount of bytes such as `512MiB`; units are powers of 1024.
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    let factor = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => Some(0),
        "k" | "ki" => Some(10),
        "m" | "mi" => Some(20),
        "g" | "gi" => Some(30),
        "t" | "ti" => Some(40),
        _ => None,
    };
    let amount = digits.parse::<u64>().ok();
    let bytes = amount
        .zip(factor)
        .and_then(|(amount, shift)| amount.checked_mul(1 << shift));
    bytes.ok_or_else(|| format!("{text:?} is no amount of bytes; write such as 512MiB or 20GiB"))
}

/// Reads an amount of US dollars.
pub fn dollars(text: &str) -> Result<f64, String> {
    let amount = text.parse().ok();
    amount
        .filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| format!("{text:?} is no amount of US dollars; write such as 2.50"))
}

/// Reads one of the words of an enum.
pub fn word<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, true).map_err(|_| {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|v| Some(v.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("{text:?} is not one of {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_an_amount() {
        assert_eq!(dollars("2.50"), Ok(2.5));
        assert_eq!(dollars("0"), Ok(0.0));
        for text in ["", "-1", "$2", "NaN", "inf", "2,5"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_units_of_1024() {
        for (text, amount) in [
            ("7", 7),
            ("7b", 7),
            ("2k", 2048),
            ("512MiB", 512 << 20),
            ("20g", 20 << 30),
            ("1TB", 1 << 40),
        ] {
            assert_eq!(bytes(text), Ok(amount), "{text}");
        }
        for text in ["", "MiB", "1.5g", "-1", "1 g", "1x", "99999999999t", "1kk"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
