//! The page of the gateway's own plugin, passed on.

use support::{Knobs, until};

use crate::{LONG, Scene};

const PAGE: &str = "# TYPE openclaw_run_completed_total counter\nopenclaw_run_completed_total 7\n";

#[test]
fn it_is_passed_on_where_that_is_switched_on_and_the_plugin_is_there() {
    let scene = Scene::with(Knobs::default(), &["--gateway-metrics", "on"]);
    let probe = scene.instance.agent.probe();
    let ask = || probe.get("/metrics/gateway");
    until("it is said that there is no plugin", LONG, || {
        ask().body.contains("diagnostics-prometheus")
    });
    let none = ask();
    assert_eq!(
        (none.status, none.json()["code"].as_str()),
        (404, Some("no_gateway_page"))
    );

    scene
        .fake
        .set(|knobs| knobs.exporter = Some(PAGE.to_owned()));
    let page = ask();
    assert_eq!((page.status, page.body.as_str()), (200, PAGE));
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );

    let huge = "x".repeat((2 << 20) + 1);
    scene.fake.set(|knobs| knobs.exporter = Some(huge));
    let refused = ask();
    assert_eq!(refused.status, 404, "{}", refused.body);

    scene.fake.kill();
    let away = ask();
    assert_eq!(
        (away.status, away.json()["code"].as_str()),
        (404, Some("no_gateway_page"))
    );
    assert!(!away.body.contains(&scene.instance.pod.gateway_token()));
}

#[test]
fn it_is_not_passed_on_by_itself() {
    let knobs = Knobs {
        exporter: Some(PAGE.to_owned()),
        ..Knobs::default()
    };
    let scene = Scene::with(knobs, &[]);
    let answer = scene.instance.agent.probe().get("/metrics/gateway");
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (404, Some("not_found"))
    );
}
