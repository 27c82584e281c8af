//! Labels, which may say anything.

use std::collections::HashMap;

use proptest::prelude::*;
use sandbox::labels::{self, Labels};
use sandbox::{Kind, Scope};

const HASH: &str = "1180ef2bf8baded8ed8b5fe3865c66fd";

#[test]
fn scopes_of_all_shapes() {
    let some = |text: &str| Some(text.to_owned());
    let one = |key: &str, agent: &str, workspace| Scope::Session {
        key: key.to_owned(),
        agent: agent.to_owned(),
        workspace,
    };
    let all = |agent: &str, workspace| Scope::Agent {
        agent: agent.to_owned(),
        workspace,
    };
    let cases = [
        (
            "agent:main:t2".to_owned(),
            one("agent:main:t2", "main", None),
        ),
        (
            format!("agent:main:t2:workspace:{HASH}"),
            one("agent:main:t2", "main", some(HASH)),
        ),
        (
            "agent:a:whatsapp:group:1@g.us".to_owned(),
            one("agent:a:whatsapp:group:1@g.us", "a", None),
        ),
        (
            "agent:a:workspace:x".to_owned(),
            one("agent:a:workspace:x", "a", None),
        ),
        (
            format!("agent:a:b:workspace:{HASH}0"),
            one(&format!("agent:a:b:workspace:{HASH}0"), "a", None),
        ),
        ("agent:main".to_owned(), all("main", None)),
        (
            format!("agent:main:workspace:{HASH}"),
            all("main", some(HASH)),
        ),
        ("shared".to_owned(), Scope::Shared { workspace: None }),
        (
            format!("shared:workspace:{HASH}"),
            Scope::Shared {
                workspace: some(HASH),
            },
        ),
        (
            format!("agent:a:{}", "b".repeat(1016)),
            one(&format!("agent:a:{}", "b".repeat(1016)), "a", None),
        ),
    ];
    for (label, wanted) in cases {
        assert_eq!(Scope::parse(&label), wanted, "{label}");
    }
}

#[test]
fn odd_scopes_are_unknown_and_belong_to_no_session() {
    let long = format!("agent:a:{}", "b".repeat(1017));
    let huge = "agent:main:".repeat(1 << 20);
    for label in [
        "",
        " ",
        "agent",
        "agent:",
        "agent::",
        "agent::x",
        "agent:a:",
        "Agent:a:b",
        "shared:x",
        "global",
        "agent:a:b\n",
        "agent:a:\0",
        "1",
        &long,
        &huge,
    ] {
        let scope = Scope::parse(label);
        assert_eq!(scope, Scope::Unknown, "{:.40}", label);
        assert_eq!(scope.session(), None);
    }
}

proptest! {
    #[test]
    fn a_session_key_is_what_stands_before_the_workspace(label in "(agent:|shared|:|workspace:|[a-c]|1180ef2bf8baded8ed8b5fe3865c66fd){0,8}") {
        if let Some(session) = Scope::parse(&label).session() {
            let rest = label.strip_prefix(session).unwrap();
            let qualified = format!(":workspace:{HASH}");
            prop_assert!(rest.is_empty() || rest == qualified);
            prop_assert!(session.starts_with("agent:"));
        }
    }
}

fn read(pairs: &[(&str, &str)]) -> Option<Labels> {
    let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    Labels::read(&pairs.iter().map(owned).collect::<HashMap<_, _>>())
}

#[test]
fn only_the_label_makes_a_sandbox() {
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[("openclaw.sandbox", "0")]), None);
    assert_eq!(read(&[("openclaw.sandbox", "")]), None);
    assert_eq!(read(&[("OpenClaw.Sandbox", "1")]), None);
    assert_eq!(read(&[("openclaw.sessionKey", "agent:main:x")]), None);
    let bare = read(&[("openclaw.sandbox", "1")]).unwrap();
    let wanted = Labels {
        scope: Scope::Unknown,
        kind: Kind::Tool,
        config_hash: None,
    };
    assert_eq!(bare, wanted);
}

#[test]
fn a_browser_is_told_by_its_label() {
    for (value, wanted) in [("1", Kind::Browser), ("0", Kind::Tool), ("", Kind::Tool)] {
        let labels = read(&[
            ("openclaw.sandbox", "1"),
            ("openclaw.sandboxBrowser", value),
        ]);
        assert_eq!(labels.unwrap().kind, wanted);
    }
}

#[test]
fn values_that_lie_do_no_harm() {
    let huge = "9".repeat(10 << 20);
    for value in [
        "",
        "-1",
        "no number",
        "99999999999999999999",
        "1e400",
        "NaN",
        &huge,
    ] {
        let labels = read(&[
            ("openclaw.sandbox", "1"),
            ("openclaw.sessionKey", "agent:main:x"),
            ("openclaw.createdAtMs", value),
            ("openclaw.mountFormatVersion", value),
        ]);
        assert_eq!(
            labels,
            read(&[
                ("openclaw.sandbox", "1"),
                ("openclaw.sessionKey", "agent:main:x")
            ])
        );
    }
    let labels = read(&[
        ("openclaw.sandbox", "1"),
        ("openclaw.sessionKey", &huge),
        ("openclaw.configHash", &huge),
    ]);
    assert_eq!(labels, read(&[("openclaw.sandbox", "1")]));
}

#[test]
fn texts_are_bounded_and_shown_without_control_characters() {
    assert_eq!(labels::bounded("plain"), "plain");
    assert_eq!(labels::bounded("a\u{1b}[31m\n"), "a\u{fffd}[31m\u{fffd}");
    let long = labels::bounded(&"é".repeat(10 << 20));
    assert_eq!(long.chars().count(), labels::TEXT_MAX);
}
