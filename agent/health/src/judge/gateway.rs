//! The gateway's process, port, connection, start and event loop.

use std::time::Duration;

use crate::facts::{ChildState, EventLoop, Gateway, Healthz, Link, Startup};
use crate::verdict::starts;
use crate::{Facts, Finding, Kind, words};

/// As many ends within 15 min are a loop.
const LOOP: u32 = 3;
/// A delay of the event loop that people feel.
const DELAY: Duration = Duration::from_secs(1);

/// While we drain, or hold it back, nothing is wrong with a gateway that goes or is not there.
pub(super) fn judge(facts: &Facts, found: &mut Vec<Finding>) {
    let gateway = &facts.gateway;
    if facts.agent.draining || state(gateway) == Some(ChildState::Held) {
        return;
    }
    process(gateway, found);
    port(facts, found);
    connection(gateway, found);
    start(facts, found);
    ready(gateway, found);
    if let Some(event_loop) = &facts.event_loop {
        found.extend(busy(event_loop));
    }
}

fn state(gateway: &Gateway) -> Option<ChildState> {
    gateway.child.as_ref().map(|child| child.state)
}

fn process(gateway: &Gateway, found: &mut Vec<Finding>) {
    let last = gateway
        .child
        .as_ref()
        .and_then(|child| child.last_exit.as_deref());
    let how = last
        .map(|how| format!(": {}", words(how)))
        .unwrap_or_default();
    match state(gateway) {
        Some(ChildState::BackingOff { exits_in_a_row }) => {
            let evidence = format!("its process ended ({exits_in_a_row} times in a row){how}");
            found.push(Finding::new(Kind::GatewayExited, evidence));
        }
        Some(ChildState::Stopped) => {
            found.push(Finding::new(
                Kind::GatewayExited,
                format!("its process ended and stays so{how}"),
            ));
        }
        _ => {}
    }
    if let Some(ends) = gateway.unasked_ends.filter(|ends| *ends >= LOOP) {
        let evidence = format!("it ended {ends} times within 15 min without being asked{how}");
        found.push(Finding::new(Kind::CrashLoop, evidence));
    }
}

/// What its port says. A closed one is as it should be while it starts, ends, or has no process at all.
fn port(facts: &Facts, found: &mut Vec<Finding>) {
    let gateway = &facts.gateway;
    match gateway.healthz {
        Some(Healthz::Closed) if expects_open(facts) => {
            found.push(Finding::new(Kind::PortClosed, "nobody listens on its port"));
        }
        Some(Healthz::Foreign) => {
            let evidence = "the port answers, but not as a gateway does (HTML or another body)";
            found.push(Finding::new(Kind::PortForeign, evidence));
        }
        Some(Healthz::Late) if !starts(facts) => {
            let age = gateway
                .last_answer
                .map(|last| facts.at.saturating_sub(last));
            let age = age.map_or("ever".to_owned(), |age| format!("for {} s", age.as_secs()));
            let evidence = format!("its port is open, and no answer came {age}");
            found.push(Finding::new(Kind::GatewaySilent, evidence).since(gateway.last_answer));
        }
        _ => {}
    }
}

fn expects_open(facts: &Facts) -> bool {
    let gateway = &facts.gateway;
    let runs = matches!(state(gateway), None | Some(ChildState::Running));
    runs && gateway.leaving_since.is_none() && !starts(facts)
}

fn connection(gateway: &Gateway, found: &mut Vec<Finding>) {
    match &gateway.link {
        Some(Link::Refused { reason, since }) => {
            let evidence = format!("it refuses the agent: {}", words(reason));
            found.push(Finding::new(Kind::TokenRefused, evidence).since(*since));
        }
        Some(Link::Absent { reason, since }) if gateway.healthz == Some(Healthz::Live) => {
            let started = gateway.starting_since.is_none() && gateway.leaving_since.is_none();
            if started {
                let evidence =
                    format!("its port answers, its protocol does not: {}", words(reason));
                found.push(Finding::new(Kind::RpcAbsent, evidence).since(*since));
            }
        }
        _ => {}
    }
}

fn start(facts: &Facts, found: &mut Vec<Finding>) {
    let gateway = &facts.gateway;
    let unseen = gateway.link.is_none() && gateway.healthz.is_none() && gateway.startup.is_none();
    if unseen && gateway.child.is_none() {
        let finding = Finding::new(
            Kind::GatewayUnseen,
            "nothing was heard of it since the agent started",
        );
        found.push(finding.since(gateway.last_answer.unwrap_or_default()));
    }
    if let Some(since) = gateway.leaving_since {
        let evidence = "it said that it ends or restarts, and is still there";
        found.push(Finding::new(Kind::DrainOverdue, evidence).since(since));
    }
    let waits = match &gateway.startup {
        Some(Startup::Starting { reason }) => Some(words(reason)),
        Some(Startup::Started) => None,
        _ => gateway.starting_since.map(|_| "its port".to_owned()),
    };
    if let Some(waits) = waits.filter(|_| !up(gateway)) {
        let evidence = format!("it starts and waits for {waits}");
        found.push(Finding::new(Kind::NotStarted, evidence).since(gateway.starting_since));
    }
}

/// A release without `/startupz` has started when it lets us in.
fn up(gateway: &Gateway) -> bool {
    let knows_the_page = matches!(gateway.startup, Some(Startup::Starting { .. }));
    matches!(gateway.link, Some(Link::Up { .. })) && !knows_the_page
}

fn ready(gateway: &Gateway, found: &mut Vec<Finding>) {
    for name in gateway.ready_failing.iter().take(super::NAMED) {
        if name == "plugin-reload" {
            found.push(Finding::new(Kind::PluginReloading, "it loads plugins anew"));
        } else if let Some(agent) = name.strip_prefix("agent-database:") {
            let evidence = "its `/readyz` names the database of this agent";
            found.push(Finding::about(Kind::DatabaseFailing, agent, evidence));
        }
    }
}

fn busy(event_loop: &EventLoop) -> Option<Finding> {
    let slow = event_loop.delay_p99.is_some_and(|delay| delay >= DELAY);
    if !slow && event_loop.degraded != Some(true) {
        return None;
    }
    let mut seen = Vec::new();
    if let Some(delay) = event_loop.delay_p99 {
        seen.push(format!(
            "delay of the 99th percentile {} ms",
            delay.as_millis()
        ));
    }
    if let Some(delay) = event_loop.delay_max {
        seen.push(format!("longest delay {} ms", delay.as_millis()));
    }
    if let Some(part) = event_loop.utilization {
        seen.push(format!("busy {:.0} % of the time", part * 100.0));
    }
    if seen.is_empty() {
        seen.push("the gateway calls it degraded".to_owned());
    }
    Some(Finding::new(Kind::EventLoopDelayed, seen.join(", ")))
}
