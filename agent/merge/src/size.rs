//! Sizes in bytes, as Docker and OpenClaw write them: `512m`, `1g`, `5gb`, `1Gi`, `1048576`.

/// Reads a size. Every unit is a power of 1024, so that no reader takes more than we counted.
pub(crate) fn bytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 1,
        "m" | "mb" | "mi" | "mib" => 2,
        "g" | "gb" | "gi" | "gib" => 3,
        "t" | "tb" | "ti" | "tib" => 4,
        "p" | "pb" | "pi" | "pib" => 5,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let size = number * 1024_f64.powi(power);
    size.is_finite().then_some(size)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn reads_sizes() {
        let cases = [
            ("512m", Some(536_870_912.0)),
            ("1g", Some(1_073_741_824.0)),
            ("5gb", Some(5_368_709_120.0)),
            ("1Gi", Some(1_073_741_824.0)),
            ("1.5 GiB", Some(1_610_612_736.0)),
            ("1048576", Some(1_048_576.0)),
            ("0", Some(0.0)),
            ("-1", None),
            ("", None),
            ("m", None),
            ("5x", None),
            ("1..2", None),
            ("1e3", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(bytes(text), wanted, "{text}");
        }
    }
}
