//! A disk that fills: images are given up before sandboxes, dead ones before idle ones, live ones never.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox::{
    Disk, ImageLimits, Limits, Mode, PassReport, Past, PrunerSettings, Reason, Request, Step,
};

use crate::stage::{Stage, containers, quiet, sandbox};
use crate::support::{Daemon, IMAGE, Version, archive, unmount_below};

/// A small disk of its own in memory.
struct SmallDisk {
    folder: tempfile::TempDir,
}

const DISK: u64 = 512 << 20;

/// What each thing takes that may go.
const PIECE: usize = 64 << 20;

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::Builder::new().prefix("sbx-d-").tempdir().unwrap();
        let options = format!("size={DISK}");
        nix::mount::mount(
            Some("tmpfs"),
            folder.path(),
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it up to so many percent with something of others.
    fn fill(&self, percent: u64) {
        let filler = self.path().join("filler");
        let _ = fs::remove_file(&filler);
        let used = Disk::read(self.path()).unwrap().bytes.used;
        let wanted = (DISK * percent / 100).saturating_sub(used);
        fs::write(filler, vec![1; usize::try_from(wanted).unwrap()]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount_below(self.path());
        let detach = nix::mount::MntFlags::MNT_DETACH;
        nix::mount::umount2(self.path(), detach).unwrap();
    }
}

/// What went, as kind and reason.
fn went(report: &PassReport) -> Vec<(&'static str, Reason)> {
    assert_eq!(report.failures, 0, "{report:#?}");
    report.removed.keys().copied().collect()
}

async fn what_is_cheapest_to_lose_goes_first(version: Version) {
    let disk = SmallDisk::mount();
    let data: PathBuf = disk.path().join("data");
    fs::create_dir(&data).unwrap();
    let daemon = Daemon::start_at(version, Some(&data));
    daemon.import(IMAGE);
    let write = format!("head -c {PIECE} /dev/zero > /written");
    let mut ids = Vec::new();
    for name in ["dead", "idle", "live"] {
        ids.push(sandbox(&daemon, name, &["-u", "0"]).await);
        daemon.docker(&["exec", name, "sh", "-c", &write]).await;
    }
    let (dead, idle, live) = (ids[0], ids[1], ids[2]);
    daemon.docker(&["kill", "dead"]).await;
    let exec = daemon.exec("live").await.unwrap();

    let settings = sandbox::KeeperSettings {
        limits: Limits {
            live_after: Duration::ZERO,
            creating_grace: Duration::ZERO,
            images: ImageLimits::default(),
            ..Limits::default()
        },
        pruner: PrunerSettings {
            // One look at the disk after each.
            in_flight: 1,
            ..quiet().pruner
        },
        data_root: Some(data.clone()),
        ..quiet()
    };
    let stage = Stage::with(&daemon.socket(), settings, None, Past::none());
    stage.until_ids(&[dead, idle, live].into()).await;
    *stage.gateway.images.lock().unwrap() = Some([IMAGE.to_owned()].into());
    stage.until_looked_at(IMAGE).await;
    let pass = || async {
        let pass = stage.handle.pass(Mode::Real, Request::default());
        pass.await.unwrap()
    };
    // No event of a container tells of it.
    daemon.import_archive("openclaw-sandbox:old", "sandbox", &archive(&[], PIECE));
    disk.fill(60);
    assert_eq!(went(&pass().await), [], "there is room");

    disk.fill(92);
    let report = pass().await;
    assert_eq!(report.step, Step::Strict);
    let ended = report.decided.iter();
    assert!(
        ended.clone().any(|r| r.reason == Reason::Exited),
        "{report:#?}"
    );
    assert_eq!(went(&report), [("image", Reason::Unused)]);
    assert_eq!(containers(&daemon).await.len(), 3);

    disk.fill(92);
    let report = pass().await;
    assert_eq!(went(&report), [("container", Reason::Exited)]);
    assert!(report.bytes_freed >= PIECE as u64, "{report:#?}");
    assert_eq!(containers(&daemon).await, [idle, live].into());

    disk.fill(97);
    let report = pass().await;
    assert_eq!(report.step, Step::Critical);
    assert_eq!(went(&report), [("container", Reason::Idle)]);
    assert_eq!(containers(&daemon).await, [live].into());

    disk.fill(97);
    let report = pass().await;
    assert_eq!(went(&report), []);
    assert!(report.full_of_live, "{report:#?}");
    stage.until("it is said", |view| view.full_of_live).await;
    assert_eq!(containers(&daemon).await, [live].into());
    assert!(daemon.runs(&exec).await);
    stage.end().await;
    drop(daemon);
}

crate::on_both!(what_is_cheapest_to_lose_goes_first);
