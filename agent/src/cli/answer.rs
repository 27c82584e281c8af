//! What a command says, for people and for programs, and how it ends.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::paint::Paint;

/// The end of a command that did its work.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// For people.
    pub text: Vec<u8>,
    /// For programs: one JSON value, in the types of the API.
    pub json: Vec<u8>,
    /// What should be known besides; goes to stderr.
    pub warnings: Vec<String>,
    /// 0 when all is well, 1 when something was refused.
    pub code: u8,
}

impl Answer {
    /// The same content twice.
    pub(super) fn new(text: impl Into<Vec<u8>>, json: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec_pretty(json).unwrap_or_default();
        bytes.push(b'\n');
        Self {
            text: text.into(),
            json: bytes,
            ..Self::default()
        }
    }

    /// With warnings.
    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// With exit code 1 when something was refused.
    pub(super) fn refused_if(mut self, refused: bool) -> Self {
        self.code = u8::from(refused);
        self
    }
}

/// Whether somebody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// What was said was taken.
    There,
    /// The other end of the pipe is closed: `history | head` ends quietly.
    Gone,
}

/// Writes to stdout.
pub(super) fn print(text: &[u8]) -> Result<Reader, Error> {
    let mut out = io::stdout().lock();
    heard(out.write_all(text).and_then(|()| out.flush()))
}

/// What became of something that was written to stdout.
pub(super) fn heard(written: io::Result<()>) -> Result<Reader, Error> {
    match written {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::Output(error)),
    }
}

/// The binary's version and the version of the wire that it speaks.
pub(super) fn version(paint: Paint) -> Answer {
    let version = env!("CARGO_PKG_VERSION");
    let wire = agent_api::WIRE_VERSION;
    let text = format!(
        "{} {version} (wire {wire})\n",
        paint.strong("pilotfish-agent")
    );
    Answer::new(text, &json!({ "version": version, "wire": wire }))
}
