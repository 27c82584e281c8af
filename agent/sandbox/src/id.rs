//! The daemon's ids: 64 hexadecimal digits, kept as bytes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The full id of a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 32]);

/// The full id of an exec.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecId([u8; 32]);

impl Id {
    /// Reads 64 lower case hexadecimal digits; nothing for whatever else, also for a short id or a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text).map(Self)
    }
}

impl ExecId {
    /// Reads 64 lower case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Display for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Debug for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a container id has 64 hex digits"))
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn digits(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_full_ids_are_ids() {
        let full = "0123456789abcdef".repeat(4);
        assert_eq!(Id::parse(&full).unwrap().to_string(), full);
        assert_eq!(format!("{:?}", ExecId::parse(&full).unwrap()), full);
        let long = "a".repeat(10 << 20);
        let upper = full.to_uppercase();
        for text in ["", "abc", &full[..63], &upper, &format!("{full}0"), &long] {
            assert_eq!(Id::parse(text), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_written_back(text in "[0-9a-g]{64}|.{0,80}") {
            if let Some(id) = Id::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            } else {
                prop_assert!(text.len() != 64 || text.contains(|c: char| !matches!(c, '0'..='9' | 'a'..='f')));
            }
        }
    }
}
