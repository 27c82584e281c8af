//! Whole days: a pod that answers as the real one does, and an agent that looks, tells and cures.

use std::time::Duration;

use health::cure::{Book, Cure, Decision, Grade, Hands, Outcome, Situation};
use health::facts::{Child, ChildState, Healthz, Startup};
use health::{Damper, Facts, Verdict};

use crate::stage::*;

/// A pod that is looked at again and again.
struct Agent {
    now: Duration,
    step: Duration,
    hands: Hands,
    active_runs: Option<u32>,
    damper: Damper,
    book: Book,
    verdicts: Vec<(Duration, Verdict)>,
    given: Vec<(Duration, Cure)>,
    outcomes: Vec<Outcome>,
}

impl Agent {
    fn new(hands: Hands) -> Self {
        Self {
            now: HOUR,
            step: seconds(1),
            hands,
            active_runs: Some(0),
            damper: Damper::default(),
            book: Book::default(),
            verdicts: Vec::new(),
            given: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// One look, and what is done about it.
    fn look(&mut self, facts: &Facts, rpc: bool) -> Option<Cure> {
        let (verdict, causes) = look(&mut self.damper, facts);
        if self
            .verdicts
            .last()
            .is_none_or(|(_, last)| *last != verdict)
        {
            self.verdicts.push((self.now, verdict));
        }
        let active_runs = self.active_runs.filter(|_| rpc);
        let situation = Situation {
            hands: self.hands,
            rpc,
            active_runs,
            ..situation(verdict)
        };
        let reports = self.book.outcome(&causes, &situation, self.now);
        self.outcomes
            .extend(reports.into_iter().map(|report| report.outcome));
        let decision = self.book.next(&causes, &situation, self.now);
        let now = self.now;
        self.now += self.step;
        let Decision::Do(prescription) = decision else {
            return None;
        };
        self.given.push((now, prescription.cure.clone()));
        Some(prescription.cure)
    }

    fn grades(&self) -> Vec<Grade> {
        self.given.iter().map(|(_, cure)| cure.grade()).collect()
    }

    fn count(&self, grade: Grade) -> usize {
        self.grades()
            .into_iter()
            .filter(|given| *given == grade)
            .count()
    }

    fn told(&self) -> Vec<Verdict> {
        self.verdicts.iter().map(|(_, verdict)| *verdict).collect()
    }
}

/// A gateway that came up at this moment: 20 s of a start.
fn life(now: Duration, began: Duration) -> Facts {
    let mut facts = well(now);
    if now < began + seconds(20) {
        facts.gateway.starting_since = Some(began);
        facts.gateway.link = None;
        facts.gateway.healthz = Some(Healthz::Closed);
        facts.gateway.startup = None;
        facts.channels = None;
    }
    facts
}

fn parent() -> Hands {
    Hands::Supervisor {
        restarts_inside: true,
    }
}

#[test]
fn a_gateway_that_is_blocked_for_3_s_in_every_minute_is_healthy_all_day() {
    let mut agent = Agent::new(parent());
    for second in 0..86_400 {
        let mut facts = well(agent.now);
        let blocked = second % 60;
        if blocked < 3 {
            facts.gateway.healthz = Some(Healthz::Late);
            facts.gateway.last_answer = Some(agent.now - seconds(blocked + 1));
        }
        agent.look(&facts, blocked >= 3);
    }
    assert_eq!(agent.told(), [Verdict::Healthy]);
    assert_eq!(agent.given, []);
}

#[test]
fn a_channel_that_flaps_all_day_is_one_cause_and_costs_no_gateway() {
    let mut agent = Agent::new(Hands::Sidecar);
    for second in 0..86_400 {
        let state = if second % 60 < 20 {
            dead("telegram", "default")
        } else {
            account("telegram", "default")
        };
        agent.look(&with(agent.now, vec![state]), true);
    }
    // Its first absence of 40 s counts; after that it has flapped, and is held for longer.
    assert_eq!(
        agent.told(),
        [Verdict::Degraded, Verdict::Healthy, Verdict::Degraded]
    );
    assert!(agent.verdicts[2].0 <= HOUR + seconds(60));
    let grades = agent.grades();
    assert!(
        grades.iter().all(|grade| *grade == Grade::RestartChannel),
        "{grades:?}"
    );
    assert!(
        (24..=72).contains(&grades.len()),
        "{} restarts",
        grades.len()
    );
}

/// Four weeks, looked at every 30 s; users' runs are active by day.
#[test]
fn a_channel_that_is_dead_for_four_weeks_is_told_throughout_and_costs_one_restart_of_the_gateway() {
    let mut agent = Agent::new(Hands::Sidecar);
    agent.step = seconds(30);
    let mut began = Duration::ZERO;
    let mut silent = Duration::ZERO;
    while agent.now < 28 * DAY {
        let hour = agent.now.as_secs() / 3_600 % 24;
        agent.active_runs = Some(u32::from((8..20).contains(&hour)));
        let mut facts = life(agent.now, began);
        if let Some(channels) = &mut facts.channels {
            channels.accounts = vec![dead("telegram", "default")];
        }
        let rpc = facts.gateway.link.is_some();
        match agent.look(&facts, rpc) {
            Some(Cure::RestartGateway) => began = agent.now,
            Some(_) => assert_eq!(agent.active_runs, Some(0)),
            None => {}
        }
        if agent.verdicts.last().unwrap().1 == Verdict::Healthy {
            silent += agent.step;
        }
    }
    assert_eq!(silent, Duration::ZERO, "it was called healthy");
    assert_eq!(agent.count(Grade::RestartGateway), 1);
    let restarts = agent.count(Grade::RestartChannel);
    assert!(
        (28..=64).contains(&restarts),
        "{restarts} restarts of the account"
    );
    assert!(
        !agent.outcomes.contains(&Outcome::Helped),
        "{:?}",
        agent.outcomes
    );
}

/// Each restart of the account takes the whole gateway down for 5 min.
#[test]
fn a_cure_that_makes_it_worse_stops_itself() {
    let mut agent = Agent::new(Hands::Sidecar);
    let mut down_until = Duration::ZERO;
    while agent.now < HOUR + DAY {
        let mut facts = with(agent.now, vec![dead("telegram", "default")]);
        let down = agent.now < down_until;
        if down {
            facts.gateway.healthz = Some(Healthz::Closed);
            facts.gateway.link = None;
        }
        if let Some(Cure::RestartChannel { .. }) = agent.look(&facts, !down) {
            down_until = agent.now + seconds(300);
        }
    }
    assert_eq!(
        agent.count(Grade::RestartChannel),
        5,
        "after 1, 2, 4, 8 hours, and then 16: {:?}",
        agent.given
    );
    assert_eq!(agent.count(Grade::RestartGateway), 0);
    let worse = agent
        .outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Worse)
        .count();
    assert_eq!(worse, 5);
}

/// Frozen: its port is open, nothing is answered, and no signal but SIGKILL moves it.
fn frozen(now: Duration, since: Duration) -> Facts {
    let mut facts = well(now);
    facts.gateway.healthz = Some(Healthz::Late);
    facts.gateway.last_answer = Some(since);
    facts
}

#[test]
fn a_frozen_gateway_is_restarted_by_its_parent_within_4_min_whatever_runs() {
    let mut agent = Agent::new(parent());
    agent.active_runs = Some(3);
    let frozen_at = HOUR + seconds(100);
    let mut began = None;
    while agent.now < 2 * HOUR {
        let facts = match began {
            Some(began) => life(agent.now, began),
            None if agent.now < frozen_at => well(agent.now),
            None => frozen(agent.now, frozen_at),
        };
        let rpc = began.is_some() && facts.gateway.starting_since.is_none();
        if let Some(Cure::EndGateway) = agent.look(&facts, rpc || agent.now < frozen_at) {
            began = Some(agent.now + seconds(2));
        }
    }
    assert_eq!(agent.grades(), [Grade::RestartInside, Grade::EndGateway]);
    assert_eq!(agent.outcomes, [Outcome::NoHelp, Outcome::Helped]);
    let (failing, verdict) = agent.verdicts[1];
    assert_eq!(
        (failing, verdict),
        (frozen_at + seconds(30), Verdict::Failing)
    );
    let (healthy, verdict) = *agent.verdicts.last().unwrap();
    assert_eq!(verdict, Verdict::Healthy);
    assert!(
        healthy - frozen_at < seconds(240),
        "after {:?}",
        healthy - frozen_at
    );
}

#[test]
fn beside_a_frozen_gateway_the_kubelet_is_named_and_nothing_is_tried() {
    let mut agent = Agent::new(Hands::Sidecar);
    while agent.now < 2 * HOUR {
        agent.look(&frozen(agent.now, HOUR), false);
    }
    assert_eq!(agent.grades().first(), Some(&Grade::LeaveToKubelet));
    assert!(agent.given.len() <= 2, "{:?}", agent.given);
    assert_eq!(agent.told(), [Verdict::Healthy, Verdict::Failing]);
}

/// It lives for 25 s, ends with 1, and is started again by its supervisor, all day.
#[test]
fn a_gateway_that_restarts_for_ever_is_failing_and_is_not_beaten() {
    let mut agent = Agent::new(parent());
    for second in 0..86_400u64 {
        let (turn, phase) = (second / 40, second % 40);
        let began = agent.now - seconds(phase);
        let mut facts = life(agent.now, began);
        facts.gateway.unasked_ends = Some(turn.min(22) as u32);
        let ended = phase >= 25;
        let state = if ended {
            ChildState::BackingOff {
                exits_in_a_row: turn as u32 + 1,
            }
        } else {
            ChildState::Running
        };
        facts.gateway.child = Some(Child {
            state,
            last_exit: Some("exit code 1".into()),
        });
        if ended {
            facts.gateway.healthz = Some(Healthz::Closed);
            facts.gateway.link = None;
            facts.gateway.startup = None;
            facts.gateway.starting_since = None;
        }
        agent.look(&facts, (20..25).contains(&phase));
    }
    assert_eq!(agent.given, []);
    let (settled, verdict) = *agent.verdicts.last().unwrap();
    assert_eq!(verdict, Verdict::Failing);
    assert!(settled <= HOUR + seconds(150), "{:?}", agent.verdicts);
}

/// A restart that the gateway announces is a start, and never a failure.
#[test]
fn a_restart_that_is_announced_is_no_failure() {
    let mut agent = Agent::new(Hands::Sidecar);
    let leaves = HOUR + seconds(60);
    while agent.now < HOUR + seconds(300) {
        let ended = leaves + seconds(10);
        let mut facts = if agent.now < ended {
            well(agent.now)
        } else {
            life(agent.now, ended)
        };
        if (leaves..ended).contains(&agent.now) {
            facts.gateway.leaving_since = Some(leaves);
            facts.gateway.startup = Some(Startup::Draining);
        }
        agent.look(&facts, true);
    }
    assert_eq!(
        agent.told(),
        [
            Verdict::Healthy,
            Verdict::Draining,
            Verdict::Starting,
            Verdict::Healthy
        ]
    );
    assert_eq!(agent.given, []);
}
