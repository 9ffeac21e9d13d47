//! The powers behind the rows of the message store, and who has them.

use super::Subject;
use super::catalogue::Catalogue;
use super::engine::Mem;
use super::engine_messages::MessageLayer;
use super::fs::{DeferredLines, DurableLines, Fs};
use super::manner::{Deferred, Durable};
use super::port_messages_sqlite::PortMessagesSqlite;
use super::redb::{Redb, RedbJournal};
use super::sqlite::{Full, InMemory, Normal, Sqlite};
use crate::failure::Outcome;
use crate::workload::message_data::Made;

/// A message that was read.
pub trait MessageView {
    /// Its position in its stream.
    fn position(&self) -> u64;
    /// Its position in the store.
    fn global_position(&self) -> u64;
    /// Its data, decoded, without being kept: the number of this name.
    fn number(&self, name: &str) -> Outcome<Option<u64>>;
}

/// What the rows of the message store's table ask for.
pub trait MessageRows: Subject {
    /// A message as a read hands it out.
    type Found: MessageView;

    /// Writes a message at the end of its stream. Returns its global position.
    fn write(&self, message: Made) -> Outcome<u64>;
    /// Writes many in the way that is fastest, which need not be durable before it ends.
    fn load(&self, messages: impl Iterator<Item = Made>) -> Outcome<()>;
    /// Up to `batch` messages of a stream, from a position on.
    fn stream(&self, stream: &str, from: u64, batch: u64) -> Outcome<Vec<Self::Found>>;
    /// Up to `batch` messages of a category, from a global position on.
    fn category(&self, category: &str, from: u64, batch: u64) -> Outcome<Vec<Self::Found>>;
    /// How many messages there are.
    fn count(&self) -> Outcome<u64>;
}

/// Reads that have no row in the table.
pub trait MessageFilters: MessageRows {
    /// A page of a category as one member of a consumer group sees it.
    fn group_page(&self, category: &str, member: u64, size: u64, batch: u64) -> Outcome<Vec<Self::Found>>;
    /// A page of a category of the messages that are correlated with a category.
    fn correlated_page(&self, category: &str, with: &str, batch: u64) -> Outcome<Vec<Self::Found>>;
    /// The first streams by name.
    fn streams_page(&self, batch: u64) -> Outcome<usize>;
}

/// Enters everyone. Reads on disk are measured once, as elsewhere.
pub fn enter(catalogue: &mut Catalogue) {
    catalogue.messages::<MessageLayer<Mem>>();
    catalogue.message_filters::<MessageLayer<Mem>>();

    catalogue.messages::<MessageLayer<Redb<Durable>>>();
    catalogue.message_filters::<MessageLayer<Redb<Durable>>>();
    catalogue.message_writers::<MessageLayer<Redb<Durable>>>();
    catalogue.message_writes::<MessageLayer<RedbJournal>>();
    catalogue.message_writers::<MessageLayer<RedbJournal>>();
    catalogue.message_writes::<MessageLayer<Redb<Deferred>>>();

    catalogue.messages::<MessageLayer<Sqlite<Full>>>();
    catalogue.message_filters::<MessageLayer<Sqlite<Full>>>();
    catalogue.message_writers::<MessageLayer<Sqlite<Full>>>();
    catalogue.message_writes::<MessageLayer<Sqlite<Normal>>>();
    catalogue.messages::<MessageLayer<Sqlite<InMemory>>>();
    catalogue.message_filters::<MessageLayer<Sqlite<InMemory>>>();

    catalogue.messages::<MessageLayer<Fs<DurableLines>>>();
    catalogue.message_filters::<MessageLayer<Fs<DurableLines>>>();
    catalogue.message_writers::<MessageLayer<Fs<DurableLines>>>();
    catalogue.message_writes::<MessageLayer<Fs<DeferredLines>>>();

    catalogue.messages::<PortMessagesSqlite<Full>>();
    catalogue.messages::<PortMessagesSqlite<InMemory>>();
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::workload::message_data::{created, event, honest, large};

    pub(crate) fn message_rows_mean_what_they_say<S: MessageRows>() {
        let (store, _folder) = opened::<S>();
        assert_eq!(store.write(created(1)).unwrap(), 1);
        assert_eq!(store.write(created(2)).unwrap(), 2);
        store.load((0..20).map(|sequence| event("account-1".to_owned(), sequence))).unwrap();
        assert_eq!(store.write(large("other-1".to_owned(), 1, 100)).unwrap(), 23);
        assert_eq!(store.count().unwrap(), 23);

        let page = store.stream("account-1", 5, 10).unwrap();
        assert_eq!(page.len(), 10);
        assert_eq!((page[0].position(), page[0].number("sequence").unwrap()), (5, Some(4)));
        assert_eq!(page[0].number("nothing").unwrap(), None);
        assert!(store.stream("nobody", 0, 10).unwrap().is_empty());

        let page = store.category("account", 2, 3).unwrap();
        let places: Vec<_> = page.iter().map(|found| (found.global_position(), found.position())).collect();
        assert_eq!(places, [(2, 0), (3, 1), (4, 2)]);
        assert_eq!(store.category("other", 1, 100).unwrap().len(), 1);
        assert!(store.category("accoun", 1, 100).unwrap().is_empty());
    }

    pub(crate) fn filters_mean_what_they_say<S: MessageFilters>() {
        let (store, _folder) = opened::<S>();
        store.load(honest(1_000)).unwrap();
        let members = (0..8).map(|member| store.group_page("account3", member, 8, 1_000).unwrap().len());
        assert_eq!(members.sum::<usize>(), 100);
        assert_eq!(store.correlated_page("account0", "transfer", 100).unwrap().len(), 1);
        assert_eq!(store.streams_page(70).unwrap(), 70);
    }
}
