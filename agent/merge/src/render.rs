//! The bytes of a document, as the gateway itself would write them.
//!
//! The gateway writes `JSON.stringify(document, null, 2)` and a newline. Numbers are therefore written as JavaScript
//! writes them, and keys that are array indices come first, in their numeric order.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The text of a document in the gateway's own format.
#[must_use]
pub fn render(document: &Value) -> Vec<u8> {
    let mut text = String::new();
    write_value(&mut text, document, 0);
    text.push('\n');
    text.into_bytes()
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) => write_object(text, map, depth),
        Value::Array(items) => write_array(text, items, depth),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Null => text.push_str("null"),
    }
}

fn write_object(text: &mut String, map: &Map<String, Value>, depth: usize) {
    if map.is_empty() {
        text.push_str("{}");
        return;
    }
    text.push('{');
    for (at, (key, value)) in in_order(map).into_iter().enumerate() {
        next_line(text, at > 0, depth + 1);
        write_string(text, key);
        text.push_str(": ");
        write_value(text, value, depth + 1);
    }
    next_line(text, false, depth);
    text.push('}');
}

fn write_array(text: &mut String, items: &[Value], depth: usize) {
    if items.is_empty() {
        text.push_str("[]");
        return;
    }
    text.push('[');
    for (at, item) in items.iter().enumerate() {
        next_line(text, at > 0, depth + 1);
        write_value(text, item, depth + 1);
    }
    next_line(text, false, depth);
    text.push(']');
}

fn next_line(text: &mut String, comma: bool, depth: usize) {
    if comma {
        text.push(',');
    }
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// The members of an object in JavaScript's order: array indices by number, then the rest as written.
fn in_order(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = map.iter().collect();
    if map.keys().any(|key| array_index(key).is_some()) {
        members.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
    }
    members
}

/// What JavaScript takes for an array index: a canonical number below 2^32 - 1.
fn array_index(key: &str) -> Option<u32> {
    let canonical = key == "0" || key.starts_with(|c: char| c.is_ascii_digit() && c != '0');
    let number = if canonical {
        key.parse().ok()?
    } else {
        return None;
    };
    (number < u32::MAX).then_some(number)
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            c if c < ' ' => append(text, format_args!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Writing to a string cannot fail.
fn append(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

fn write_number(text: &mut String, number: &serde_json::Number) {
    const SAFE: u64 = 1 << 53;
    let exact = number.as_i64().is_some_and(|n| n.unsigned_abs() <= SAFE);
    if exact {
        append(text, format_args!("{number}"));
    } else {
        write_double(text, number.as_f64().unwrap_or(0.0));
    }
}

/// Writes a double as `Number.prototype.toString` does.
fn write_double(text: &mut String, double: f64) {
    if double == 0.0 {
        text.push('0');
        return;
    }
    if double < 0.0 {
        text.push('-');
    }
    let (digits, exponent) = shortest(double.abs());
    let point = exponent + 1;
    let count = i32::try_from(digits.len()).unwrap_or(0);
    let zeros = |text: &mut String, n: i32| text.extend((0..n).map(|_| '0'));
    match point {
        1..=21 if count <= point => {
            text.push_str(&digits);
            zeros(text, point - count);
        }
        1..=21 => {
            let (whole, rest) = digits.split_at(point.unsigned_abs() as usize);
            append(text, format_args!("{whole}.{rest}"));
        }
        -5..=0 => {
            text.push_str("0.");
            zeros(text, -point);
            text.push_str(&digits);
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            append(text, format_args!("{first}{dot}{rest}e{:+}", point - 1));
        }
    }
}

/// The fewest digits that read back as this number, and the exponent of the first. Where two such
/// numbers are equally near, JavaScript takes the even one and Rust the odd one.
fn shortest(double: f64) -> (String, i32) {
    let (digits, exponent) = scientific(&format!("{double:e}"));
    let count = digits.len();
    let (exact, _) = scientific(&format!("{double:.*e}", count + 30));
    let (even, rest) = exact.split_at(count);
    let halfway = rest.starts_with('5') && rest[1..].bytes().all(|digit| digit == b'0');
    let reads_back = || {
        let text = format!("{even}e{}", i64::from(exponent) + 1 - count as i64);
        text.parse() == Ok(double)
    };
    if halfway && even != digits && even.ends_with(['0', '2', '4', '6', '8']) && reads_back() {
        return (even.to_owned(), exponent);
    }
    (digits, exponent)
}

/// The digits and the exponent of a number like `1.25e-7`.
fn scientific(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits = mantissa.chars().filter(|c| *c != '.').collect();
    (digits, exponent.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_numbers_as_javascript_does() {
        let cases = [
            ("1.0", "1"),
            ("-0.0", "0"),
            ("0.5", "0.5"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("1e-7", "1e-7"),
            ("0.000001", "0.000001"),
            ("1.5e-7", "1.5e-7"),
            ("123.456", "123.456"),
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
            ("-12", "-12"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            ("-1234567.125", "-1234567.125"),
            ("1e2", "100"),
            ("617267844960040.25", "617267844960040.2"),
            ("2010343863000000.25", "2010343863000000.2"),
            ("617267844960040.75", "617267844960040.8"),
        ];
        for (given, wanted) in cases {
            let value: Value = serde_json::from_str(given).unwrap();
            assert_eq!(
                String::from_utf8(render(&value)).unwrap().trim_end(),
                wanted,
                "{given}"
            );
        }
    }

    #[test]
    fn writes_objects_as_javascript_does() {
        let document = json!({"b": 1, "10": [], "2": {}, "01": [1, {"x": "\u{1}\"\\\n\u{2028}é"}], "4294967295": 1});
        let wanted = "{\n  \"2\": {},\n  \"10\": [],\n  \"b\": 1,\n  \"01\": [\n    1,\n    {\n      \"x\": \"\\u0001\\\"\\\\\\n\u{2028}é\"\n    }\n  ],\n  \"4294967295\": 1\n}\n";
        assert_eq!(String::from_utf8(render(&document)).unwrap(), wanted);
    }
}
