//! What a line of the gateway's log says about a document. The only place that reads its words.
//!
//! The words speed a verdict up; without them the deadlines decide.

use serde::Deserialize;

/// So much of a message is kept.
const KEPT: usize = 600;

/// Failures that say nothing about the document: the gateway reads it again.
const PASSING: [&str; 3] = [
    "GatewayDrainingError",
    "GatewayConfigReloadSupersededError",
    "changed while config hot reload was deferred",
];

/// What the gateway said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It read the document and will not have it.
    Skipped(String),
    /// It tried to apply it and could not; it goes on with the old one.
    ReloadFailed(String),
    /// It applied it.
    Applied,
    /// It restarts for it.
    Restarting,
    /// It could not start with it. The process lives on with its port closed.
    StartupFailed(String),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    message: std::borrow::Cow<'a, str>,
}

/// Reads one line of the log file.
pub fn said(line: &str) -> Option<Said> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let message = line.message.as_ref();
    let after = |head: &str| message.strip_prefix(head).map(bounded);
    if let Some(text) = after("config reload skipped (invalid config): ") {
        return Some(Said::Skipped(text));
    }
    if let Some(text) =
        after("config reload failed: ").or_else(|| after("config hot reload failed: "))
    {
        return (!PASSING.iter().any(|passing| text.contains(passing)))
            .then_some(Said::ReloadFailed(text));
    }
    if let Some(text) = after("gateway startup failed: ") {
        return Some(Said::StartupFailed(
            text.split(" Process will stay alive")
                .next()
                .unwrap_or_default()
                .to_owned(),
        ));
    }
    if message.starts_with("config hot reload applied") {
        return Some(Said::Applied);
    }
    message
        .starts_with("config change requires gateway restart")
        .then_some(Said::Restarting)
}

fn bounded(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(KEPT)
        .collect()
}

/// Why a gateway ended with exit code 78, by its last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not like the document.
    Document,
    /// Another gateway holds the state directory.
    Lock,
    /// Something else, such as a migration.
    Other,
}

/// Reads the last words of a gateway that ended with 78.
pub fn refusal(console: &str) -> Refusal {
    let has = |text: &str| console.contains(text);
    if has("another OpenClaw process owns") || has("another gateway instance is already") {
        Refusal::Lock
    } else if has("Invalid config") || has("existing config is missing") || has("config is invalid")
    {
        Refusal::Document
    } else {
        Refusal::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_the_real_gateway_writes() {
        let cases = [
            (
                "config change detected; evaluating reload (logging.level)",
                None,
            ),
            (
                "config hot reload applied (tools.exec.mode)",
                Some(Said::Applied),
            ),
            (
                "config change requires gateway restart (gateway.tls) — preparing",
                Some(Said::Restarting),
            ),
            (
                "config reload skipped (invalid config): logging.level: Invalid input",
                Some(Said::Skipped("logging.level: Invalid input".to_owned())),
            ),
            (
                "config reload failed: GatewayDrainingError: gateway is draining for restart",
                None,
            ),
            (
                "config reload failed: PluginRuntimeApplicationError: Plugin operation failed during activate: runtime secrets changed while config hot reload was deferred",
                None,
            ),
            (
                "config reload failed: SecretRefResolutionError: JSON pointer segment \\\"missing\\\" does not exist.",
                Some(Said::ReloadFailed(
                    "SecretRefResolutionError: JSON pointer segment \"missing\" does not exist."
                        .to_owned(),
                )),
            ),
            (
                "gateway startup failed: gateway tls: failed to load cert (Error: EACCES). Process will stay alive; fix the issue and restart.\\nError: at x",
                Some(Said::StartupFailed(
                    "gateway tls: failed to load cert (Error: EACCES).".to_owned(),
                )),
            ),
        ];
        for (message, expected) in cases {
            let line = format!(r#"{{"0":"x","message":"{message}","time":"t"}}"#);
            assert_eq!(said(&line), expected, "{message}");
        }
        assert_eq!(said("no json"), None);
    }

    #[test]
    fn only_the_document_is_answered_with_a_document() {
        assert_eq!(
            refusal("Gateway failed to start: Invalid config at /x"),
            Refusal::Document
        );
        assert_eq!(
            refusal("Gateway start blocked: existing config is missing gateway.mode"),
            Refusal::Document
        );
        assert_eq!(
            refusal("another OpenClaw process owns gateway-lifecycle"),
            Refusal::Lock
        );
        assert_eq!(refusal("migration failed"), Refusal::Other);
    }
}
