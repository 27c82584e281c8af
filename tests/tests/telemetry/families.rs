//! The families that docs/metrics.md describes. `docs.rs` holds those tables against the code.

use std::collections::BTreeSet;
use std::fs;

use support::repository;

/// What a family is, in the words of a metrics page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One row of a table.
#[derive(Clone, Debug)]
pub struct Family {
    pub name: String,
    pub kind: Kind,
    /// Without `le`.
    pub labels: Vec<String>,
}

/// Every family of the tables.
pub fn documented() -> Vec<Family> {
    let document = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let found: Vec<Family> = document.lines().filter_map(family).collect();
    assert!(found.len() > 50, "the tables of docs/metrics.md: {found:?}");
    let names: BTreeSet<&str> = found.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names.len(), found.len(), "two rows for one family");
    found
}

fn family(row: &str) -> Option<Family> {
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let [_, name, kind, labels, _, _] = cells[..] else {
        return None;
    };
    let kind = match kind {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        _ => return None,
    };
    let labels = labels.split('`').skip(1).step_by(2);
    Some(Family {
        name: name.trim_matches('`').to_owned(),
        kind,
        labels: labels
            .filter(|label| *label != "le")
            .map(ToOwned::to_owned)
            .collect(),
    })
}

/// The family that a series of an expression belongs to: of a histogram one asks for its parts.
pub fn family_of<'f>(families: &'f [Family], series: &str) -> Option<&'f Family> {
    families.iter().find(|family| match family.kind {
        Kind::Histogram => ["_bucket", "_count", "_sum"]
            .iter()
            .any(|part| series.strip_suffix(part) == Some(&family.name)),
        _ => family.name == series,
    })
}

/// Those of `series` that nothing serves. `up` is what Prometheus itself says of a target.
pub fn without_source(families: &[Family], series: &BTreeSet<String>) -> Vec<String> {
    let unknown = |name: &&String| *name != "up" && family_of(families, name).is_none();
    series.iter().filter(unknown).cloned().collect()
}

/// The names of families that have a sample on a page.
pub fn sampled(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split(['{', ' ']).next());
    names.map(ToOwned::to_owned).collect()
}

#[test]
fn a_part_of_a_histogram_belongs_to_it_and_a_misspelt_name_to_nothing() {
    let families = documented();
    let found = |series: &str| family_of(&families, series).map(|family| family.name.clone());
    let whole = found("openclaw_webhook_duration_seconds_bucket");
    assert_eq!(whole.as_deref(), Some("openclaw_webhook_duration_seconds"));
    assert!(found("pilotfish_gateway_up").is_some());
    let misspelt = BTreeSet::from(["up".to_owned(), "pilotfish_gateway_upp".to_owned()]);
    assert_eq!(
        without_source(&families, &misspelt),
        ["pilotfish_gateway_upp"]
    );
    assert!(found("openclaw_webhook_duration_seconds").is_none());
}
