//! A merge that knows who set every key, against json-patch's plain one: `merge_speed` of the merge crate, as a release.

use crate::example;
use crate::figure::Figure;
use crate::rounds::Rounds;

/// Measures the row.
pub fn measure(_: Rounds) -> Vec<Figure> {
    let said = example::run("config-merge", "merge_speed", &[]);
    let line = said
        .lines()
        .find(|line| line.starts_with("merge of "))
        .expect("merge_speed says the figure");
    let (name, figures) = line.split_once(": ").unwrap();
    let number = |text: &str| -> f64 { text.split(' ').next().unwrap().parse().unwrap() };
    let (ours, rest) = figures.split_once(" us, json-patch ").unwrap();
    let (ours, plain) = (number(ours), number(rest));
    vec![
        Figure::new(name, ours / 1e3, "ms")
            .beside("json-patch, without provenance", plain / 1e3)
            .at_most_times(3.0),
    ]
}
