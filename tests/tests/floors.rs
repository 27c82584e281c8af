//! Who imports whom: the floors of ARCHITECTURE.md, held against manifests and `use` lines.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use support::repository;

/// Folder, package, floor. A crate imports lower floors only.
const CRATES: &[(&str, &str, u8)] = &[
    ("agent/api", "agent-api", 0),
    ("agent/merge", "config-merge", 0),
    ("agent/service", "service", 0),
    ("agent/durable", "durable", 0),
    ("agent/watch", "watch", 0),
    ("agent/openclaw", "openclaw", 0),
    ("agent/cgroup", "cgroup", 0),
    ("agent/health", "health", 0),
    ("agent/supervisor", "supervisor", 1),
    ("agent/journal", "journal", 1),
    ("agent/sandbox", "sandbox", 1),
    ("agent/guard", "guard", 1),
    ("agent", "pilotfish-agent", 2),
    ("tests", "tests", 3),
];

/// The rooms of the agent, lowest first: a room names lower rooms only.
const ROOMS: &[&str] = &[
    "settings",
    "config",
    "secrets",
    "gateway",
    "sandbox",
    "operations",
    "journal",
    "health",
    "usage",
    "http",
    "app",
    "cli",
];

/// A crate of ours, and the only places of the agent that may name it.
const NAMED_BY: &[(&str, &[&str])] = &[
    // `secrets/token.rs` has the type that hides a token.
    (
        "openclaw",
        &[
            "gateway/",
            "app.rs",
            "secrets/token.rs",
            "sandbox/",
            "operations/linked.rs",
            "health/",
            "usage/",
        ],
    ),
    (
        "supervisor",
        &[
            "gateway/child.rs",
            "app.rs",
            "http/status.rs",
            "cli/supervise.rs",
            "cli/mod.rs",
            "health/",
            "usage/",
        ],
    ),
    ("axum", &["http/", "app.rs"]),
    (
        "sandbox",
        &[
            "sandbox/",
            "journal/told.rs",
            "operations/observer.rs",
            "health/",
            "app.rs",
            "http/sandbox",
            "http/error.rs",
            "cli/sandbox_knobs.rs",
        ],
    ),
    (
        "guard",
        &["sandbox/", "cli/sandbox_knobs.rs", "cli/supervise.rs"],
    ),
    (
        "clap",
        &[
            "cli/",
            "settings/mod.rs",
            "config/settings.rs",
            "sandbox/settings.rs",
            "gateway/mod.rs",
            "health/settings.rs",
        ],
    ),
    // The room of the same name is named by those who join and show it.
    (
        "health",
        &[
            "health/",
            "app.rs",
            "http/health.rs",
            "http/routes.rs",
            "cli/usage_knobs.rs",
        ],
    ),
];

#[test]
fn every_crate_of_the_workspace_has_its_floor() {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap();
    let members = members.split(']').next().unwrap();
    let mut members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    let mut known: Vec<&str> = CRATES.iter().map(|(folder, ..)| *folder).collect();
    members.sort_unstable();
    known.sort_unstable();
    assert_eq!(members, known);
}

#[test]
fn a_crate_imports_lower_floors_only() {
    for (folder, package, floor) in CRATES {
        let manifest = fs::read_to_string(repository().join(folder).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"{package}\"")),
            "{folder} is not {package}"
        );
        for (_, other, below) in CRATES {
            let imports = manifest.lines().any(|line| {
                line.split(['.', ' ', '=']).next() == Some(other) && line.contains("workspace")
            });
            assert!(
                !imports || below < floor,
                "{package} (floor {floor}) imports {other} (floor {below})"
            );
        }
    }
}

#[test]
fn a_room_of_the_agent_names_lower_rooms_only() {
    for (file, code) in agent() {
        let room = room(&file);
        let Some(own) = ROOMS.iter().position(|known| *known == room) else {
            assert!(
                ["lib", "main"].contains(&room.as_str()),
                "no such room: {file}"
            );
            continue;
        };
        for (above, name) in ROOMS.iter().enumerate().skip(own + 1) {
            let names = names_room(&code, name);
            assert!(!names, "{file} (room {own}) names {name} (room {above})");
        }
        let top = file.split('/').count() == 2 && file.ends_with("/mod.rs");
        let root = top && code.contains("super::");
        assert!(!root, "{file} reaches into the crate's root past this test");
    }
}

#[test]
fn only_few_files_name_a_foreign_engine() {
    for (name, allowed) in NAMED_BY {
        let mut users = 0;
        for (file, code) in agent() {
            if !names_crate(&code, name) {
                continue;
            }
            users += 1;
            assert!(
                allowed.iter().any(|place| file.starts_with(place)),
                "{file} names {name}; only these may: {allowed:?}"
            );
        }
        assert!(users > 0, "nobody names {name}: is this rule still needed?");
    }
}

/// What is told of a pod depends on what is passed in, and on no clock: one set back changes nothing.
#[test]
fn the_truth_about_a_pod_does_no_io_and_reads_no_clock() {
    for (file, code) in files("agent/health/src") {
        for word in [
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "Instant",
            "SystemTime",
            "tokio",
            "SIGUSR1",
        ] {
            assert!(!code.contains(word), "{file} names {word}");
        }
    }
}

/// Who speaks to the daemon is one folder, so that another engine is another folder.
#[test]
fn one_folder_names_the_daemon_s_client() {
    let mut users = 0;
    for crate_folder in ["agent/sandbox/src", "agent/guard/src", "agent/src"] {
        for (file, code) in files(crate_folder) {
            if names_crate(&code, "bollard") {
                let place = format!("{crate_folder}/{file}");
                assert!(place.starts_with("agent/sandbox/src/docker/"), "{place}");
                users += 1;
            }
        }
    }
    assert!(users > 0);
}

/// Pure code does no IO and knows no clock.
#[test]
fn the_merge_does_no_io() {
    for (file, code) in files("agent/merge/src") {
        for word in [
            "std::fs",
            "std::net",
            "std::time",
            "std::process",
            "std::env",
            "tokio",
        ] {
            assert!(!code.contains(word), "{file} names {word}");
        }
    }
}

/// Whether some `crate::` path of this code, alone or in braces, goes through this room.
fn names_room(code: &str, name: &str) -> bool {
    let word = |c: char| !c.is_alphanumeric() && c != '_';
    code.split("crate::").skip(1).any(|rest| {
        let group = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split(';').next());
        match group {
            Some(group) => group.split(word).any(|found| found == name),
            None => rest.split(word).next() == Some(name),
        }
    })
}

/// Whether some path of this code goes through this crate, and not through a room of its name.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && before != '_' && !code[..at].ends_with("crate::")
    })
}

fn agent() -> BTreeMap<String, String> {
    files("agent/src")
}

/// The room of a file: its first folder, or its own name.
fn room(file: &str) -> String {
    let first = file.split('/').next().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The files below a folder, by their path there, without comments and without tests.
fn files(folder: &str) -> BTreeMap<String, String> {
    let root = repository().join(folder);
    let mut found = Vec::new();
    gather(&root, &mut found);
    assert!(!found.is_empty());
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap();
        (name.display().to_string(), code(&path))
    };
    found.into_iter().map(named).collect()
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            gather(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_path_is_found_alone_and_in_braces() {
    for (code, named) in [
        ("use crate::http::Status;", true),
        ("use crate::{config, http::{Status}};", true),
        ("use crate::config::http;", false),
        ("use crate::{config};\nuse http::Uri;", false),
        ("use crate::https;", false),
    ] {
        assert_eq!(names_room(code, "http"), named, "{code}");
    }
    assert!(names_crate("fn f(x: openclaw::Error) {}", "openclaw"));
    assert!(names_crate("use ::openclaw::Error;", "openclaw"));
    assert!(!names_crate("use my_openclaw::Error;", "openclaw"));
    assert!(!names_crate("use crate::sandbox::Owner;", "sandbox"));
}
