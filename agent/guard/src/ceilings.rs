//! What one sandbox may be at most: the settings, and under them what the document in force says.

use std::collections::BTreeSet;

use crate::{Allowance, Settings, images::Images, refusal::Refusal};

/// What the document in force allows; what it does not name is bounded by the settings alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// The images, by their whole names; nothing while no document is known.
    pub images: Option<BTreeSet<String>>,
    /// Whom sandboxes run as, each a number, a colon and a number; 1000:1000 where there is none.
    pub users: BTreeSet<String>,
    /// The most memory of one sandbox.
    pub memory_bytes: Option<i64>,
    /// The most memory and swap of one sandbox; without it there is no swap.
    pub memory_swap_bytes: Option<i64>,
    /// The most CPU of one sandbox in billionths.
    pub nano_cpus: Option<i64>,
    /// The most processes of one sandbox.
    pub pids: Option<i64>,
}

/// The user of the shipped image, and of the gateway's own.
const USER: &str = "1000:1000";

/// What holds at this moment.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) images: Images,
    users: BTreeSet<String>,
    pub(crate) memory_bytes: Option<i64>,
    pub(crate) memory_swap_bytes: Option<i64>,
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) pids: Option<i64>,
}

impl Limits {
    /// Of two bounds the smaller one holds.
    pub(crate) fn new(settings: &Settings, document: &Ceilings) -> Self {
        Self {
            images: Images::new(settings.images.as_deref(), document.images.as_ref()),
            users: users(settings, document),
            memory_bytes: smaller(settings.memory_bytes, document.memory_bytes),
            memory_swap_bytes: document
                .memory_swap_bytes
                .and_then(|swap| smaller(settings.memory_bytes, Some(swap))),
            nano_cpus: smaller(settings.nano_cpus, document.nano_cpus),
            pids: smaller(settings.pids, document.pids),
        }
    }

    /// Whom to run as where this one is asked for; nothing where nobody is.
    pub(crate) fn user(&self, asked: &str) -> Result<String, Refusal> {
        if asked.is_empty() {
            return Ok(String::new());
        }
        let known = plain(asked).filter(|user| self.users.contains(user));
        known.ok_or_else(|| {
            let users: Vec<&str> = self.users.iter().map(String::as_str).collect();
            Refusal::forbidden(format!(
                "a sandbox may not run as `{asked}`: it runs as {}, by number; the document says so in \
                 agents.defaults.sandbox.docker.user",
                users.join(" or ")
            ))
        })
    }

    /// Whom a sandbox runs as that names nobody.
    pub(crate) fn own_user(&self) -> String {
        self.users.first().cloned().unwrap_or_default()
    }
}

/// Those of the document that are plain numbers.
fn users(settings: &Settings, document: &Ceilings) -> BTreeSet<String> {
    let root = settings.root_user == Allowance::Allowed;
    let mut users: BTreeSet<String> = document
        .users
        .iter()
        .filter_map(|user| plain(user))
        .filter(|user| root || !is_root(user))
        .collect();
    if users.is_empty() {
        users.insert(USER.to_owned());
    }
    users
}

/// A user by number with a group: a name, and the group of a number alone, would be looked up in files that a bind may put
/// into the sandbox.
fn plain(user: &str) -> Option<String> {
    let (user, group) = user.split_once(':').unwrap_or((user, user));
    [user, group]
        .into_iter()
        .all(is_number)
        .then(|| format!("{user}:{group}"))
}

fn is_number(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || ((1..=9).contains(&text.len()) && !text.starts_with('0')))
}

fn is_root(user: &str) -> bool {
    user.split(':').any(|number| number == "0")
}

fn smaller(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_runs_as_the_document_says() {
        let limits = |named: &[&str], root_user| {
            let document = Ceilings {
                users: named.iter().map(ToString::to_string).collect(),
                ..Ceilings::default()
            };
            let settings = Settings {
                root_user,
                ..Settings::default()
            };
            Limits::new(&settings, &document)
        };
        let refused = Allowance::Refused;
        for (named, asked, user) in [
            (&[][..], "1000:1000", Some("1000:1000")),
            (&[], "1000", Some("1000:1000")),
            (&[], "", Some("")),
            (&["2000"], "2000:2000", Some("2000:2000")),
            (&["2000"], "1000:1000", None),
            (&["sandbox", "0:0"], "1000", Some("1000:1000")),
            (&[], "1000:6", None),
            (&[], "4321", None),
            (&[], "sandbox", None),
            (&["0:0"], "0:0", None),
        ] {
            let found = limits(named, refused).user(asked).ok();
            assert_eq!(found.as_deref(), user, "{named:?} {asked}");
        }
        assert!(limits(&["0:0"], Allowance::Allowed).user("0").is_ok());
        assert_eq!(limits(&["2000"], refused).own_user(), "2000:2000");
    }

    #[test]
    fn the_smaller_bound_holds() {
        for (knob, document, holds) in [
            (None, None, None),
            (Some(2), None, Some(2)),
            (None, Some(3), Some(3)),
            (Some(2), Some(3), Some(2)),
            (Some(3), Some(2), Some(2)),
        ] {
            let settings = Settings {
                memory_bytes: knob,
                nano_cpus: knob,
                pids: knob,
                ..Settings::default()
            };
            let document = Ceilings {
                memory_bytes: document,
                nano_cpus: document,
                pids: document,
                ..Ceilings::default()
            };
            let limits = Limits::new(&settings, &document);
            let all = [limits.memory_bytes, limits.nano_cpus, limits.pids];
            assert_eq!(all, [holds; 3], "{settings:?} {document:?}");
        }
    }
}
