//! Ten thousand scrapes while the gateway restarts again and again.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Knobs, live_account, promtool};

use crate::scene::{beside, verdict};

const SCRAPES: usize = 10_000;
const SCRAPERS: usize = 4;

/// The families of a page, by their help.
fn families(page: &str) -> Vec<&str> {
    let help = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    help.filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn every_page_is_whole_while_the_gateway_restarts() {
    let knobs = Knobs {
        channels: [("telegram".to_owned(), vec![live_account("default")])].into(),
        ..Knobs::default()
    };
    let (instance, fake) = beside(knobs, &[]);
    verdict(&instance, "healthy");
    let probe = instance.agent.probe();
    let first = probe.get("/metrics").body;
    let known = families(&first);
    assert!(known.contains(&"pilotfish_health_verdict"), "{known:?}");
    let scraped = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SCRAPERS {
            scope.spawn(|| {
                while scraped.fetch_add(1, Ordering::Relaxed) < SCRAPES {
                    let page = probe.get("/metrics");
                    assert_eq!(page.status, 200);
                    let body = page.body;
                    assert!(body.ends_with('\n'), "cut off: {body}");
                    assert_eq!(families(&body), known, "another page");
                }
            });
        }
        let mut restarts = 0;
        while scraped.load(Ordering::Relaxed) < SCRAPES {
            fake.restart();
            restarts += 1;
            std::thread::sleep(Duration::from_millis(700));
        }
        assert!(restarts > 1);
    });
    verdict(&instance, "healthy");
    let file = instance.pod.path("page.txt");
    fs::write(&file, probe.get("/metrics").body).unwrap();
    let checked = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}
