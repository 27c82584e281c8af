//! The images that the gateway needs are there before it needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::{Engine, EngineError, ImageFacts, Moment};

/// The pause after the first try that brought nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What is run in an image: each thing that is missing adds its own number to a base that no shell ends with.
const SCRIPT: &str = "lacks=64; sleep 0 || lacks=$((lacks+1)); \
    python3 -c pass || lacks=$((lacks+2)); exit $lacks";

/// The base of [`SCRIPT`].
const BASE: i64 = 64;

/// Which images are needed, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSettings {
    /// The names that are needed while nobody knows the gateway's document; none for none.
    pub names: BTreeSet<String>,
    /// Archives, as `docker save` writes them, that are loaded when an image is missing.
    pub archives: Vec<PathBuf>,
    /// Whether a missing image is pulled after the archives did not bring it (no).
    pub pull: bool,
    /// The id or digest that a name has to have.
    pub pins: BTreeMap<String, String>,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            names: BTreeSet::from(["openclaw-sandbox:bookworm-slim".to_owned()]),
            archives: Vec::new(),
            pull: false,
            pins: BTreeMap::new(),
        }
    }
}

/// What an image lacks to be a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lack {
    /// An `sh` that can be run.
    Shell,
    /// `sleep`.
    Sleep,
    /// `python3`.
    Python,
    /// A user other than root.
    User,
}

impl Lack {
    /// What is missing, as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shell => "sh",
            Self::Sleep => "sleep",
            Self::Python => "python3",
            Self::User => "user",
        }
    }
}

/// Whether an image is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is, and it can be a sandbox.
    Present {
        /// Its id.
        id: String,
    },
    /// It is, but a sandbox of it will not do all that the gateway asks for.
    Unfit {
        /// Its id.
        id: String,
        /// What it lacks.
        lacks: Vec<Lack>,
    },
    /// Another one is there under its name.
    Mismatch {
        /// The id of the other.
        id: String,
    },
    /// It is not.
    Missing {
        /// What was tried, and what came of it.
        why: String,
    },
}

/// The daemon's images as they are needed.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// What is known of each.
    pub(crate) known: BTreeMap<String, Presence>,
    /// What each image id lacks.
    tried: BTreeMap<String, Vec<Lack>>,
    failures: u32,
    not_before: Option<Moment>,
}

/// What a look at the images came to.
#[derive(Debug)]
pub(crate) struct Looked {
    known: BTreeMap<String, Presence>,
    tried: BTreeMap<String, Vec<Lack>>,
}

impl Images {
    /// Whether another try is due.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        self.not_before.is_none_or(|moment| now >= moment)
    }

    /// The daemon is another one: what it has is unknown.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Looks at each image, and brings what is missing.
    pub(crate) fn ensure(
        &self,
        engine: Arc<dyn Engine>,
        settings: Arc<ImageSettings>,
        names: BTreeSet<String>,
    ) -> impl Future<Output = Result<Looked, EngineError>> + Send + use<> {
        let tried = self.tried.clone();
        async move {
            let mut look = Look {
                engine,
                settings,
                tried,
            };
            let mut known = BTreeMap::new();
            for name in names {
                let presence = look.ensure(&name).await?;
                known.insert(name, presence);
            }
            let tried = look.tried;
            Ok(Looked { known, tried })
        }
    }

    /// Takes a look's result in. Tells whether it says something new.
    pub(crate) fn take(&mut self, looked: Looked, now: Moment) -> bool {
        let is_new = self.known != looked.known;
        self.known = looked.known;
        self.tried = looked.tried;
        let settled = |presence: &Presence| {
            matches!(presence, Presence::Present { .. } | Presence::Unfit { .. })
        };
        if self.known.values().all(settled) {
            self.failures = 0;
            self.not_before = None;
        } else {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
            self.failures = self.failures.saturating_add(1);
            self.not_before = Some(now.plus(pause.min(LONGEST_PAUSE)));
        }
        is_new
    }
}

struct Look {
    engine: Arc<dyn Engine>,
    settings: Arc<ImageSettings>,
    tried: BTreeMap<String, Vec<Lack>>,
}

impl Look {
    async fn ensure(&mut self, name: &str) -> Result<Presence, EngineError> {
        let mut found = self.engine.image(name).await?;
        let mut words = Vec::new();
        if !self.is_it(name, found.as_ref()) {
            words = self.bring(name, &mut found).await?;
        }
        let Some(image) = &found else {
            let why = match words.is_empty() {
                true => "no archive is named, and pulling is off".to_owned(),
                false => words.join("; "),
            };
            return Ok(Presence::Missing { why });
        };
        let id = image.id.clone();
        if !self.is_it(name, found.as_ref()) {
            return Ok(Presence::Mismatch { id });
        }
        let lacks = self.lacks(image).await?;
        Ok(match lacks.is_empty() {
            true => Presence::Present { id },
            false => Presence::Unfit { id, lacks },
        })
    }

    /// Whether what was found is what is needed.
    fn is_it(&self, name: &str, found: Option<&ImageFacts>) -> bool {
        let pin = self.settings.pins.get(name);
        found.is_some_and(|image| pin.is_none_or(|pin| fits(pin, image)))
    }

    /// Loads and pulls until the image is there, and tells what did not work.
    async fn bring(
        &self,
        name: &str,
        found: &mut Option<ImageFacts>,
    ) -> Result<Vec<String>, EngineError> {
        let mut words = Vec::new();
        for archive in &self.settings.archives {
            info!(image = name, archive = %archive.display(), "loading a sandbox image");
            match self.engine.load_image(archive).await {
                Ok(()) => words.push(format!("{} does not hold it", archive.display())),
                Err(error) => words.push(told(&error)),
            }
            *found = self.engine.image(name).await?;
            if self.is_it(name, found.as_ref()) {
                return Ok(words);
            }
        }
        if self.settings.pull {
            info!(image = name, "pulling a sandbox image");
            if let Err(error) = self.engine.pull(name).await {
                words.push(told(&error));
            }
            *found = self.engine.image(name).await?;
        }
        if !self.is_it(name, found.as_ref()) {
            warn!(image = name, "a sandbox image is not to be had");
        }
        Ok(words)
    }

    /// What an image lacks; tried once for each id.
    async fn lacks(&mut self, image: &ImageFacts) -> Result<Vec<Lack>, EngineError> {
        if let Some(lacks) = self.tried.get(&image.id) {
            return Ok(lacks.clone());
        }
        let code = self.engine.trial(&image.id, SCRIPT).await?;
        let mut lacks = lacks(code);
        if is_root(image.user.as_deref()) {
            lacks.push(Lack::User);
        }
        self.tried.insert(image.id.clone(), lacks.clone());
        Ok(lacks)
    }
}

/// What the daemon said of something that did not work.
fn told(error: &EngineError) -> String {
    format!("{error}: {}", error.source)
}

/// Whether an id or a digest is an image's; both may come without what stands before them.
fn fits(pin: &str, image: &ImageFacts) -> bool {
    let bare = |text: &str| {
        let text = text.rsplit('@').next().unwrap_or_default();
        text.trim_start_matches("sha256:").to_owned()
    };
    let pin = bare(pin);
    let digests = image.digests.iter().map(String::as_str);
    digests
        .chain([image.id.as_str()])
        .any(|own| bare(own) == pin)
}

/// What the exit code of [`SCRIPT`] says.
fn lacks(code: i64) -> Vec<Lack> {
    let bits = code - BASE;
    if !(0..4).contains(&bits) {
        return vec![Lack::Shell];
    }
    let each = [(1, Lack::Sleep), (2, Lack::Python)];
    let missing = each.into_iter().filter(|(bit, _)| bits & bit != 0);
    missing.map(|(_, lack)| lack).collect()
}

fn is_root(user: Option<&str>) -> bool {
    let user = user.unwrap_or_default();
    let name = user.split(':').next().unwrap_or_default();
    matches!(name, "" | "root" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_what_is_missing() {
        for (code, wanted) in [
            (64, vec![]),
            (65, vec![Lack::Sleep]),
            (66, vec![Lack::Python]),
            (67, vec![Lack::Sleep, Lack::Python]),
            (0, vec![Lack::Shell]),
            (127, vec![Lack::Shell]),
            (68, vec![Lack::Shell]),
        ] {
            assert_eq!(lacks(code), wanted, "{code}");
        }
    }

    #[test]
    fn root_is_known_by_its_names() {
        for root in [None, Some(""), Some("root"), Some("0"), Some("0:1000")] {
            assert!(is_root(root), "{root:?}");
        }
        for user in ["sandbox", "1000:1000", "sandbox:0"] {
            assert!(!is_root(Some(user)), "{user}");
        }
    }

    #[test]
    fn a_pin_is_an_id_or_a_digest() {
        let image = ImageFacts {
            id: "sha256:aa".to_owned(),
            digests: vec!["repo/name@sha256:bb".to_owned()],
            user: None,
        };
        for pin in ["sha256:aa", "aa", "sha256:bb", "repo/name@sha256:bb"] {
            assert!(fits(pin, &image), "{pin}");
        }
        for pin in ["", "sha256:", "sha256:cc", "a"] {
            assert!(!fits(pin, &image), "{pin}");
        }
    }

    #[test]
    fn a_missing_image_is_tried_later_and_later() {
        let looked = |presence: Presence| Looked {
            known: BTreeMap::from([("a".to_owned(), presence)]),
            tried: BTreeMap::new(),
        };
        let missing = || looked(Presence::Missing { why: String::new() });
        let mut images = Images::default();
        let mut now = Moment::default();
        assert!(images.is_due(now));
        assert!(images.take(missing(), now));
        assert!(!images.is_due(now.plus(FIRST_PAUSE / 2)));
        now = now.plus(FIRST_PAUSE);
        assert!(images.is_due(now));
        assert!(!images.take(missing(), now));
        assert!(!images.is_due(now.plus(FIRST_PAUSE)));
        let id = "x".to_owned();
        assert!(images.take(looked(Presence::Present { id }), now));
        assert!(images.is_due(now));
    }
}
