//! Fields that must not be set.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::refusal::Refusal;

/// A field that may be there only as a zero: null, false, 0, "", [] or {}. It is never written again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unused {
    set: bool,
}

/// A field that may be there only as null: an empty list would mean something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnlyNull {
    set: bool,
}

impl Unused {
    /// Not there.
    pub(crate) const UNSET: Self = Self { set: false };
}

/// Something that may have been set.
pub(crate) trait Settable {
    /// Whether it was.
    fn is_set(&self) -> bool;
}

impl Settable for Unused {
    fn is_set(&self) -> bool {
        self.set
    }
}

impl Settable for OnlyNull {
    fn is_set(&self) -> bool {
        self.set
    }
}

/// Refuses the first field that is set.
pub(crate) fn refuse(fields: &[(&str, &dyn Settable)]) -> Result<(), Refusal> {
    match fields.iter().find(|(_, field)| field.is_set()) {
        None => Ok(()),
        Some((name, _)) => Err(Refusal::forbidden(format!(
            "a sandbox may not set `{name}`"
        ))),
    }
}

impl<'de> Deserialize<'de> for Unused {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ZeroVisitor)
    }
}

impl<'de> Deserialize<'de> for OnlyNull {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<IgnoredAny>::deserialize(deserializer)?;
        Ok(Self {
            set: value.is_some(),
        })
    }
}

struct ZeroVisitor;

impl<'de> Visitor<'de> for ZeroVisitor {
    type Value = Unused;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unused, E> {
        Ok(Unused { set: value })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Unused, E> {
        Ok(Unused { set: value != 0 })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unused, E> {
        Ok(Unused { set: value != 0 })
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unused, E> {
        Ok(Unused { set: true })
    }

    fn visit_str<E>(self, value: &str) -> Result<Unused, E> {
        Ok(Unused {
            set: !value.is_empty(),
        })
    }

    fn visit_unit<E>(self) -> Result<Unused, E> {
        Ok(Unused::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unused, A::Error> {
        let mut set = false;
        while items.next_element::<IgnoredAny>()?.is_some() {
            set = true;
        }
        Ok(Unused { set })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unused, A::Error> {
        let mut set = false;
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            set = true;
        }
        Ok(Unused { set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_unset_and_all_else_is_set() {
        for text in ["null", "false", "0", "\"\"", "[]", "{}"] {
            assert!(
                !serde_json::from_str::<Unused>(text).unwrap().is_set(),
                "{text}"
            );
        }
        for text in [
            "true",
            "1",
            "-1",
            "0.5",
            "\" \"",
            "[0]",
            "[[]]",
            "{\"a\":null}",
        ] {
            assert!(
                serde_json::from_str::<Unused>(text).unwrap().is_set(),
                "{text}"
            );
        }
        assert!(!serde_json::from_str::<OnlyNull>("null").unwrap().is_set());
        for text in ["[]", "{}", "false", "\"\"", "0"] {
            assert!(
                serde_json::from_str::<OnlyNull>(text).unwrap().is_set(),
                "{text}"
            );
        }
    }
}
