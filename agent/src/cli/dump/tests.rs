//! What is told about an archive, and what one holds.

use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

fn file(name: &'static str, text: &str) -> File {
    File {
        name,
        text: text.to_owned(),
    }
}

#[test]
fn an_archive_holds_its_files_and_nobody_else_reads_them() {
    let files = [
        file("status.json", "{}\n"),
        file("logs/console.log", &"line\n".repeat(100_000)),
        file("problems.txt", ""),
    ];
    let packed = archive::pack(&files, Timestamp::UNIX_EPOCH).unwrap();
    assert!(packed.len() < 10_000, "{}", packed.len());
    let mut archive = tar::Archive::new(GzDecoder::new(&packed[..]));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o600);
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        found.push((name, text));
    }
    let expected = files.map(|file| (format!("pilotfish-support/{}", file.name), file.text));
    assert_eq!(found, expected);
}

#[test]
fn what_is_in_it_and_what_is_not_is_told() {
    let listed = |name, bytes| Listed { name, bytes };
    let made = Made {
        archive: "dump\x1b.tar.gz".into(),
        bytes: 2048,
        files: vec![
            listed("status.json", 12),
            listed("logs/console.log", 1 << 20),
        ],
        problems: vec!["metrics.txt: nobody answers".to_owned()],
    };
    let said = told(&made);
    for part in [
        "dump\\u{1b}.tar.gz, 2.0 KiB:\n",
        "  status.json              12 B\n",
        "  logs/console.log      1.0 MiB\n",
        "\nnot in it, or not whole:\n  metrics.txt: nobody answers\n",
        "Look into it before you send it",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
}

#[test]
fn nothing_is_added_with_a_known_secret() {
    let values = [zeroize::Zeroizing::new("correct-horse".to_owned())];
    let mut contents = Contents {
        files: Vec::new(),
        problems: Vec::new(),
        blank: Blank::new(&values),
    };
    contents.add("a", "x correct-horse y");
    contents.add_json(
        "b",
        &serde_json::json!({"correct-horse": ["Y29ycmVjdC1ob3JzZQ=="]}),
    );
    contents.lacks("c", "cannot read\ncorrect-horse");
    assert_eq!(contents.files[0].text, "x [redacted] y");
    assert!(
        contents.files[1]
            .text
            .contains("\"[redacted]\": [\n    \"[redacted]")
    );
    assert_eq!(contents.problems, ["c: cannot read\\n[redacted]"]);
}
