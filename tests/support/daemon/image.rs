//! The sandbox's image in a test daemon: built with the shipped Dockerfile on what `tests/setup.sh` made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::Daemon;
use crate::{cache, repository};

/// The sandbox's image by the name that the shipped configuration uses.
pub const SANDBOX_IMAGE: &str = "openclaw-sandbox:bookworm-slim";

/// What it is built on here.
pub const SANDBOX_BASE: &str = "pilotfish-test-base:latest";

impl Daemon {
    /// Brings the sandbox's image into the daemon; quick, from an archive in the cache.
    pub fn load_sandbox_image(&self) {
        self.docker(&["load", "--quiet", "--input", text(&self.sandbox_archive())]);
    }

    /// An archive of the sandbox's image, as `docker load` takes it. Made once, with this daemon, and kept in the cache.
    #[must_use]
    pub fn sandbox_archive(&self) -> PathBuf {
        let archive = cache::folder().join(format!("sandbox-image-{}.tar", fingerprint()));
        let lock = File::create(archive.with_extension("lock")).unwrap();
        let _lock = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, why)| why)
            .unwrap();
        if !archive.is_file() {
            let part = archive.with_extension("part");
            self.build_sandbox_image();
            self.docker(&["save", "--output", text(&part), SANDBOX_IMAGE]);
            fs::rename(part, &archive).unwrap();
        }
        archive
    }

    /// Builds the sandbox's image in the daemon, without a network: what the builder printed.
    pub fn build_sandbox_image(&self) -> String {
        self.docker(&["import", text(&root_archive()), SANDBOX_BASE]);
        let base = format!("BASE={SANDBOX_BASE}");
        let source = source();
        self.docker(&[
            "build",
            "--network",
            "none",
            "--build-arg",
            &base,
            "--tag",
            SANDBOX_IMAGE,
            text(&source),
        ])
    }
}

/// The folder of the image that is shipped.
fn source() -> PathBuf {
    repository().join("images/sandbox")
}

/// A root file system with python3, as debootstrap made it.
fn root_archive() -> PathBuf {
    let archive = cache::folder().join("sandbox-root-bookworm.tar");
    assert!(
        archive.is_file(),
        "{} is missing: run `make test` or tests/setup.sh",
        archive.display()
    );
    archive
}

/// Changes with the Dockerfile and with the base.
fn fingerprint() -> String {
    let base = fs::metadata(root_archive()).unwrap();
    let mut hash = Sha256::new();
    hash.update(fs::read(source().join("Dockerfile")).unwrap());
    hash.update(format!("{}{:?}", base.len(), base.modified().unwrap()));
    let digest = hash.finalize();
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the cache folder has a name in UTF-8")
}
