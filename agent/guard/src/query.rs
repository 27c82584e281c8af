//! The query of a request: parsed whole, known keys only, written again by us.

use std::fmt::Write;

use crate::refusal::Refusal;

/// The decoded pairs of a query; no key is there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(key), Some(value)) = (decode(key), decode(value)) else {
                return Err(Refusal::invalid("the query is not well encoded"));
            };
            if query.get(&key).is_some() {
                return Err(Refusal::invalid(format!("the query names `{key}` twice")));
            }
            query.0.push((key, value));
        }
        Ok(query)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn set(&mut self, key: &str, value: String) {
        self.0.retain(|(known, _)| known != key);
        self.0.push((key.into(), value));
    }

    /// Refuses every key but these.
    pub(crate) fn only(&self, keys: &[&str]) -> Result<(), Refusal> {
        match self.0.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) => Err(Refusal::forbidden(format!(
                "the parameter `{key}` is not let through here"
            ))),
        }
    }

    /// The path with this query behind it.
    pub(crate) fn behind(&self, path: &str) -> String {
        let mut written = path.to_owned();
        for (count, (key, value)) in self.0.iter().enumerate() {
            written.push(if count == 0 { '?' } else { '&' });
            encode(key, &mut written);
            written.push('=');
            encode(value, &mut written);
        }
        written
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    let decoded = String::from_utf8(decoded).ok()?;
    (!decoded.contains('\0')).then_some(decoded)
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            into.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_whole_or_not_at_all() {
        let query = Query::parse("all=1&filters=%7B%7d&x=a+b&y").unwrap();
        assert_eq!(query.get("filters"), Some("{}"));
        assert_eq!(query.get("x"), Some("a b"));
        assert_eq!(query.get("y"), Some(""));
        assert_eq!(query.behind("/p"), "/p?all=1&filters=%7B%7D&x=a%20b&y=");
        for broken in [
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%ff",
            "a=%00",
            "a=1&a=2",
            "a=1&%61=2",
            "a=%+1",
        ] {
            assert!(Query::parse(broken).is_err(), "{broken}");
        }
        assert!(query.only(&["all", "filters", "x"]).is_err());
        assert!(query.only(&["all", "filters", "x", "y"]).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(pairs in proptest::collection::btree_map("[^\0]{1,8}", "[^\0]{0,12}", 0..5)) {
            let query = Query(pairs.into_iter().collect());
            let written = query.behind("");
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
            prop_assert_eq!(Query::parse(written.trim_start_matches('?')).unwrap(), query);
        }
    }
}
