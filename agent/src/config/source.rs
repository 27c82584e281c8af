//! Reading the layers from where they are mounted, without trusting what lies there.
//!
//! In: paths. Out: for each layer its files, or why it could not be read. Decides nothing.

use std::collections::BTreeMap;
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
}

impl Readings {
    /// Reads everything now.
    pub fn read(settings: &Settings) -> Self {
        let layers = settings
            .layers
            .iter()
            .map(|(name, path)| (*name, read(Some(*name), path)))
            .collect();
        let locks = settings.locks.as_deref().map(|path| read(None, path));
        Self { layers, locks }
    }
}

fn read(layer: Option<LayerName>, path: &Path) -> Reading {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => directory(layer, path),
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
        Err(error) => Reading::Broken(vec![unreadable(layer, &path.display().to_string(), &error)]),
    }
}

fn directory(layer: Option<LayerName>, path: &Path) -> Reading {
    let accept = |name: &str| name.ends_with(".json5") || name.ends_with(".json");
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
            Err((name, error)) => problems.push(unreadable(layer, &name, &error)),
        }
    }
    if problems.is_empty() {
        Reading::Files(sources)
    } else {
        Reading::Broken(problems)
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
