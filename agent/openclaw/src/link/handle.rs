//! The cheap view of a link for everybody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};

use super::LinkState;
use crate::event::Feed;
use crate::{
    Connection, Endpoint, Error, Events, NoPage, Scope, Settings, Token, connect, exporter,
};

/// A view of a [`Link`](super::Link). Clones are cheap.
#[derive(Debug, Clone)]
pub struct LinkHandle {
    pub(super) endpoint: watch::Receiver<Option<Endpoint>>,
    pub(super) token: watch::Receiver<Token>,
    pub(super) settings: Settings,
    pub(super) state: watch::Receiver<LinkState>,
    pub(super) connection: watch::Receiver<Option<Arc<Connection>>>,
    pub(super) events: Feed,
    pub(super) nudge: Arc<Notify>,
}

impl LinkHandle {
    /// The state of the lasting connection, to look at or to wait on.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// A reader of the events from now on, over all connections to come.
    pub fn events(&self) -> Events {
        self.events.events()
    }

    /// The lasting connection, for typed calls that only read.
    pub fn connection(&self) -> Result<Arc<Connection>, Error> {
        self.connection.borrow().clone().ok_or(Error::Absent)
    }

    /// Calls over the lasting connection.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<T, Error> {
        self.connection()?.call(method, params).await
    }

    /// Opens a short connection that may change things. Drop it when done.
    pub async fn admin(&self) -> Result<Connection, Error> {
        self.open(&[Scope::Read, Scope::Admin]).await
    }

    /// Opens a short connection with the given scopes, to the endpoint and with the token of
    /// this moment.
    pub async fn open(&self, scopes: &[Scope]) -> Result<Connection, Error> {
        let endpoint = self.endpoint.borrow().clone().ok_or(Error::Absent)?;
        let token = self.token.borrow().clone();
        connect(&endpoint, &token, scopes, &self.settings).await
    }

    /// The page of the gateway's own plugin for Prometheus, asked for with its token.
    pub async fn exporter(&self, patience: Duration) -> Result<Bytes, NoPage> {
        let absent = || NoPage::Unreachable {
            source: Error::Absent,
        };
        let endpoint = self.endpoint().ok_or_else(absent)?;
        let token = self.token.borrow().clone();
        exporter::page(&endpoint, &token, patience).await
    }

    /// Where the gateway listens, for [`probe`](crate::probe).
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.endpoint.borrow().clone()
    }

    /// The gateway may be back at any moment: try at once, and often for a while.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }
}
