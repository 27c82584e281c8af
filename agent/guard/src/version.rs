//! Versions of the Docker API.

use std::{fmt, str::FromStr};

/// A version `1.N` of the Docker API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The oldest version whose requests this crate reads.
    pub const OLDEST: Self = Self(40);
    /// The newest version whose requests this crate knows.
    pub const NEWEST: Self = Self(56);

    /// Version `1.minor`.
    pub const fn minor(minor: u16) -> Self {
        Self(minor)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minor = text.strip_prefix("1.").filter(|minor| {
            (1..=4).contains(&minor.len())
                && minor.bytes().all(|byte| byte.is_ascii_digit())
                && (minor.len() == 1 || !minor.starts_with('0'))
        });
        minor
            .and_then(|minor| minor.parse().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no version of the Docker API such as 1.41"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_strictly() {
        for (text, minor) in [("1.0", 0), ("1.41", 41), ("1.9999", 9999)] {
            assert_eq!(text.parse::<ApiVersion>().unwrap(), ApiVersion(minor));
            assert_eq!(ApiVersion(minor).to_string(), text);
        }
        for text in [
            "", "1", "1.", "1.041", "1.+41", "2.0", "1.41.1", "1.12345", " 1.41", "1.4१",
        ] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }
}
