//! What the files tell: the document and its history without an agent, and the gateway's logs.

use std::path::{Path, PathBuf};

use durable::{read_regular, read_tail};
use serde_json::{Value, json};

use super::Contents;
use crate::cli::state::{self, Opened};
use crate::cli::{error::Error, knobs};
use crate::config::{self, Offline};
use crate::settings::Given;

/// So much of the end of a log is looked at.
const MOST_LOG: u64 = 8 << 20;
/// The largest document.
const MOST_DOCUMENT: u64 = 32 << 20;

/// The document, redacted, and the history, without an agent.
pub(super) fn remembered(contents: &mut Contents, given: &Given) -> Value {
    let settings = knobs::config(given);
    let written = settings.document.clone();
    match offline(settings) {
        Ok(offline) => from_layers(contents, &offline),
        Err(error) => contents.lacks("history.json", &config::chain(&error)),
    }
    document(contents, &written)
}

fn offline(settings: config::Settings) -> Result<Box<Offline>, Error> {
    if !state::is_named(&settings) || !settings.state.exists() {
        return Ok(Box::new(Offline::stateless(settings)));
    }
    match state::open(settings)? {
        Opened::Ours(offline) => Ok(offline),
        Opened::Owned => Err(anyhow::anyhow!("an agent owns the state directory").into()),
        Opened::Foreign(why) => Err(anyhow::anyhow!(why).into()),
    }
}

fn from_layers(contents: &mut Contents, offline: &Offline) {
    contents.add_json("history.json", &json!(offline.history()));
    match offline.reasons() {
        Ok(reasons) => {
            let layers = json!({ "document": reasons.document, "provenance": reasons.provenance });
            contents.add_json("layers.json", &layers);
        }
        Err(error) => contents.lacks("layers.json", &config::chain(&error)),
    }
}

/// The document in place.
fn document(contents: &mut Contents, path: &Path) -> Value {
    if path.as_os_str().is_empty() || path == Path::new("-") {
        contents.lacks("config.json", "no --out says where the document is");
        return Value::Null;
    }
    let read = read_regular(path, MOST_DOCUMENT).map_err(|error| error.to_string());
    let parsed = read.and_then(|bytes| {
        serde_json::from_slice::<Value>(&bytes).map_err(|_| "it is no JSON".to_owned())
    });
    match parsed {
        Ok(value) => {
            let document = config_merge::redact(&value);
            contents.add_json("config.json", &json!({ "document": document }));
            document
        }
        Err(why) => {
            contents.lacks("config.json", &format!("{}: {why}", path.display()));
            Value::Null
        }
    }
}

/// The last lines of the console that the agent keeps, and of the log that the document names.
pub(super) fn logs(contents: &mut Contents, given: &Given, document: &Value, lines: usize) {
    if let Some(state) = given.path("state") {
        log(contents, "logs/console.log", &state.join("console"), lines);
    }
    match named(document) {
        None => {}
        Some(Ok(path)) => log(contents, "logs/gateway.log", &path, lines),
        Some(Err(path)) => contents.lacks(
            "logs/gateway.log",
            &format!(
                "the document names {path:?}, and only an absolute path that ends in .log is read"
            ),
        ),
    }
}

/// The log that the document names. A user may name any file there: one that is no log is not read.
fn named(document: &Value) -> Option<Result<PathBuf, &str>> {
    let text = document["logging"]["file"].as_str()?;
    let path = Path::new(text);
    let is_log = path.extension().is_some_and(|kind| kind == "log");
    Some(match path.is_absolute() && is_log {
        true => Ok(path.to_path_buf()),
        false => Err(text),
    })
}

fn log(contents: &mut Contents, name: &'static str, path: &Path, lines: usize) {
    match read_tail(path, MOST_LOG) {
        Ok(bytes) => {
            let text = contents.blank.log(&String::from_utf8_lossy(&bytes));
            contents.add(name, last(&text, lines));
        }
        Err(error) if error.is_missing() && name == "logs/console.log" => {}
        Err(error) => contents.lacks(name, &error.to_string()),
    }
}

/// The last lines of a text.
fn last(text: &str, lines: usize) -> &str {
    let mut ends = text.trim_end_matches('\n').rmatch_indices('\n');
    match lines.checked_sub(1) {
        None => "",
        Some(before) => match ends.nth(before) {
            Some((at, _)) => &text[at + 1..],
            None => text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_taken() {
        for (lines, expected) in [
            (0, ""),
            (1, "c\n"),
            (2, "b\nc\n"),
            (3, "a\nb\nc\n"),
            (9, "a\nb\nc\n"),
        ] {
            assert_eq!(last("a\nb\nc\n", lines), expected);
        }
        assert_eq!(last("", 5), "");
    }

    #[test]
    fn only_a_log_is_read_as_one() {
        let named =
            |file: &str| named(&json!({"logging": {"file": file}})).map(|path| path.is_ok());
        assert_eq!(named("/var/log/gateway.log"), Some(true));
        for file in [
            "/etc/shadow",
            "gateway.log",
            "~/x.log",
            "/secrets/gateway-token",
        ] {
            assert_eq!(named(file), Some(false), "{file}");
        }
        assert_eq!(super::named(&json!({})), None);
    }
}
