//! Answers are claims: a part of another shape than expected is read as absent, never as an
//! error that hides all the rest.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::clip::clip;

/// A value, or nothing where it is missing or of another shape.
#[derive(Debug, Clone)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

impl Maybe<String> {
    /// The text, cut to `max` bytes; empty text is absent.
    pub(crate) fn text(&self, max: usize) -> Option<String> {
        let text = self.0.as_deref().filter(|text| !text.is_empty());
        text.map(|text| clip(text, max))
    }
}

impl<T: Default> Maybe<T> {
    /// The value, or the default of its type.
    pub(crate) fn or_default(self) -> T {
        self.0.unwrap_or_default()
    }
}

/// A list of which at most `N` items are kept. Items of another shape count but are not kept.
#[derive(Debug)]
pub(crate) struct Few<T, const N: usize> {
    pub(crate) kept: Vec<T>,
    /// How many there were.
    pub(crate) total: usize,
}

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            total: 0,
        }
    }
}

impl<'de, T: DeserializeOwned, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(PhantomData<T>);
        impl<'de, T: DeserializeOwned, const N: usize> Visitor<'de> for List<T, N> {
            type Value = Few<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Few<T, N>, A::Error> {
                let mut few = Few::default();
                while few.kept.len() < N {
                    let Some(item) = items.next_element::<Maybe<T>>()? else {
                        return Ok(few);
                    };
                    few.total += 1;
                    few.kept.extend(item.0);
                }
                while items.next_element::<IgnoredAny>()?.is_some() {
                    few.total += 1;
                }
                Ok(few)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

/// The entries of an object in their order, at most `N` of them. Values of another shape count
/// but are not kept.
#[derive(Debug)]
pub(crate) struct Entries<T, const N: usize> {
    pub(crate) kept: Vec<(String, T)>,
    /// How many there were.
    pub(crate) total: usize,
}

impl<T, const N: usize> Default for Entries<T, N> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            total: 0,
        }
    }
}

impl<'de, T: DeserializeOwned, const N: usize> Deserialize<'de> for Entries<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T, const N: usize>(PhantomData<T>);
        impl<'de, T: DeserializeOwned, const N: usize> Visitor<'de> for Object<T, N> {
            type Value = Entries<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T, N>, A::Error> {
                let mut entries = Entries::default();
                while entries.kept.len() < N {
                    let Some((key, value)) = map.next_entry::<String, Maybe<T>>()? else {
                        return Ok(entries);
                    };
                    entries.total += 1;
                    entries.kept.extend(value.0.map(|value| (key, value)));
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    entries.total += 1;
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        flag: Maybe<bool>,
        name: Maybe<String>,
        list: Maybe<Few<u64, 2>>,
        map: Maybe<Entries<u64, 2>>,
    }

    fn read(text: &str) -> Wire {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn one_odd_part_leaves_the_others() {
        let wire = read(r#"{"flag":"yes","name":"n","list":7,"map":[1],"more":{"x":[1]}}"#);
        assert_eq!(wire.flag.0, None);
        assert_eq!(wire.name.text(9).as_deref(), Some("n"));
        assert_eq!(wire.list.or_default().total, 0);
        assert_eq!(wire.map.or_default().total, 0);
        let wire = read(r#"{"flag":true,"name":null}"#);
        assert_eq!((wire.flag.0, wire.name.text(9)), (Some(true), None));
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let wire = read(r#"{"list":["a",1,2,3,{"b":[]}],"map":{"a":1,"b":"x","c":2,"d":3}}"#);
        let (list, map) = (wire.list.or_default(), wire.map.or_default());
        assert_eq!((list.kept, list.total), (vec![1, 2], 5));
        assert_eq!(map.kept, [("a".to_owned(), 1), ("c".to_owned(), 2)]);
        assert_eq!(map.total, 4);
    }
}
