//! What holds for any order of events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use health::cure::{Book, Decision, Grade, Hands, Mode, Situation};
use health::death::{Inference, Seen};
use health::facts::{Account, Channels, Gateway, Healthz, Issue, IssueKind, Link, Startup};
use health::{Cause, Damper, Facts, Finding, Key, Kind, Severity, Verdict, judge, verdict, words};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::stage::*;

const KINDS: [Kind; 8] = [
    Kind::PortClosed,
    Kind::GatewaySilent,
    Kind::GatewayExited,
    Kind::NotStarted,
    Kind::ChannelDead,
    Kind::SecretsDegraded,
    Kind::EventLoopDelayed,
    Kind::ClockJumped,
];

fn finding(kind: Kind) -> Finding {
    Finding {
        key: Key::of(kind, ""),
        since: None,
        evidence: "seen".into(),
    }
}

/// Looks, each some time after the one before.
fn looks() -> impl Strategy<Value = Vec<(Duration, Vec<Kind>)>> {
    let step = (50..5_000u64).prop_map(Duration::from_millis);
    vec((step, subsequence(KINDS.to_vec(), 0..KINDS.len())), 1..200)
}

/// Most changes in any minute.
fn most_changes(changes: &[Duration]) -> usize {
    let within = |first: &Duration| {
        changes
            .iter()
            .filter(|at| *at >= first && **at - *first < MINUTE)
            .count()
    };
    changes.iter().map(within).max().unwrap_or_default()
}

/// When the verdict changed.
fn changes(looks: &[(Duration, Vec<Kind>)]) -> Vec<Duration> {
    let mut damper = Damper::default();
    let (mut now, mut before, mut changes) = (HOUR, Verdict::Healthy, Vec::new());
    for (step, kinds) in looks {
        now += *step;
        let causes = damper.update(kinds.iter().copied().map(finding).collect(), now);
        let after = verdict(&well(now), &causes);
        if after != before {
            changes.push(now);
            before = after;
        }
    }
    changes
}

fn any_word() -> impl Strategy<Value = Option<String>> {
    let words = [
        "starting",
        "ready",
        "stopped",
        "blocked",
        "disconnected",
        "stuck",
        "healthy",
        "???",
        "",
    ];
    proptest::option::of(select(words.to_vec()).prop_map(String::from))
}

prop_compose! {
    fn any_account()(
        name in 0..30u32,
        (enabled, configured, running, connected, linked) in any::<(Option<bool>, Option<bool>, Option<bool>, Option<bool>, Option<bool>)>(),
        (lifecycle, health_state, last_error) in (any_word(), any_word(), proptest::option::of(".{0,400}")),
        (started, reconnects) in any::<(Option<u32>, Option<u64>)>(),
    ) -> Account {
        Account {
            channel: ["telegram", "slack"][name as usize % 2].into(),
            account: name.to_string(),
            enabled, configured, running, connected, linked, lifecycle, health_state, last_error, reconnects,
            started: started.map(|age| seconds(age.into())),
            last_inbound: None,
        }
    }
}

prop_compose! {
    fn any_issue()(name in 0..30u32, kind in select(vec!["runtime", "auth", "config", "new"]), message in ".{0,400}") -> Issue {
        Issue { channel: "telegram".into(), account: name.to_string(), kind: IssueKind::parse(kind), message }
    }
}

prop_compose! {
    fn any_gateway()(
        link in select(vec![None, Some(Link::Up { boot_id: None }), Some(Link::Absent { reason: "x".into(), since: DAY }), Some(Link::Refused { reason: "x".into(), since: DAY })]),
        healthz in select(vec![None, Some(Healthz::Live), Some(Healthz::Closed), Some(Healthz::Foreign), Some(Healthz::Late)]),
        startup in select(vec![None, Some(Startup::Started), Some(Startup::Draining), Some(Startup::Foreign)]),
        ready_failing in vec(select(vec!["telegram", "slack", "plugin-reload", "x"]).prop_map(String::from), 0..50),
        moments in any::<(Option<u16>, Option<u16>, Option<u16>)>(),
    ) -> Gateway {
        let moment = |at: Option<u16>| at.map(|at| seconds(at.into()));
        Gateway {
            link, healthz, startup, ready_failing,
            last_answer: moment(moments.0), starting_since: moment(moments.1), leaving_since: moment(moments.2),
            ..Gateway::default()
        }
    }
}

prop_compose! {
    fn any_situation()(
        observe: bool, restarts_inside: bool, parent: bool, rpc: bool, config_busy: bool,
        active_runs in proptest::option::of(0..3u32),
        verdict in select(Verdict::ALL.to_vec()),
        started in proptest::option::of(0..20_000u64),
    ) -> Situation {
        Situation {
            mode: if observe { Mode::Observe } else { Mode::Act },
            hands: if parent { Hands::Supervisor { restarts_inside } } else { Hands::Sidecar },
            verdict, rpc, active_runs, config_busy,
            started: started.map(seconds),
        }
    }
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let name =
        |names: &'static [&'static str]| proptest::option::of(select(names).prop_map(String::from));
    prop_oneof![
        (name(&["a", "b", "c"]), name(&["p", "q"]))
            .prop_map(|(boot_id, process)| Seen::Up { boot_id, process }),
        Just(Seen::Lost),
        any::<Option<bool>>().prop_map(|restart| Seen::Shutdown { restart }),
        any::<bool>().prop_map(Seen::Suspended),
        any::<bool>().prop_map(|open| Seen::Port { open }),
        (0..101u64).prop_map(|percent| Seen::Memory(memory(percent))),
        Just(Seen::RestartExpected),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is failing or degraded stays told for 15 s at least, so each of the two comes and goes at most 5 times.
    #[test]
    fn the_verdict_does_not_flap(looks in looks()) {
        prop_assert!(most_changes(&changes(&looks)) <= 20);
    }

    #[test]
    fn one_thing_that_flaps_makes_few_changes(steps in vec((50..5_000u64, any::<bool>()), 1..400), kind in select(KINDS.to_vec())) {
        let look = |(step, seen)| (Duration::from_millis(step), if seen { vec![kind] } else { vec![] });
        let looks: Vec<_> = steps.into_iter().map(look).collect();
        prop_assert!(most_changes(&changes(&looks)) <= 6);
    }

    #[test]
    fn what_lasts_is_always_told_and_what_is_gone_is_always_cleared(looks in looks(), kind in select(KINDS.to_vec())) {
        let mut damper = Damper::default();
        let mut now = HOUR;
        for (step, kinds) in looks {
            now += step;
            damper.update(kinds.into_iter().map(finding).collect(), now);
        }
        damper.update(vec![finding(kind)], now);
        now += kind.row().confirm;
        for _ in 0..100 {
            let causes = damper.update(vec![finding(kind)], now);
            prop_assert!(causes.iter().any(|cause| cause.key.kind == kind && cause.present()));
            now += seconds(10);
        }
        damper.update(vec![], now);
        prop_assert_eq!(damper.update(vec![], now + seconds(300)), vec![]);
        damper.update(vec![], now + seconds(900));
        prop_assert_eq!(damper.due(), None);
    }

    /// When nothing new is seen, nothing changes before the moment that was said.
    #[test]
    fn nothing_changes_before_it_is_due(looks in looks()) {
        let mut damper = Damper::default();
        let mut now = HOUR;
        for (step, kinds) in looks {
            now += step;
            let seen = || kinds.iter().copied().map(finding).collect::<Vec<_>>();
            let told = damper.update(seen(), now);
            if let Some(due) = damper.due().filter(|due| *due > now) {
                let mut ahead = damper.clone();
                prop_assert_eq!(ahead.update(seen(), due - Duration::from_nanos(1)), told);
                let mut then = damper.clone();
                then.update(seen(), due);
                prop_assert!(then.due().is_none_or(|next| next > due));
            }
        }
    }

    #[test]
    fn any_facts_give_bounded_findings_each_once(
        accounts in vec(any_account(), 0..120), issues in vec(any_issue(), 0..20), gateway in any_gateway(), at in 0..100_000u64,
    ) {
        let channels = Some(Channels { accounts, issues });
        let facts = Facts { at: seconds(at), gateway, channels, ..Facts::default() };
        let found = judge(&facts);
        prop_assert!(found.len() <= 100, "{} findings", found.len());
        let keys: BTreeSet<&Key> = found.iter().map(|finding| &finding.key).collect();
        prop_assert_eq!(keys.len(), found.len());
        let causes = Damper::default().update(found, facts.at);
        for cause in &causes {
            prop_assert!(cause.evidence.len() <= 300 && !cause.evidence.contains(char::is_control), "{:?}", cause);
            prop_assert!(cause.since <= facts.at);
        }
        let told = verdict(&facts, &causes);
        let failing = causes.iter().any(|cause| cause.severity() == Severity::Failing);
        prop_assert_eq!(told == Verdict::Failing, failing);
    }

    #[test]
    fn cures_keep_to_their_budgets_and_never_interrupt_a_run(
        rounds in vec((1..600u64, subsequence(KINDS.to_vec(), 0..KINDS.len()), any_situation()), 1..150),
    ) {
        let mut book = Book::default();
        let mut now = HOUR;
        let mut given: BTreeMap<Grade, Vec<Duration>> = BTreeMap::new();
        for (step, kinds, situation) in rounds {
            now += seconds(step);
            let causes: Vec<Cause> = kinds.iter().map(|kind| cause(*kind, "a/b", now.saturating_sub(seconds(100)))).collect();
            book.outcome(&causes, &situation, now);
            let prescription = match book.next(&causes, &situation, now) {
                Decision::Do(prescription) => {
                    prop_assert_eq!(situation.mode, Mode::Act);
                    prescription
                }
                Decision::Observe(prescription) => {
                    prop_assert_eq!(situation.mode, Mode::Observe);
                    prescription
                }
                _ => continue,
            };
            let grade = prescription.cure.grade();
            prop_assert!(matches!(situation.verdict, Verdict::Healthy | Verdict::Degraded | Verdict::Failing));
            prop_assert!(!situation.config_busy);
            let running = situation.active_runs.map_or(situation.rpc, |runs| runs > 0);
            let grave = prescription.cause.kind.row().severity == Severity::Failing;
            prop_assert!(!grade.interrupts() || !running || grave, "{:?}", prescription);
            let signals = matches!(grade, Grade::RestartInside | Grade::EndGateway);
            prop_assert!(!signals || situation.hands != Hands::Sidecar);
            let times = given.entry(grade).or_default();
            times.push(now);
            let in_the_hour = times.iter().filter(|at| now - **at < HOUR).count();
            prop_assert!(in_the_hour <= grade.rule().per_hour_in_all as usize, "{:?}", grade);
        }
    }

    #[test]
    fn no_life_ends_twice(seen in vec((0..200u64, any_seen()), 1..100)) {
        let mut inference = Inference::default();
        let (mut now, mut lives, mut deaths) = (HOUR, 0, 0);
        for (step, seen) in seen {
            now += seconds(step);
            deaths += usize::from(inference.pass(now).is_some());
            lives += usize::from(matches!(seen, Seen::Up { .. }));
            if let Some(death) = inference.see(seen, Verdict::Healthy, now) {
                prop_assert!(!death.certain && death.at <= now);
                deaths += 1;
            }
            prop_assert!(deaths <= lives, "{deaths} deaths of {lives} lives");
        }
    }

    #[test]
    fn words_of_others_are_one_bounded_line(text in any::<String>(), secret in "[a-z0-9]{20,60}[0-9][a-z]") {
        let shown = words(&format!("{text} {secret}"));
        prop_assert!(shown.len() <= 240 && !shown.contains(char::is_control));
        prop_assert!(!shown.contains(&secret));
    }
}
