use std::path::Path;

use async_trait::async_trait;
use config_merge::KeyPath;

use super::*;
use crate::config::Document;
use crate::config::gateway::{Change, Check, Handed, Presence, Purpose, Still, Trial};

/// Answers every reload alike.
struct Says(Reloaded);

#[async_trait]
impl Gateway for Says {
    fn presence(&self) -> watch::Receiver<Presence> {
        unreachable!("secrets ask for reloads only")
    }

    fn release(&self, _: &Document) {}

    async fn is_alive(&self, _: &Document) -> bool {
        true
    }

    fn can_revive(&self) -> bool {
        false
    }

    async fn check(&self, _: &Document, _: Purpose) -> Check {
        Check::Accepted
    }

    async fn reload_kinds(&self, _: &[KeyPath]) -> Vec<agent_api::Reload> {
        Vec::new()
    }

    async fn begin(&self, _: Change) -> Box<dyn Trial> {
        unreachable!("secrets ask for reloads only")
    }

    async fn hand(&self, _: &Document, _: Still) -> Handed {
        Handed::Written
    }

    async fn reload_secrets(&self) -> Reloaded {
        self.0.clone()
    }

    async fn secrets_taken(&self) -> Reloaded {
        self.0.clone()
    }
}

/// A mounted Secret with one token, and its keeper as at the agent's start.
fn start(dir: &Path, token: &str, says: Reloaded) -> Secrets {
    let settings = Settings {
        source: dir.join("source"),
        out: dir.join("secrets.json"),
        owner: None,
        poll: Duration::from_secs(5),
    };
    std::fs::create_dir_all(&settings.source).unwrap();
    let file = settings.source.join(GATEWAY_TOKEN);
    std::fs::write(&file, token).unwrap();
    Bundle::new(&settings).write().unwrap();
    let (token, _) = TokenFile::read(Some(file), Some(&settings.out));
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let (_, accepted) = watch::channel(false);
    Secrets::new(settings, Arc::new(Says(says)), token, accepted, metrics).0
}

#[tokio::test]
async fn a_gateway_that_may_not_know_the_new_token_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(dir.path(), "one", Reloaded::All);
    assert!(first.retry.is_none(), "nothing was replaced");
    let mut second = start(dir.path(), "two", Reloaded::All);
    assert!(second.retry.is_some());
    second.reload().await;
    assert!(second.retry.is_none());
    second.accepted = watch::channel(true).1;
    second.accepted();
    assert!(start(dir.path(), "two", Reloaded::All).retry.is_none());
}

#[tokio::test]
async fn a_gateway_that_started_with_the_new_token_is_followed() {
    for (why, followed) in [("absent", false), ("refused", true)] {
        let dir = tempfile::tempdir().unwrap();
        let why = why.to_owned();
        let mut secrets = start(dir.path(), "one", Reloaded::Unasked { why });
        std::fs::write(secrets.settings.source.join(GATEWAY_TOKEN), "two").unwrap();
        secrets.refresh().await;
        assert_eq!(secrets.token.is_unproved(), followed);
        assert!(secrets.retry.is_some(), "it is asked again");
        let kept = dir.path().join(".previous-gateway-token");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "one");
    }
}
