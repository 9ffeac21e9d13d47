//! The powers behind the rows of the session store, and who has them.

use storage_stores::sessions::Session;

use super::Subject;
use super::catalogue::Catalogue;
use super::engine::Mem;
use super::engine_sessions::SessionLayer;
use super::fs::{DeferredLines, DurableLines, Fs};
use super::manner::{Deferred, Durable};
use super::port_sessions_files::PortSessionsFiles;
use super::port_sessions_sqlite::PortSessionsSqlite;
use super::redb::{Redb, RedbJournal};
use super::sqlite::{Full, InMemory, Normal, Sqlite};
use crate::failure::Outcome;

/// A session that was listed.
pub trait ListedView {
    /// Its id.
    fn id(&self) -> &str;
    /// How many messages it has.
    fn messages(&self) -> u64;
}

/// A session in which a piece of text was found.
pub trait FoundView {
    /// In how many of its texts.
    fn matches(&self) -> usize;
}

/// What the rows of the session store's table ask for. A session that is absent is an error.
pub trait SessionRows: Subject {
    /// A session as a list hands it out.
    type Listed: ListedView;
    /// A session as a search hands it out.
    type Found: FoundView;

    /// Stores a session, in the place of the one with its id where there is one.
    fn save(&self, session: &Session) -> Outcome<()>;
    /// Stores many in the way that is fastest, which need not be durable before it ends.
    fn fill(&self, sessions: impl Iterator<Item = Session>) -> Outcome<()>;
    /// Stores the last message of a session, whose others are stored.
    fn append(&self, grown: &Session) -> Outcome<()>;
    /// The session of this id, whole.
    fn load(&self, id: &str) -> Outcome<Session>;
    /// Removes it.
    fn delete(&self, id: &str) -> Outcome<()>;
    /// All sessions.
    fn list(&self) -> Outcome<Vec<Self::Listed>>;
    /// The sessions in which a piece of text stands, in upper or lower case.
    fn search(&self, text: &str) -> Outcome<Vec<Self::Found>>;
    /// How many sessions there are.
    fn count(&self) -> Outcome<u64>;
}

/// Searches by words, with an index of them.
pub trait SessionFinds: SessionRows {
    /// How many of the best `limit` messages with a word were handed out, and how many have it.
    fn find(&self, word: &str, limit: usize) -> Outcome<(u64, u64)>;
}

/// Enters everyone. Reads on disk are measured once, as elsewhere, and once more beside a port that has another class.
pub fn enter(catalogue: &mut Catalogue) {
    catalogue.sessions::<SessionLayer<Mem>>();
    indexed::<SessionLayer<Mem>>(catalogue);

    catalogue.sessions::<SessionLayer<Redb<Durable>>>();
    indexed::<SessionLayer<Redb<Durable>>>(catalogue);
    catalogue.session_writes::<SessionLayer<RedbJournal>>();
    catalogue.indexed_session_writes::<SessionLayer<RedbJournal>>();
    catalogue.session_writes::<SessionLayer<Redb<Deferred>>>();

    catalogue.sessions::<SessionLayer<Sqlite<Full>>>();
    indexed::<SessionLayer<Sqlite<Full>>>(catalogue);
    catalogue.session_writes::<SessionLayer<Sqlite<Normal>>>();
    catalogue.sessions::<SessionLayer<Sqlite<InMemory>>>();
    indexed::<SessionLayer<Sqlite<InMemory>>>(catalogue);

    catalogue.sessions::<SessionLayer<Fs<DurableLines>>>();
    indexed::<SessionLayer<Fs<DurableLines>>>(catalogue);
    catalogue.sessions::<SessionLayer<Fs<DeferredLines>>>();
    catalogue.indexed_session_writes::<SessionLayer<Fs<DeferredLines>>>();

    catalogue.sessions::<PortSessionsFiles>();
    catalogue.sessions::<PortSessionsSqlite>();
}

fn indexed<S: SessionFinds>(catalogue: &mut Catalogue) {
    catalogue.indexed_session_writes::<S>();
    catalogue.session_finds::<S>();
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::opened;
    use super::*;
    use crate::workload::rows;
    use crate::workload::session_data::{self as data, Ids};
    use crate::workload::{Profile, Setting};

    pub(crate) fn session_rows_mean_what_they_say<S: SessionRows>() {
        let (store, _folder) = opened::<S>();
        store.fill((0..3).map(|number| data::of_turns(number, 10, Ids::Program))).unwrap();
        let mut session = data::of_messages(7, 5, Ids::Store);
        store.save(&session).unwrap();
        assert_eq!(store.count().unwrap(), 4);

        let mut listed: Vec<_> =
            store.list().unwrap().iter().map(|listed| (listed.id().to_owned(), listed.messages())).collect();
        listed.sort();
        let expected = [(data::id(0), 14), (data::id(1), 14), (data::id(2), 14), (data::id(7), 5)];
        assert_eq!(listed, expected);

        session.conversation.messages.push(data::spoken(3));
        store.append(&session).unwrap();
        session.name = "Another Name".to_owned();
        store.save(&session).unwrap();
        let loaded = store.load(&session.id).unwrap();
        assert_eq!((&loaded.id, &loaded.name), (&session.id, &session.name));
        let said = |session: &Session| {
            let messages = session.conversation.messages.iter();
            messages
                .map(|said| (said.role, said.content.clone(), said.attachments.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(said(&loaded), said(&session));

        store.save(&data::searched(8, 0)).unwrap();
        let found = store.search("GOLANG").unwrap();
        assert_eq!(found.iter().map(FoundView::matches).collect::<Vec<_>>(), [2]);
        assert!(store.search("nowhere to be found").unwrap().is_empty());

        store.delete(&session.id).unwrap();
        assert!(store.load(&session.id).is_err());
        assert!(store.delete(&session.id).is_err());
        assert_eq!(store.count().unwrap(), 4);
    }

    pub(crate) fn words_are_found<S: SessionFinds>() {
        let folder = tempfile::tempdir().unwrap();
        let spec = rows::sessions::find(Profile::Smoke).remove(0);
        let store = S::open(&Setting::new(spec, 1, folder.path().to_owned())).unwrap();
        store.fill(data::of_words(1, 1_000)).unwrap();
        assert_eq!(store.find(data::RARE, 3).unwrap(), (3, 10));
        assert_eq!(store.find(data::COMMON, 10).unwrap(), (10, 500));
        assert_eq!(store.find("nowhere", 10).unwrap(), (0, 0));
    }
}
