use agent_api::{RestartResponse, RestartState, RestartWay};
use supervisor::{Command, Exit, How, State as ChildState, Status};

use super::super::restart::{Force, Restarts};
use super::*;
use crate::gateway::{Child, Tokens};
use crate::secrets::TokenFile;

struct Stage {
    gateway: Arc<Fake>,
    presence: watch::Sender<Presence>,
    happened: broadcast::Receiver<Happened>,
    /// What the child is told, and what is seen of it.
    told: mpsc::Receiver<Command>,
    status: watch::Sender<Status>,
    restarts: Arc<Restarts>,
}

fn status(exits: u64) -> Status {
    Status {
        state: ChildState::Held,
        starts: exits + 1,
        exits,
        last_exit: None::<Exit>,
        protection: None,
        group: None,
    }
}

impl Stage {
    /// Beside a gateway, or above it.
    fn new(is_child: bool) -> Self {
        let gateway = Arc::new(Fake::default());
        let presence = watch::Sender::new(up("b1"));
        let (sender, happened) = broadcast::channel(16);
        let (commands, told) = mpsc::channel(4);
        let (published, seen) = watch::channel(status(0));
        let drain = Duration::from_secs(315);
        let child = is_child.then(|| Child::new(commands, seen, drain));
        let tokens = Arc::new(Tokens::new(TokenFile::read(None, None).1));
        let restarts = Restarts::new(gateway.clone(), presence.subscribe(), child, tokens, sender);
        Self {
            gateway,
            presence,
            happened,
            told,
            status: published,
            restarts: Arc::new(restarts),
        }
    }

    async fn restart(&self, force: Force, seconds: u64) -> Result<RestartResponse, Error> {
        let patience = Duration::from_secs(seconds);
        let actor = "alice".to_owned();
        self.restarts.restart(force, patience, actor).await
    }

    fn lacks(&self, what: &'static str) {
        let lacking = Error::Unsupported { what };
        match what {
            "preflight" => self.gateway.lock().preflight = Some(lacking),
            _ => self.gateway.lock().restart = Some(Err(lacking)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_life_of_the_gateway_is_waited_for() {
    let mut stage = Stage::new(false);
    let scheduled = Scheduled {
        delay: Duration::from_millis(21_500),
        waits_for: vec!["1 run".to_owned()],
    };
    stage.gateway.lock().restart = Some(Ok(scheduled));
    let seen = async {
        for presence in [gone(), up("b1"), gone(), up("b2")] {
            tokio::time::sleep(Duration::from_secs(5)).await;
            stage.presence.send_replace(presence);
        }
    };
    let (response, ()) = tokio::join!(stage.restart(Force::No, 60), seen);
    let want = RestartResponse {
        state: RestartState::Restarted,
        way: RestartWay::Rpc,
        boot_id: Some("b2".to_owned()),
        took_seconds: 20,
        delay_seconds: Some(22),
        waits_for: vec!["1 run".to_owned()],
    };
    assert_eq!(response.unwrap(), want);
    assert_eq!(stage.gateway.asked(), ["preflight", "restart Wait"]);
    assert_eq!(told(&mut stage.happened), ["restart alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_without_names_for_its_lives_is_seen_to_go_and_come_back() {
    let stage = Stage::new(false);
    let nameless = Presence::Up {
        version: "2026.7.35".to_owned(),
        boot_id: None,
    };
    stage.presence.send_replace(nameless.clone());
    let response = stage.restart(Force::No, 5).await.unwrap();
    assert_eq!(response.state, RestartState::Scheduled);
    let seen = async {
        for presence in [gone(), nameless] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stage.presence.send_replace(presence);
        }
    };
    let (response, ()) = tokio::join!(stage.restart(Force::No, 5), seen);
    let response = response.unwrap();
    assert_eq!(
        (response.state, response.boot_id),
        (RestartState::Restarted, None)
    );
}

#[tokio::test(start_paused = true)]
async fn work_under_way_is_cut_off_by_force_alone() {
    let mut stage = Stage::new(true);
    let busy = Error::Busy {
        active: 1,
        work: vec!["1 run".to_owned()],
    };
    stage.gateway.lock().preflight = Some(busy);
    let refused = stage.restart(Force::No, 0).await.unwrap_err();
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    assert_eq!(stage.gateway.asked(), ["preflight"]);
    assert_eq!(told(&mut stage.happened), [""; 0]);
    let forced = stage.restart(Force::Yes, 0).await.unwrap();
    assert_eq!(forced.way, RestartWay::Rpc);
    assert_eq!(stage.gateway.asked(), ["restart Skip"]);
    assert!(stage.told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn two_restarts_are_not_under_way_at_once() {
    let stage = Stage::new(false);
    let first = tokio::spawn({
        let restarts = Arc::clone(&stage.restarts);
        async move {
            let actor = "alice".to_owned();
            restarts
                .restart(Force::No, Duration::from_secs(9), actor)
                .await
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = stage.restart(Force::Yes, 0).await.unwrap_err();
    assert!(matches!(second, Error::Restarting), "{second}");
    assert!(first.await.unwrap().is_ok());
    assert!(stage.restart(Force::No, 0).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_release_without_the_calls_is_restarted_by_who_started_it() {
    let beside = Stage::new(false);
    beside.lacks("preflight");
    let refused = beside.restart(Force::No, 0).await.unwrap_err();
    assert!(matches!(refused, Error::NoWay), "{refused}");

    let mut above = Stage::new(true);
    above.lacks("preflight");
    let refused = above.restart(Force::No, 0).await.unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    above.lacks("restart");
    let forced = above.restart(Force::Yes, 0).await.unwrap();
    assert_eq!(forced.way, RestartWay::Signal);
    let told = above.told.try_recv().unwrap();
    assert!(
        matches!(told, Command::Signal(supervisor::Signal::User2)),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_gets_a_new_process_by_force() {
    for hinders in [
        Error::Silent,
        Error::Absent {
            reason: "closed".to_owned(),
        },
    ] {
        let mut stage = Stage::new(true);
        stage.gateway.lock().restart = Some(Err(hinders));
        let seen = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // The same life is seen again before its process has ended.
            stage.presence.send_replace(gone());
            stage.presence.send_replace(up("b1"));
            tokio::time::sleep(Duration::from_secs(1)).await;
            let exit = Exit {
                how: How::Code(0),
                pid: 7,
                at: std::time::SystemTime::UNIX_EPOCH,
                lived: Duration::ZERO,
                asked: true,
                console_tail: String::new(),
                killer: None,
            };
            stage.status.send_replace(Status {
                last_exit: Some(exit),
                ..status(1)
            });
            stage.presence.send_replace(up("b2"));
        };
        let (response, ()) = tokio::join!(stage.restart(Force::Yes, 60), seen);
        let response = response.unwrap();
        assert_eq!(
            (response.way, response.boot_id.as_deref()),
            (RestartWay::Process, Some("b2"))
        );
        let told = stage.told.try_recv().unwrap();
        let Command::Restart { budget, .. } = told else {
            panic!("{told:?}");
        };
        assert_eq!(budget, Duration::from_secs(315));
    }
    let stage = Stage::new(false);
    stage.gateway.lock().restart = Some(Err(Error::Silent));
    let refused = stage.restart(Force::Yes, 0).await.unwrap_err();
    assert!(matches!(refused, Error::Silent), "{refused}");
}
