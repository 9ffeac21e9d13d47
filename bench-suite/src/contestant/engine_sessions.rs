//! Ours, in the rows of the session store: `storage-stores` on the database, as an application uses it.

use std::fmt;

use storage_core::{Database, Durability};
use storage_stores::sessions::{
    SearchOptions, SearchResult, Session, SessionError, SessionInfo, SessionListing, SessionStore, Sessions,
};

use super::engine::{Opening, counters, settings, settle};
use super::sessions::{FoundView, ListedView, SessionFinds, SessionRows};
use super::{Counters, Subject, Tag};
use crate::failure::{Failure, Outcome};
use crate::workload::rows::sessions::is_indexed;
use crate::workload::{Place, Setting};

/// The user of every row.
const USER: &str = "bench";

/// The sessions of a user on a database.
pub struct SessionLayer<O: Opening> {
    db: Database<O::Engine>,
    sessions: Sessions<O::Engine>,
    /// Goes after the database.
    _place: Place,
}

impl<O: Opening> fmt::Debug for SessionLayer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionLayer({:?})", self.db)
    }
}

impl<O: Opening> Subject for SessionLayer<O> {
    const TAG: Tag = O::TAG;

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let db = Database::new(O::open(&place)?)?;
        let store = SessionStore::open(&db)?.with_durability(O::DURABILITY);
        let store = if is_indexed(setting.spec.workload) { store.with_text_index()? } else { store };
        Ok(SessionLayer { db, sessions: store.user(USER)?, _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings::<O>(&self.db)
    }

    fn settle(&self) -> Outcome<()> {
        settle::<O>(&self.db)
    }

    fn counters(&self) -> Counters {
        counters(&self.db)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.close()?)
    }
}

impl<O: Opening> SessionRows for SessionLayer<O> {
    type Listed = SessionInfo;
    type Found = SearchResult;

    fn save(&self, session: &Session) -> Outcome<()> {
        self.sessions.save(session)?;
        Ok(())
    }

    fn fill(&self, mut sessions: impl Iterator<Item = Session>) -> Outcome<()> {
        let store = self.sessions.store().clone().with_durability(Durability::Deferred);
        let deferred = store.user(USER)?;
        sessions.try_for_each(|session| deferred.save(&session).map(drop))?;
        self.db.sync()?;
        // What filling put off is no part of what is measured.
        O::drain(self.db.engine())
    }

    fn append(&self, grown: &Session) -> Outcome<()> {
        let messages = &grown.conversation.messages;
        self.sessions.append(&grown.id, &messages[messages.len() - 1..], None)?;
        Ok(())
    }

    fn load(&self, id: &str) -> Outcome<Session> {
        Ok(self.sessions.get(id)?)
    }

    fn delete(&self, id: &str) -> Outcome<()> {
        Ok(self.sessions.delete(id)?)
    }

    fn list(&self) -> Outcome<Vec<SessionInfo>> {
        let page = self.sessions.list(&SessionListing::new().limit(usize::MAX))?;
        all_readable(page.unreadable)?;
        Ok(page.sessions)
    }

    fn search(&self, text: &str) -> Outcome<Vec<SearchResult>> {
        let found = self.sessions.search(text, &SearchOptions::new().limit(usize::MAX))?;
        all_readable(found.unreadable)?;
        Ok(found.results)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.list()?.len() as u64)
    }
}

impl<O: Opening> SessionFinds for SessionLayer<O> {
    fn find(&self, word: &str, limit: usize) -> Outcome<(u64, u64)> {
        let found = self.sessions.find(word, limit)?;
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
