//! Serves a guard before a daemon: `serve LISTEN DAEMON ROOT...`, until it is ended.

use std::{any::Any, sync::Arc, time::Duration};

use guard::{Access, Activity, Busy, Ceilings, Guard, Metrics, Root, Settings};
use service::Drain;
use tokio::sync::watch;

struct Nobody;

impl Activity for Nobody {
    fn begin(&self, _: &str) -> Result<Box<dyn Any + Send>, Busy> {
        Ok(Box::new(()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(daemon)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve LISTEN DAEMON ROOT...".into());
    };
    let roots = arguments.map(|path| Root {
        path: path.into(),
        access: Access::ReadWrite,
    });
    let settings = Settings {
        listen: listen.into(),
        daemon: daemon.into(),
        roots: roots.collect(),
        ..Settings::default()
    };
    let metrics = Metrics::register(&prometheus::Registry::new())?;
    let (_document, ceilings) = watch::channel(Ceilings::default());
    let guard = Guard::bind(settings, Arc::new(Nobody), metrics, ceilings).await?;
    guard.run(Drain::new(Duration::from_secs(5))).await;
    Ok(())
}
