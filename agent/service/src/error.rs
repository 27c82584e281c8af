//! What can go wrong while a process starts to live.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a part of the process could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not a list of `target=level`.
    #[error("cannot read the log filter {filter:?}")]
    LogFilter {
        /// What was asked for.
        filter: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set the process's log before.
    #[error("the log is set already")]
    LogSet {
        /// What the subscriber says.
        source: tracing_subscriber::util::TryInitError,
    },
    /// The kernel gives no signal handlers.
    #[error("cannot listen for signals")]
    Signals {
        /// What the kernel says.
        source: io::Error,
    },
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file of the certificate cannot be read.
    #[error("cannot read {path:?}")]
    ReadCertificate {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file of the certificate is not the PEM that it should be.
    #[error("no usable PEM in {path:?}")]
    ParseCertificate {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not serve together.
    #[error("the certificate and key in {directory:?} do not fit")]
    Certificate {
        /// The directory of both.
        directory: PathBuf,
        /// What the TLS engine says.
        source: rustls::Error,
    },
    /// A metric of this name is there already.
    #[error("cannot register the metrics of the process")]
    Metrics {
        /// What the registry says.
        source: prometheus::Error,
    },
}

impl Error {
    /// A stable word, fit for a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::LogFilter { .. } => "log_filter",
            Self::LogSet { .. } => "log_set",
            Self::Signals { .. } => "signals",
            Self::Bind { .. } => "bind",
            Self::ReadCertificate { .. } => "read_certificate",
            Self::ParseCertificate { .. } => "parse_certificate",
            Self::Certificate { .. } => "certificate",
            Self::Metrics { .. } => "metrics",
        }
    }
}
