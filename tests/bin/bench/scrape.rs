//! What one reading of a full page of metrics costs whoever serves it.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Fake, Instance, Knobs, Pod, live_account, until};

use crate::figure::Figure;
use crate::process::Count;
use crate::rounds::Rounds;
use crate::scraped::{Exporter, Scraper};

/// So many readings are counted together: the kernel counts threads that run in steps.
const BATCH: usize = 50;

/// Node's compiler is done by then.
const WARM: usize = 500;

/// Names that strangers may bring, of each kind.
const NAMES: usize = 40;

const CHANNELS: [&str; 12] = [
    "discord", "feishu", "irc", "line", "matrix", "msteams", "signal", "slack", "telegram",
    "twitch", "whatsapp", "zalo",
];

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

/// Who is scraped.
struct Served {
    pid: i32,
    scraper: Scraper,
    batches: Vec<f64>,
}

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let (instance, _fake) = full();
    let page = Scraper::of(instance.pod.ports.probe).page();
    let place = Pod::new();
    let node = Exporter::prom_client(&place, &page);
    let machine = Exporter::node_exporter(&place);
    let mut ours = Served::new(instance.agent.pid(), instance.pod.ports.probe);
    let mut theirs = Served::new(node.pid(), node.port());
    let mut other = Served::new(machine.pid(), machine.port());
    let (count, same) = (series(&page), series(&theirs.scraper.page()));
    for _ in 0..rounds.gateway() {
        for served in [&mut ours, &mut theirs, &mut other] {
            served.batch();
        }
    }
    let name = |page: &str| format!("CPU of a scrape of {} series", series(page));
    let machine_page = other.scraper.page();
    vec![
        Figure::new(name(&page), ours.median(), "us")
            .beside("prom-client on Node", theirs.median())
            .at_most(150.0)
            .at_most_times(1.0)
            .note(format!(
                "{count} and {same} series, {} KB; batches of {BATCH} over one connection",
                page.len() / 1000
            )),
        Figure::new(name(&page), ours.median(), "us")
            .beside("node_exporter", other.median())
            .note(format!(
                "that reads the machine's figures anew: {} series, {} KB",
                series(&machine_page),
                machine_page.len() / 1000
            )),
    ]
}

impl Served {
    fn new(pid: i32, port: u16) -> Self {
        let mut scraper = Scraper::of(port);
        for _ in 0..WARM {
            scraper.page();
        }
        Self {
            pid,
            scraper,
            batches: Vec::new(),
        }
    }

    fn batch(&mut self) {
        // The connection must live, and nobody keeps a silent one for long.
        let before = Count::of(self.pid);
        for _ in 0..BATCH {
            self.scraper.page();
        }
        let work = before.work(self.pid);
        self.batches.push(work.cpu * 1e6 / BATCH as f64);
    }

    /// Microseconds of one reading.
    fn median(&self) -> f64 {
        let mut sorted = self.batches.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

fn series(page: &str) -> usize {
    let samples = |line: &&str| !line.is_empty() && !line.starts_with('#');
    page.lines().filter(samples).count()
}

/// An agent whose page has all that it may show, beside a fake gateway that tells of everything.
fn full() -> (Instance, Fake) {
    let socket = ["--docker-socket", "/nowhere/docker.sock", "--guard", "off"];
    let mut more = vec!["--probation", "500ms", "--protection", "switch"];
    more.extend(PLAN.iter().chain(&socket));
    let instance = Instance::alone(Pod::new(), &more);
    instance.document_in_place();
    let knobs = Knobs {
        token: instance.pod.gateway_token(),
        ..everything()
    };
    let fake = Fake::start(&instance.pod.document(), instance.pod.ports.gateway, knobs);
    let shown = "openclaw_llm_tokens_total{model=\"other\"";
    until("the page is full", Duration::from_secs(120), || {
        let page = instance.agent.probe().get("/metrics").body;
        page.contains(shown) && page.contains("openclaw_channel_up{channel=\"zalo\"}")
    });
    (instance, fake)
}

fn everything() -> Knobs {
    let provider = |n: usize| format!("provider-{}", n % 20);
    let model = |n: usize| format!("model {n}");
    let call = |n: usize| json!({ "type": "model.call.completed", "provider": provider(n), "model": model(n), "durationMs": 700 });
    let failure = |n: usize| json!({ "type": "model.call.error", "provider": provider(n), "model": model(n) });
    let done = |channel: &str| json!({ "type": "webhook.processed", "channel": channel, "durationMs": 70 });
    let failed = |channel: &str| json!({ "type": "webhook.error", "channel": channel });
    let row = |n: usize| json!({ "provider": provider(n), "model": model(n), "count": 1, "totals": { "input": n, "output": 1, "totalCost": 0.5 } });
    let calls = (0..NAMES).flat_map(|n| [call(n), failure(n)]);
    let hooks = CHANNELS
        .into_iter()
        .flat_map(|name| [done(name), failed(name)]);
    let alive = |name: &str| (name.to_owned(), vec![live_account("default")]);
    Knobs {
        diagnostics: calls.chain(hooks).collect::<Vec<Value>>(),
        usage: (0..NAMES).map(row).collect(),
        channels: CHANNELS.into_iter().map(alive).collect(),
        sessions: 3,
        active_runs: 1,
        ..Knobs::default()
    }
}
