//! A namespace in hand: through it its messages are written and read.

use std::fmt;
use std::sync::Arc;

use storage_core::{Engine, Snapshot};

use super::error::Result;
use super::store::{MessageStore, NamespaceInfo, NamespaceRecord, not_found};

/// A namespace of a [`MessageStore`]. It names the namespace and can outlive it; cheap to clone.
pub struct Messages<E: Engine> {
    pub(super) store: MessageStore<E>,
    pub(super) name: Arc<str>,
}

/// One moment of a namespace.
pub(super) struct View<E: Engine> {
    pub(super) snapshot: Snapshot<E>,
    pub(super) record: Arc<NamespaceRecord>,
    pub(super) number: u64,
}

impl<E: Engine> Messages<E> {
    pub(super) fn new(store: &MessageStore<E>, name: &str) -> Self {
        Messages { store: store.clone(), name: name.into() }
    }

    /// The name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store in which it is.
    pub fn store(&self) -> &MessageStore<E> {
        &self.store
    }

    /// What is known of the namespace, with its counts.
    pub fn info(&self) -> Result<NamespaceInfo> {
        self.store.namespace_info(&self.name)
    }

    /// How many messages it has.
    pub fn message_count(&self) -> Result<u64> {
        let view = self.view()?;
        self.store.count(&view.snapshot, view.number)
    }

    /// What is committed now. `NamespaceNotFound` if it was deleted.
    pub(super) fn view(&self) -> Result<View<E>> {
        let snapshot = self.store.db.snapshot()?;
        let record =
            self.store.namespaces.get(&snapshot, &*self.name)?.ok_or_else(|| not_found(&self.name))?;
        let number = record.number();
        Ok(View { snapshot, record, number })
    }
}

impl<E: Engine> Clone for Messages<E> {
    fn clone(&self) -> Self {
        Messages { store: self.store.clone(), name: Arc::clone(&self.name) }
    }
}

impl<E: Engine> fmt::Debug for Messages<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Messages({:?})", self.name)
    }
}
