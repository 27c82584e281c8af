//! What the document in force says of sandboxes: the images that they are made from, and how large they may be.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use guard::Ceilings;

use super::ceilings::ceilings;
use crate::config::Handle;

/// The document, looked at again only where it is another one.
pub(super) struct Watched {
    document: Handle,
    known: Mutex<Option<Known>>,
}

struct Known {
    sha256: String,
    ceilings: Ceilings,
}

impl Watched {
    pub(super) fn new(document: Handle) -> Self {
        Self {
            document,
            known: Mutex::new(None),
        }
    }

    /// Lasts until the document in force is another one than at this call; for ever where nobody owns one any more.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + use<> {
        let mut news = self.document.news();
        let before = news.borrow().sha256.clone();
        async move {
            if news.wait_for(|view| view.sha256 != before).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The images that the document in force names for sandboxes; nothing before there is a document.
    pub(super) async fn images(&self) -> Option<BTreeSet<String>> {
        self.ceilings().await?.images
    }

    /// What the document in force allows to sandboxes; nothing before there is a document.
    pub(super) async fn ceilings(&self) -> Option<Ceilings> {
        let sha256 = self.document.view().sha256;
        if sha256.is_empty() {
            return None;
        }
        if let Some(known) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner)
            && known.sha256 == sha256
        {
            return Some(known.ceilings.clone());
        }
        let ceilings = ceilings(&self.document.inspect().await.ok()?.document);
        // A document that changed during the look is looked at again the next time.
        if self.document.view().sha256 == sha256 {
            let known = Known {
                sha256,
                ceilings: ceilings.clone(),
            };
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
        Some(ceilings)
    }
}
