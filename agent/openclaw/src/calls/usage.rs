//! `sessions.usage`: what the models have cost.

use serde::{Deserialize, Serialize};

use crate::clip::NAME;
use crate::lenient::{Few, Maybe};
use crate::{Connection, Error};

/// More models than these are dropped.
const MODELS: usize = 200;

/// What the models were used for over some days, sessions of all agents together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Whether the numbers were complete when they were counted. The gateway counts in the
    /// background, for minutes after a run; until then they are old or zero. Where it has no
    /// session in these days, nothing is complete.
    pub fresh: bool,
    /// When they were counted, in milliseconds since 1970. The gateway gives the numbers that it
    /// has, how ever old, and counts anew meanwhile: `fresh` alone does not say that they are
    /// those of now (2026.9.6). Asking again within 30 s gives the newer ones.
    pub updated_at_ms: Option<u64>,
    /// One row for each model, at most 200.
    pub models: Vec<ModelUsage>,
}

/// What one model was used for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelUsage {
    /// Whose model.
    pub provider: String,
    /// Which.
    pub model: String,
    /// Calls.
    pub calls: u64,
    /// Tokens that went in, those from the cache not counted.
    pub input: u64,
    /// Tokens that came out.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to it.
    pub cache_write: u64,
    /// What it cost in US dollars, by the prices of the configuration.
    pub cost_usd: f64,
    /// Calls without a price: they are not in the cost.
    pub missing_cost_entries: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    start_date: &'a str,
    end_date: &'a str,
    agent_scope: &'static str,
    limit: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    updated_at: Maybe<u64>,
    cache_status: Maybe<CacheStatus>,
    aggregates: Maybe<Aggregates>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheStatus {
    status: Maybe<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Aggregates {
    session_count: Maybe<u64>,
    by_model: Maybe<Few<Row, MODELS>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    provider: Maybe<String>,
    model: Maybe<String>,
    count: Maybe<u64>,
    totals: Maybe<Totals>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Totals {
    input: Maybe<u64>,
    output: Maybe<u64>,
    cache_read: Maybe<u64>,
    cache_write: Maybe<u64>,
    total_cost: Maybe<f64>,
    missing_cost_entries: Maybe<u64>,
}

impl From<Row> for ModelUsage {
    fn from(row: Row) -> Self {
        let totals = row.totals.or_default();
        let cost = totals.total_cost.0.filter(|cost| *cost >= 0.0);
        Self {
            provider: row.provider.text(NAME).unwrap_or_default(),
            model: row.model.text(NAME).unwrap_or_default(),
            calls: row.count.or_default(),
            input: totals.input.or_default(),
            output: totals.output.or_default(),
            cache_read: totals.cache_read.or_default(),
            cache_write: totals.cache_write.or_default(),
            cost_usd: cost.unwrap_or_default(),
            missing_cost_entries: totals.missing_cost_entries.or_default(),
        }
    }
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        let aggregates = wire.aggregates.or_default();
        let fresh = match wire.cache_status.0 {
            Some(cache) => cache.status.0.as_deref() == Some("fresh"),
            None => aggregates.session_count.0 == Some(0),
        };
        let rows = aggregates.by_model.or_default().kept;
        Self {
            fresh,
            updated_at_ms: wire.updated_at.0,
            models: rows.into_iter().map(ModelUsage::from).collect(),
        }
    }
}

impl Connection {
    /// `sessions.usage` (scope read) from the day `from` to the day `to`, both included and
    /// written as `2026-11-24`.
    ///
    /// The rows of `sessions.list` tell only the last run of each session, so this is the one
    /// source. It costs the gateway 0.3 ms of CPU when it is fresh, with one session and with
    /// 200, and 6 to 30 ms while it counts (2026.9.6). It keeps its answer for up to a minute,
    /// and calls that fresh too.
    pub async fn usage(&self, from: &str, to: &str) -> Result<Usage, Error> {
        let params = Params {
            start_date: from,
            end_date: to,
            agent_scope: "all",
            limit: 1,
        };
        Ok(self.call::<Wire>("sessions.usage", params).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As 2026.9.6 answers after one run, without the sessions.
    const RECORDED: &str = include_str!("../../samples/sessions.usage.json");

    fn read(text: &str) -> Usage {
        serde_json::from_str::<Wire>(text).unwrap().into()
    }

    #[test]
    fn reads_a_recorded_answer() {
        let want = ModelUsage {
            provider: "mock".into(),
            model: "m1".into(),
            calls: 1,
            input: 1034,
            output: 56,
            cache_read: 200,
            cost_usd: 0.004_002,
            ..ModelUsage::default()
        };
        let usage = read(RECORDED);
        assert!(usage.fresh);
        assert!(usage.updated_at_ms.is_some());
        assert_eq!(usage.models, [want]);
    }

    /// As 2026.9.6 answers for a day without a session.
    #[test]
    fn nothing_is_complete_where_there_is_no_session() {
        let usage =
            read(r#"{"updatedAt":7,"sessions":[],"aggregates":{"sessionCount":0,"byModel":[]}}"#);
        assert_eq!((usage.fresh, usage.updated_at_ms), (true, Some(7)));
        assert_eq!(usage.models, []);
    }

    #[test]
    fn what_is_not_said_to_be_fresh_is_not() {
        for odd in [
            "{}",
            r#"{"cacheStatus":{"status":"refreshing","pendingFiles":3}}"#,
            r#"{"cacheStatus":"fresh","aggregates":{"byModel":{}}}"#,
        ] {
            assert_eq!(read(odd), Usage::default(), "{odd}");
        }
    }

    #[test]
    fn odd_rows_are_bounded_and_no_cost_is_negative() {
        let row = json!({"provider": "p".repeat(9999), "model": 7, "count": -1, "totals": {"input": 1.5, "totalCost": -2}});
        let usage = read(&json!({"aggregates": {"byModel": vec![row; 300]}}).to_string());
        assert_eq!(usage.models.len(), MODELS);
        let want = ModelUsage {
            provider: usage.models[0].provider.clone(),
            ..ModelUsage::default()
        };
        assert_eq!(usage.models[0], want);
        assert_eq!(want.provider.len(), NAME);
    }
}
