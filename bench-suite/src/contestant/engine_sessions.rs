//! Ours, in the rows of the session store: `storage-stores` on the database, as an application uses it.

use storage_core::{Database, Durability, Engine};
use storage_stores::sessions::{
    SearchOptions, SearchResult, Session, SessionError, SessionInfo, SessionListing, SessionStore, Sessions,
};

use super::engine::{Layer, Opening, Stores};
use super::sessions::{FoundView, ListedView, SessionFinds, SessionRows};
use crate::failure::{Failure, Outcome};
use crate::workload::Spec;
use crate::workload::rows::sessions::is_indexed;

/// The user of every row.
const USER: &str = "bench";

/// The sessions of a user on a database.
pub type SessionLayer<O> = Layer<O, Sessions<<O as Opening>::Engine>>;

impl<E: Engine> Stores<E> for Sessions<E> {
    fn open(db: &Database<E>, durability: Durability, spec: &Spec) -> Outcome<Self> {
        let store = SessionStore::open(db)?.with_durability(durability);
        let store = if is_indexed(spec.workload) { store.with_text_index()? } else { store };
        Ok(store.user(USER)?)
    }
}

impl<O: Opening> SessionRows for SessionLayer<O> {
    type Listed = SessionInfo;
    type Found = SearchResult;

    fn save(&self, session: &Session) -> Outcome<()> {
        self.stores.save(session)?;
        Ok(())
    }

    fn fill(&self, mut sessions: impl Iterator<Item = Session>) -> Outcome<()> {
        let store = self.stores.store().clone().with_durability(Durability::Deferred);
        let deferred = store.user(USER)?;
        sessions.try_for_each(|session| deferred.save(&session).map(drop))?;
        self.db.sync()?;
        // What filling put off is no part of what is measured.
        O::drain(self.db.engine())
    }

    fn append(&self, grown: &Session) -> Outcome<()> {
        let messages = &grown.conversation.messages;
        self.stores.append(&grown.id, &messages[messages.len() - 1..], None)?;
        Ok(())
    }

    fn load(&self, id: &str) -> Outcome<Session> {
        Ok(self.stores.get(id)?)
    }

    fn delete(&self, id: &str) -> Outcome<()> {
        Ok(self.stores.delete(id)?)
    }

    fn list(&self) -> Outcome<Vec<SessionInfo>> {
        let page = self.stores.list(&SessionListing::new().limit(usize::MAX))?;
        all_readable(page.unreadable)?;
        Ok(page.sessions)
    }

    fn search(&self, text: &str) -> Outcome<Vec<SearchResult>> {
        let found = self.stores.search(text, &SearchOptions::new().limit(usize::MAX))?;
        all_readable(found.unreadable)?;
        Ok(found.results)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.list()?.len() as u64)
    }
}

impl<O: Opening> SessionFinds for SessionLayer<O> {
    fn find(&self, word: &str, limit: usize) -> Outcome<(u64, u64)> {
        let found = self.stores.find(word, limit)?;
        all_readable(found.unreadable)?;
        Ok((found.texts.len() as u64, found.total as u64))
    }
}

/// A session that cannot be read fails the run.
fn all_readable(unreadable: Vec<SessionError>) -> Outcome<()> {
    match unreadable.into_iter().next() {
        Some(damaged) => Err(Failure::from(damaged)),
        None => Ok(()),
    }
}

impl ListedView for SessionInfo {
    fn id(&self) -> &str {
        &self.id
    }

    fn messages(&self) -> u64 {
        self.message_count
    }
}

impl FoundView for SearchResult {
    fn matches(&self) -> usize {
        self.matches.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Mem;
    use super::super::fs::{DeferredLines, Fs};
    use super::super::manner::Durable;
    use super::super::redb::Redb;
    use super::super::sessions::tests::{session_rows_mean_what_they_say, words_are_found};
    use super::super::sqlite::{InMemory, Sqlite};
    use super::*;

    #[test]
    fn rows_mean_what_they_say() {
        session_rows_mean_what_they_say::<SessionLayer<Mem>>();
        session_rows_mean_what_they_say::<SessionLayer<Redb<Durable>>>();
        session_rows_mean_what_they_say::<SessionLayer<Sqlite<InMemory>>>();
        session_rows_mean_what_they_say::<SessionLayer<Fs<DeferredLines>>>();
    }

    #[test]
    fn words_are() {
        words_are_found::<SessionLayer<Mem>>();
        words_are_found::<SessionLayer<Sqlite<InMemory>>>();
    }
}
