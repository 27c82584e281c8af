//! A TLS certificate from a mounted Secret, rotated while connections come in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    Error,
    stamp::{Stamp, read_secret},
};

/// How often, at most, the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `tls.crt` and `tls.key` of one directory, and the last pair of them that was good.
#[derive(Debug)]
pub struct Certificates {
    directory: PathBuf,
    config: Arc<ServerConfig>,
    seen: Pair,
    looked: Instant,
}

type Pair = [Option<Stamp>; 2];

impl Certificates {
    /// Reads the pair in `directory`; the first one has to be good.
    pub fn read(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = directory.into();
        let seen = stamps(&directory);
        Ok(Self {
            config: server_config(&directory)?,
            directory,
            seen,
            looked: Instant::now(),
        })
    }

    /// What to greet the next connection with. Looks at the files at most once a second.
    pub(crate) fn current(&mut self, now: Instant) -> Arc<ServerConfig> {
        if now.duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            self.look();
        }
        Arc::clone(&self.config)
    }

    /// The stamps are taken before the reading, so a swap in between shows at the next look.
    fn look(&mut self) {
        let seen = stamps(&self.directory);
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        let directory = self.directory.display();
        match server_config(&self.directory) {
            Ok(config) => {
                tracing::info!(%directory, "new certificate");
                self.config = config;
            }
            Err(error) => {
                let reason = error.reason();
                tracing::warn!(%directory, %error, reason, "bad certificate: keeping the one before");
            }
        }
    }
}

fn stamps(directory: &Path) -> Pair {
    ["tls.crt", "tls.key"].map(|name| Stamp::of(&directory.join(name)))
}

fn server_config(directory: &Path) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificate_chain(&directory.join("tls.crt"))?;
    let key = private_key(&directory.join("tls.key"))?;
    let misfit = |source| Error::Certificate {
        directory: directory.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(misfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(misfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificate_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = read_secret(path).map_err(|source| unreadable(path, source))?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|source| not_pem(path, source))?;
    if chain.is_empty() {
        return Err(not_pem(path, rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = read_secret(path).map_err(|source| unreadable(path, source))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|source| not_pem(path, source))
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::ReadCertificate {
        path: path.to_owned(),
        source,
    }
}

fn not_pem(path: &Path, source: rustls::pki_types::pem::Error) -> Error {
    Error::ParseCertificate {
        path: path.to_owned(),
        source,
    }
}
