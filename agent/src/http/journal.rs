//! The journal for callers: a page of it, and word of what they have.

use ::journal::{Cursor, Entry, Gap, MAX_PAGE, Page};
use agent_api::{
    JournalAckRequest, JournalAckResponse, JournalEntry, JournalEvent, JournalGap, JournalQuery,
    JournalResponse,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::decode::{self, Body};
use super::error::Error;
use crate::journal::Journal;

/// Entries of a page for who does not say how many.
const PAGE: usize = 200;

/// The fields of an acknowledgement.
pub(super) const ACK: &[&str] = &["up_to"];

/// What comes after a place in the journal.
pub(super) async fn page(
    State(journal): State<Journal>,
    query: Result<Query<JournalQuery>, QueryRejection>,
) -> Result<Json<JournalResponse>, Error> {
    let Query(query) = query?;
    let after = query.after.as_deref().map(str::parse::<Cursor>);
    let limit = limit(query.limit)?;
    let page = journal.page(after.transpose()?, limit).await?;
    Ok(Json(response(page)))
}

/// A caller has everything up to a place.
pub(super) async fn ack(
    State(journal): State<Journal>,
    body: Body,
) -> Result<Json<JournalAckResponse>, Error> {
    let request: JournalAckRequest = decode::json(body, ACK)?;
    let acknowledged = journal.ack(request.up_to.parse()?).await?;
    Ok(Json(JournalAckResponse { acknowledged }))
}

fn limit(asked: Option<u64>) -> Result<usize, Error> {
    let limit = asked.map_or(Ok(PAGE), usize::try_from);
    let limit = limit.ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    limit.ok_or(Error::Limit { max: MAX_PAGE })
}

fn response(page: Page<JournalEvent>) -> JournalResponse {
    JournalResponse {
        id: page.id.map(|id| id.to_string()),
        oldest: page.oldest,
        newest: page.newest,
        acknowledged: page.acknowledged,
        gap: page.gap.map(gap),
        entries: page.entries.into_iter().map(entry).collect(),
        next: page.next.to_string(),
        more: page.more,
    }
}

fn gap(gap: Gap) -> JournalGap {
    match gap {
        Gap::Numbers { from, to } => JournalGap::Numbers { from, to },
        Gap::Unknown => JournalGap::Unknown,
    }
}

fn entry(entry: Entry<JournalEvent>) -> JournalEntry {
    let at = i64::try_from(entry.at).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    JournalEntry {
        id: entry.id.map(|id| id.to_string()),
        number: entry.number,
        at: at.unwrap_or_default().to_string(),
        event: entry.payload,
    }
}
