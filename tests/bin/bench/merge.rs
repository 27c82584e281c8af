//! A merge that knows who set every key, against json-patch's plain one: `merge_speed` of the merge crate, as a release.

use std::process::Command;

use crate::figure::Figure;
use crate::rounds::Rounds;

/// Measures the row.
pub fn measure(_: Rounds) -> Vec<Figure> {
    let said = merge_speed();
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

/// Built like the agent's release, so that what that needed is not built again.
fn merge_speed() -> String {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--target",
        &target,
        "-p",
        "config-merge",
        "--example",
        "merge_speed",
    ]);
    let output = cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(support::repository())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
