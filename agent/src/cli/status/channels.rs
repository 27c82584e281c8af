//! The accounts of channels: those that do not work first, and no more than fit.

use agent_api::{ChannelState, ChannelView};

use super::Pen;
use crate::cli::figures::{age, word};
use crate::cli::page::Page;
use crate::cli::paint::plain;
use crate::cli::table::table;

/// More accounts than this are counted.
const MOST: usize = 12;

/// Each state, the one to look at first.
const ORDER: [ChannelState; 6] = [
    ChannelState::Down,
    ChannelState::Unknown,
    ChannelState::Starting,
    ChannelState::Unlinked,
    ChannelState::Up,
    ChannelState::Disabled,
];

/// A line for each account.
pub(super) fn rows(page: &mut Page, channels: &[ChannelView], pen: Pen) {
    if channels.is_empty() {
        return;
    }
    page.gap();
    page.line(&pen.paint.strong("channels"));
    let mut sorted: Vec<&ChannelView> = channels.iter().collect();
    sorted.sort_by_key(|view| ORDER.iter().position(|state| *state == view.state));
    let (named, rest) = sorted.split_at(sorted.len().min(MOST));
    let rows: Vec<_> = named.iter().map(|view| row(view, pen)).collect();
    for line in table(&rows).lines() {
        page.line(&format!("  {line}"));
    }
    if !rest.is_empty() {
        page.line(&format!("  and {} more: {}", rest.len(), counted(rest)));
    }
}

fn counted(rest: &[&ChannelView]) -> String {
    let count = |state: &ChannelState| rest.iter().filter(|view| view.state == *state).count();
    let counts = ORDER.iter().map(|state| (count(state), word(state)));
    let some = counts.filter(|(count, _)| *count > 0);
    let parts: Vec<String> = some
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    parts.join(", ")
}

fn row(view: &ChannelView, pen: Pen) -> Vec<String> {
    let state = match view.state {
        ChannelState::Up => pen.paint.good("up"),
        ChannelState::Down => pen.paint.error("down"),
        ChannelState::Starting => pen.paint.warning("starting"),
        ChannelState::Unlinked => pen.paint.faint("unlinked"),
        ChannelState::Disabled => pen.paint.faint("disabled"),
        ChannelState::Unknown => "unknown".to_owned(),
    };
    let ago = |what: &str, at: &Option<String>| {
        let at = at.as_deref().map(|at| age(at, pen.now));
        at.map(|age| format!("{what} {age} ago"))
            .unwrap_or_default()
    };
    let reconnects = match view.reconnects {
        0 => String::new(),
        count => format!("{count} reconnects"),
    };
    vec![
        state,
        format!("{}/{}", plain(&view.channel), plain(&view.account)),
        ago("in", &view.last_inbound),
        ago("out", &view.last_outbound),
        reconnects,
        view.reason.as_deref().map(plain).unwrap_or_default(),
    ]
}
