//! Reading the layers from where they are mounted, without trusting what lies there.
//!
//! In: paths. Out: for each layer its files, or why it could not be read. Decides nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use agent_api::ProblemView;
use config_merge::{LayerName, Source};
use durable::{read_mounted_dir, read_mounted_file};

use super::settings::Settings;

/// A file larger than this is not read: a whole document is far smaller.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// A layer with more files than this is a mistake.
const MAX_FILES: usize = 256;

/// What lies at a layer's path.
#[derive(Clone, Debug)]
pub enum Reading {
    /// Nothing is there.
    Missing,
    /// These files, in name order.
    Files(Vec<Source>),
    /// Something that cannot be read.
    Broken(Vec<ProblemView>),
}

/// What lies at all paths.
#[derive(Clone, Debug)]
pub struct Readings {
    /// By layer; a layer without a path has no entry.
    pub layers: BTreeMap<LayerName, Reading>,
    /// The locks file; none when there is no path for one.
    pub locks: Option<Reading>,
    /// Files that no layer is made of, since their names end in another way or begin with a dot. A
    /// warning, no refusal: a README takes nothing down.
    pub passed_over: Vec<ProblemView>,
}

impl Readings {
    /// Reads everything now.
    pub fn read(settings: &Settings) -> Self {
        let mut passed_over = Vec::new();
        let mut read = |layer: Option<LayerName>, path: &Path| {
            let others = RefCell::default();
            let reading = read(layer, path, &others);
            let others = others.into_inner().into_iter();
            passed_over.extend(others.map(|file| other(layer, file)));
            reading
        };
        let layers = settings
            .layers
            .iter()
            .map(|(name, path)| (*name, read(Some(*name), path)))
            .collect();
        let locks = settings.locks.as_deref().map(|path| read(None, path));
        Self {
            layers,
            locks,
            passed_over,
        }
    }
}

/// Names of files that are passed over.
type Others = RefCell<BTreeSet<String>>;

fn read(layer: Option<LayerName>, path: &Path, others: &Others) -> Reading {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => directory(layer, path, others),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Reading::Missing,
        _ => file(layer, path),
    }
}

fn file(layer: Option<LayerName>, path: &Path) -> Reading {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match read_mounted_file(path, MAX_FILE_BYTES) {
        Ok(bytes) => Reading::Files(vec![Source { file: name, bytes }]),
        Err(error) if error.is_missing() => Reading::Missing,
        Err(error) => Reading::Broken(vec![broken_file(
            layer,
            &path.display().to_string(),
            &error,
        )]),
    }
}

fn directory(layer: Option<LayerName>, path: &Path, others: &Others) -> Reading {
    hidden(path, others);
    let accept = |name: &str| {
        let ours = is_ours(name);
        if !ours && others.borrow().len() < MAX_FILES {
            others.borrow_mut().insert(name.to_owned());
        }
        ours
    };
    let outcomes = match read_mounted_dir(path, &accept, MAX_FILE_BYTES, MAX_FILES) {
        Ok(outcomes) => outcomes,
        Err(error) if error.is_missing() => return Reading::Missing,
        Err(error) => {
            return Reading::Broken(vec![unreadable(layer, &path.display().to_string(), &error)]);
        }
    };
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(found) => sources.push(Source {
                file: found.name,
                bytes: found.bytes,
            }),
            Err((name, error)) => problems.push(broken_file(layer, &name, &error)),
        }
    }
    if problems.is_empty() {
        Reading::Files(sources)
    } else {
        Reading::Broken(problems)
    }
}

/// Files that are named as a layer's are, but for a dot in front. Two dots are how Kubernetes swaps
/// a volume.
fn hidden(path: &Path, others: &Others) {
    let names = std::fs::read_dir(path).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let hidden =
        names.filter(|name| name.starts_with('.') && !name.starts_with("..") && is_ours(name));
    others.borrow_mut().extend(hidden.take(MAX_FILES));
}

fn is_ours(name: &str) -> bool {
    name.ends_with(".json5") || name.ends_with(".json")
}

fn broken_file(layer: Option<LayerName>, file: &str, error: &durable::Error) -> ProblemView {
    ProblemView {
        line: 1,
        column: 1,
        ..unreadable(layer, file, error)
    }
}

fn unreadable(layer: Option<LayerName>, file: &str, error: &durable::Error) -> ProblemView {
    let cause = std::error::Error::source(error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    ProblemView {
        layer: layer.map(|layer| layer.to_string()),
        file: file.to_owned(),
        line: 0,
        column: 0,
        path: String::new(),
        kind: error.reason().to_owned(),
        message: format!("{error}{cause}"),
        cure: "make it a readable regular file of at most 1 MiB inside the layer's directory"
            .to_owned(),
    }
}

fn other(layer: Option<LayerName>, file: String) -> ProblemView {
    let (why, cure) = if file.starts_with('.') {
        ("begins with a dot", "rename it without the dot")
    } else {
        (
            "ends in neither .json5 nor .json",
            "rename it to .json5, .json or .patch.json",
        )
    };
    ProblemView {
        layer: layer.map(|layer| layer.to_string()),
        file,
        line: 1,
        column: 1,
        path: String::new(),
        kind: "passed_over".to_owned(),
        message: format!("the file is passed over: its name {why}"),
        cure: format!("{cure}, or remove it"),
    }
}

/// The problem of a layer that is gone from its path.
pub fn missing(layer: LayerName, path: &Path) -> ProblemView {
    ProblemView {
        layer: Some(layer.to_string()),
        file: path.display().to_string(),
        line: 0,
        column: 0,
        path: String::new(),
        kind: "missing".to_owned(),
        message: format!("{} does not exist", path.display()),
        cure: "mount it again, or make it an empty directory if this layer is to say nothing"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve::Resolved;
    use crate::config::store::Store;

    fn settings(dir: &Path) -> Settings {
        Settings {
            layers: BTreeMap::from([(LayerName::User, dir.join("user"))]),
            ..Settings::beneath(dir)
        }
    }

    #[test]
    fn files_of_other_names_are_told_and_take_nothing_down() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let layer = dir.path().join("user");
        std::fs::create_dir(&layer).unwrap();
        for name in ["a.json5", "b.json", "c.patch.json"] {
            let text = if name.contains("patch") { "[]" } else { "{}" };
            std::fs::write(layer.join(name), text).unwrap();
        }
        for name in [
            "policy.yaml",
            "README.md",
            "a.json5.bak",
            ".hidden",
            ".10-policy.json5",
            "..data",
            "..2026_11_24.json5",
        ] {
            std::fs::write(layer.join(name), "no JSON5").unwrap();
        }
        let readings = Readings::read(&settings);
        let names = |told: &[ProblemView]| -> Vec<String> {
            told.iter().map(|problem| problem.file.clone()).collect()
        };
        let others = [
            ".10-policy.json5",
            "README.md",
            "a.json5.bak",
            "policy.yaml",
        ];
        assert_eq!(names(&readings.passed_over), others);
        let dotted = &readings.passed_over[0];
        assert!(dotted.message.ends_with("begins with a dot"), "{dotted:?}");
        assert_eq!((dotted.line, dotted.column), (1, 1));

        let store = Store::open(&settings.state).unwrap();
        let mut resolved = Resolved::of(&settings, &store, &readings).unwrap();
        assert!(resolved.is_whole());
        let source = Source {
            file: "user.json5".to_owned(),
            bytes: b"{ a: 1 }".to_vec(),
        };
        resolved.edited(&store, &[source], "api").unwrap();
        let view = &resolved.views[&LayerName::User];
        assert_eq!(names(&view.warnings), others, "an edit leaves them");
        assert!(view.problems.is_empty() && view.files == ["user.json5"]);
    }
}
