//! The target of a request: version, path and query, each in its one plain form.

use hyper::Uri;

use crate::{ApiVersion, query::Query, refusal::Refusal};

/// The longest target that is read.
const LONGEST: usize = 16 * 1024;

/// A target without anything that two readers could read differently.
#[derive(Debug)]
pub(crate) struct Target {
    /// The version at the front of the path.
    pub(crate) version: Option<ApiVersion>,
    /// The path behind the version.
    pub(crate) path: String,
    pub(crate) query: Query,
}

impl Target {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Refusal> {
        if uri.scheme().is_some() || uri.authority().is_some() {
            return Err(Refusal::invalid(
                "the request must name a path, not a whole address",
            ));
        }
        let (path, query) = (uri.path(), uri.query().unwrap_or(""));
        if path.len() + query.len() > LONGEST {
            return Err(Refusal::invalid("the path and query are too long"));
        }
        if !is_plain(path) {
            return Err(Refusal::invalid(
                "the path must be plain: no encoded characters, no empty, `.` or `..` segments",
            ));
        }
        let (version, path) = split_version(path);
        Ok(Self {
            version,
            path: path.into(),
            query: Query::parse(query)?,
        })
    }
}

fn is_plain(path: &str) -> bool {
    let mut segments = path.split('/');
    segments.next() == Some("")
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._:@-".contains(&byte))
        && segments.all(|segment| !["", ".", ".."].contains(&segment))
}

fn split_version(path: &str) -> (Option<ApiVersion>, &str) {
    let split = path.strip_prefix("/v").and_then(|rest| {
        let (version, _) = rest.split_once('/')?;
        Some((version.parse().ok()?, &rest[version.len()..]))
    });
    match split {
        Some((version, rest)) => (Some(version), rest),
        None => (None, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target, Refusal> {
        Target::parse(&text.parse::<Uri>().unwrap())
    }

    #[test]
    fn versions_are_taken_off() {
        for (text, version, path) in [
            ("/v1.41/containers/json?all=1", Some(41), "/containers/json"),
            ("/_ping", None, "/_ping"),
            ("/v2.0/info", None, "/v2.0/info"),
            ("/v1.41", None, "/v1.41"),
            ("/v1.041/info", None, "/v1.041/info"),
            ("/v1.41/v1.41/info", Some(41), "/v1.41/info"),
        ] {
            let target = parse(text).unwrap();
            assert_eq!(target.version, version.map(ApiVersion::minor), "{text}");
            assert_eq!(target.path, path);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for text in [
            "http://docker/v1.41/info",
            "docker:80",
            "*",
            "/v1.41//info",
            "/v1.41/info/",
            "/v1.41/./info",
            "/v1.41/containers/../info",
            "/v1.41/%69nfo",
            "/v1.41/containers/a%2fjson/x",
            "/v1.41/info;x",
            "/v1.41/info\\x",
            "/v1.41/a+b",
        ] {
            if let Ok(uri) = text.parse::<Uri>() {
                assert!(Target::parse(&uri).is_err(), "{text}");
            }
        }
    }
}
