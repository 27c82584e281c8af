//! The way of a command: on files alone, or through the agent that owns them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::ArgMatches;
use hyper::http::uri::Uri;

use super::agent::Agent;
use super::error::Error;
use super::state::{self, Opened};
use super::{knobs, run};
use crate::config::{self, Offline};
use crate::settings::{Given, Mistakes};

/// How a command gets at the document.
pub(super) enum Way {
    /// Nobody owns the state directory, or there is none.
    Files(Box<Offline>),
    /// An agent runs.
    Agent(Agent),
}

/// Whether a command can do without a state directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It only reads layers.
    Optional,
    /// What it is about is in there.
    Needed,
}

/// What the settings of a command say about its way.
struct Plan {
    config: config::Settings,
    agent: Agent,
    forced: bool,
}

impl Way {
    /// Finds the way. `needs` says which settings files alone would not do without.
    pub(super) fn find(
        matches: &ArgMatches,
        state: State,
        needs: impl FnOnce(&Given, &config::Settings),
    ) -> Result<Self, Error> {
        let Plan {
            config,
            agent,
            forced,
        } = plan(matches, state, needs)?;
        if forced {
            return Ok(Self::Agent(agent));
        }
        let missing = !config.state.exists();
        if state::is_named(&config) && missing && state == State::Needed {
            return Err(
                anyhow::anyhow!("there is no state directory {}", config.state.display()).into(),
            );
        }
        // To look must not make a state directory.
        if !state::is_named(&config) || missing {
            return Ok(Self::Files(Box::new(Offline::stateless(config))));
        }
        match state::open(config)? {
            Opened::Ours(offline) => Ok(Self::Files(offline)),
            Opened::Owned => Ok(Self::Agent(agent)),
            Opened::Foreign(_) if agent.has_token() => Ok(Self::Agent(agent)),
            Opened::Foreign(why) => Err(anyhow::anyhow!(
                "{why}: run this as its user, or ask the agent with --token-file FILE"
            )
            .into()),
        }
    }
}

/// The agent, for what only a running one knows.
pub(super) fn agent(matches: &ArgMatches) -> Result<Agent, Error> {
    Ok(plan(matches, State::Optional, |_, _| {})?.agent)
}

fn plan(
    matches: &ArgMatches,
    state: State,
    needs: impl FnOnce(&Given, &config::Settings),
) -> Result<Plan, Mistakes> {
    let given = knobs::given(matches);
    let config = knobs::config(&given);
    let one = |name: &str| matches.get_one::<String>(name).map(ToOwned::to_owned);
    let forced = one("agent");
    if forced.is_none() {
        if state == State::Needed {
            given.needed("state");
        }
        needs(&given, &config);
    }
    let token = one("token-file").map(PathBuf::from);
    let agent = Agent {
        url: url(&given, forced.as_deref()),
        read: token.clone().or_else(|| given.path("read-token-file")),
        operate: token.or_else(|| given.path("operate-token-file")),
        tls: given.path("tls-dir"),
        actor: actor(),
    };
    given.finish(Plan {
        config,
        agent,
        forced: forced.is_some(),
    })
}

fn url(given: &Given, told: Option<&str>) -> Uri {
    let address = reachable(run::address(given, "listen"));
    let scheme = if given.path("tls-dir").is_some() {
        "https"
    } else {
        "http"
    };
    let text = told.map_or_else(
        || format!("{scheme}://{address}"),
        |told| told.trim_end_matches('/').to_owned(),
    );
    let url = text.parse::<Uri>().ok();
    let known = |url: &Uri| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
            && url.path() == "/"
    };
    url.filter(known).unwrap_or_else(|| {
        given.mistake(
            "--agent",
            &format!("{text:?} is no address of an agent; write such as http://127.0.0.1:18780"),
        );
        Uri::default()
    })
}

/// Where somebody who listens everywhere is reached from here.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        });
    }
    address
}

/// Who types: for the history.
pub(super) fn actor() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let usable = |name: &String| {
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    name.filter(usable)
        .map_or_else(|| "cli".to_owned(), |name| format!("cli:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_on_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), reached);
        }
    }
}
