//! The page at its fullest, and at its emptiest.

use serde_json::{Value, json};
use support::{Instance, Knobs, Pod, live_account};

use crate::{QUICK, Scene};

/// The most that a pod shows.
const ALL: usize = 300;

/// The most that the families of health take, most of which is only there when much is wrong: see docs/metrics.md.
const HEALTH: usize = 86;

/// The families of health.
const OF_HEALTH: [&str; 6] = [
    "pilotfish_cures",
    "pilotfish_disk",
    "pilotfish_gateway_deaths",
    "pilotfish_gateway_event_loop",
    "pilotfish_gateway_up",
    "pilotfish_health",
];

/// Families of which nothing is known before there is a gateway.
const SILENT: [&str; 15] = [
    "openclaw_channel_up",
    "openclaw_llm_api_calls_total",
    "openclaw_llm_api_latency_seconds",
    "openclaw_llm_consecutive_errors",
    "openclaw_llm_cost_usd_total",
    "openclaw_llm_tokens_total",
    "openclaw_memory_index_size_bytes",
    "openclaw_pod_cpu_usage",
    "openclaw_pod_cpu_usage_seconds_total",
    "openclaw_pod_memory_usage",
    "openclaw_pod_memory_usage_bytes",
    "openclaw_sandbox_container_count",
    "openclaw_session_active_count",
    "openclaw_session_count",
    "openclaw_webhook_requests_total",
];

#[test]
fn every_family_is_named_and_nothing_is_made_up() {
    let instance = Instance::alone(Pod::new(), &QUICK);
    instance.document_in_place();
    let page = crate::page::Page::of(&instance);
    for family in SILENT {
        assert_eq!(page.family(family), [""; 0], "nothing is known of it");
        for kind in ["HELP", "TYPE"] {
            let line = format!("# {kind} {family} ");
            assert_eq!(page.text.matches(&line).count(), 1, "{line}\n{}", page.text);
        }
    }
    assert_eq!(page.family("pilotfish_build_info").len(), 1);
    page.is_well_formed();
}

/// Forty of everything, where the table has room for a few.
fn everything() -> Knobs {
    let known = [
        "discord",
        "feishu",
        "googlechat",
        "imessage",
        "irc",
        "line",
        "matrix",
        "mattermost",
        "msteams",
        "nostr",
        "signal",
        "slack",
        "sms",
        "telegram",
        "tlon",
        "twitch",
        "wecom",
        "whatsapp",
        "zalo",
        "zalouser",
    ];
    let provider = |n: usize| format!("provider-{}\n\"", n % 20);
    let model = |n: usize| format!("model {n}");
    let call = |n: usize| json!({ "type": "model.call.completed", "provider": provider(n), "model": model(n), "durationMs": 700 });
    let failure = |n: usize| json!({ "type": "model.call.error", "provider": provider(n), "model": model(n) });
    let done = |channel: &str| json!({ "type": "webhook.processed", "channel": channel, "durationMs": 70 });
    let failed = |channel: &str| json!({ "type": "webhook.error", "channel": channel });
    let row = |n: usize| json!({ "provider": provider(n), "model": model(n), "count": 1, "totals": { "input": n, "output": 1, "totalCost": 0.5 } });
    let strangers: Vec<String> = (0..20).map(|n| format!("stranger-{n}")).collect();
    let channels: Vec<&str> = known
        .into_iter()
        .chain(strangers.iter().map(String::as_str))
        .collect();
    let mut diagnostics: Vec<Value> = (0..40).flat_map(|n| [call(n), failure(n)]).collect();
    diagnostics.extend(
        channels
            .iter()
            .flat_map(|channel| [done(channel), failed(channel)]),
    );
    Knobs {
        diagnostics,
        usage: (0..40).map(row).collect(),
        channels: channels
            .iter()
            .map(|channel| ((*channel).to_owned(), vec![live_account("default")]))
            .collect(),
        sessions: 3,
        active_runs: 1,
        ..Knobs::default()
    }
}

const PLAN: [&str; 10] = [
    "--plan-tokens-per-day",
    "2000000",
    "--plan-cost-per-day",
    "2.50",
    "--plan-memory",
    "2Gi",
    "--plan-disk",
    "10Gi",
    "--memory-limit",
    "2147483648",
];

#[test]
fn a_full_page_has_at_most_three_hundred_series() {
    for with_sandboxes in [false, true] {
        let socket = ["--docker-socket", "/nowhere/docker.sock", "--guard", "off"];
        let more = if with_sandboxes {
            socket.as_slice()
        } else {
            &[]
        };
        let scene = Scene::with(everything(), &[&PLAN, more].concat());
        scene.shows("openclaw_session_count", 3.0);
        scene.fake.push_health();
        let page = scene.shows("openclaw_channel_up{channel=\"other\"}", 1.0);
        // With the guard strangers have 32 fewer, which its own test counts.
        let health = page.beginning_with(&OF_HEALTH);
        assert!(health <= HEALTH, "{health}\n{}", page.text);
        let series = page.series() - health;
        assert!(series + HEALTH <= ALL, "{series}\n{}", page.text);
        assert!(series > 100, "it is not full: {series}\n{}", page.text);
        let calls = page.family("openclaw_llm_api_calls_total");
        let sum: f64 = calls.iter().filter_map(|sample| page.value(sample)).sum();
        assert_eq!(sum, 80.0, "nothing is lost");
        let other = "openclaw_llm_tokens_total{model=\"other\",provider=\"other\",type=\"output\"}";
        assert!(page.value(other) > Some(0.0), "{}", page.text);
        assert!(
            page.value("openclaw_webhook_requests_total{platform=\"other\",status=\"error\"}")
                > Some(0.0)
        );
        assert_eq!(
            page.value("pilotfish_plan_limit{resource=\"disk_bytes\"}"),
            Some(10_737_418_240.0)
        );
        assert_eq!(
            page.value("pilotfish_plan_limit{resource=\"cost_usd_per_day\"}"),
            Some(2.5)
        );
        assert_eq!(
            page.value("pilotfish_memory_limit_bytes"),
            Some(2_147_483_648.0)
        );
        assert_eq!(
            page.value("openclaw_pod_memory_usage_bytes"),
            Some(600_000_000.0)
        );
        page.is_well_formed();
    }
}
