//! The one task that owns what is known of the sandboxes, and the only one that decides about them.
//!
//! In: the daemon's news, what the gateway says of its sessions, commands. Out: a view, happenings, removals by the
//! pruner. It never waits for a removal, an image or the gateway before it hears the next event.

mod commands;
mod follower;
mod gateway;
mod handle;
mod life;
mod passes;
mod past;
mod telling;
mod view;

use std::collections::VecDeque;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use service::{Drain, next_beat};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use self::follower::{Follower, News};
pub use self::gateway::Gateway;
use self::handle::{Command, Reply};
pub use self::handle::{Handle, KeeperError};
use self::life::{AskLoop, Check, spared};
use self::passes::{Carried, Gathered, Order};
pub use self::past::Past;
pub use self::view::{Daemon, Happening, SandboxChange, Shown, View};
use crate::image::{Images, Looked};
use crate::pruner::{Folders, Stuck};
use crate::{
    Activity, Attempt, Change, Clock, Engine, EngineError, EngineVersion, Event, Id, ImageSettings,
    Inventory, Limits, Listing, Memory, MemoryFile, Metrics, Mode, Moment, PassReport, Presence,
    Pruner, PrunerSettings, Request, Step, Target, Usage,
};

/// Commands that wait.
const COMMANDS: usize = 16;

/// Happenings that a slow reader may be behind.
const HAPPENINGS: usize = 256;

/// The shortest time between two views.
const VIEW_EVERY: Duration = Duration::from_millis(100);

/// How the sandboxes are kept.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    /// How long and how many.
    pub limits: Limits,
    /// How removals are carried out.
    pub pruner: PrunerSettings,
    /// Which images are needed.
    pub images: ImageSettings,
    /// Whether a pass that nobody asked for removes (yes).
    pub mode: Mode,
    /// The time between two passes (60 s).
    pub pass_every: Duration,
    /// The time between two listings while the daemon is followed (5 min).
    pub resync_every: Duration,
    /// A daemon that says nothing for so long is asked whether it is there (30 s).
    pub quiet: Duration,
    /// The daemon's data root, where it is mounted here; without it the disk sets no step.
    pub data_root: Option<PathBuf>,
    /// The gateway's folder `sandbox/skills-workspaces`, as this process sees it.
    pub skills: Option<PathBuf>,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            pruner: PrunerSettings::default(),
            images: ImageSettings::default(),
            mode: Mode::Real,
            pass_every: Duration::from_secs(60),
            resync_every: Duration::from_secs(5 * 60),
            quiet: Duration::from_secs(30),
            data_root: None,
            skills: None,
        }
    }
}

/// What a keeper works with.
pub struct Parts {
    /// The daemon.
    pub engine: Arc<dyn Engine>,
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// The exact account of execs, where they pass through us.
    pub activity: Option<Activity>,
    /// What is known from before.
    pub past: Past,
    /// Where it counts.
    pub metrics: Metrics,
}

/// A pass on its way.
enum Stage {
    Gathered(Box<Gathered>),
    Carried(Box<Carried>),
}

/// What the loop wakes for.
enum Turn {
    News(News),
    Check(Box<Check>),
    Command(Command),
    Stage(Stage),
    Removed(Single),
    Measured(Vec<(Id, Usage)>),
    Images(Result<Looked, EngineError>),
    Tick,
}

/// A removal that somebody asked for.
struct Single {
    attempt: Attempt,
    name: String,
    reply: Reply<()>,
}

/// The owner of the sandboxes.
pub struct Keeper {
    engine: Arc<dyn Engine>,
    gateway: Arc<dyn Gateway>,
    activity: Option<Activity>,
    settings: KeeperSettings,
    image_settings: Arc<ImageSettings>,
    metrics: Metrics,
    clock: Clock,
    started: Moment,
    inventory: Inventory,
    file: Option<MemoryFile>,
    boot_id: Option<String>,
    written: Option<Memory>,
    follower: Follower,
    pruner: Arc<Pruner>,
    stuck: Stuck,
    images: Images,
    version: Option<EngineVersion>,
    daemon: Daemon,
    step: Step,
    full_of_live: bool,
    last_pass: Option<Arc<PassReport>>,
    pass: Option<BoxFuture<'static, Stage>>,
    queue: VecDeque<Order>,
    singles: FuturesUnordered<BoxFuture<'static, Single>>,
    measuring: Option<BoxFuture<'static, Vec<(Id, Usage)>>>,
    measure_replies: Vec<Reply<()>>,
    ensuring: Option<BoxFuture<'static, Result<Looked, EngineError>>>,
    commands: mpsc::Receiver<Command>,
    checks: mpsc::Receiver<Check>,
    view: watch::Sender<View>,
    happenings: broadcast::Sender<Happening>,
    next_pass: Instant,
    next_disk: Instant,
    dirty: bool,
    published: Instant,
}

impl Keeper {
    /// A keeper, and the way to it. It does nothing before it runs.
    #[must_use]
    pub fn new(settings: KeeperSettings, parts: Parts) -> (Self, Handle) {
        let Past {
            clock,
            inventory,
            file,
            boot_id,
        } = parts.past;
        let (commands, commanded) = mpsc::channel(COMMANDS);
        let (checks, checked) = mpsc::channel(settings.pruner.in_flight.max(1));
        let (view, seen) = watch::channel(View::default());
        let (happenings, _) = broadcast::channel(HAPPENINGS);
        let handle = Handle {
            commands,
            view: seen,
            happenings: happenings.clone(),
        };
        let pruner = Pruner::new(
            parts.engine.clone(),
            Arc::new(AskLoop(checks)),
            parts.activity.clone(),
            Arc::new(settings.limits.clone()),
            settings.pruner.clone(),
            clock,
        )
        .with_folders(settings.skills.clone())
        .with_data_root(settings.data_root.clone());
        let follower = Follower::new(
            parts.engine.clone(),
            settings.skills.clone().map(Folders::new),
            clock,
            settings.resync_every,
            settings.quiet,
        );
        let now = Instant::now();
        let keeper = Self {
            engine: parts.engine,
            gateway: parts.gateway,
            activity: parts.activity,
            image_settings: Arc::new(settings.images.clone()),
            settings,
            metrics: parts.metrics,
            clock,
            started: clock.now(),
            inventory,
            file,
            boot_id,
            written: None,
            follower,
            pruner: Arc::new(pruner),
            stuck: Stuck::default(),
            images: Images::default(),
            version: None,
            daemon: Daemon::Unknown,
            step: Step::Normal,
            full_of_live: false,
            last_pass: None,
            pass: None,
            queue: VecDeque::new(),
            singles: FuturesUnordered::new(),
            measuring: None,
            measure_replies: Vec::new(),
            ensuring: None,
            commands: commanded,
            checks: checked,
            view,
            happenings,
            next_pass: now,
            next_disk: now,
            dirty: true,
            published: now,
        };
        (keeper, handle)
    }

    /// Keeps the sandboxes until the drain begins.
    pub async fn run(mut self, drain: Drain) {
        self.started = self.clock.now();
        loop {
            let turn = tokio::select! {
                biased;
                () = drain.signalled() => break,
                turn = self.turn() => turn,
            };
            self.act(turn);
        }
        self.remember();
    }

    /// Waits for something to do. Nothing is lost where the wait is given up.
    async fn turn(&mut self) -> Turn {
        let due = self.due();
        tokio::select! {
            news = self.follower.next() => Turn::News(news),
            Some(check) = self.checks.recv() => Turn::Check(Box::new(check)),
            Some(command) = self.commands.recv() => Turn::Command(command),
            stage = done(&mut self.pass) => Turn::Stage(stage),
            Some(single) = self.singles.next() => Turn::Removed(single),
            measured = done(&mut self.measuring) => Turn::Measured(measured),
            looked = done(&mut self.ensuring) => Turn::Images(looked),
            () = sleep_until(due) => Turn::Tick,
        }
    }

    /// When the next tick is due.
    fn due(&self) -> Instant {
        let publish = self.dirty.then_some(self.published + VIEW_EVERY);
        let disk = self.settings.data_root.as_ref().map(|_| self.next_disk);
        let others = publish.into_iter().chain(disk);
        others.fold(self.next_pass, Instant::min)
    }

    fn act(&mut self, turn: Turn) {
        match turn {
            Turn::News(news) => self.hear(news),
            Turn::Check(check) => self.check(*check),
            Turn::Command(command) => self.obey(command),
            Turn::Stage(Stage::Gathered(gathered)) => self.gathered(*gathered),
            Turn::Stage(Stage::Carried(carried)) => self.carried(*carried),
            Turn::Removed(single) => self.removed(single),
            Turn::Measured(usages) => self.measured(usages),
            Turn::Images(looked) => self.looked_at_images(looked),
            Turn::Tick => self.tick(),
        }
        self.publish();
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now >= self.next_disk {
            self.next_disk = next_beat(Duration::ZERO);
            self.read_disk();
        }
        if now >= self.next_pass {
            self.next_pass = now + self.settings.pass_every;
            if self.pass.is_none() {
                self.order(Order {
                    mode: self.settings.mode,
                    request: Request::default(),
                    reply: None,
                });
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Open(version) => self.version = Some(version),
            News::Listed(listing) => self.listed(*listing),
            News::Event(event) => self.event(event),
            News::Looked { id, asked, found } => match found {
                Some(found) => self.apply(Change::Seen { asked, found }),
                None => self.apply(Change::Gone(id)),
            },
            News::Lost(error) => self.lost(&error),
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            // The follower looks at it.
            Event::Changed(_) => {}
            Event::Started(id) => self.apply(Change::Active(id)),
            Event::Destroyed(id) => self.apply(Change::Gone(id)),
            Event::ExecBegan(id, exec) => self.apply(Change::ExecBegan(id, exec)),
            Event::ExecEnded(id, exec) => self.apply(Change::ExecEnded(id, exec)),
        }
    }

    fn listed(&mut self, listing: Listing) {
        let now = self.clock.now();
        let before = self.outlines();
        self.inventory.swap(listing, now);
        self.tell_changes(before);
        self.dirty = true;
        if let Some(version) = self.version.clone()
            && !matches!(self.daemon, Daemon::Up(_))
        {
            info!(version = %version.version, api = %version.api, sandboxes = self.inventory.sandboxes.len(), "the sandbox daemon is there");
            self.daemon = Daemon::Up(version.clone());
            self.metrics.daemon_up(true);
            self.happened(Happening::DaemonUp(version));
            self.images.forget();
            self.next_pass = Instant::now();
        }
        self.ensure_images();
    }

    fn lost(&mut self, error: &EngineError) {
        let why = format!("{error}: {}", error.source);
        // What is under way may be about the daemon that is gone.
        self.ensuring = None;
        self.metrics.daemon_up(false);
        if !matches!(self.daemon, Daemon::Down { .. }) {
            warn!(why, "the sandbox daemon is lost");
            let since = self.clock.now();
            self.daemon = Daemon::Down {
                since,
                why: why.clone(),
            };
            self.happened(Happening::DaemonDown(why));
            self.dirty = true;
        }
    }

    fn check(&mut self, check: Check) {
        let now = self.clock.now();
        if let Some(found) = check.found {
            let (asked, found) = (check.asked, Box::new(found));
            self.apply(Change::Seen { asked, found });
        }
        if let Some(activity) = &self.activity {
            self.inventory.hear(activity, &self.settings.limits);
        }
        let why = spared(&self.inventory, &self.settings.limits, &check.removal, now);
        if let (None, Target::Container(id)) = (why, &check.removal.target) {
            self.follower.leaves(*id);
        }
        // Who no longer waits does not remove.
        let _ = check.reply.send(why);
    }

    fn ensure_images(&mut self) {
        let wanted = &self.settings.limits.images.wanted;
        let names = wanted.as_ref().unwrap_or(&self.settings.images.names);
        let is_other = !self.images.known.keys().eq(names.iter());
        let is_due = is_other || self.images.is_due(self.clock.now());
        if self.ensuring.is_none() && is_due && self.refusal().is_none() {
            let settings = self.image_settings.clone();
            let look = self
                .images
                .ensure(self.engine.clone(), settings, names.clone());
            self.ensuring = Some(look.boxed());
        }
    }

    fn looked_at_images(&mut self, looked: Result<Looked, EngineError>) {
        match looked {
            Ok(looked) => {
                let is_new = self.images.take(looked, self.clock.now());
                self.dirty |= is_new;
                let fit = |presence: &&Presence| matches!(presence, Presence::Present { .. });
                let known = &self.images.known;
                let missing = known.len() - known.values().filter(fit).count();
                self.metrics.images(missing);
                for (image, presence) in known.iter().filter(|_| is_new) {
                    info!(image, ?presence, "a sandbox image");
                }
            }
            Err(error) => {
                warn!(%error, source = %error.source, "sandbox images cannot be looked at")
            }
        }
    }
}

/// Waits for what is under way in a slot, and empties it; for ever where nothing is.
async fn done<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    let Some(under_way) = slot else {
        return pending().await;
    };
    let result = under_way.await;
    *slot = None;
    result
}
