//! What outlives the request that began it.

use std::pin::Pin;

use tokio::sync::mpsc;

/// Work that the guard's one loop carries on.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where such work is handed in.
#[derive(Clone, Debug)]
pub(crate) struct Tasks(mpsc::Sender<Task>);

impl Tasks {
    /// A place that keeps this many until they are taken.
    pub(crate) fn new(waiting: usize) -> (Self, mpsc::Receiver<Task>) {
        let (sender, receiver) = mpsc::channel(waiting);
        (Self(sender), receiver)
    }

    /// Hands work in. After the loop's end there is nobody to carry it on, and it is dropped.
    pub(crate) async fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.0.send(Box::pin(task)).await.is_err() {
            tracing::debug!("the guard has ended; what a request left is dropped");
        }
    }
}
