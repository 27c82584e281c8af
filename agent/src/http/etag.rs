//! Entity tags: which state a caller has seen.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};

use super::error::Error;

/// The one strong tag, or `*`, of a change that must not overwrite what its caller has not seen.
pub(super) fn required(headers: &HeaderMap) -> Result<String, Error> {
    let mut values = headers.get_all(IF_MATCH).iter();
    let value = values.next().ok_or(Error::NoIfMatch)?;
    let value = value.to_str().map_err(|_| Error::IfMatch)?.trim();
    let single = values.next().is_none() && (value == "*" || is_strong(value));
    single.then(|| value.to_owned()).ok_or(Error::IfMatch)
}

/// Whether the caller has already what carries this tag.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    tags(headers, &IF_NONE_MATCH).any(|seen| seen == "*" || seen == tag)
}

/// Proxies that compress make tags weak; for reading that changes nothing.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
}

fn is_strong(tag: &str) -> bool {
    let inner = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_change_names_one_strong_tag() {
        for (values, tag) in [
            (&["\"5-abc\""][..], "\"5-abc\""),
            (&[" * "], "*"),
            (&["\"\""], "\"\""),
        ] {
            assert_eq!(required(&headers(IF_MATCH, values)).unwrap(), tag);
        }
        let missing = required(&HeaderMap::new()).unwrap_err();
        assert_eq!(missing.reason(), "if_match_required");
        for values in [
            &["5-abc"][..],
            &["\""],
            &[""],
            &["W/\"5-abc\""],
            &["\"5-abc\", \"6-abc\""],
            &["\"5-abc\"", "\"5-abc\""],
            &["*", "*"],
        ] {
            let wrong = required(&headers(IF_MATCH, values)).unwrap_err();
            assert_eq!(wrong.reason(), "bad_if_match", "{values:?}");
        }
    }

    #[test]
    fn a_reader_may_name_many_tags() {
        let cases: [(&[&'static str], bool); 6] = [
            (&[], false),
            (&["\"a\""], true),
            (&["\"b\", W/\"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["\"b\",a"], false),
        ];
        for (values, expected) in cases {
            let headers = headers(IF_NONE_MATCH, values);
            assert_eq!(is_known(&headers, "\"a\""), expected, "{values:?}");
        }
    }
}
