//! TLS from a mounted directory, rotated under a running listener.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use service::{Certificates, ListenerSettings};
use tempfile::TempDir;
use tokio::{io, net::TcpStream, time::sleep};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::peer::{Served, read_all, request, write};

/// Longer than the listener waits between two looks at the files.
const A_LOOK: Duration = Duration::from_millis(1100);

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// A Secret as Kubernetes mounts it: links through `..data`, which is swapped.
fn mount(directory: &Path, version: &str, certificate: &str, key: &str) {
    let files = directory.join(version);
    fs::create_dir(&files).unwrap();
    fs::write(files.join("tls.crt"), certificate).unwrap();
    fs::write(files.join("tls.key"), key).unwrap();
    symlink(version, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        let link = directory.join(name);
        if !link.is_symlink() {
            symlink(format!("..data/{name}"), link).unwrap();
        }
    }
}

fn mount_pair(directory: &Path, version: &str, pair: &CertifiedKey<KeyPair>) {
    mount(
        directory,
        version,
        &pair.cert.pem(),
        &pair.signing_key.serialize_pem(),
    );
}

async fn serve(pair: &CertifiedKey<KeyPair>) -> (TempDir, Served) {
    let directory = tempfile::tempdir().unwrap();
    mount_pair(directory.path(), "..1", pair);
    let certificates = Certificates::read(directory.path()).unwrap();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let settings = ListenerSettings {
        header_timeout: Duration::from_millis(500),
        ..ListenerSettings::default()
    };
    let served = Served::start(router, settings, Some(certificates)).await;
    (directory, served)
}

/// Connects as one who trusts this certificate alone.
async fn greet(
    served: &Served,
    trusted: &CertificateDer<'static>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, served.connect().await).await
}

#[tokio::test]
async fn a_new_pair_is_taken_and_a_bad_one_is_not() {
    let (first, second) = (certificate(), certificate());
    let (first_der, second_der) = (first.cert.der(), second.cert.der());
    let (directory, served) = serve(&first).await;
    let mut stream = greet(&served, first_der).await.unwrap();
    write(&mut stream, &request("GET /", &[])).await;
    assert_eq!(read_all(stream).await.body(), "hello");

    mount_pair(directory.path(), "..2", &second);
    sleep(A_LOOK).await;
    assert!(greet(&served, second_der).await.is_ok());
    assert!(greet(&served, first_der).await.is_err());

    let (pem, key) = (first.cert.pem(), second.signing_key.serialize_pem());
    let bad = [
        ("..3", pem.as_str(), key.as_str()),
        ("..4", "", ""),
        ("..5", "no certificate", key.as_str()),
        (
            "..6",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_str(),
        ),
    ];
    for (version, pem, key) in bad {
        mount(directory.path(), version, pem, key);
        sleep(A_LOOK).await;
        assert!(greet(&served, second_der).await.is_ok(), "{version}");
    }
    mount_pair(directory.path(), "..7", &first);
    sleep(A_LOOK).await;
    assert!(greet(&served, first_der).await.is_ok());
}

#[tokio::test]
async fn an_open_connection_outlives_a_rotation() {
    let (first, second) = (certificate(), certificate());
    let (directory, served) = serve(&first).await;
    let mut stream = greet(&served, first.cert.der()).await.unwrap();
    mount_pair(directory.path(), "..2", &second);
    write(&mut stream, &request("GET /", &[])).await;
    assert_eq!(read_all(stream).await.body(), "hello");
}

#[tokio::test]
async fn who_does_not_greet_is_shown_out() {
    let (_directory, served) = serve(&certificate()).await;
    let silent = read_all(served.connect().await).await;
    assert!(silent.after < Duration::from_secs(2), "{silent:?}");
    let mut plain = served.connect().await;
    write(&mut plain, &request("GET /", &[])).await;
    let mut ending = Vec::new();
    let _ = io::AsyncReadExt::read_to_end(&mut plain, &mut ending).await;
    assert!(!ending.starts_with(b"HTTP"), "{ending:?}");
}

#[test]
fn the_first_pair_has_to_be_good() {
    let (one, other) = (certificate(), certificate());
    let (pem, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let other_key = other.signing_key.serialize_pem();
    let cases = [
        (pem.as_str(), key.as_str(), None),
        (pem.as_str(), other_key.as_str(), Some("certificate")),
        (pem.as_str(), "", Some("parse_certificate")),
        ("", key.as_str(), Some("parse_certificate")),
        (key.as_str(), pem.as_str(), Some("parse_certificate")),
    ];
    for (pem, key, reason) in cases {
        let directory = tempfile::tempdir().unwrap();
        mount(directory.path(), "..1", pem, key);
        let read = Certificates::read(directory.path());
        assert_eq!(read.err().map(|error| error.reason()), reason);
    }
    let directory = tempfile::tempdir().unwrap();
    let nowhere = Certificates::read(directory.path().join("nowhere")).unwrap_err();
    assert_eq!(nowhere.reason(), "read_certificate");
    assert!(nowhere.to_string().contains("nowhere/tls.crt"), "{nowhere}");
}

#[test]
fn certificates_show_no_key() {
    let pair = certificate();
    let directory = tempfile::tempdir().unwrap();
    mount_pair(directory.path(), "..1", &pair);
    let shown = format!("{:?}", Certificates::read(directory.path()).unwrap());
    let key = pair.signing_key.serialize_der();
    let listed = key.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    assert!(!shown.contains(&listed[..60]), "{shown}");
}
