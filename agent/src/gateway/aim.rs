//! Where a document says that the gateway listens.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use openclaw::{Endpoint, Tls};
use serde_json::Value;

/// The gateway's port where the document names none.
const DEFAULT_PORT: u16 = 18789;
/// A certificate file larger than this is none.
const MAX_PEM_BYTES: u64 = 256 << 10;
/// A connect on this machine takes microseconds.
const CONNECT: Duration = Duration::from_millis(500);

/// The address to dial for a document; none when it is not one of this machine's, or when its
/// certificate cannot be read: nobody but the gateway beside us is ever told the token.
pub fn endpoint(document: &Value) -> Option<Endpoint> {
    let gateway = &document["gateway"];
    let port = gateway["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(DEFAULT_PORT);
    let host = match gateway["bind"].as_str() {
        Some("custom") => gateway["customBindHost"].as_str().unwrap_or("127.0.0.1"),
        _ => "127.0.0.1",
    };
    let host = if host == "0.0.0.0" { "127.0.0.1" } else { host };
    if !is_ours(host.parse().ok()?) {
        return None;
    }
    let mut endpoint = Endpoint::plain(host, port);
    if gateway["tls"]["enabled"] == true {
        let path = gateway["tls"]["certPath"].as_str()?;
        let pem = durable::read_mounted_file(Path::new(path), MAX_PEM_BYTES).ok()?;
        endpoint.tls = Some(Tls::from_pem(&pem).ok()?);
    }
    Some(endpoint)
}

/// What is wrong with the addresses that a gateway listens on, beyond the one we dial.
pub fn wrong_reach(document: &Value, endpoint: &Endpoint) -> Option<String> {
    let outside = outside_address()?;
    let open =
        TcpStream::connect_timeout(&SocketAddr::new(outside, endpoint.port), CONNECT).is_ok();
    match document["gateway"]["bind"].as_str() {
        Some("loopback") if open => Some(format!(
            "the document says loopback, and it listens on {outside} too"
        )),
        Some("lan") if !open => Some(format!(
            "the document says lan, and it does not listen on {outside}"
        )),
        _ => None,
    }
}

/// Why there is nothing to dial for a document.
pub fn why_nowhere(document: &Value) -> String {
    match document["gateway"]["customBindHost"].as_str() {
        Some(host) if document["gateway"]["bind"] == "custom" => {
            format!("this machine has no address {host:.64}")
        }
        _ => "the certificate that it names cannot be read".to_owned(),
    }
}

/// An address of this machine that is not loopback.
fn outside_address() -> Option<IpAddr> {
    addresses()
        .into_iter()
        .find(|ip| !ip.is_loopback() && !matches!(ip, IpAddr::V4(ip) if ip.is_link_local()))
}

fn is_ours(ip: IpAddr) -> bool {
    ip.is_loopback() || addresses().contains(&ip)
}

/// The IPv4 addresses of this machine's interfaces.
fn addresses() -> Vec<IpAddr> {
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        Some(IpAddr::V4(interface.address?.as_sockaddr_in()?.ip()))
    };
    nix::ifaddrs::getifaddrs()
        .map(|all| all.filter_map(address).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_says_where_to_dial() {
        let cases = [
            (json!({}), "127.0.0.1", 18789),
            (
                json!({"gateway": {"bind": "lan", "port": 4000}}),
                "127.0.0.1",
                4000,
            ),
            (
                json!({"gateway": {"bind": "custom", "customBindHost": "127.0.0.9"}}),
                "127.0.0.9",
                18789,
            ),
            (
                json!({"gateway": {"bind": "custom", "customBindHost": "0.0.0.0"}}),
                "127.0.0.1",
                18789,
            ),
            (json!({"gateway": {"port": 99999}}), "127.0.0.1", 18789),
        ];
        for (document, host, port) in cases {
            let found = endpoint(&document).unwrap();
            assert_eq!(
                (found.host.as_str(), found.port),
                (host, port),
                "{document}"
            );
        }
    }

    #[test]
    fn an_address_of_another_machine_is_not_dialled() {
        for host in ["203.0.113.7", "example.org", ""] {
            let document = json!({"gateway": {"bind": "custom", "customBindHost": host}});
            assert!(endpoint(&document).is_none(), "{host}");
        }
    }

    #[test]
    fn a_gateway_whose_certificate_cannot_be_read_is_not_dialled() {
        let document =
            json!({"gateway": {"tls": {"enabled": true, "certPath": "/proc/nowhere/cert.pem"}}});
        assert!(endpoint(&document).is_none());
    }
}
