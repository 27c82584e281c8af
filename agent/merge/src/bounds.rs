//! Bounds: what a value of a bound layer may be.

use serde_json::{Map, Value};

use crate::path::KeyPath;
use crate::redact::redact_value;
use crate::size;

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    shown: String,
    amount: f64,
    size: bool,
}

/// What a value may be. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bound {
    one_of: Option<Vec<Value>>,
    min: Option<Limit>,
    max: Option<Limit>,
}

impl Bound {
    /// Reads `{ min, max, oneOf }`.
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Bound, String> {
        let mut bound = Bound::default();
        for (key, value) in map {
            match (key.as_str(), value) {
                ("oneOf", Value::Array(values)) if !values.is_empty() => {
                    bound.one_of = Some(values.clone());
                }
                ("oneOf", _) => return Err("`oneOf` must be a list that is not empty".to_owned()),
                ("min", value) => bound.min = Some(Limit::read("min", value)?),
                ("max", value) => bound.max = Some(Limit::read("max", value)?),
                _ => return Err(format!("`{key}` is no bound; they are min, max and oneOf")),
            }
        }
        if bound == Bound::default() {
            return Err("a bound needs min, max or oneOf".to_owned());
        }
        match (&bound.min, &bound.max) {
            (Some(min), Some(max)) if min.size != max.size => {
                Err("`min` and `max` must both be numbers or both be sizes".to_owned())
            }
            (Some(min), Some(max)) if min.amount > max.amount => {
                Err("`min` is larger than `max`".to_owned())
            }
            _ => Ok(bound),
        }
    }

    /// Says what is wrong with a value at `path`, if anything is.
    pub(crate) fn refuses(&self, path: &KeyPath, value: &Value) -> Option<String> {
        let shown = redact_value(path, value);
        if let Some(values) = &self.one_of
            && !values.contains(value)
        {
            let list: Vec<String> = values.iter().map(Value::to_string).collect();
            return Some(format!(
                "{} is not one of {}",
                brief(&shown),
                list.join(", ")
            ));
        }
        let limit = self.min.as_ref().or(self.max.as_ref())?;
        let Some(amount) = limit.measure(value) else {
            let wanted = if limit.size {
                "a size such as \"512m\""
            } else {
                "a number"
            };
            return Some(format!("{} is not {wanted}", brief(&shown)));
        };
        if let Some(min) = self.min.as_ref().filter(|min| amount < min.amount) {
            return Some(format!(
                "{} is below the least, {}",
                brief(&shown),
                min.shown
            ));
        }
        if let Some(max) = self.max.as_ref().filter(|max| amount > max.amount) {
            return Some(format!(
                "{} is above the most, {}",
                brief(&shown),
                max.shown
            ));
        }
        let unlimited = limit.size && self.max.is_some() && self.min.is_none() && amount <= 0.0;
        unlimited.then(|| format!("{} would mean no limit at all", brief(&shown)))
    }
}

/// A value as a message shows it.
fn brief(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) if text.chars().count() > 60 => "a long text".to_owned(),
        value => value.to_string(),
    }
}

impl Limit {
    fn read(name: &str, value: &Value) -> Result<Limit, String> {
        let (amount, size) = match value {
            Value::Number(number) => (number.as_f64(), false),
            Value::String(text) => (size::bytes(text), true),
            _ => (None, false),
        };
        let amount = amount.ok_or_else(|| format!("`{name}` must be a number or a size"))?;
        Ok(Limit {
            shown: value.to_string(),
            amount,
            size,
        })
    }

    /// A value in the unit of this limit; a plain number counts bytes where the limit is a size.
    fn measure(&self, value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if self.size => size::bytes(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bound(value: Value) -> Result<Bound, String> {
        Bound::read(value.as_object().unwrap())
    }

    #[test]
    fn judges_values() {
        let numbers = json!({"min": 1, "max": 4});
        let sizes = json!({"max": "512m"});
        let words = json!({"oneOf": ["deny", "ask"]});
        let cases = [
            (&numbers, json!(1), true),
            (&numbers, json!(4.0), true),
            (&numbers, json!(4.1), false),
            (&numbers, json!(0), false),
            (&numbers, json!("2"), false),
            (&numbers, json!(null), false),
            (&numbers, json!([2]), false),
            (&numbers, json!({}), false),
            (&numbers, json!(true), false),
            (&sizes, json!("512m"), true),
            (&sizes, json!("0.5g"), true),
            (&sizes, json!(1024), true),
            (&sizes, json!("1Gi"), false),
            (&sizes, json!(1e12), false),
            (&sizes, json!("0"), false),
            (&sizes, json!(-1), false),
            (&sizes, json!("-1"), false),
            (&sizes, json!("lots"), false),
            (&words, json!("ask"), true),
            (&words, json!("full"), false),
            (&words, json!(["ask"]), false),
        ];
        let path = "a".parse().unwrap();
        for (rule, value, good) in cases {
            let refused = bound(rule.clone()).unwrap().refuses(&path, &value);
            assert_eq!(refused.is_none(), good, "{rule} {value} {refused:?}");
        }
    }

    #[test]
    fn never_shows_a_credential() {
        let path = "gateway.auth.token".parse().unwrap();
        let refused = bound(json!({"oneOf": ["a"]}))
            .unwrap()
            .refuses(&path, &json!("hunter2"));
        assert!(!refused.unwrap().contains("hunter2"));
    }

    #[test]
    fn refuses_broken_bounds() {
        for value in [
            json!({}),
            json!({"oneOf": []}),
            json!({"oneOf": 1}),
            json!({"min": true}),
            json!({"max": "x"}),
            json!({"min": 2, "max": 1}),
            json!({"min": 1, "max": "1m"}),
            json!({"most": 1}),
        ] {
            assert!(bound(value.clone()).is_err(), "{value}");
        }
    }
}
