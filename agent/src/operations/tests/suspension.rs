use agent_api::{SuspensionState, SuspensionView};
use service::Drain;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::super::suspension::{AtEnd, Command, Suspension};
use super::*;

struct Stage {
    gateway: Arc<Fake>,
    presence: watch::Sender<Presence>,
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<Option<SuspensionView>>,
    happened: broadcast::Receiver<Happened>,
    drain: Drain,
    task: JoinHandle<()>,
}

impl Stage {
    fn new(at_end: AtEnd) -> Self {
        let gateway = Arc::new(Fake::default());
        let presence = watch::Sender::new(up("b1"));
        let (commands, orders) = mpsc::channel(4);
        let (publisher, view) = watch::channel(None);
        let (sender, happened) = broadcast::channel(16);
        let drain = Drain::new(Duration::from_secs(30));
        let owner = Suspension::new(
            gateway.clone(),
            presence.subscribe(),
            orders,
            publisher,
            sender,
            at_end,
        );
        let task = tokio::spawn(owner.run(drain.clone()));
        Self {
            gateway,
            presence,
            commands,
            view,
            happened,
            drain,
            task,
        }
    }

    async fn suspend(&self, work: Work, hold: u64, actor: &str) -> Result<SuspensionView, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Suspend {
            work,
            hold: Duration::from_secs(hold),
            actor: actor.to_owned(),
            reply,
        };
        self.commands.send(command).await.unwrap();
        answer.await.unwrap()
    }

    async fn resume(&self, actor: &str) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        let actor = actor.to_owned();
        let command = Command::Resume { actor, reply };
        self.commands.send(command).await.unwrap();
        answer.await.unwrap()
    }

    fn state(&self) -> Option<SuspensionState> {
        self.view.borrow().as_ref().map(|view| view.state)
    }

    fn told(&mut self) -> Vec<String> {
        told(&mut self.happened)
    }

    async fn ended(self) -> (Arc<Fake>, broadcast::Receiver<Happened>) {
        self.drain.start();
        self.task.await.unwrap();
        (self.gateway, self.happened)
    }
}

/// Time passes, and whoever it wakes does its work.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_it_is_held_and_given_back_when_nobody_asks_again() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    let view = stage.suspend(Work::Keep, 100, "alice").await.unwrap();
    assert_eq!(
        (view.state, view.actor.as_str()),
        (SuspensionState::Suspended, "alice")
    );
    assert_eq!(stage.gateway.asked(), ["suspend Keep"]);
    pass(46).await;
    assert_eq!(stage.gateway.asked(), ["suspend Keep"]);
    pass(60).await;
    assert_eq!(stage.gateway.asked(), ["suspend Keep", "resume lease-1"]);
    assert_eq!(stage.state(), None);
    assert_eq!(stage.told(), ["suspend alice", "suspension_expired alice"]);
    pass(300).await;
    assert_eq!(stage.gateway.asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_asks_again_holds_it_for_longer_and_never_shortens_another_ones_hold() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    let first = stage.suspend(Work::Keep, 60, "alice").await.unwrap();
    let short = stage.suspend(Work::Keep, 10, "bob").await.unwrap();
    assert_eq!((&short.until, short.actor.as_str()), (&first.until, "bob"));
    pass(50).await;
    let longer = stage.suspend(Work::Keep, 60, "alice").await.unwrap();
    assert!(longer.until >= first.until);
    assert_eq!(longer.since, first.since);
    pass(50).await;
    assert_eq!(stage.state(), Some(SuspensionState::Suspended));
    pass(12).await;
    assert_eq!(stage.state(), None);
    assert_eq!(stage.told(), ["suspend alice", "suspension_expired alice"]);
}

#[tokio::test(start_paused = true)]
async fn to_resume_gives_the_lease_back_once() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    assert!(!stage.resume("bob").await.unwrap());
    stage.suspend(Work::Keep, 60, "alice").await.unwrap();
    assert!(stage.resume("bob").await.unwrap());
    assert!(!stage.resume("bob").await.unwrap());
    assert_eq!(stage.gateway.asked(), ["suspend Keep", "resume lease-1"]);
    assert_eq!(
        (stage.state(), stage.told()),
        (
            None,
            vec!["suspend alice".to_owned(), "resume bob".to_owned()]
        )
    );
}

#[tokio::test(start_paused = true)]
async fn work_keeps_a_gateway_awake_or_comes_to_its_end_first() {
    let stage = Stage::new(AtEnd::GiveBack);
    stage.gateway.lock().active = 2;
    let busy = stage.suspend(Work::Keep, 60, "alice").await.unwrap_err();
    assert!(matches!(busy, Error::Busy { active: 2, .. }), "{busy}");
    assert_eq!(stage.state(), None);
    let draining = stage.suspend(Work::Finish, 60, "alice").await.unwrap();
    assert_eq!(
        (draining.state, draining.active),
        (SuspensionState::Draining, 2)
    );
    stage.gateway.lock().active = 0;
    pass(6).await;
    assert_eq!(stage.state(), Some(SuspensionState::Suspended));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_began_anew_is_suspended_again_while_the_hold_lasts() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    stage.suspend(Work::Keep, 300, "alice").await.unwrap();
    stage.presence.send_replace(gone());
    pass(1).await;
    assert_eq!(stage.state(), Some(SuspensionState::Interrupted));
    {
        let mut state = stage.gateway.lock();
        // Its next life knows nothing of the lease, and has begun to work.
        (state.lease, state.active) = (None, 1);
        state.asked.clear();
    }
    stage.presence.send_replace(up("b2"));
    pass(1).await;
    assert_eq!(stage.gateway.asked(), ["suspend Keep", "suspend Finish"]);
    assert_eq!(stage.state(), Some(SuspensionState::Draining));
    stage.gateway.lock().active = 0;
    pass(6).await;
    assert_eq!(stage.state(), Some(SuspensionState::Suspended));
    assert!(stage.resume("alice").await.unwrap());
    assert_eq!(stage.gateway.lock().lease, None);
    assert_eq!(stage.told(), ["suspend alice", "resume alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_a_predecessor_is_taken_over_and_one_of_somebody_else_is_not() {
    let stage = Stage::new(AtEnd::GiveBack);
    let elsewhere = || Err(Error::Elsewhere { until: None });
    stage.gateway.lock().said = VecDeque::from([elsewhere()]);
    let view = stage.suspend(Work::Keep, 60, "alice").await.unwrap();
    assert_eq!(view.state, SuspensionState::Suspended);
    assert_eq!(stage.gateway.asked(), ["suspend Keep", "suspend Finish"]);
    stage.resume("alice").await.unwrap();
    stage.gateway.lock().said = VecDeque::from([elsewhere(), elsewhere()]);
    let refused = stage.suspend(Work::Finish, 60, "alice").await.unwrap_err();
    assert!(matches!(refused, Error::Elsewhere { .. }), "{refused}");
    assert_eq!(stage.state(), None);
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_somebody_else_took_is_lost_and_said_to_be() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    stage.suspend(Work::Keep, 300, "alice").await.unwrap();
    let elsewhere = Err(Error::Elsewhere { until: None });
    stage.gateway.lock().said = VecDeque::from([elsewhere]);
    pass(46).await;
    assert_eq!(stage.state(), None);
    assert_eq!(stage.told(), ["suspend alice", "suspension_expired alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_hangs_is_asked_again_until_it_answers() {
    let stage = Stage::new(AtEnd::GiveBack);
    stage.suspend(Work::Keep, 300, "alice").await.unwrap();
    stage.gateway.lock().said = (0..3).map(|_| Err(Error::Silent)).collect();
    pass(46).await;
    assert_eq!(stage.state(), Some(SuspensionState::Interrupted));
    let still = stage.suspend(Work::Keep, 300, "bob").await.unwrap();
    assert_eq!(still.state, SuspensionState::Interrupted);
    pass(12).await;
    assert_eq!(stage.state(), Some(SuspensionState::Suspended));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_may_have_been_given_unheard_is_given_back() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    stage.gateway.lock().said = VecDeque::from([Err(Error::Silent)]);
    stage.gateway.lock().lease = Some("unheard".to_owned());
    let silent = stage.suspend(Work::Finish, 60, "alice").await.unwrap_err();
    assert!(matches!(silent, Error::Silent), "{silent}");
    pass(6).await;
    let want = ["suspend Finish", "suspend Finish", "resume unheard"];
    assert_eq!(stage.gateway.asked(), want);
    assert_eq!(
        (stage.state(), stage.gateway.lock().lease.clone()),
        (None, None)
    );
    assert_eq!(stage.told(), ["suspension_expired alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_cannot_be_resumed_is_left_once_its_lease_has_ended_by_itself() {
    let mut stage = Stage::new(AtEnd::GiveBack);
    stage.suspend(Work::Keep, 60, "alice").await.unwrap();
    stage.gateway.lock().stuck = true;
    let silent = stage.resume("alice").await.unwrap_err();
    assert!(matches!(silent, Error::Silent), "{silent}");
    assert_eq!(stage.state(), Some(SuspensionState::Interrupted));
    pass(130).await;
    assert_eq!(stage.state(), None);
    assert_eq!(stage.told(), ["suspend alice", "suspension_expired alice"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_agent_gives_the_lease_back_unless_the_gateway_ends_too() {
    for (at_end, asked, said) in [
        (
            AtEnd::GiveBack,
            vec!["suspend Keep", "resume lease-1"],
            vec!["suspend alice", "resume agent"],
        ),
        (AtEnd::Keep, vec!["suspend Keep"], vec!["suspend alice"]),
    ] {
        let stage = Stage::new(at_end);
        stage.suspend(Work::Keep, 60, "alice").await.unwrap();
        let (gateway, mut happened) = stage.ended().await;
        assert_eq!(gateway.asked(), asked);
        assert_eq!(told(&mut happened), said);
    }
}
