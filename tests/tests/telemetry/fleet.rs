//! Pods as Kubernetes would tell of them, scraped through the shipped relabelling.

use std::fs;

use support::{Prometheus, shipped};

/// What discovery says of one pod's port.
pub struct Target<'t> {
    pub name: &'t str,
    pub port: u16,
    pub port_name: &'t str,
    pub phase: &'t str,
}

impl<'t> Target<'t> {
    /// The probe port of a pod that runs.
    pub fn running(name: &'t str, port: u16) -> Self {
        Self {
            name,
            port,
            port_name: "probe",
            phase: "Running",
        }
    }

    fn yaml(&self) -> String {
        let Self {
            name,
            port,
            port_name,
            phase,
        } = self;
        let meta = "__meta_kubernetes";
        let label = "__meta_kubernetes_pod_label_openclaw_pilotfish_dev";
        format!(
            "      - targets: [\"127.0.0.1:{port}\"]\n        labels: {{ {meta}_namespace: users, {meta}_pod_name: {name}-0, \
             {meta}_pod_phase: {phase}, {meta}_pod_container_port_name: {port_name}, \
             {label}_instance: {name}, {label}_user: user-{name}, {label}_plan: pro }}\n"
        )
    }
}

/// A Prometheus with the shipped rules and the shipped scrape config, which looks often and has these targets in place of
/// discovery.
pub fn watched(targets: &[Target<'_>]) -> Prometheus {
    let config = fs::read_to_string(shipped("prometheus/kubernetes.yml")).unwrap();
    let (head, rest) = config.split_once("    kubernetes_sd_configs:\n").unwrap();
    let relabelling = rest.split_once("    relabel_configs:\n").unwrap().1;
    let targets: String = targets.iter().map(Target::yaml).collect();
    let head = [
        ("scrape_interval: 30s", "scrape_interval: 500ms"),
        ("scrape_timeout: 10s", "scrape_timeout: 500ms"),
        ("evaluation_interval: 30s", "evaluation_interval: 1s"),
        ("../alerts", shipped("alerts").to_str().unwrap()),
    ]
    .iter()
    .fold(head.to_owned(), |head, (shipped, ours)| {
        assert!(head.contains(shipped), "no {shipped} in\n{head}");
        head.replace(shipped, ours)
    });
    Prometheus::start(&format!(
        "{head}    static_configs:\n{targets}    relabel_configs:\n{relabelling}"
    ))
}
