//! `journal`: what happened, numbered; for people as lines, for programs as lines of JSON.

use std::thread::sleep;
use std::time::Duration;

use agent_api::{
    JournalAckRequest, JournalAckResponse, JournalEntry, JournalEvent, JournalGap, JournalQuery,
    JournalResponse, Outcome, PATH_JOURNAL, PATH_JOURNAL_ACK, Verdict,
};
use clap::ArgMatches;
use serde_json::json;

use super::agent::Agent;
use super::answer::{self, Answer, Reader};
use super::error::Error;
use super::figures::moment;
use super::paint::Paint;
use super::{life, screen, sentence, way};

/// The time between two looks of one who follows.
const EVERY: Duration = Duration::from_secs(2);
/// The most that is asked for at once.
pub(super) const PAGE: u64 = 1000;

/// How the entries are told.
struct Told {
    json: bool,
    ack: bool,
    paint: Paint,
}

/// Prints the journal page by page, to its end or for ever.
pub(super) fn journal(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let agent = way::agent(matches)?;
    let flag = |name: &str| matches.get_flag(name);
    let told = Told {
        json: flag("json"),
        ack: flag("ack"),
        paint,
    };
    let mut query = JournalQuery {
        after: matches.get_one::<String>("after").cloned(),
        limit: Some(PAGE),
    };
    let follow = flag("follow");
    let mut empty = true;
    loop {
        let page = page(&agent, &query)?;
        empty &= page.entries.is_empty() && page.gap.is_none();
        if tell(&agent, &page, &told)? == Reader::Gone {
            break;
        }
        let more = page.more;
        query.after = Some(page.next);
        match (more, follow) {
            (true, _) => {}
            (false, true) => sleep(EVERY),
            (false, false) => break,
        }
    }
    let text = match empty && !follow {
        true => "nothing happened\n",
        false => "",
    };
    Ok(Answer {
        text: text.into(),
        ..Answer::default()
    })
}

/// One page of the journal.
pub(super) fn page(agent: &Agent, query: &JournalQuery) -> Result<JournalResponse, Error> {
    agent.get(&path(query)).map_err(life::told)
}

fn path(query: &JournalQuery) -> String {
    let after = query.after.as_deref();
    let after = after.map(|after| format!("after={}", encoded(after)));
    let limit = query.limit.map(|limit| format!("limit={limit}"));
    let parts: Vec<String> = after.into_iter().chain(limit).collect();
    format!("{PATH_JOURNAL}?{}", parts.join("&"))
}

/// A value as a query may hold it.
fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || byte == b'-' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// Prints a page, and says that it was collected once it is out.
fn tell(agent: &Agent, page: &JournalResponse, told: &Told) -> Result<Reader, Error> {
    if page.entries.is_empty() && page.gap.is_none() {
        return Ok(Reader::There);
    }
    let text: Vec<u8> = match told.json {
        true => json(page),
        false => lines(page, told.paint).into_bytes(),
    };
    let reader = answer::print(&text)?;
    if told.ack && reader == Reader::There {
        let request = JournalAckRequest {
            up_to: page.next.clone(),
        };
        let _: JournalAckResponse = agent.change(PATH_JOURNAL_ACK, &request)?;
    }
    Ok(reader)
}

/// A line for what is missing, and one for each entry.
fn json(page: &JournalResponse) -> Vec<u8> {
    let gap = page.gap.iter().map(|gap| json!({ "gap": gap }));
    let entries = page.entries.iter().map(|entry| json!(entry));
    gap.chain(entries)
        .flat_map(|line| screen::line(&line))
        .collect()
}

fn lines(page: &JournalResponse, paint: Paint) -> String {
    let gap = page.gap.as_ref();
    let gap = gap.map(|gap| format!("{:<19}  {}\n", "", paint.warning(&missing(gap))));
    let entries = page.entries.iter().map(|entry| line(entry, paint));
    gap.into_iter().chain(entries).collect()
}

/// What a reader will never get.
fn missing(gap: &JournalGap) -> String {
    match gap {
        JournalGap::Numbers { from, to } if from == to => format!("{from} is gone for good"),
        JournalGap::Numbers { from, to } => format!("{from} to {to} are gone for good"),
        JournalGap::Unknown => {
            "what came before is not known: the volume may have been put back from a copy"
                .to_owned()
        }
    }
}

fn line(entry: &JournalEntry, paint: Paint) -> String {
    let sentence = sentence::event(&entry.event);
    let sentence = match mood(&entry.event) {
        Mood::Bad => paint.error(&sentence),
        Mood::Odd => paint.warning(&sentence),
        Mood::Good => paint.good(&sentence),
        Mood::Plain => sentence,
        Mood::Small => paint.faint(&sentence),
    };
    let (at, number) = (paint.faint(&moment(&entry.at)), entry.number);
    format!("{at}  {number:>6}  {sentence}\n")
}

/// How an entry looks.
enum Mood {
    Bad,
    Odd,
    Good,
    Plain,
    Small,
}

fn mood(event: &JournalEvent) -> Mood {
    match event {
        JournalEvent::GatewayDied { .. } => Mood::Bad,
        JournalEvent::Cure { .. } | JournalEvent::Operation { .. } => Mood::Odd,
        JournalEvent::GatewayUp { .. } => Mood::Good,
        JournalEvent::Verdict { verdict, .. } => match verdict {
            Verdict::Healthy => Mood::Good,
            Verdict::Failing => Mood::Bad,
            _ => Mood::Odd,
        },
        JournalEvent::Config { outcome, .. } => match outcome {
            Outcome::Proved => Mood::Good,
            Outcome::RolledBack | Outcome::Failed | Outcome::Refused => Mood::Bad,
            _ => Mood::Plain,
        },
        JournalEvent::Usage { .. } => Mood::Small,
        JournalEvent::AgentStarted { .. }
        | JournalEvent::AgentEnding
        | JournalEvent::Removal { .. }
        | JournalEvent::Unknown => Mood::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, event: serde_json::Value) -> JournalEntry {
        JournalEntry {
            id: Some("a1".to_owned()),
            number,
            at: "2026-11-24T08:12:24.5Z".to_owned(),
            event: serde_json::from_value(event).unwrap(),
        }
    }

    #[test]
    fn an_entry_is_a_line() {
        let sample = include_str!("../../api/samples/journal_response.json");
        let sample: JournalResponse = serde_json::from_str(sample).unwrap();
        let shown = lines(&sample, Paint::PLAIN);
        let expected = "                     42 is gone for good
2026-11-24 08:12:24      43  the gateway ended: oom, signal 9: killed by the kernel: its control group was out of memory (limit 2 GiB)
";
        assert_eq!(shown, expected);
        let shown = String::from_utf8(json(&sample)).unwrap();
        let shown: Vec<&str> = shown.lines().collect();
        assert_eq!(shown[0], r#"{"gap":{"kind":"numbers","from":42,"to":42}}"#);
        assert!(
            shown.len() == 2 && shown[1].contains(r#""number":43"#),
            "{shown:?}"
        );
    }

    #[test]
    fn every_kind_of_event_has_its_sentence() {
        for (event, expected) in [
            (
                json!({"kind": "agent_started", "version": "0.1.0", "predecessor_lost": true}),
                "the agent 0.1.0 starts; its predecessor ended without a word",
            ),
            (json!({"kind": "agent_ending"}), "the agent ends"),
            (
                json!({"kind": "gateway_up", "version": "2026.9.6"}),
                "the gateway 2026.9.6 is up",
            ),
            (
                json!({"kind": "verdict", "verdict": "degraded", "was": "healthy", "causes": [{"component": "event_loop", "severity": "degraded", "since": "", "evidence": "3 s late"}]}),
                "degraded, was healthy (event loop: 3 s late)",
            ),
            (
                json!({"kind": "cure", "cure": "channel_restart", "subject": "telegram/default", "reason": "not connected", "outcome": "no_help"}),
                "restart of the channel account telegram/default: it did not help (not connected)",
            ),
            (
                json!({"kind": "config", "outcome": {"kind": "rolled_back"}, "generation": 4, "problems": 2}),
                "document 4: undone, 2 problem(s)",
            ),
            (
                json!({"kind": "removal", "removal": {"kind": "container", "name": "sbx", "reason": "idle", "outcome": {"kind": "removed"}, "bytes_freed": 1024}}),
                "sandbox sbx: removed (idle), 1.0 KiB freed",
            ),
            (
                json!({"kind": "usage", "models": [{"provider": "p", "model": "m", "input_tokens": 3, "output_tokens": 4, "cost_usd": 0.5}], "sessions": 2}),
                "used: p/m 3 tokens in, 4 out, 0.5000 USD; 2 sessions",
            ),
            (
                json!({"kind": "operation", "what": "suspension_expired", "actor": "agent"}),
                "suspension expired by agent",
            ),
            (
                json!({"kind": "of tomorrow"}),
                "something that this version does not know",
            ),
        ] {
            let shown = line(&entry(7, event), Paint::PLAIN);
            assert_eq!(shown, format!("2026-11-24 08:12:24       7  {expected}\n"));
        }
    }

    #[test]
    fn strangers_begin_no_lines() {
        let hostile = json!({"kind": "operation", "what": "a\nb", "actor": "\x1b[31m"});
        let shown = line(&entry(1, hostile), Paint::PLAIN);
        assert_eq!(shown.matches('\n').count(), 1, "{shown}");
        assert!(!shown.contains('\x1b'), "{shown}");
    }

    #[test]
    fn a_cursor_goes_into_the_query_as_it_is() {
        let query = JournalQuery {
            after: Some("a1:9&b".to_owned()),
            limit: Some(2),
        };
        assert_eq!(path(&query), "/v1/journal?after=a1%3A9%26b&limit=2");
        let said = missing(&JournalGap::Unknown);
        assert!(said.contains("put back"), "{said}");
        assert_eq!(
            missing(&JournalGap::Numbers { from: 3, to: 7 }),
            "3 to 7 are gone for good"
        );
    }
}
