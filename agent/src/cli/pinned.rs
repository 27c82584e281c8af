//! TLS that trusts one certificate: the agent's own, as it lies in `--tls-dir`.
//!
//! No authority and no name: whoever shows this very certificate, and proves to hold its key, is
//! the agent. So a certificate that an operator made by hand works as it is.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// A certificate larger than this is none.
const MAX_BYTES: u64 = 256 << 10;

/// What can go wrong before anything is sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The certificate cannot be read.
    #[error("cannot read the agent's certificate")]
    Read(#[from] durable::Error),
    /// It is no PEM.
    #[error("the agent's certificate is not PEM")]
    Pem(#[from] pem::Error),
    /// The TLS library does not take it.
    #[error("cannot set up TLS")]
    Tls(#[from] Error),
}

/// A client that talks to the holder of the first certificate in `dir/tls.crt` only.
pub(super) fn config(dir: &Path) -> Result<ClientConfig, Unusable> {
    let bytes = durable::read_mounted_file(&dir.join("tls.crt"), MAX_BYTES)?;
    let certificate = CertificateDer::from_pem_slice(&bytes)?;
    let provider = Arc::new(ring::default_provider());
    let pinned = Pinned {
        certificate,
        provider: Arc::clone(&provider),
    };
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            shown,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            shown,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
