//! Where the gateway is and how to show who we are.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// Where a gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// An address or a name, without brackets and without port.
    pub host: String,
    /// The gateway's one port, for HTTP and for the websocket.
    pub port: u16,
    /// Present when the gateway speaks TLS.
    pub tls: Option<Tls>,
}

impl Endpoint {
    /// A gateway without TLS.
    pub fn plain(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            tls: None,
        }
    }

    /// What goes into the `Host` header: an IPv6 address in brackets.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The certificates that a gateway may show. On loopback it shows a self-signed one, so it
/// is not its chain that counts: its own certificate has to be one of these, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    pins: Arc<[CertificateDer<'static>]>,
}

impl Tls {
    /// Reads the pins from the text of the file that `gateway.tls.certPath` names.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let pins: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|_| Error::Pin)?;
        Self::from_der(pins)
    }

    /// Takes the pins as DER.
    pub fn from_der(pins: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        if pins.is_empty() {
            Err(Error::Pin)
        } else {
            Ok(Self { pins: pins.into() })
        }
    }

    pub(crate) fn holds(&self, leaf: &CertificateDer<'_>) -> bool {
        self.pins.iter().any(|pin| pin == leaf)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("pins", &self.pins.len())
            .finish()
    }
}

/// The gateway's shared token. It never shows in `Debug`.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Takes the token as it is, without trimming.
    pub fn new(token: impl Into<String>) -> Self {
        Self(SecretString::from(token.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What a connection may do. Ask for the least: `Admin` implies all, `Write` implies `Read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Look at everything that is not secret.
    Read,
    /// Send messages and start runs.
    Write,
    /// Change configuration, reload secrets, restart.
    Admin,
    /// List and approve devices and senders.
    Pairing,
    /// Answer approval prompts.
    Approvals,
}

impl Scope {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Admin => "operator.admin",
            Self::Pairing => "operator.pairing",
            Self::Approvals => "operator.approvals",
        }
    }

    /// Whether the scope called `granted` covers this one.
    pub(crate) fn covered_by(self, granted: &str) -> bool {
        granted == Self::Admin.name()
            || granted == self.name()
            || (self == Self::Read && granted == Self::Write.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Token::new("planted")), "Token");
    }

    #[test]
    fn authority_puts_brackets_around_v6() {
        for (host, want) in [
            ("127.0.0.1", "127.0.0.1:1"),
            ("::1", "[::1]:1"),
            ("gw", "gw:1"),
        ] {
            assert_eq!(Endpoint::plain(host, 1).authority(), want);
        }
    }

    #[test]
    fn pem_without_certificate_is_refused() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
        ] {
            assert!(
                matches!(Tls::from_pem(pem.as_bytes()), Err(Error::Pin)),
                "{pem:?}"
            );
        }
    }

    #[test]
    fn scopes_cover_each_other() {
        let cases = [
            (Scope::Read, "operator.read", true),
            (Scope::Read, "operator.write", true),
            (Scope::Read, "operator.admin", true),
            (Scope::Pairing, "operator.admin", true),
            (Scope::Pairing, "operator.write", false),
            (Scope::Admin, "operator.read", false),
        ];
        for (asked, granted, want) in cases {
            assert_eq!(asked.covered_by(granted), want, "{asked:?} by {granted}");
        }
    }
}
