//! A state directory that lost what it held: the engine lives, says what is gone, and takes what is put again.

use std::fs;
use std::path::Path;

use agent_api::{ConfigState, ConfigView, LayerStatus, Outcome, PutUserResponse};
use axum::http::Method;

use super::stage::Stage;

fn lose_the_blobs(dir: &Path) {
    for blob in fs::read_dir(dir.join("state/blobs")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
}

fn spoil_the_blobs(dir: &Path) {
    for blob in fs::read_dir(dir.join("state/blobs")).unwrap() {
        fs::write(blob.unwrap().path(), "spoilt").unwrap();
    }
}

fn break_the_base(dir: &Path) {
    fs::write(dir.join("base.json5"), "{ level: ").unwrap();
}

/// What an engine that has nothing valid says.
async fn refused(stage: &mut Stage) -> ConfigView {
    stage.run();
    loop {
        let view: ConfigView = stage.read("/v1/config").await.json();
        if view.state != ConfigState::Starting {
            return view;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_broken_layer_whose_last_good_is_lost_is_told_and_ends_nothing() {
    for lose in [lose_the_blobs, spoil_the_blobs] {
        let stage = Stage::started().await;
        let mut stage = stage
            .reborn(|dir| {
                lose(dir);
                break_the_base(dir);
            })
            .await;
        let view = refused(&mut stage).await;
        assert_eq!(view.state, ConfigState::Refused);
        let base = view
            .layers
            .iter()
            .find(|layer| layer.name == "base")
            .unwrap();
        assert_eq!(base.status, LayerStatus::Absent);
        let kinds: Vec<&str> = base.problems.iter().map(|p| p.kind.as_str()).collect();
        assert!(kinds.contains(&"syntax"), "{kinds:?}");
        let lost = base.problems.iter().find(|p| p.kind != "syntax").unwrap();
        assert!(lost.message.contains("state/blobs/"), "{}", lost.message);
        let probe = stage.probe(Method::GET, "/startupz").await;
        assert_eq!(probe.status, 503);
    }
}

#[tokio::test]
async fn layers_that_are_whole_need_no_last_good() {
    let stage = Stage::started().await;
    let mut stage = stage.reborn(lose_the_blobs).await;
    stage.start().await;
    let view: ConfigView = stage.read("/v1/config").await.json();
    assert_eq!(view.document["level"], "info");
}

#[tokio::test]
async fn a_user_layer_that_is_lost_is_missed_until_it_is_put_again() {
    let stage = Stage::started().await;
    let put = stage.put("?wait=settled", "{ level: 'debug' }").await;
    assert_eq!(put.status, 200);
    let mut stage = stage.reborn(lose_the_blobs).await;
    let view = refused(&mut stage).await;
    let user = view
        .layers
        .iter()
        .find(|layer| layer.name == "user")
        .unwrap();
    assert_eq!(user.status, LayerStatus::Absent);
    assert_eq!(user.problems.len(), 1);

    let put = stage.put("?wait=settled", "{ level: 'warn' }").await;
    let put: PutUserResponse = put.json();
    assert_eq!(put.report.outcome, Outcome::Proved);
    let view: ConfigView = stage.read("/v1/config").await.json();
    assert_eq!(view.document["level"], "warn");
    assert_eq!(stage.probe(Method::GET, "/startupz").await.status, 200);
}
