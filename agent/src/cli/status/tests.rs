//! The screen: from the samples of the wire, and from what is odd.

use agent_api::{
    CauseView, ChannelState, ChannelView, DaemonState, GatewayState, Severity, Verdict,
};

use super::*;
use crate::cli::table::shown;

fn picture() -> Picture {
    let read = |sample| serde_json::from_str(sample).unwrap();
    let sandboxes = include_str!("../../../api/samples/sandboxes_response.json");
    Picture {
        status: read(include_str!("../../../api/samples/status_response.json")),
        health: serde_json::from_str(include_str!("../../../api/samples/health_response.json"))
            .unwrap(),
        sandboxes: serde_json::from_str(sandboxes).unwrap(),
    }
}

fn pen(size: Option<(usize, usize)>, unicode: bool) -> Pen {
    Pen {
        now: "2026-11-24T08:12:34Z".parse().unwrap(),
        paint: Paint::PLAIN,
        screen: Screen { size, unicode },
    }
}

fn drawn(picture: &Picture) -> String {
    text(picture, pen(None, false))
}

fn with(change: impl FnOnce(&mut HealthResponse)) -> Picture {
    let mut picture = picture();
    change(picture.health.as_mut().unwrap());
    picture
}

#[test]
fn the_whole_pod_is_on_one_screen() {
    let expected = "\
* degraded for 10s

gateway     up 2026.9.6 for 1h12m, pid 4711
config      generation 12, proved, 1 problem(s), 2 in quarantine, paused until 2026-11-24 08:30:00
secrets     degraded: channels.telegram
agent       0.1.0 for 1h12m
sandboxes   2, 1 running; daemon up 29.0.0

causes
  degraded  channel telegram/default for 10s: not connected since 08:10:02; 3 reconnects
            the agent: restarts the account; 2 tries left in this hour

channels
  down  telegram/default  in 10s ago  out 10s ago  3 reconnects  disconnected

memory      [#######-------------]  35 %  723.9 MiB of 2.0 GiB
cpu         0.012 cores
event loop  20 ms late (99th percentile), 0.7 % busy
disk state  [########------------]  42 %  594.1 MiB free, 3.0 % of its inodes used

cures       channel restart 3 of 4 left in this hour
  10s       restart of the channel account telegram/default: its effect is not known yet (telegram/default is not connected)

last death  10s ago: oom, signal 9: killed by the kernel: its control group was out of memory (limit 2 GiB)
            it had lived 1d0h; the verdict before was degraded
            memory was at 97 % of its limit 8 s before
";
    let shown = drawn(&picture());
    assert_eq!(shown, expected, "{shown}");
}

#[test]
fn only_a_terminal_of_utf8_gets_more_than_ascii() {
    assert!(drawn(&picture()).is_ascii());
    let shown = text(&picture(), pen(None, true));
    assert!(
        shown.starts_with('●') && shown.contains("████████▍░"),
        "{shown}"
    );
}

#[test]
fn an_agent_without_a_verdict_tells_what_it_can() {
    let old = Picture {
        health: None,
        sandboxes: None,
        ..picture()
    };
    let shown = drawn(&old);
    assert!(
        shown.starts_with("* no verdict: this agent (0.1.0) is older than that\n\ngateway     up"),
        "{shown}"
    );
    for word in ["sandboxes", "causes", "memory"] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    assert!(!verdict::is_broken(&old.status, None));
    let mut absent = old;
    absent.status.gateway.state = GatewayState::Absent;
    absent.status.gateway.reason = Some("connection refused".to_owned());
    assert!(verdict::is_broken(&absent.status, None));
    let shown = drawn(&absent);
    assert!(shown.contains("gateway     absent 2026.9.6"), "{shown}");
    assert!(shown.contains(": connection refused\n"), "{shown}");
}

#[test]
fn a_gateway_without_a_process_says_how_it_ended() {
    let mut picture = picture();
    let ended = serde_json::json!({"state": "backing_off", "last_exit": {"kind": "signal", "signal": 9, "killer": {"kind": "oom"}}});
    picture.status.supervisor = Some(serde_json::from_value(ended).unwrap());
    let shown = drawn(&picture);
    assert!(
        shown.contains("its process backing off after signal 9 (out of memory)\n"),
        "{shown}"
    );
}

#[test]
fn a_healthy_pod_has_a_short_screen() {
    let mut picture = with(|health| {
        health.verdict = Verdict::Healthy;
        health.causes.clear();
        health.channels.clear();
        health.resources = Default::default();
        health.cures.budgets[0].left = 4;
        health.cures.recent.clear();
        health.last_death = None;
    });
    picture.status.secrets.degraded.clear();
    picture.sandboxes.as_mut().unwrap().daemon.state = DaemonState::Off;
    let shown = drawn(&picture);
    assert_eq!(shown.trim_end().lines().count(), 5, "{shown}");
    assert!(shown.starts_with("* healthy for 10s\n"), "{shown}");
}

#[test]
fn somebody_has_to_look_only_where_something_is_broken() {
    for (verdict, broken) in [
        (Verdict::Healthy, false),
        (Verdict::Starting, false),
        (Verdict::Draining, false),
        (Verdict::Suspended, false),
        (Verdict::Degraded, true),
        (Verdict::Failing, true),
        (Verdict::Unknown, true),
    ] {
        let picture = with(|health| health.verdict = verdict);
        let health = picture.health.as_ref();
        assert_eq!(
            verdict::is_broken(&picture.status, health),
            broken,
            "{verdict:?}"
        );
    }
}

#[test]
fn words_of_tomorrow_are_shown_as_unknown() {
    let sample = include_str!("../../../api/samples/health_response.json");
    let newer = [
        "degraded",
        "channel",
        "down",
        "act",
        "pending",
        "oom",
        "channel_restart",
    ]
    .iter()
    .fold(sample.to_owned(), |text, word| {
        text.replace(&format!(": \"{word}\""), ": \"of tomorrow\"")
    });
    let picture = Picture {
        health: Some(serde_json::from_str(&newer).unwrap()),
        ..picture()
    };
    let shown = drawn(&picture);
    for part in [
        "* in a state that this version does not know for 10s",
        "  unknown   unknown telegram/default",
        "  unknown  telegram/default",
        "cures       in a mode that this version does not know",
        "for a reason that is not known",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn text_of_strangers_neither_paints_nor_begins_lines() {
    let hostile = "\x1b[2J\x1b]0;x\x07\r\nhealthy\u{202e}\u{85}".to_owned();
    let mut picture = with(|health| {
        health.causes[0].evidence = hostile.clone();
        health.causes[0].subject = Some(hostile.clone());
        health.causes[0].remedy = Some(hostile.clone());
        health.causes[0].since = hostile.clone();
        health.channels[0].channel = hostile.clone();
        health.channels[0].account = hostile.clone();
        health.channels[0].reason = Some(hostile.clone());
        health.channels[0].last_inbound = Some(hostile.clone());
        health.resources.disks[0].volume = hostile.clone();
        health.resources.disks[0].used_ratio = f64::INFINITY;
        health.cures.recent[0].reason = hostile.clone();
        health.cures.recent[0].subject = Some(hostile.clone());
        let death = health.last_death.as_mut().unwrap();
        death.meaning = hostile.clone();
        death.evidence = vec![hostile.clone(); 100];
    });
    picture.status.version = hostile.clone();
    picture.status.gateway.version = Some(hostile.clone());
    picture.status.gateway.state = GatewayState::Refused;
    picture.status.gateway.reason = Some(hostile.clone());
    picture.status.config.paused_until = Some(hostile.clone());
    picture.status.secrets.degraded = vec![hostile.clone()];
    picture.sandboxes.as_mut().unwrap().daemon.version = Some(hostile);
    let shown = drawn(&picture);
    let harmful = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!shown.contains(harmful), "{shown:?}");
    assert!(
        !shown.lines().any(|line| line.starts_with("healthy")),
        "{shown}"
    );
    assert!(shown.lines().count() < 40, "{shown}");
}

#[test]
fn of_500_channels_and_causes_those_that_do_not_work_are_named() {
    let picture = with(|health| {
        let account = |number: usize| ChannelView {
            account: format!("a{number}"),
            state: match number {
                490.. => ChannelState::Down,
                480.. => ChannelState::Disabled,
                _ => ChannelState::Up,
            },
            ..health.channels[0].clone()
        };
        let cause = |number: usize| CauseView {
            subject: Some(format!("c{number}")),
            severity: match number {
                499 => Severity::Failing,
                _ => Severity::Notice,
            },
            remedy: None,
            ..health.causes[0].clone()
        };
        (health.channels, health.causes) = (
            (0..500).map(account).collect(),
            (0..500).map(cause).collect(),
        );
    });
    let shown = drawn(&picture);
    for number in 490..500 {
        assert!(
            shown.contains(&format!("telegram/a{number} ")),
            "{number}: {shown}"
        );
    }
    assert!(
        shown.contains("\n  and 488 more: 478 up, 10 disabled\n"),
        "{shown}"
    );
    assert!(
        shown.contains("causes\n  failing   channel c499 "),
        "{shown}"
    );
    assert!(
        shown.contains("and 480 more; --json has them all\n"),
        "{shown}"
    );
}

#[test]
fn long_evidence_wraps_on_a_narrow_terminal() {
    let long = format!("{} {}", "word ".repeat(200), "§".repeat(300));
    let picture = with(|health| health.causes[0].evidence = long.clone());
    for columns in [1, 20, 40, 80] {
        let shown = text(&picture, pen(Some((columns, 24)), true));
        let widest = shown.lines().map(super::tests::shown).max().unwrap();
        assert!(widest <= columns.max(40), "{columns}: {widest}: {shown}");
        assert_eq!(shown.matches("word").count(), 200, "{shown}");
        assert_eq!(shown.matches('§').count(), 300, "{shown}");
    }
}
