//! The daemon's event stream: lines of JSON, of which little is believed.

use std::path::Path;

use futures_util::stream::{self, Stream};
use hyper::Method;
use serde::Deserialize;

use super::wire::{Answer, WireError, ask};
use crate::{Event, ExecId, Id};

/// The longest event that is read; it carries all labels of its container.
const LINE_MAX: usize = 64 << 20;

/// `{"type":["container"],"label":["openclaw.sandbox=1"]}`, written for a query.
const FILTERS: &str =
    "%7B%22type%22%3A%5B%22container%22%5D%2C%22label%22%3A%5B%22openclaw.sandbox%3D1%22%5D%7D";

/// Subscribes. What happened since a wall clock time, in whole seconds, is told first.
pub(super) async fn subscribe(
    socket: &Path,
    version: &str,
    since: i64,
) -> Result<impl Stream<Item = Result<Event, WireError>> + Send + use<>, WireError> {
    let target = format!("/v{version}/events?since={since}&filters={FILTERS}");
    let answer = ask(socket, Method::GET, &target).await?;
    let lines = Lines {
        answer,
        buffer: Vec::new(),
        scanned: 0,
    };
    Ok(stream::unfold(Some(lines), |lines| async {
        let mut lines = lines?;
        match lines.event().await {
            Ok(event) => Some((Ok(event), Some(lines))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// An answer as lines.
struct Lines {
    answer: Answer,
    buffer: Vec<u8>,
    /// How much of the buffer has no end of line in it.
    scanned: usize,
}

impl Lines {
    /// The next event that means something.
    async fn event(&mut self) -> Result<Event, WireError> {
        loop {
            let line = self.line().await?;
            if let Some(event) = read(&line)? {
                return Ok(event);
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, WireError> {
        loop {
            let fresh = self.buffer.iter().skip(self.scanned);
            if let Some(end) = fresh.copied().position(|byte| byte == b'\n') {
                let rest = self.buffer.split_off(self.scanned + end + 1);
                self.scanned = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.scanned = self.buffer.len();
            if self.scanned > LINE_MAX {
                return Err(WireError::TooLong(LINE_MAX));
            }
            let bytes = self.answer.next().await?.ok_or(WireError::Ended)?;
            self.buffer.extend_from_slice(&bytes);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
}

#[derive(Deserialize, Default)]
struct Actor {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default, rename = "Attributes")]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
struct Attributes {
    #[serde(default, rename = "execID")]
    exec: Option<String>,
}

/// Reads one event; nothing for one that means nothing to us.
fn read(line: &[u8]) -> Result<Option<Event>, serde_json::Error> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let message: Message = serde_json::from_slice(line)?;
    let Some(id) = Id::parse(&message.actor.id).filter(|_| message.r#type == "container") else {
        return Ok(None);
    };
    let exec = message.actor.attributes.exec;
    let exec = exec.as_deref().and_then(ExecId::parse);
    // The command of an exec follows its action after a colon.
    let action = message.action.split(':').next().unwrap_or_default();
    Ok(match (action, exec) {
        ("exec_create" | "exec_start", Some(exec)) => Some(Event::ExecBegan(id, exec)),
        ("exec_die", Some(exec)) => Some(Event::ExecEnded(id, exec)),
        ("start" | "restart" | "unpause", _) => Some(Event::Started(id)),
        ("destroy", _) => Some(Event::Destroyed(id)),
        // After `kill` and before `stop` comes `die`, which says it.
        (
            "kill" | "stop" | "attach" | "detach" | "commit" | "copy" | "export" | "resize" | "top"
            | "exec_detach" | "archive-path" | "extract-to-dir" | "health_status",
            _,
        ) => None,
        _ => Some(Event::Changed(id)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
    const EXEC: &str = "00000000000000000000000000000000000000000000000000000000000000bb";

    fn event(action: &str, attributes: &str) -> Option<Event> {
        let line = format!(
            r#"{{"status":"x","id":"{ID}","Type":"container","Action":"{action}",
            "Actor":{{"ID":"{ID}","Attributes":{{{attributes}}}}},"scope":"local","time":1}}"#
        );
        read(line.as_bytes()).unwrap()
    }

    #[test]
    fn actions_become_events() {
        let id = Id::parse(ID).unwrap();
        let exec = ExecId::parse(EXEC).unwrap();
        let with = format!(r#""execID":"{EXEC}","name":"x""#);
        let cases = [
            ("create", "", Some(Event::Changed(id))),
            ("start", "", Some(Event::Started(id))),
            ("unpause", "", Some(Event::Started(id))),
            ("die", r#""exitCode":"137""#, Some(Event::Changed(id))),
            ("kill", r#""signal":"9""#, None),
            ("stop", "", None),
            ("something new", "", Some(Event::Changed(id))),
            ("destroy", "", Some(Event::Destroyed(id))),
            (
                "exec_create: sh -c a:b",
                &with,
                Some(Event::ExecBegan(id, exec)),
            ),
            ("exec_start: sh", &with, Some(Event::ExecBegan(id, exec))),
            ("exec_die", &with, Some(Event::ExecEnded(id, exec))),
            ("exec_die", r#""execID":"short""#, Some(Event::Changed(id))),
            ("health_status: healthy", "", None),
            ("top", "", None),
        ];
        for (action, attributes, wanted) in cases {
            assert_eq!(event(action, attributes), wanted, "{action}");
        }
    }

    #[test]
    fn what_is_no_container_or_has_no_id_is_passed_over() {
        for line in [
            r#"{"Type":"image","Action":"pull","Actor":{"ID":"x"}}"#,
            r#"{"Type":"container","Action":"start","Actor":{"ID":"abc"}}"#,
            r#"{"Type":"container","Action":"start"}"#,
            "{}",
            "  ",
        ] {
            assert_eq!(read(line.as_bytes()).unwrap(), None, "{line}");
        }
        assert!(read(b"{\"Type\":").is_err());
    }

    #[test]
    fn the_filters_are_what_they_say() {
        let mut plain = String::new();
        let mut rest = FILTERS;
        while let Some((text, coded)) = rest.split_once('%') {
            plain.push_str(text);
            plain.push(char::from(u8::from_str_radix(&coded[..2], 16).unwrap()));
            rest = &coded[2..];
        }
        assert_eq!(
            plain,
            r#"{"type":["container"],"label":["openclaw.sandbox=1"]}"#
        );
        assert_eq!(rest, "");
    }
}
