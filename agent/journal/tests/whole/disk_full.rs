//! A full disk: what fits into memory waits, the rest is a gap, and nothing that was written is lost.

use std::fs;
use std::path::Path;

use journal::{Error, Gap, Settings};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use crate::stage::{Running, numbers, texts};

/// A file system of 128 KB, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test mounts a tmpfs and must run as root"
        );
        let dir = TempDir::new().unwrap();
        let kind = Some("tmpfs");
        let size = Some("size=128k");
        mount(kind, dir.path(), kind, MsFlags::empty(), size)
            .expect("this test must be allowed to mount a tmpfs");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let ballast = self.path().join("ballast");
        let error = fs::write(ballast, [0; 256 * 1024]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings::new(self.path().join("journal"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

/// Longer than what the file's last page has left, so that it cannot be written.
fn long(number: u64) -> String {
    format!("{number}{}", "x".repeat(100))
}

#[tokio::test]
async fn what_waits_is_written_when_there_is_room() {
    let disk = SmallDisk::mount();
    let running = Running::new(disk.settings());
    running.write(["before"]).await;
    disk.fill();
    for number in 0..300 {
        running.handle.record(&long(number));
    }
    let error = running.handle.flushed().await.unwrap_err();
    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    let next = running.page(None).await.next;
    let refused = running.handle.ack(next).await.unwrap_err();
    assert!(matches!(refused, Error::Unwritable { .. }), "{refused}");
    let view = running.view();
    assert_eq!((view.waiting, view.lost, view.newest), (256, 44, 1));
    assert!(view.writable.unwrap_err().contains("No space left"));
    // What is there can be read, and nothing that a crash would take back.
    assert_eq!(texts(&running.page(None).await.entries), ["before"]);
    running.handle.record(&long(300));
    let mut view = running.handle.view();
    view.wait_for(|view| view.lost == 45).await.unwrap();

    disk.free();
    view.wait_for(|view| view.writable.is_ok()).await.unwrap();
    running.write(["after"]).await;
    let (entries, gaps) = running.all(None).await;
    let expected = [Vec::from_iter(1..=257), vec![303]].concat();
    assert_eq!(numbers(&entries), expected);
    assert_eq!(entries[1].payload, long(0));
    assert_eq!(gaps, [Gap::Numbers { from: 258, to: 302 }]);
    assert_eq!(running.metric("pilotfish_journal_lost_total"), 45);
    running.stop().await;

    let again = Running::new(disk.settings());
    assert_eq!(again.all(None).await, (entries, gaps));
    again.stop().await;
}

#[tokio::test]
async fn a_start_on_a_full_disk_reads_and_waits() {
    let disk = SmallDisk::mount();
    let first = Running::new(disk.settings());
    // Up to the end of a page, so that no byte fits behind it.
    let path = disk.path().join("journal");
    first.write([long(1)]).await;
    let last = 4096 - fs::metadata(&path).unwrap().len() as usize;
    let around = 18 + r#"{"entry":{"number":2,"at":1700000000000,"payload":""}}"#.len();
    first.write(["y".repeat(last - around)]).await;
    assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
    let id = first.view().id;
    first.stop().await;
    disk.fill();

    let second = Running::new(disk.settings());
    assert!(second.view().writable.is_err());
    let page = second.page(None).await;
    assert_eq!((numbers(&page.entries), page.id), (vec![1, 2], id));
    second.handle.record(&"waits".to_owned());
    disk.free();
    let mut view = second.handle.view();
    view.wait_for(|view| view.writable.is_ok()).await.unwrap();
    let page = second.page(Some(page.next)).await;
    assert_eq!(texts(&page.entries), ["waits"]);
    assert_ne!(page.id, id);
    second.stop().await;
}

#[tokio::test]
async fn a_full_file_on_a_full_disk_stays_as_it_is_until_there_is_room() {
    let disk = SmallDisk::mount();
    let mut settings = disk.settings();
    settings.max_bytes = 32 * 1024;
    let running = Running::new(settings);
    let mut number = 0;
    while running.view().bytes < 31 * 1024 {
        number += 1;
        running.write([long(number)]).await;
    }
    disk.fill();
    for more in 1..=20 {
        running.handle.record(&long(number + more));
    }
    // There is room for none of them without a rewrite, and no room for that.
    running.handle.flushed().await.unwrap_err();
    let view = running.view();
    assert_eq!(
        (view.newest, view.oldest, view.waiting),
        (number, Some(1), 20)
    );
    let before = running.all(None).await;
    assert_eq!(numbers(&before.0), Vec::from_iter(1..=number));

    disk.free();
    let mut view = running.handle.view();
    view.wait_for(|view| view.writable.is_ok()).await.unwrap();
    let (entries, gaps) = running.all(None).await;
    let oldest = entries[0].number;
    assert_eq!(numbers(&entries), Vec::from_iter(oldest..=number + 20));
    assert_eq!(
        gaps,
        [Gap::Numbers {
            from: 1,
            to: oldest - 1
        }]
    );
    let mut kept = entries.iter();
    assert!(kept.all(|entry| entry.payload == long(entry.number)));
    running.stop().await;
}
