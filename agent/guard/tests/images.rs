//! Where images come from: a pull only where it is allowed, and nothing else ever.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::time::Duration;

use guard::{Allowance, Ceilings};
use support::{
    CLIENTS, Front,
    fake::{Act, Fake},
    http::exchange,
    told,
};

const PATIENCE: Duration = Duration::from_secs(30);
const PULLED: &str = "{\"status\":\"Pulling\"}\r\n{\"status\":\"Status: Downloaded\"}\r\n";

/// A daemon that would carry out everything.
fn willing() -> Fake {
    Fake::start(|request| match request.split(' ').nth(1) {
        Some(path) if path.contains("/images/create?") => Act::Answer(200, PULLED.into()),
        _ => Act::Answer(200, "{}".into()),
    })
}

fn allowed(fake: &Fake) -> Front {
    fake.front(PATIENCE, |settings| settings.pull = Allowance::Allowed)
}

/// What the daemon heard but for what a client asks first.
fn heard(fake: &Fake) -> Vec<String> {
    let mut lines = fake.lines();
    lines.retain(|line| !line.contains("/_ping ") && !line.contains("/info "));
    lines
}

#[test]
fn no_image_is_pulled_by_default() {
    let fake = willing();
    let front = fake.front(PATIENCE, |_| {});
    for client in CLIENTS {
        let output = front
            .docker(client)
            .args(["pull", "openclaw-sandbox:bookworm-slim"])
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(
            told(&output).contains("refused by the sandbox guard: images are not pulled here"),
            "{}",
            told(&output)
        );
    }
    assert_eq!(heard(&fake), Vec::<String>::new());
}

#[test]
fn what_is_allowed_is_pulled() {
    let fake = willing();
    let front = allowed(&fake);
    let digest = format!("openclaw-sandbox@sha256:{}", "0".repeat(64));
    for client in CLIENTS {
        for image in [
            "openclaw-sandbox:bookworm-slim",
            "openclaw-sandbox",
            &digest,
        ] {
            let output = front.docker(client).args(["pull", image]).output().unwrap();
            assert!(output.status.success(), "{}", told(&output));
            let tag = match image.split_once(['@', ':']) {
                Some((_, tag)) => tag.replace(':', "%3A"),
                None => "latest".into(),
            };
            // The current client writes the whole name.
            let heard = heard(&fake).concat();
            let asked =
                format!("POST /v1.41/images/create?fromImage=openclaw-sandbox&tag={tag} HTTP/1.1");
            assert_eq!(heard.replace("docker.io%2Flibrary%2F", ""), asked);
        }
    }
}

#[test]
fn what_is_not_allowed_is_not_pulled() {
    let fake = willing();
    let front = allowed(&fake);
    for client in CLIENTS {
        for image in [
            "busybox",
            "evil/openclaw-sandbox",
            "localhost:5000/openclaw-sandbox:x",
        ] {
            let output = front.docker(client).args(["pull", image]).output().unwrap();
            assert!(
                told(&output).contains("refused by the sandbox guard: "),
                "{}",
                told(&output)
            );
        }
        let every = ["pull", "--all-tags", "openclaw-sandbox"];
        let output = front.docker(client).args(every).output().unwrap();
        assert!(
            told(&output).contains("a pull must name the tag or digest"),
            "{}",
            told(&output)
        );
    }
    for query in [
        "",
        "fromImage=",
        "fromImage=openclaw-sandbox",
        "fromImage=openclaw-sandbox&tag=",
        "fromImage=openclaw-sandbox:&tag=x",
        "fromImage=openclaw-sandbox:x&tag=y",
        "fromImage=openclaw-sandbox&tag=x&tag=y",
        "fromImage=openclaw-sandbox&tag=x&repo=y",
        "fromImage=openclaw-sandbox&tag=x&changes=USER%20root",
        "fromImage=openclaw-sandbox&tag=x%2F..%2Fy",
        "fromImage=Openclaw-sandbox&tag=x",
        "fromImage=docker.io%2Fevil%2Fopenclaw-sandbox&tag=x",
        "fromImage=docker.io%2Flibrary%2Fopenclaw-sandbox",
        "fromSrc=-",
        "fromSrc=-&fromImage=openclaw-sandbox&tag=x",
    ] {
        let answer = front.post(&format!("/v1.41/images/create?{query}"), "");
        assert!([400, 403].contains(&answer.status), "{query}: {answer:?}");
    }
    assert_eq!(heard(&fake), Vec::<String>::new());
}

/// The document that is in force decides, and names one image to the tag.
#[test]
fn of_the_document_its_images_are_pulled() {
    let fake = willing();
    let front = allowed(&fake);
    front.ceilings.send_replace(Ceilings {
        images: Some(["registry:5000/own:1".to_owned()].into()),
        ..Ceilings::default()
    });
    for (query, status) in [
        ("fromImage=registry:5000%2Fown&tag=1", 200),
        ("fromImage=registry:5000%2Fown&tag=2", 403),
        ("fromImage=openclaw-sandbox&tag=bookworm-slim", 403),
    ] {
        let answer = front.post(&format!("/v1.41/images/create?{query}"), "");
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    assert_eq!(heard(&fake).len(), 1);
}

/// Of the client's own headers only the credentials of a registry reach the daemon, and only with a pull.
#[test]
fn credentials_pass_with_a_pull_alone() {
    let fake = willing();
    let front = allowed(&fake);
    for (call, is_pull) in [
        (
            "POST /v1.41/images/create?fromImage=openclaw-sandbox&tag=x",
            true,
        ),
        ("GET /v1.41/images/json", false),
    ] {
        fake.heard();
        let asked = format!(
            "{call} HTTP/1.1\r\nHost: evil\r\nConnection: close\r\nX-Registry-Auth: secret\r\nX-Other: other\r\nContent-Length: 0\r\n\r\n"
        );
        exchange(&front.socket, asked.as_bytes());
        let heard = fake.heard().concat().to_lowercase();
        assert_eq!(
            heard.contains("x-registry-auth: secret"),
            is_pull,
            "{heard}"
        );
        assert!(
            !heard.contains("other") && !heard.contains("evil"),
            "{heard}"
        );
    }
}

/// Neither a pull that is allowed nor anything else makes a way for images that the client brings.
#[test]
fn nothing_is_built_or_loaded() {
    let fake = willing();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    std::fs::write(folder.path().join("image.tar"), [0; 1024]).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for pull in [Allowance::Refused, Allowance::Allowed] {
        let front = fake.front(PATIENCE, |settings| settings.pull = pull);
        for client in CLIENTS {
            for arguments in [
                &["build", "-t", "openclaw-sandbox:x", &at("")][..],
                &["load", "-i", &at("image.tar")],
                &["import", &at("image.tar"), "openclaw-sandbox:x"],
                &["commit", "x", "openclaw-sandbox:x"],
                &["tag", "openclaw-sandbox", "openclaw-sandbox:x"],
                &["push", "openclaw-sandbox"],
                &["save", "openclaw-sandbox"],
                &["rmi", "openclaw-sandbox"],
            ] {
                let mut docker = front.docker(client);
                docker.env("DOCKER_BUILDKIT", "0").args(arguments);
                let output = docker.output().unwrap();
                assert!(!output.status.success());
                assert!(
                    told(&output).contains("refused by the sandbox guard: "),
                    "{client} {arguments:?}: {}",
                    told(&output)
                );
            }
        }
    }
    assert_eq!(heard(&fake), Vec::<String>::new());
}
