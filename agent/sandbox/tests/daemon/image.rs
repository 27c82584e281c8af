//! The image of sandboxes is there before anybody needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sandbox::{ImageSettings, KeeperSettings, Lack, Presence, View};

use crate::stage::{Stage, containers, quiet};
use crate::support::{Daemon, IMAGE, Version, archive};

/// A keeper that needs images, and has an archive.
fn needs(names: &[&str], archive: &Path) -> KeeperSettings {
    KeeperSettings {
        images: ImageSettings {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            archives: vec![archive.to_owned()],
            ..ImageSettings::default()
        },
        ..quiet()
    }
}

fn is(view: &View, name: &str, wanted: impl Fn(&Presence) -> bool) -> bool {
    view.images.get(name).is_some_and(wanted)
}

fn present(presence: &Presence) -> bool {
    matches!(presence, Presence::Present { .. })
}

/// Saves images to an archive, and forgets them.
async fn saved(daemon: &Daemon, names: &[&str]) -> PathBuf {
    let path = daemon.folder().join("images.tar");
    let text = path.to_str().unwrap();
    daemon
        .docker(&[&["save", "-o", text], names].concat())
        .await;
    daemon.docker(&[&["rmi", "-f"], names].concat()).await;
    path
}

async fn a_daemon_that_comes_up_empty_gets_it(version: Version) {
    let mut daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let archive = saved(&daemon, &[IMAGE]).await;
    let stage = Stage::begin(&daemon, needs(&[IMAGE], &archive));
    let there = |view: &View| is(view, IMAGE, present);
    stage.until("the image is there", there).await;
    daemon.docker(&["image", "inspect", IMAGE]).await;

    daemon.docker(&["rmi", "-f", IMAGE]).await;
    daemon.kill();
    daemon.launch();
    let began = std::time::Instant::now();
    while !daemon.try_docker(&["image", "inspect", IMAGE]).await.0 {
        assert!(began.elapsed() < crate::stage::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stage.until("the image is there", there).await;
    assert_eq!(
        containers(&daemon).await,
        BTreeSet::new(),
        "no trial is left"
    );
    stage.end().await;
}

async fn what_an_image_lacks_is_told(version: Version) {
    let daemon = Daemon::start(version);
    let cases = [
        ("lacks:nothing", "sandbox", &[][..], &[][..]),
        ("lacks:user", "0:0", &[], &[Lack::User]),
        ("lacks:python", "sandbox", &["bin/python3"], &[Lack::Python]),
        (
            "lacks:most",
            "root",
            &["bin/python3", "bin/sleep"],
            &[Lack::Sleep, Lack::Python, Lack::User],
        ),
        ("lacks:shell", "sandbox", &["bin/sh"], &[Lack::Shell]),
    ];
    for (name, user, without, _) in cases {
        daemon.import_archive(name, user, &archive(without, 0));
    }
    let names = cases.map(|(name, ..)| name);
    let stage = Stage::begin(&daemon, needs(&names, Path::new("/no/archive")));
    let all = |view: &View| view.images.len() == names.len();
    stage.until("all are looked at", all).await;
    let images = stage.handle.view().borrow().images.clone();
    for (name, _, _, wanted) in cases {
        match &images[name] {
            Presence::Present { .. } => assert_eq!(wanted, &[], "{name}"),
            Presence::Unfit { lacks, .. } => assert_eq!(wanted, lacks, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(
        containers(&daemon).await,
        BTreeSet::new(),
        "no trial is left"
    );
    stage.end().await;
}

async fn another_image_under_the_name_is_no_match(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let id = daemon
        .docker(&["image", "inspect", "-f", "{{.Id}}", IMAGE])
        .await;
    let archive_path = saved(&daemon, &[IMAGE]).await;
    // Somebody else's image has the name meanwhile.
    daemon.import_archive(IMAGE, "sandbox", &archive(&[], 1));
    let mut settings = needs(&[IMAGE, "not:there"], &archive_path);
    settings.images.pins = BTreeMap::from([(IMAGE.to_owned(), id.clone())]);
    let stage = Stage::begin(&daemon, settings);
    let there = |view: &View| is(view, IMAGE, present);
    stage
        .until("the pinned one took its name back", there)
        .await;
    let missing = |presence: &Presence| match presence {
        Presence::Missing { why } => why.contains("does not hold it"),
        _ => false,
    };
    assert!(is(&stage.handle.view().borrow(), "not:there", missing));
    stage.end().await;

    let mut settings = needs(&[IMAGE], Path::new("/no/archive"));
    let other = format!("sha256:{}", "0".repeat(64));
    settings.images.pins = BTreeMap::from([(IMAGE.to_owned(), other)]);
    let stage = Stage::begin(&daemon, settings);
    let mismatch = |presence: &Presence| *presence == Presence::Mismatch { id: id.clone() };
    stage
        .until("it is another", |view| is(view, IMAGE, mismatch))
        .await;
    stage.end().await;
}

crate::on_both!(
    a_daemon_that_comes_up_empty_gets_it,
    what_an_image_lacks_is_told,
    another_image_under_the_name_is_no_match,
);
