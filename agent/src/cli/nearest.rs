//! Names near one that does not exist.

use config_merge::KeyPath;
use serde_json::Value;

/// So many are offered.
const OFFERED: usize = 3;
/// More keys than this are not compared.
const COMPARED: usize = 20_000;

/// The keys of the document that are most like `path`, best first; none when nothing is.
pub(super) fn names(path: &KeyPath, document: &Value) -> Vec<String> {
    let wanted = path.to_string().to_lowercase();
    let last = path
        .segments()
        .last()
        .map(|segment| segment.to_lowercase())
        .unwrap_or_default();
    let mut keys = Vec::new();
    collect(&KeyPath::root(), document, &mut keys);
    let near = keys.iter().filter_map(|key| {
        let own = key.segments().last()?.to_lowercase();
        let (whole, end) = (
            distance(&wanted, &key.to_string().to_lowercase()),
            distance(&last, &own),
        );
        let allowed = |length: usize| 1 + length / 4;
        let fits = whole <= allowed(wanted.len())
            || end <= allowed(last.len()).min(last.len().saturating_sub(1));
        fits.then(|| (whole.min(end * 2 + 1), key.to_string()))
    });
    let mut near: Vec<_> = near.collect();
    near.sort();
    near.into_iter().take(OFFERED).map(|(_, key)| key).collect()
}

fn collect(above: &KeyPath, value: &Value, keys: &mut Vec<KeyPath>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if keys.len() == COMPARED {
            return;
        }
        let key = above.child(name);
        keys.push(key.clone());
        collect(&key, value, keys);
    }
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(256).enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn letters_are_counted() {
        for (a, b, far) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("über", "uber", 1),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn a_slip_finds_the_key_and_nonsense_finds_none() {
        let document = json!({"gateway": {"bind": 1, "port": 2}, "logging": {"level": 3}});
        for (path, first) in [
            ("gateway.bnid", "gateway.bind"),
            ("gatway.port", "gateway.port"),
            ("level", "logging.level"),
            ("Gateway.Bind", "gateway.bind"),
        ] {
            assert_eq!(
                names(&path.parse().unwrap(), &document)
                    .first()
                    .map(String::as_str),
                Some(first),
                "{path}"
            );
        }
        assert!(names(&"zzzzzz".parse().unwrap(), &document).is_empty());
    }
}
