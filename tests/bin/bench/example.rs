//! A release of one of our crates' examples: what no black box can show of a crate by itself.

use std::process::Command;

/// Builds it like the agent's release, so that what that needed is not built again, runs it, and gives what it said.
pub fn run(package: &str, example: &str, arguments: &[&str]) -> String {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["run", "--quiet", "--release", "--locked", "--target"])
        .args([&target, "-p", package, "--example", example, "--"])
        .args(arguments)
        .env("RUSTFLAGS", flags())
        .current_dir(support::repository());
    let output = cargo.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Those of `DIST` in the Makefile.
fn flags() -> String {
    let makefile = std::fs::read_to_string(support::repository().join("Makefile")).unwrap();
    let dist = makefile.lines().find(|line| line.starts_with("DIST :="));
    let flags = dist.and_then(|line| line.split('"').nth(1));
    flags.expect("DIST sets RUSTFLAGS").to_owned()
}
