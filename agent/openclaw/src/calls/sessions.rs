//! `sessions.list`: which sessions the gateway has, and in which of them a run is active.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Connection, Error};

const METHOD: &str = "sessions.list";

/// Rows of one page. A row has some 2 KB; what strangers wrote can make it 20 times that before a page is too long.
const PAGE: usize = 100;

/// More sessions than these are not believed.
const SESSIONS: usize = 50_000;

/// A longer key is not believed, in bytes.
const KEY: usize = 1024;

/// How often a list is read again that changed while it was read.
const TRIES: usize = 3;

/// All sessions of the gateway at one time, those in the archive included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionList {
    /// The keys of all sessions.
    pub keys: HashSet<String>,
    /// The keys of those in which a run is active or waits for its turn.
    pub active: HashSet<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    limit: usize,
    offset: usize,
    archived: bool,
    include_global: bool,
    include_unknown: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    sessions: Vec<Row>,
    total_count: usize,
    has_more: bool,
    next_offset: Option<usize>,
}

/// Of the hundred fields of a row, those that tell.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    agent_id: Option<String>,
    has_active_run: Option<bool>,
    status: Option<String>,
}

impl Row {
    /// The flag is the gateway's word; the status may be of a run that died with an earlier process.
    fn is_active(&self) -> bool {
        self.has_active_run
            .unwrap_or_else(|| self.status.as_deref() == Some("running"))
    }
}

/// The pages of one list, gathered.
#[derive(Default)]
struct Gathered {
    list: SessionList,
    /// Sessions without a key of their own have one row for each agent.
    seen: HashSet<(String, Option<String>)>,
    offset: usize,
    total: Option<usize>,
}

/// What comes after a page.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Page,
    End,
    /// The list changed while it was read: a session may be missing from it.
    Moved,
}

impl Gathered {
    fn take(&mut self, page: Page) -> Result<Next, Error> {
        if page.total_count > SESSIONS {
            return Err(unbelievable("more sessions than can be"));
        }
        let rows = page.sessions.len();
        let moved = self.total.is_some_and(|total| total != page.total_count);
        self.total = Some(page.total_count);
        for row in page.sessions {
            self.add(row)?;
        }
        self.offset += rows;
        if moved || self.seen.len() < self.offset {
            return Ok(Next::Moved);
        }
        match (page.has_more, page.next_offset) {
            (true, Some(next)) if next == self.offset && rows > 0 && next < page.total_count => {
                Ok(Next::Page)
            }
            (false, None) if self.offset == page.total_count => Ok(Next::End),
            _ => Err(unbelievable("pages that do not add up")),
        }
    }

    fn add(&mut self, row: Row) -> Result<(), Error> {
        if row.key.is_empty() || row.key.len() > KEY {
            return Err(unbelievable("a key that is none"));
        }
        if row.is_active() {
            self.list.active.insert(row.key.clone());
        }
        self.list.keys.insert(row.key.clone());
        self.seen.insert((row.key, row.agent_id));
        Ok(())
    }
}

fn unbelievable(what: &'static str) -> Error {
    Error::Unbelievable {
        method: METHOD,
        what,
    }
}

impl Connection {
    /// `sessions.list` (scope read), to the last page, without and with the archive. All of it, or an error: what is not
    /// in the answer is not in the gateway.
    ///
    /// A session that leaves the archive, or enters it, between the two halves can be missing once.
    pub async fn sessions(&self) -> Result<SessionList, Error> {
        let mut list = self.half(false).await?;
        let archive = self.half(true).await?;
        list.keys.extend(archive.keys);
        list.active.extend(archive.active);
        Ok(list)
    }

    async fn half(&self, archived: bool) -> Result<SessionList, Error> {
        for _ in 0..TRIES {
            if let Some(list) = self.pages(archived).await? {
                return Ok(list);
            }
        }
        Err(unbelievable("a list that changes with every page"))
    }

    /// One reading of the list; nothing where it changed meanwhile.
    async fn pages(&self, archived: bool) -> Result<Option<SessionList>, Error> {
        let mut gathered = Gathered::default();
        loop {
            let params = Params {
                limit: PAGE,
                offset: gathered.offset,
                archived,
                include_global: true,
                include_unknown: true,
            };
            match gathered.take(self.call(METHOD, params).await?)? {
                Next::Page => {}
                Next::End => return Ok(Some(gathered.list)),
                Next::Moved => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page(keys: &[&str], total: usize, next: Option<usize>) -> Page {
        let rows: Vec<Value> = keys.iter().map(|key| json!({"key": key})).collect();
        let page = json!({
            "sessions": rows, "totalCount": total, "hasMore": next.is_some(), "nextOffset": next, "owners": [],
        });
        serde_json::from_value(page).unwrap()
    }

    #[test]
    fn pages_become_one_list() {
        let mut gathered = Gathered::default();
        assert_eq!(
            gathered.take(page(&["a", "b"], 3, Some(2))).unwrap(),
            Next::Page
        );
        assert_eq!(gathered.take(page(&["c"], 3, None)).unwrap(), Next::End);
        assert_eq!(gathered.list.keys.len(), 3);
        assert!(gathered.list.active.is_empty());
    }

    #[test]
    fn a_list_that_moved_is_not_believed() {
        // A session of the second page came to the front: one is seen twice, and another not at all.
        let mut gathered = Gathered::default();
        gathered.take(page(&["a", "b"], 4, Some(2))).unwrap();
        assert_eq!(
            gathered.take(page(&["b", "d"], 4, None)).unwrap(),
            Next::Moved
        );
        // One went, so that the next page begins one too late.
        let mut gathered = Gathered::default();
        gathered.take(page(&["a", "b"], 4, Some(2))).unwrap();
        assert_eq!(gathered.take(page(&["d"], 3, None)).unwrap(), Next::Moved);
    }

    #[test]
    fn half_a_list_is_no_list() {
        let long = "k".repeat(KEY + 1);
        let odd = [
            page(&["a"], 2, None),
            page(&[], 1, Some(0)),
            page(&["a"], 2, Some(0)),
            page(&["a"], 2, Some(7)),
            page(&["a"], 1, Some(1)),
            page(&["a"], SESSIONS + 1, Some(1)),
            page(&[""], 1, None),
            page(&[&long], 1, None),
        ];
        for (case, page) in odd.into_iter().enumerate() {
            let error = Gathered::default().take(page).unwrap_err();
            assert_eq!(error.reason(), "unbelievable", "case {case}");
        }
        for text in [
            "{}",
            "null",
            r#"{"sessions":[{}],"totalCount":1,"hasMore":false}"#,
            r#"{"sessions":[{"key":7}],"totalCount":1,"hasMore":false}"#,
            r#"{"sessions":[],"totalCount":0}"#,
            r#"{"totalCount":0,"hasMore":false}"#,
        ] {
            assert!(serde_json::from_str::<Page>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_flag_of_a_run_beats_its_status() {
        let cases = [
            (json!({"key": "k", "hasActiveRun": true}), true),
            (
                json!({"key": "k", "hasActiveRun": false, "status": "running"}),
                false,
            ),
            (json!({"key": "k", "status": "running"}), true),
            (json!({"key": "k", "status": "done"}), false),
            (json!({"key": "k"}), false),
        ];
        for (row, active) in cases {
            let row: Row = serde_json::from_value(row.clone()).unwrap();
            assert_eq!(row.is_active(), active);
        }
    }

    #[test]
    fn sessions_of_the_same_key_belong_to_several_agents() {
        let rows = json!([{"key": "global", "agentId": "a"}, {"key": "global", "agentId": "b", "hasActiveRun": true}]);
        let page = json!({"sessions": rows, "totalCount": 2, "hasMore": false, "nextOffset": null});
        let mut gathered = Gathered::default();
        let next = gathered.take(serde_json::from_value(page).unwrap());
        assert_eq!(next.unwrap(), Next::End);
        assert_eq!(gathered.list.keys.len(), 1);
        assert!(gathered.list.active.contains("global"));
    }
}
