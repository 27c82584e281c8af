//! Keys and certificates in PEM, whole or cut.

use config_merge::REDACTED;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// A word of so many characters of base64 within a block belongs to it, whatever stands before it.
const LONG: usize = 24;

/// The text without its blocks.
pub(super) fn blank(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let ends = line.contains(END);
        if let Some(begin) = line.find(BEGIN) {
            let rest = line[begin..]
                .rfind(END)
                .map_or("", |end| behind(&line[begin + end..]));
            lines.push(format!("{}{REDACTED}{rest}", &line[..begin]));
            inside = !ends;
        } else if ends {
            // A block whose beginning is cut off.
            while !inside && lines.last().is_some_and(|line| is_key(line)) {
                lines.pop();
            }
            lines.push(REDACTED.to_owned());
            inside = false;
        } else {
            inside = inside && is_key(line);
            if !inside {
                lines.push(line.to_owned());
            }
        }
    }
    lines.join("\n")
}

/// What follows the dashes that close a block.
fn behind(end: &str) -> &str {
    let label = &end[END.len()..];
    label.find("-----").map_or("", |at| &label[at + 5..])
}

fn is_key(line: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let header = ["Proc-Type:", "DEK-Info:"];
    line.trim().bytes().all(base64)
        || header.iter().any(|name| line.contains(name))
        || line
            .split_whitespace()
            .any(|word| word.len() >= LONG && word.bytes().all(base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_and_what_is_around_them_stays() {
        let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        for (text, expected) in [
            (
                format!("a\n{BEGIN}X-----\n{key}\n\nAb=\n{END}X-----\nb c"),
                "a\n[redacted]\n[redacted]\nb c",
            ),
            (
                format!("k={BEGIN}X-----\\n{key}\\n{END}X-----\\n z"),
                "k=[redacted]\\n z",
            ),
            (
                format!("a {BEGIN}X-----\n[gw] {key}\nnot a key"),
                "a [redacted]\nnot a key",
            ),
            (
                format!("b c\n{key}\nAb=\n{END}X-----\nd e"),
                "b c\n[redacted]\nd e",
            ),
            ("nothing\nhere".to_owned(), "nothing\nhere"),
        ] {
            assert_eq!(blank(&text), expected, "{text}");
        }
    }
}
