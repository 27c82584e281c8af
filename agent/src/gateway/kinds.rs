//! How the gateway takes a change of a key: hot, by a restart, or not at all.
//!
//! It says so itself, for its own version; what it said is remembered.

use std::collections::HashMap;
use std::sync::Mutex;

use agent_api::Reload;
use config_merge::KeyPath;
use futures_util::future::join_all;
use openclaw::{LinkHandle, ReloadKind};

/// More paths than this are not asked for one by one.
const ASKED: usize = 24;
/// More than this are not remembered.
const REMEMBERED: usize = 512;

/// What one version of the gateway said.
#[derive(Default)]
pub struct Kinds {
    known: Mutex<(String, HashMap<String, Reload>)>,
}

impl Kinds {
    /// The kind for each path, in order.
    pub async fn of(&self, link: &LinkHandle, paths: &[KeyPath]) -> Vec<Reload> {
        let asked: Vec<String> = paths.iter().map(ToString::to_string).collect();
        self.learn(link, &asked).await;
        let Ok(known) = self.known.lock() else {
            return vec![Reload::Unchecked; paths.len()];
        };
        asked
            .iter()
            .map(|path| known.1.get(path).copied().unwrap_or(Reload::Unchecked))
            .collect()
    }

    async fn learn(&self, link: &LinkHandle, paths: &[String]) {
        let Some((version, connection)) = self.gateway(link) else {
            return;
        };
        let missing: Vec<&String> = {
            let Ok(mut known) = self.known.lock() else {
                return;
            };
            if known.0 != version || known.1.len() > REMEMBERED {
                *known = (version, HashMap::new());
            }
            paths
                .iter()
                .filter(|path| !known.1.contains_key(*path))
                .take(ASKED)
                .collect()
        };
        let answers = join_all(missing.iter().map(|path| connection.schema_lookup(path))).await;
        let Ok(mut known) = self.known.lock() else {
            return;
        };
        for (path, answer) in missing.into_iter().zip(answers) {
            if let Ok(lookup) = answer {
                known.1.insert(path.clone(), reload(lookup.reload_kind));
            }
        }
    }

    fn gateway(&self, link: &LinkHandle) -> Option<(String, std::sync::Arc<openclaw::Connection>)> {
        let connection = link.connection().ok()?;
        let hello = connection.hello();
        hello
            .can
            .schema_lookup
            .then(|| (hello.version.clone(), std::sync::Arc::clone(&connection)))
    }
}

fn reload(kind: ReloadKind) -> Reload {
    match kind {
        ReloadKind::Hot => Reload::Hot,
        ReloadKind::Restart => Reload::Restart,
        ReloadKind::None => Reload::None,
        ReloadKind::Unknown => Reload::Unchecked,
    }
}
