//! Who is let in, and what the others hear.

use std::{fs, os::unix::fs::symlink, path::Path};

use axum::{Extension, Router, routing::get};
use service::{Bearer, Caller, ListenerSettings, Role, TokenFiles};
use tempfile::TempDir;

use crate::peer::{Answer, Served};

const READER: &str = "reader-0123456789abcdef";
const OPERATOR: &str = "operator-0123456789abcdef";

async fn actor(Extension(caller): Extension<Caller>) -> String {
    caller.actor
}

/// A Secret as Kubernetes mounts it: links through `..data`, which is swapped.
fn mount(directory: &Path, version: &str, read: &str, operate: &str) {
    let files = directory.join(version);
    fs::create_dir(&files).unwrap();
    fs::write(files.join("read"), read).unwrap();
    fs::write(files.join("operate"), operate).unwrap();
    symlink(version, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for name in ["read", "operate"] {
        let link = directory.join(name);
        if !link.is_symlink() {
            symlink(format!("..data/{name}"), link).unwrap();
        }
    }
}

async fn serve(files: TokenFiles) -> Served {
    let bearer = Bearer::new(files, "x-actor");
    let look = bearer.guard(Router::new().route("/config", get(actor)), Role::Read);
    let change = Router::new().route("/config", axum::routing::put(actor));
    let change = bearer.guard(change, Role::Operate);
    Served::start(look.merge(change), ListenerSettings::default(), None).await
}

async fn mounted() -> (TempDir, Served) {
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "..1", READER, OPERATOR);
    let file = |name| Some(directory.path().join(name));
    let files = TokenFiles {
        read: file("read"),
        operate: file("operate"),
    };
    (directory, serve(files).await)
}

async fn ask(served: &Served, line: &str, token: &str) -> Answer {
    served
        .ask(line, &[&format!("Authorization: Bearer {token}")])
        .await
}

#[tokio::test]
async fn each_role_gets_what_it_may() {
    let (_directory, served) = mounted().await;
    let cases = [
        ("GET /config", READER, 200, ""),
        ("GET /config", OPERATOR, 200, ""),
        ("PUT /config", OPERATOR, 200, ""),
        (
            "PUT /config",
            READER,
            403,
            "error=\"insufficient_scope\", scope=\"operate\"",
        ),
        ("GET /config", "wrong", 401, "error=\"invalid_token\""),
        ("GET /config", "a b", 400, "error=\"invalid_request\""),
    ];
    for (line, token, status, challenge) in cases {
        let answer = ask(&served, line, token).await;
        assert_eq!(answer.status(), status, "{line} {token}");
        let said = answer.header("www-authenticate").unwrap_or_default();
        assert!(said.contains(challenge), "{line} {token}: {said}");
        assert_eq!(said.is_empty(), status == 200, "{said}");
        assert!(!answer.text.contains(token) || status == 200, "{answer:?}");
    }
}

#[tokio::test]
async fn who_brings_no_token_hears_only_the_scheme() {
    let (_directory, served) = mounted().await;
    for headers in [&[][..], &["Authorization: Basic abc"][..]] {
        for path in ["GET /config", "GET /nowhere"] {
            let answer = served.ask(path, headers).await;
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"pilotfish\"")
            );
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json")
            );
            let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
            assert_eq!(body["status"], 401);
            assert_eq!(body["code"], "no_token");
        }
    }
}

#[tokio::test]
async fn the_actor_is_the_role_and_a_name() {
    let (_directory, served) = mounted().await;
    let authorization = format!("Authorization: Bearer {OPERATOR}");
    let long = format!("X-Actor: {}", "a".repeat(129));
    let cases = [
        (&[][..], 200, "operate"),
        (
            &["X-Actor: alice@example.com"][..],
            200,
            "operate:alice@example.com",
        ),
        (&["X-Actor: alice", "X-Actor: bob"][..], 400, ""),
        (&["X-Actor: a\tb"][..], 400, ""),
        (&[long.as_str()][..], 400, ""),
    ];
    for (actor, status, expected) in cases {
        let mut headers = vec![authorization.as_str()];
        headers.extend(actor);
        let answer = served.ask("PUT /config", &headers).await;
        assert_eq!(answer.status(), status, "{actor:?}");
        if status == 200 {
            assert_eq!(answer.body(), expected);
        }
    }
}

#[tokio::test]
async fn tokens_rotate_while_it_runs() {
    let (directory, served) = mounted().await;
    let put = "PUT /config";
    assert_eq!(ask(&served, put, OPERATOR).await.status(), 200);

    mount(
        directory.path(),
        "..2",
        READER,
        &format!("{OPERATOR}\nnext-operator"),
    );
    assert_eq!(ask(&served, put, OPERATOR).await.status(), 200);
    assert_eq!(ask(&served, put, "next-operator").await.status(), 200);

    mount(directory.path(), "..3", READER, "next-operator\n");
    assert_eq!(ask(&served, put, OPERATOR).await.status(), 401);
    assert_eq!(ask(&served, put, "next-operator").await.status(), 200);

    mount(directory.path(), "..4", "", "");
    for token in [READER, OPERATOR, "next-operator", ""] {
        assert_ne!(
            ask(&served, "GET /config", token).await.status(),
            200,
            "{token:?}"
        );
    }
}

#[tokio::test]
async fn with_no_tokens_nobody_comes_in() {
    let served = serve(TokenFiles::default()).await;
    for token in ["", "x", READER] {
        assert_ne!(
            ask(&served, "GET /config", token).await.status(),
            200,
            "{token:?}"
        );
    }
}

#[test]
fn a_guard_shows_no_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read");
    fs::write(&path, READER).unwrap();
    let files = TokenFiles {
        read: Some(path),
        operate: None,
    };
    let shown = format!("{:?}", Bearer::new(files, "x-actor"));
    assert!(!shown.contains(READER), "{shown}");
}
