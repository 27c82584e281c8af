//! What is checked on raw bytes, before anything parses them.

use crate::problem::{Problem, ProblemKind, START};

/// The most bytes one file may have.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The most bytes the files of one layer may have together.
pub const MAX_LAYER_BYTES: usize = 4 << 20;
/// The most files one layer may have.
pub const MAX_FILES: usize = 256;
/// How deep brackets may nest.
pub const MAX_DEPTH: usize = 128;

/// The text of a file of permitted size, without its byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn too_large(size: usize) -> Problem {
    let message = format!("the file has {size} bytes, the limit is {MAX_FILE_BYTES}");
    let cure = "make it smaller, or split it into several files of the layer's directory";
    Problem::new(ProblemKind::TooLarge, message, cure).at(START)
}

fn not_utf8(bytes: &[u8], valid: usize) -> Problem {
    let head = String::from_utf8_lossy(&bytes[..valid]);
    let line = 1 + head.matches('\n').count();
    let column = 1 + head.chars().rev().take_while(|&c| c != '\n').count();
    let cure = "save the file as UTF-8";
    Problem::new(
        ProblemKind::Encoding,
        "the text is not UTF-8 from here on",
        cure,
    )
    .at((
        u32::try_from(line).unwrap_or(0),
        u32::try_from(column).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_bytes() {
        assert_eq!(text(b"\xef\xbb\xbf{}").unwrap(), "{}");
        let problem = text(b"{\n a: \"\xff\"}").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Encoding);
        assert_eq!((problem.line, problem.column), (2, 6));
        let problem = text(&vec![b' '; MAX_FILE_BYTES + 1]).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::TooLarge);
        assert_eq!((problem.line, problem.column), (1, 1));
        assert!(text(&vec![b' '; MAX_FILE_BYTES]).is_ok());
    }
}
