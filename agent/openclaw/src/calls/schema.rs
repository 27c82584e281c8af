//! `config.schema.lookup`: what a change of a key costs.

use serde::{Deserialize, Serialize};

use crate::{Connection, Error};

/// What the gateway does when a key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadKind {
    /// Nothing has to be done.
    None,
    /// It is applied while everything runs.
    Hot,
    /// The gateway restarts.
    Restart,
    /// The gateway does not say. It restarts for paths that it does not know.
    #[serde(other)]
    Unknown,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The path that was found: the one asked for or a parent of it; empty when none was.
    pub path: String,
    /// What a change does.
    pub reload_kind: ReloadKind,
}

#[derive(Serialize)]
struct Params<'a> {
    path: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    reload_kind: Option<ReloadKind>,
}

const METHOD: &str = "config.schema.lookup";

impl Connection {
    /// Looks up the key `path` (scope read). One that the schema does not know takes the kind
    /// of its nearest known parent.
    pub async fn schema_lookup(&self, path: &str) -> Result<Lookup, Error> {
        let mut asked = askable(path);
        while !asked.is_empty() {
            match self.call::<Wire>(METHOD, Params { path: asked }).await {
                Ok(Wire {
                    reload_kind: Some(reload_kind),
                }) => {
                    return Ok(Lookup {
                        path: asked.to_owned(),
                        reload_kind,
                    });
                }
                Ok(Wire { reload_kind: None }) => asked = parent(asked),
                Err(Error::Rejected { rejection, .. }) if rejection.code == "INVALID_REQUEST" => {
                    asked = parent(asked);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(Lookup {
            path: String::new(),
            reload_kind: ReloadKind::Unknown,
        })
    }
}

/// The longest parent that consists only of characters that the gateway takes in a path.
fn askable(path: &str) -> &str {
    let taken = |c: char| c.is_ascii_alphanumeric() || "_./[]-*".contains(c);
    match path.find(|c| !taken(c)) {
        Some(odd) => parent(&path[..odd]),
        None => path,
    }
}

fn parent(path: &str) -> &str {
    path.rfind('.').map_or("", |dot| &path[..dot])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbs() {
        for (path, want) in [("a.b.c", "a.b"), ("a", ""), ("", ""), ("a.", "a")] {
            assert_eq!(parent(path), want);
        }
        for (path, want) in [
            ("gateway.port", "gateway.port"),
            ("agents.entries.a b.model", "agents.entries"),
            ("channels.x.groups.@me", "channels.x.groups"),
            ("ä", ""),
            ("a.b[0]", "a.b[0]"),
        ] {
            assert_eq!(askable(path), want);
        }
    }

    #[test]
    fn kinds_are_read_and_order_by_cost() {
        for (text, want) in [
            ("none", ReloadKind::None),
            ("hot", ReloadKind::Hot),
            ("restart", ReloadKind::Restart),
            ("newer", ReloadKind::Unknown),
        ] {
            let json = format!(r#"{{"reloadKind":"{text}","schema":{{}}}}"#);
            assert_eq!(
                serde_json::from_str::<Wire>(&json).unwrap().reload_kind,
                Some(want)
            );
        }
        assert!(ReloadKind::None < ReloadKind::Hot && ReloadKind::Hot < ReloadKind::Restart);
    }
}
