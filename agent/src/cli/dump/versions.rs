//! Which release of what runs here.

use serde_json::{Map, Value, json};

use super::Contents;
use super::gather::Seen;

/// What of `/etc/os-release` names a system.
const SYSTEM: [&str; 4] = ["ID", "NAME", "PRETTY_NAME", "VERSION_ID"];

/// Adds the versions of command line, agent, gateway, daemon and system.
pub(super) fn add(contents: &mut Contents, seen: &Seen) {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let kernel = read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
    let system = read("/etc/os-release").map(|text| system(&text));
    let versions = json!({
        "command_line": { "version": env!("CARGO_PKG_VERSION"), "wire": agent_api::WIRE_VERSION },
        "agent": { "version": seen.status["version"], "wire": seen.status["wire"] },
        "gateway": seen.status["gateway"]["version"],
        "daemon": seen.sandboxes["daemon"]["version"],
        "kernel": kernel,
        "machine": std::env::consts::ARCH,
        "os_release": system,
    });
    contents.add_json("versions.json", &versions);
}

fn system(text: &str) -> Map<String, Value> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let known = pairs.filter(|(name, _)| SYSTEM.contains(name));
    let entry = |(name, value): (&str, &str)| (name.to_lowercase(), value.trim_matches('"').into());
    known.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_named_and_no_more() {
        let text =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nHOME_URL=\"x\"\nbroken\n";
        let expected = json!({"pretty_name": "Debian GNU/Linux 12 (bookworm)", "id": "debian"});
        assert_eq!(Value::Object(system(text)), expected);
    }
}
