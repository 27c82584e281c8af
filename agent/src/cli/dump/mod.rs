//! `support-dump`: one archive that a stranger can help with, and that holds no secret that is known here.
//!
//! In: the agent's answers, and the files that the settings name. Out: a file of 0600. Every text goes through a [`Blank`]
//! first; what could not be had is told in the archive itself.

mod archive;
mod blank;
mod files;
mod gather;
mod headers;
mod known;
mod needles;
mod pem;
mod phones;
mod versions;

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use durable::{Target, Written};
use jiff::Timestamp;
use serde::Serialize;

use super::answer::Answer;
use super::error::Error;
use super::figures::amount;
use super::paint::plain;
use super::{knobs, way};
use blank::Blank;
use known::Known;

/// What goes into the archive, in its order.
struct Contents {
    files: Vec<File>,
    problems: Vec<String>,
    blank: Blank,
}

/// One file of the archive.
struct File {
    name: &'static str,
    text: String,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Made {
    archive: PathBuf,
    bytes: usize,
    files: Vec<Listed>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    bytes: usize,
}

impl Contents {
    /// Takes a text that is already without secrets of its own kind; those that are known are looked for once more.
    fn add(&mut self, name: &'static str, text: &str) {
        let text = self.blank.last_look(text);
        self.files.push(File { name, text });
    }

    /// Takes a value, each text of it blanked.
    fn add_json(&mut self, name: &'static str, value: &serde_json::Value) {
        let value = self.blank.value(value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        self.add(name, &format!("{text}\n"));
    }

    /// Notes what is missing.
    fn lacks(&mut self, what: &str, why: &str) {
        let why = self.blank.text(&plain(why));
        self.problems.push(format!("{what}: {why}"));
    }
}

/// Gathers, writes, and tells what is in it.
pub(super) fn dump(matches: &ArgMatches) -> Result<Answer, Error> {
    let now = Timestamp::now();
    let target = target(matches, now)?;
    let agent = way::agent(matches)?;
    let given = knobs::given(matches);
    let known = Known::read(&given, &[&agent.read, &agent.operate]);
    let mut contents = Contents {
        blank: Blank::new(&known.values),
        files: Vec::new(),
        problems: known.problems,
    };
    let lines = matches.get_one::<u16>("logs").copied().unwrap_or_default();
    let seen = gather::all(&mut contents, &agent, matches, &given);
    versions::add(&mut contents, &seen);
    match known.complete {
        true => files::logs(&mut contents, &given, &seen.document, lines.into()),
        false => contents.lacks(
            "logs",
            "left out, since secrets that may stand in them cannot be read; run this as the agent's user",
        ),
    }
    let problems = contents.problems.iter().map(|line| format!("{line}\n"));
    let problems: String = problems.collect();
    contents.add("problems.txt", &problems);
    write(&target, contents, now)
}

/// Where the archive goes; nothing is lost there unless that was asked for.
fn target(matches: &ArgMatches, now: Timestamp) -> Result<PathBuf, Error> {
    let told = matches.get_one::<String>("to").map(PathBuf::from);
    let path = told.unwrap_or_else(|| {
        let time = now.strftime("%Y%m%dT%H%M%SZ");
        format!("pilotfish-support-{time}.tar.gz").into()
    });
    if path.symlink_metadata().is_ok() && !matches.get_flag("force") {
        return Err(Error::Refused {
            what: format!(
                "{} is there already: give another name with --to, or --force",
                path.display()
            ),
            problems: Vec::new(),
        });
    }
    Ok(path)
}

fn write(path: &Path, contents: Contents, now: Timestamp) -> Result<Answer, Error> {
    let bytes = archive::pack(&contents.files, now)
        .map_err(|error| anyhow::anyhow!(error).context("cannot make the archive"))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let name = path.file_name().map(|name| name.to_string_lossy());
    let target = Target {
        dir: dir.unwrap_or(Path::new(".")).to_path_buf(),
        name: name.unwrap_or_default().into_owned(),
        mode: 0o600,
        owner: None,
    };
    let _: Written = target.write(&bytes).map_err(|error| {
        anyhow::anyhow!(error).context(format!("cannot write {}", path.display()))
    })?;
    let listed = |file: &File| Listed {
        name: file.name,
        bytes: file.text.len(),
    };
    let made = Made {
        archive: path.to_path_buf(),
        bytes: bytes.len(),
        files: contents.files.iter().map(listed).collect(),
        problems: contents.problems,
    };
    Ok(Answer::new(told(&made), &made))
}

fn told(made: &Made) -> String {
    let archive = plain(&made.archive.display().to_string());
    let size = amount(made.bytes.try_into().unwrap_or(u64::MAX));
    let mut text = format!("{archive}, {size}:\n");
    for file in &made.files {
        let size = amount(file.bytes.try_into().unwrap_or(u64::MAX));
        text.push_str(&format!("  {:<18} {size:>10}\n", file.name));
    }
    if !made.problems.is_empty() {
        text.push_str("\nnot in it, or not whole:\n");
    }
    for problem in &made.problems {
        text.push_str(&format!("  {problem}\n"));
    }
    text.push_str(&format!(
        "\nLook into it before you send it: tar -xzOf {archive} | less\nSecrets that are known here are blanked; what users wrote may stand in the logs.\n"
    ));
    text
}

#[cfg(test)]
mod tests;
