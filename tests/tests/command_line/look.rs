//! `check`, `diff` and `explain`: who looks, changes nothing.

use crate::desk::Desk;

#[test]
fn check_lists_all_problems_of_all_layers() {
    let desk = Desk::new();
    assert!(desk.stateless(&["check"]).with(0).stdout.starts_with("ok"));
    desk.write("base/20-bad.json5", "{ a: NaN }");
    desk.user(r#"{ gateway: { bind: "lan" } }"#);
    let said = desk.stateless(&["check"]).with(1).stdout;
    assert!(
        said.starts_with("2 problems\n")
            && said.contains("20-bad.json5:1:6")
            && said.contains("gateway.bind"),
        "{said}"
    );
    assert!(said.contains("cure: ") && !said.contains('\x1b'), "{said}");
    let problems = desk.stateless(&["check", "--json"]).with(1).json();
    assert_eq!(problems["problems"].as_array().unwrap().len(), 2);
    assert!(
        !desk.path("state").exists(),
        "to look makes no state directory"
    );
    desk.run(&["check"]).with(1);
    assert!(
        !desk.path("state").exists(),
        "to look makes no state directory"
    );
}

#[test]
fn diff_shows_every_change_and_that_no_gateway_was_asked() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert_eq!(desk.run(&["diff"]).with(0).stdout, "nothing would change\n");
    desk.user(r#"{ logging: { level: null }, extra: true }"#);
    let said = desk.run(&["diff"]).with(0).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "extra          (not set) -> true     user user.json5:1:29  unchecked",
            "logging.level  \"debug\" -> (removed)                        unchecked",
            "unchecked: no gateway was asked",
        ]
    );
    let changes = desk.run(&["diff", "--json"]).with(0).json();
    assert_eq!(changes["check"]["kind"], "unchecked");
    assert_eq!(
        desk.document()["logging"]["level"],
        "debug",
        "it only shows"
    );
}

#[test]
fn explain_says_who_set_a_key_what_it_hid_and_what_was_refused() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert_eq!(
        desk.run(&["explain", "logging.level"]).with(0).stdout,
        "logging.level = \"debug\"\n  set by  user  user.json5:1:14        (since generation 1)\n  hides   base  10-gateway.json5:3:14  \"info\"\n"
    );
    desk.user(r#"{ gateway: { bind: "lan" } }"#);
    let said = desk.run(&["explain", "gateway.bind"]).with(0).stdout;
    for part in [
        "gateway.bind = \"loopback\"",
        "set by     base",
        "refused    user",
        "locked by policy (locks.json5:1:11): one gate",
        "locked by  gateway.bind",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let branch = desk.run(&["explain", "gateway"]).with(0).stdout;
    assert!(
        branch.contains("    gateway.port  = 18789")
            && branch.contains("base 10-gateway.json5:2:32"),
        "{branch}"
    );
    let unknown = desk.run(&["explain", "gateway.bnid"]).with(1).stderr;
    assert!(unknown.contains("did you mean gateway.bind"), "{unknown}");
    assert_eq!(
        desk.run(&["explain", "gateway.bind", "--json"])
            .with(0)
            .json()["locked_by"]["why"],
        "one gate"
    );
    desk.run(&["explain", "a[["]).with(2);
}
