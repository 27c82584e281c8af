//! A container that the daemon cannot remove: said once, tried again later, and at once by who asks.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use sandbox::{Id, KeeperSettings, Meaning, Mode, Reason, Request, View};

use crate::stage::{Stage, containers, quiet, sandbox, zero};
use crate::support::{Daemon, IMAGE, Version};

/// A file of the daemon's that nobody may remove. Dropped, it may be.
struct Nailed(PathBuf);

impl Nailed {
    fn of(daemon: &Daemon, id: Id) -> Self {
        let folder = daemon.folder().join("data/containers").join(id.to_string());
        let file = folder.join("nailed");
        std::fs::write(&file, "").unwrap();
        flag("+i", &file);
        Self(file)
    }
}

impl Drop for Nailed {
    fn drop(&mut self) {
        flag("-i", &self.0);
    }
}

fn flag(flag: &str, file: &std::path::Path) {
    let status = Command::new("chattr").arg(flag).arg(file).status();
    assert!(
        status.unwrap().success(),
        "chattr {flag} {}",
        file.display()
    );
}

async fn what_would_not_go_is_tried_again(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let id = sandbox(&daemon, "stuck", &[]).await;
    let nailed = Nailed::of(&daemon, id);
    let settings = KeeperSettings {
        limits: zero(),
        mode: Mode::Real,
        pass_every: Duration::from_millis(300),
        ..quiet()
    };
    let stage = Stage::begin(&daemon, settings);
    let failed = |view: &View| {
        view.last_pass
            .as_ref()
            .is_some_and(|pass| pass.failures == 1)
    };
    stage.until("it would not go", failed).await;
    // Passes that nobody asked for leave it, and say so.
    let waits = |view: &View| {
        let pass = view.last_pass.as_ref();
        pass.is_some_and(|pass| pass.failures == 0 && pass.stayed.len() == 1)
    };
    stage.until("it is tried again later", waits).await;

    let request = Request::default();
    let dry = stage.handle.pass(Mode::Dry, request).await.unwrap();
    assert_eq!(dry.decided.len(), 1, "{dry:#?}");
    let asked = stage.handle.pass(Mode::Real, request).await.unwrap();
    assert_eq!((asked.failures, asked.kept), (1, 1), "{asked:#?}");
    assert_eq!(asked.failed[0].meaning, Meaning::Failed, "{asked:#?}");
    assert_eq!(containers(&daemon).await, [id].into());

    drop(nailed);
    let asked = stage.handle.pass(Mode::Real, request).await.unwrap();
    assert_eq!(asked.failures, 0, "{asked:#?}");
    let reasons: Vec<Reason> = asked.removed.keys().map(|(_, reason)| *reason).collect();
    assert_eq!(reasons.len(), 1, "{asked:#?}");
    assert!(containers(&daemon).await.is_empty());
    stage.end().await;
}

crate::on_both!(what_would_not_go_is_tried_again);
