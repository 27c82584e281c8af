//! The parameter `filters` of lists and events, narrowed to what is ours.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{SANDBOX_LABEL, refusal::Refusal};

/// Filters by key; values of one key are kept together.
#[derive(Debug, Default)]
pub(crate) struct Filters(BTreeMap<String, BTreeSet<String>>);

/// Both shapes in which Docker's clients write them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Map(BTreeMap<String, bool>),
    List(BTreeSet<String>),
}

impl Filters {
    /// Reads filters of these keys only.
    pub(crate) fn read(text: Option<&str>, keys: &[&str]) -> Result<Self, Refusal> {
        let text = text.filter(|text| !text.is_empty()).unwrap_or("{}");
        let read: BTreeMap<String, Values> = serde_json::from_str(text)
            .map_err(|error| Refusal::invalid(format!("the filters cannot be read: {error}")))?;
        let mut filters = Self::default();
        for (key, values) in read {
            if !keys.contains(&key.as_str()) {
                return Err(Refusal::forbidden(format!(
                    "the filter `{key}` is not let through here"
                )));
            }
            let values = match values {
                Values::List(values) => values,
                Values::Map(values) if values.values().all(|wanted| *wanted) => {
                    values.into_keys().collect()
                }
                Values::Map(_) => {
                    return Err(Refusal::forbidden(format!(
                        "the filter `{key}` has a value that is not wanted"
                    )));
                }
            };
            filters.0.insert(key, values);
        }
        Ok(filters)
    }

    /// Adds the label of a sandbox; the daemon wants all labels of a filter to match.
    pub(crate) fn ours(mut self) -> Self {
        let (name, value) = SANDBOX_LABEL;
        let labels = self.0.entry("label".into()).or_default();
        labels.insert(format!("{name}={value}"));
        self
    }

    /// Allows this one value of a key, and sets it.
    pub(crate) fn only(mut self, key: &str, value: &str) -> Result<Self, Refusal> {
        let asked = self.0.insert(key.into(), [value.to_owned()].into());
        if asked.iter().flatten().any(|asked| asked != value) {
            return Err(Refusal::forbidden(format!(
                "the filter `{key}` may be `{value}` only"
            )));
        }
        Ok(self)
    }

    /// As the daemon reads them.
    pub(crate) fn write(&self) -> String {
        let written: serde_json::Map<String, serde_json::Value> = self
            .0
            .iter()
            .map(|(key, values)| {
                let values = values.iter().map(|value| (value.clone(), true.into()));
                (key.clone(), serde_json::Value::Object(values.collect()))
            })
            .collect();
        serde_json::Value::Object(written).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"{"label":{"openclaw.sandbox=1":true}}"#;

    fn ours(text: &str) -> Option<String> {
        let filters = Filters::read(Some(text), &["label", "status", "type"]);
        filters.ok().map(|filters| filters.ours().write())
    }

    #[test]
    fn the_label_is_always_there() {
        for text in ["", "{}", r#"{"label":{}}"#, r#"{"label":[]}"#, OURS] {
            assert_eq!(ours(text).unwrap(), OURS, "{text}");
        }
        let both = r#"{"label":{"a=b":true,"openclaw.sandbox=1":true},"status":{"exited":true}}"#;
        assert_eq!(
            ours(r#"{"label":{"a=b":true},"status":["exited"]}"#).unwrap(),
            both
        );
        assert_eq!(
            ours(r#"{"label":["a=b"],"status":{"exited":true}}"#).unwrap(),
            both
        );
    }

    #[test]
    fn what_could_take_it_away_is_refused() {
        for text in [
            r#"{"label":{"openclaw.sandbox=1":false}}"#,
            r#"{"label!":{"openclaw.sandbox=1":true}}"#,
            r#"{"Label":["x"]}"#,
            r#"{"before":["x"]}"#,
            r#"{"label":"x"}"#,
            r#"{"label":null}"#,
            "[]",
            "null",
            "{} {}",
            "{",
        ] {
            assert_eq!(ours(text), None, "{text}");
        }
    }

    #[test]
    fn one_value_of_a_key_may_be_forced() {
        let read = |text| {
            Filters::read(Some(text), &["type"])
                .unwrap()
                .only("type", "container")
        };
        assert_eq!(
            read("{}").unwrap().write(),
            r#"{"type":{"container":true}}"#
        );
        assert!(read(r#"{"type":["container"]}"#).is_ok());
        assert!(read(r#"{"type":["container","image"]}"#).is_err());
        assert!(read(r#"{"type":["image"]}"#).is_err());
    }
}
