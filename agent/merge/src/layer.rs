//! Layers, and how their files are read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credential;
use crate::guard::{self, MAX_LAYER_BYTES};
use crate::operation::{self, Operation};
use crate::path::{Error, KeyPath};
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::scan::scan;

/// The reserved root key of a user layer; it is taken out before the merge.
const RESERVED: &str = "$pilotfish";

/// Who speaks; a later layer wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerName {
    /// The platform's defaults.
    Base,
    /// The limits of the tier.
    Plan,
    /// The user's own settings.
    User,
    /// What the gateway itself wrote, in shared mode.
    Runtime,
    /// Values that nobody below may change.
    Policy,
}

impl LayerName {
    /// Every layer, the weakest first.
    pub const ALL: [LayerName; 5] = [
        LayerName::Base,
        LayerName::Plan,
        LayerName::User,
        LayerName::Runtime,
        LayerName::Policy,
    ];

    /// Whether locks and bounds bind this layer. Base, plan and policy are the operator's own.
    #[must_use]
    pub fn is_bound(self) -> bool {
        matches!(self, LayerName::User | LayerName::Runtime)
    }

    /// The word for this layer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LayerName::Base => "base",
            LayerName::Plan => "plan",
            LayerName::User => "user",
            LayerName::Runtime => "runtime",
            LayerName::Policy => "policy",
        }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LayerName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let found = LayerName::ALL
            .into_iter()
            .find(|name| name.as_str() == text);
        found.ok_or_else(|| Error::UnknownLayer {
            name: text.to_owned(),
        })
    }
}

/// One file of a layer, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The name that messages show. `*.patch.json` is read as RFC 6902, everything else as a merge patch.
    pub file: String,
    /// What the file holds.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.file, self.bytes.len())
    }
}

/// What one file says.
#[derive(Clone)]
pub(crate) enum Body {
    /// An RFC 7386 merge patch; always an object.
    Merge(Value),
    /// The operations of an RFC 6902 patch.
    Patch(Vec<Operation>),
}

/// One parsed file.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) body: Body,
    pub(crate) positions: Positions,
}

/// One parsed layer. Debug shows names, never content.
#[derive(Clone)]
pub struct Layer {
    name: LayerName,
    files: Vec<File>,
    revision: Option<u64>,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> = self.files.iter().map(|file| file.name.as_str()).collect();
        f.debug_struct("Layer")
            .field("name", &self.name)
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

impl Layer {
    /// Reads the files of a layer, in the order given. On failure every problem of every file is told.
    ///
    /// # Errors
    /// All that is wrong with the files: limits, syntax, literal credentials, misuse of reserved keys.
    pub fn parse(name: LayerName, sources: &[Source]) -> Result<Layer, Vec<Problem>> {
        let mut layer = Layer {
            name,
            files: Vec::with_capacity(sources.len()),
            revision: None,
        };
        let mut problems: Vec<Problem> = check_size(sources).into_iter().collect();
        if problems.is_empty() {
            for source in sources {
                if let Err(found) = layer.read(source) {
                    let place = |problem: Problem| problem.within(Some(name), &source.file);
                    problems.extend(found.into_iter().map(place));
                }
            }
        } else {
            problems = problems
                .into_iter()
                .map(|problem| Problem {
                    layer: Some(name),
                    ..problem
                })
                .collect();
        }
        if problems.is_empty() {
            Ok(layer)
        } else {
            Err(problems)
        }
    }

    /// A layer of one merge patch that was not read from text, such as the runtime layer that the
    /// agent keeps itself. A value that is not an object says nothing.
    #[must_use]
    pub fn from_value(name: LayerName, file: &str, value: Value) -> Layer {
        let value = if value.is_object() {
            value
        } else {
            Value::Object(serde_json::Map::new())
        };
        let file = File {
            name: file.to_owned(),
            positions: Positions::unknown(&value),
            body: Body::Merge(value),
        };
        Layer {
            name,
            files: vec![file],
            revision: None,
        }
    }

    /// Which layer this is.
    #[must_use]
    pub fn name(&self) -> LayerName {
        self.name
    }

    /// The revision that the layer states about itself, in its reserved key.
    #[must_use]
    pub fn stated_revision(&self) -> Option<u64> {
        self.revision
    }

    /// Whether the layer says nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.iter().all(|file| match &file.body {
            Body::Merge(value) => value.as_object().is_none_or(serde_json::Map::is_empty),
            Body::Patch(operations) => operations.is_empty(),
        })
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    fn read(&mut self, source: &Source) -> Result<(), Vec<Problem>> {
        let (mut value, mut positions) = parse_text(&source.bytes)?;
        let mut problems = Vec::new();
        let body = if source.file.ends_with(".patch.json") {
            let (operations, found) = operation::read(value, &positions);
            problems.extend(found);
            for operation in &operations {
                operation.check_credentials(&positions, &mut problems);
            }
            Body::Patch(operations)
        } else if value.is_object() {
            self.take_reserved(&mut value, &mut positions, &mut problems);
            credential::check(&value, &positions, &mut problems);
            Body::Merge(value)
        } else {
            return Err(vec![not_an_object(&value, &positions)]);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        self.files.push(File {
            name: source.file.clone(),
            body,
            positions,
        });
        Ok(())
    }

    /// Takes the reserved key out of a user layer and remembers what it states.
    fn take_reserved(
        &mut self,
        value: &mut Value,
        positions: &mut Positions,
        problems: &mut Vec<Problem>,
    ) {
        let Some(map) = value
            .as_object_mut()
            .filter(|map| map.contains_key(RESERVED))
        else {
            return;
        };
        let at = positions.member(0, map, RESERVED);
        let place = positions.at(at).place();
        positions.take_out(at);
        let stated = map.shift_remove(RESERVED).unwrap_or_default();
        let refused = if self.name == LayerName::User {
            read_revision(&stated).map(|revision| self.revision = revision.or(self.revision))
        } else {
            Err("this key is reserved for the user layer")
        };
        if let Err(message) = refused {
            let cure = "only { \"$pilotfish\": { revision: N } } may stand here, in a user layer";
            let path = KeyPath::root().child(RESERVED);
            problems.push(
                Problem::new(ProblemKind::Reserved, message, cure)
                    .at(place)
                    .on(&path),
            );
        }
    }
}

fn check_size(sources: &[Source]) -> Option<Problem> {
    let total: usize = sources.iter().map(|source| source.bytes.len()).sum();
    if total <= MAX_LAYER_BYTES {
        return None;
    }
    let largest = sources.iter().max_by_key(|source| source.bytes.len())?;
    let message = format!("the layer has {total} bytes, the limit is {MAX_LAYER_BYTES}");
    let cure = "make the files of the layer smaller; this is its largest";
    Some(Problem::new(ProblemKind::TooLarge, message, cure).within(None, &largest.file))
}

fn read_revision(stated: &Value) -> Result<Option<u64>, &'static str> {
    let map = stated.as_object().ok_or("this must be an object")?;
    if map.keys().any(|key| key != "revision") {
        return Err("only `revision` may stand below this key");
    }
    match map.get("revision") {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(Some)
            .ok_or("`revision` must be a whole number, 0 or more"),
    }
}

fn not_an_object(value: &Value, positions: &Positions) -> Problem {
    let found = match value {
        Value::Array(_) => "an array",
        Value::Null => "null",
        _ => "a single value",
    };
    let cure = "write { ... }; a list of RFC 6902 operations goes in a file named *.patch.json";
    let message = format!("the root must be an object, found {found}");
    Problem::new(ProblemKind::NotAnObject, message, cure).at(positions.at(0).place())
}

/// Guards, scans, then parses one JSON5 text.
pub(crate) fn parse_text(bytes: &[u8]) -> Result<(Value, Positions), Vec<Problem>> {
    let text = guard::text(bytes).map_err(|problem| vec![problem])?;
    let positions = scan(text)?;
    let value = json5::from_str(text).map_err(|error| vec![syntax(&error)])?;
    Ok((value, positions))
}

fn syntax(error: &json5::Error) -> Problem {
    let what = error
        .code()
        .map_or_else(|| "not JSON5".to_owned(), |code| code.to_string());
    let one_based = |n: usize| u32::try_from(n).unwrap_or(0).saturating_add(1);
    let place = error.position().map_or((0, 0), |found| {
        (one_based(found.line), one_based(found.column))
    });
    Problem::new(ProblemKind::Syntax, what, "correct the JSON5 here").at(place)
}
