//! Layers, and how their files are read.

use std::fmt;

use serde_json::Value;

use crate::credential;
use crate::guard::{MAX_FILES, MAX_LAYER_BYTES};
use crate::layer_name::LayerName;
use crate::operation::{self, MAX_OPERATIONS, Operation};
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind, START};
use crate::reserved;
use crate::source::{Source, parse_text};

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
    /// How many RFC 6902 operations the files hold together.
    operations: usize,
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
        let mut layer = Layer::nothing(name);
        if let Some(problem) = check_size(sources) {
            let layer = Some(name);
            return Err(vec![Problem { layer, ..problem }]);
        }
        let mut problems = Vec::new();
        for source in sources {
            let place = |problem: Problem| problem.within(Some(name), &source.file);
            match layer.read(source) {
                Ok(found) | Err(found) => problems.extend(found.into_iter().map(place)),
            }
        }
        if problems.is_empty() {
            Ok(layer)
        } else {
            Err(problems)
        }
    }

    /// What a layer that is refused asks for: only to be shown, redacted. None where a file of it
    /// cannot be read as JSON5 of our limits at all.
    #[must_use]
    pub fn asked(name: LayerName, sources: &[Source]) -> Option<Layer> {
        if check_size(sources).is_some() {
            return None;
        }
        let mut layer = Layer::nothing(name);
        for source in sources {
            layer.read(source).ok()?;
        }
        Some(layer)
    }

    fn nothing(name: LayerName) -> Layer {
        Layer {
            name,
            files: Vec::new(),
            revision: None,
            operations: 0,
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
            operations: 0,
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

    /// Takes a file in, and says what is wrong with it; an error where there is nothing to take in.
    fn read(&mut self, source: &Source) -> Result<Vec<Problem>, Vec<Problem>> {
        let (mut value, mut positions) = parse_text(&source.bytes)?;
        let mut problems = Vec::new();
        let body = if source.file.ends_with(".patch.json") {
            let (operations, found) = operation::read(value, &positions);
            problems.extend(found);
            for operation in &operations {
                operation.check_credentials(&positions, &mut problems);
                reserved::check_operation(self.name, operation, &positions, &mut problems);
            }
            self.operations += operations.len();
            if self.operations > MAX_OPERATIONS {
                problems.push(operation::too_many(self.operations).at(START));
            }
            Body::Patch(operations)
        } else if value.is_object() {
            match reserved::take_revision(self.name, &mut value, &mut positions) {
                Ok(revision) => self.revision = revision.or(self.revision),
                Err(problem) => problems.push(problem),
            }
            credential::check(&value, &positions, &mut problems);
            reserved::check(self.name, &value, &positions, &mut problems);
            Body::Merge(value)
        } else {
            return Err(vec![not_an_object(&value, &positions)]);
        };
        self.files.push(File {
            name: source.file.clone(),
            body,
            positions,
        });
        Ok(problems)
    }
}

fn check_size(sources: &[Source]) -> Option<Problem> {
    let total: usize = sources.iter().map(|source| source.bytes.len()).sum();
    if sources.len() > MAX_FILES {
        let message = format!(
            "the layer has {} files, the limit is {MAX_FILES}",
            sources.len()
        );
        let cure = "put the settings into fewer files";
        return Some(Problem::new(ProblemKind::TooLarge, message, cure));
    }
    if total <= MAX_LAYER_BYTES {
        return None;
    }
    let largest = sources.iter().max_by_key(|source| source.bytes.len())?;
    let message = format!("the layer has {total} bytes, the limit is {MAX_LAYER_BYTES}");
    let cure = "make the files of the layer smaller; this is its largest";
    let problem = Problem::new(ProblemKind::TooLarge, message, cure);
    Some(problem.within(None, &largest.file).at(START))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::MAX_FILE_BYTES;

    fn parse(name: LayerName, files: &[(&str, &str)]) -> Result<Layer, Vec<Problem>> {
        let source = |(file, text): &(&str, &str)| Source {
            file: (*file).to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        Layer::parse(name, &files.iter().map(source).collect::<Vec<_>>())
    }

    fn places(problems: &[Problem]) -> Vec<(&'static str, u32, u32, &str)> {
        let place = |problem: &'_ Problem| (problem.kind.as_str(), problem.line, problem.column);
        problems
            .iter()
            .map(|problem| {
                let (kind, line, column) = place(problem);
                (kind, line, column, problem.path.as_str())
            })
            .collect()
    }

    #[test]
    fn tells_all_problems_of_all_files_with_their_places() {
        let problems = parse(
            LayerName::User,
            &[
                (
                    "a.json5",
                    "{\n  a: 1,\n  b: { c: NaN, c: 2 },\n  a: 1e400,\n}",
                ),
                ("b.json5", "// nothing here"),
                ("c.json5", "[1]"),
                ("d.json5", "{ token: 'x', $pilotfish: { revision: -1 } }"),
                (
                    "e.patch.json",
                    "[{\"op\":\"add\",\"path\":\"/a/secret\",\"value\":\"x\"},\n{\"op\":\"add\"}]",
                ),
                ("f.json5", "{ a: [1, 2 }"),
                ("g.json5", "{ a: { $include: './x' } }"),
            ],
        )
        .unwrap_err();
        assert_eq!(
            places(&problems),
            [
                ("not_finite", 3, 11, "b.c"),
                ("duplicate_key", 3, 16, "b.c"),
                ("duplicate_key", 4, 3, "a"),
                ("not_finite", 4, 6, "a"),
                ("empty", 1, 16, ""),
                ("not_an_object", 1, 1, ""),
                ("reserved", 1, 15, "$pilotfish"),
                ("credential", 1, 3, "token"),
                ("patch", 2, 1, "1"),
                ("credential", 1, 33, "a.secret"),
                ("syntax", 1, 12, "a"),
                ("reserved", 1, 8, "a.$include"),
            ]
        );
        assert!(
            problems
                .iter()
                .all(|problem| problem.layer == Some(LayerName::User))
        );
        assert!(problems.iter().all(|problem| !problem.cure.is_empty()));
        assert_eq!(problems[0].file, "a.json5");
        assert_eq!(problems[11].file, "g.json5");
    }

    #[test]
    fn refuses_what_would_break_a_parser() {
        let deep =
            |open: &str, close: &str, n| format!("{{a: {}{}}}", open.repeat(n), close.repeat(n));
        let cases = [
            (deep("[", "]", 10_000), "too_deep"),
            (deep("{a:", "}", 10_000), "too_deep"),
            ("[".repeat(1_000_000), "too_deep"),
            (deep("[", "]", 128), "too_deep"),
            (format!("{{a: '{}'}}", "x".repeat(5_000_000)), "too_large"),
            (" ".repeat(MAX_FILE_BYTES), "empty"),
            (String::new(), "empty"),
            ("/* */".to_owned(), "empty"),
            ("{a: Infinity}".to_owned(), "not_finite"),
            ("{a: -1e400}".to_owned(), "not_finite"),
            ("{".to_owned(), "syntax"),
            ("{a: 'x".to_owned(), "syntax"),
            ("/*".to_owned(), "syntax"),
            ("{a: 0x}".to_owned(), "syntax"),
            ("null".to_owned(), "not_an_object"),
        ];
        for (text, kind) in cases {
            let problems = parse(LayerName::Base, &[("x.json5", &text)]).unwrap_err();
            let start: String = text.chars().take(20).collect();
            assert_eq!(problems[0].kind.as_str(), kind, "{start}");
        }
        assert!(parse(LayerName::Base, &[("x.json5", &deep("[", "]", 127))]).is_ok());
    }

    #[test]
    fn limits_the_whole_layer() {
        let text = format!("{{a: '{}'}}", "x".repeat(MAX_FILE_BYTES - 10));
        let problems = parse(LayerName::Plan, &[("x.json5", text.as_str()); 5]).unwrap_err();
        assert_eq!(places(&problems), [("too_large", 1, 1, "")]);
        assert_eq!(problems[0].layer, Some(LayerName::Plan));
        let problems = parse(LayerName::Plan, &[("x.json5", "{}"); MAX_FILES + 1]).unwrap_err();
        assert_eq!(places(&problems), [("too_large", 0, 0, "")]);
        let half = format!("[{}]", vec!["{op:'remove',path:'/a'}"; 501].join(","));
        let problems = parse(LayerName::Plan, &[("x.patch.json", half.as_str()); 2]).unwrap_err();
        assert_eq!(places(&problems), [("too_large", 1, 1, "")]);
    }

    #[test]
    fn takes_the_revision_out_of_a_user_layer_only() {
        let text = "{ a: 1, $pilotfish: { revision: 7 }, b: { c: 2 } }";
        let layer = parse(LayerName::User, &[("u.json5", text)]).unwrap();
        assert_eq!(layer.stated_revision(), Some(7));
        let Body::Merge(value) = &layer.files()[0].body else {
            panic!("a merge patch");
        };
        assert_eq!(value, &serde_json::json!({"a": 1, "b": {"c": 2}}));
        let positions = &layer.files()[0].positions;
        let ends: Vec<u32> = positions.0.iter().map(|spot| spot.end).collect();
        assert_eq!(ends, [4, 2, 4, 4]);
        assert_eq!(positions.at(2).place(), (1, 38));
        let problems = parse(LayerName::Base, &[("b.json5", text)]).unwrap_err();
        assert_eq!(places(&problems), [("reserved", 1, 9, "$pilotfish")]);
        for other in [
            "{ $pilotfish: 1 }",
            "{ $pilotfish: { x: 1 } }",
            "{ $pilotfish: { revision: 'a' } }",
        ] {
            assert!(
                parse(LayerName::User, &[("u.json5", other)]).is_err(),
                "{other}"
            );
        }
        assert!(
            parse(LayerName::User, &[("u.json5", "{ $pilotfish: {} }")])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn refuses_keys_that_the_gateway_drops() {
        let files = [
            (
                "a.json5",
                "{ agents: { constructor: 1,\n 'x': [{ prototype: { a: 1 } }] },\n __proto__: {} }",
            ),
            (
                "b.patch.json",
                "[{\"op\":\"add\",\"path\":\"/a/__proto__/b\",\"value\":1},\n\
                 {\"op\":\"add\",\"path\":\"/a\",\"value\":{\"constructor\":1}}]",
            ),
        ];
        for name in LayerName::ALL {
            let problems = parse(name, &files).unwrap_err();
            assert_eq!(
                places(&problems),
                [
                    ("reserved", 1, 13, "agents.constructor"),
                    ("reserved", 2, 10, "agents.x.0.prototype"),
                    ("reserved", 3, 2, "__proto__"),
                    ("reserved", 1, 2, "a.__proto__.b"),
                    ("reserved", 2, 34, "a.constructor"),
                ]
            );
        }
        let alike =
            "{ Constructor: 1, proto: 1, prototypes: 1, a: 'constructor', b: ['__proto__'] }";
        assert!(parse(LayerName::User, &[("a.json5", alike)]).is_ok());
    }

    #[test]
    fn a_refused_layer_is_read_to_be_shown_where_it_can_be() {
        let source = |text: &str| Source {
            file: "u.json5".to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        let refused = [source("{ a: 1 }"), source("{ b: 2, token: 'literal' }")];
        assert!(Layer::parse(LayerName::User, &refused).is_err());
        let asked = Layer::asked(LayerName::User, &refused).unwrap();
        assert_eq!(asked.files().len(), 2);
        for text in ["{ a: 1", "[1]", "{ a: 1, a: 2 }"] {
            let broken = [source("{}"), source(text)];
            assert!(Layer::asked(LayerName::User, &broken).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let layer = parse(LayerName::User, &[("u.json5", "{ a: 'visible' }")]).unwrap();
        assert!(!format!("{layer:?}").contains("visible"));
        let source = Source {
            file: "f".to_owned(),
            bytes: b"visible".to_vec(),
        };
        assert!(!format!("{source:?}").contains("visible"));
    }
}
