//! `port-sessions-sqlite`: the storage access of the original session store on SQLite, written anew.
//!
//! As it was when it was benchmarked: a database as SQLite makes it, with a rollback journal and `synchronous` FULL, one
//! connection, statements prepared anew. A save is one transaction that puts the session's row, deletes all its messages
//! and inserts them again, each into three indexes, one of them of the whole content. Ids and times of messages, the
//! model, tags and metadata are not stored. A list counts the messages of each session; a search is one `LIKE`.

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use storage_core::Timestamp;
use storage_stores::messages::{format_time, parse_time};
use storage_stores::sessions::{ChatMessage, Role, Session, snippet};

use super::bare_rusqlite::settings;
use super::sessions::{FoundView, ListedView, SessionRows};
use super::{Subject, Tag};
use crate::failure::{Failure, Outcome};
use crate::workload::{Class, Place, Setting};

/// The user of every row.
const USER: &str = "bench";

/// How many bytes of context a match has at either side.
const CONTEXT_RADIUS: usize = 50;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sessions (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        name TEXT,
        conversation TEXT NOT NULL,
        metadata TEXT,
        created DATETIME NOT NULL,
        updated DATETIME NOT NULL
    );
    CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user_id);
    CREATE INDEX IF NOT EXISTS sessions_created ON sessions (created);
    CREATE INDEX IF NOT EXISTS sessions_updated ON sessions (updated);
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        attachments TEXT,
        timestamp DATETIME DEFAULT CURRENT_TIMESTAMP,
        sequence INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_session ON messages (session_id, user_id);
    CREATE INDEX IF NOT EXISTS messages_timestamp ON messages (timestamp);
    CREATE INDEX IF NOT EXISTS messages_content ON messages (content);";

const SAVE: &str = "
    INSERT INTO sessions (id, user_id, name, conversation, metadata, created, updated)
    VALUES (?1, ?2, ?3, '', ?4, ?5, ?6)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, metadata = excluded.metadata, updated = excluded.updated";

const CLEAR: &str = "DELETE FROM messages WHERE session_id = ?1 AND user_id = ?2";

const INSERT: &str = "
    INSERT INTO messages (session_id, user_id, role, content, attachments, sequence)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const SESSION: &str = "SELECT name, created, updated FROM sessions WHERE id = ?1 AND user_id = ?2";

const MESSAGES: &str = "
    SELECT role, content, attachments FROM messages
    WHERE session_id = ?1 AND user_id = ?2 ORDER BY sequence";

const LIST: &str = "
    SELECT id, name, created, updated,
        (SELECT COUNT(*) FROM messages WHERE session_id = sessions.id AND user_id = sessions.user_id)
    FROM sessions WHERE user_id = ?1 ORDER BY updated DESC";

const SEARCH: &str = "
    SELECT s.id, s.name, m.content, s.updated, m.sequence
    FROM sessions s JOIN messages m ON m.session_id = s.id AND m.user_id = s.user_id
    WHERE s.user_id = ?1 AND m.content LIKE ?2
    UNION ALL
    SELECT id, name, name, updated, -1 FROM sessions WHERE user_id = ?1 AND name LIKE ?2
    ORDER BY 4 DESC, 1, 5";

const DELETE: &str = "DELETE FROM sessions WHERE id = ?1 AND user_id = ?2";

/// A database of sessions.
#[derive(Debug)]
pub struct PortSessionsSqlite {
    connection: Mutex<Connection>,
    /// Goes after the connection.
    _place: Place,
}

/// A session as the original lists it.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// How many messages it has.
    pub messages: u64,
}

impl ListedView for Listed {
    fn id(&self) -> &str {
        &self.id
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}

/// A session in which something was found, as the original hands it out.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What is around each match.
    pub matches: Vec<String>,
}

impl FoundView for Found {
    fn matches(&self) -> usize {
        self.matches.len()
    }
}

impl Subject for PortSessionsSqlite {
    const TAG: Tag = Tag { engine: "port-sessions-sqlite", mode: None, class: Class::PowerLoss };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let connection = Connection::open(place.file("sessions.db")?)?;
        connection.execute_batch(SCHEMA)?;
        Ok(PortSessionsSqlite { connection: Mutex::new(connection), _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.connection.lock())
    }
}

impl PortSessionsSqlite {
    /// Within a transaction.
    fn put(connection: &Connection, session: &Session) -> Outcome<()> {
        let metadata = serde_json::to_string(&session.metadata)?;
        let (created, updated) = (format_time(session.created), format_time(session.updated));
        connection.execute(SAVE, params![session.id, USER, session.name, metadata, created, updated])?;
        connection.execute(CLEAR, params![session.id, USER])?;
        for (sequence, message) in (0_i64..).zip(&session.conversation.messages) {
            let attachments = match message.attachments.is_empty() {
                true => None,
                false => Some(serde_json::to_string(&message.attachments)?),
            };
            connection.execute(
                INSERT,
                params![session.id, USER, word(message.role), message.content, attachments, sequence],
            )?;
        }
        Ok(())
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
    }
}

fn role(word: &str) -> Outcome<Role> {
    let known =
        [Role::User, Role::Assistant, Role::System].into_iter().find(|role| self::word(*role) == word);
    known.ok_or_else(|| Failure::new(format!("{word:?} is no role")))
}

fn time(row: &Row<'_>, at: usize) -> Outcome<Timestamp> {
    let text: String = row.get(at)?;
    parse_time(&text).ok_or_else(|| Failure::new(format!("{text:?} is no time")))
}

impl SessionRows for PortSessionsSqlite {
    type Listed = Listed;
    type Found = Found;

    fn save(&self, session: &Session) -> Outcome<()> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction()?;
        Self::put(&transaction, session)?;
        Ok(transaction.commit()?)
    }

    fn fill(&self, mut sessions: impl Iterator<Item = Session>) -> Outcome<()> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction()?;
        sessions.try_for_each(|session| Self::put(&transaction, &session))?;
        Ok(transaction.commit()?)
    }

    fn append(&self, grown: &Session) -> Outcome<()> {
        self.save(grown)
    }

    fn load(&self, id: &str) -> Outcome<Session> {
        let connection = self.connection.lock();
        let mut session = connection
            .query_row(SESSION, [id, USER], |row| {
                let session = Session::new(id, row.get::<_, String>(0)?);
                Ok(time(row, 1)
                    .and_then(|created| Ok(Session { created, updated: time(row, 2)?, ..session })))
            })
            .optional()?
            .ok_or_else(|| Failure::new(format!("session not found: {id}")))??;
        let mut statement = connection.prepare(MESSAGES)?;
        let mut rows = statement.query([id, USER])?;
        while let Some(row) = rows.next()? {
            let said_by = role(row.get_ref(0)?.as_str()?)?;
            let mut message = ChatMessage::new(said_by, row.get::<_, String>(1)?);
            if let Some(attachments) = row.get::<_, Option<String>>(2)? {
                message.attachments = serde_json::from_str(&attachments)?;
            }
            session.conversation.messages.push(message);
        }
        Ok(session)
    }

    fn delete(&self, id: &str) -> Outcome<()> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction()?;
        transaction.execute(CLEAR, [id, USER])?;
        let deleted = transaction.execute(DELETE, [id, USER])?;
        transaction.commit()?;
        match deleted {
            0 => Err(Failure::new(format!("session not found: {id}"))),
            _ => Ok(()),
        }
    }

    fn list(&self) -> Outcome<Vec<Listed>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare(LIST)?;
        let mut rows = statement.query([USER])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(Listed {
                id: row.get(0)?,
                name: row.get(1)?,
                created: time(row, 2)?,
                updated: time(row, 3)?,
                messages: u64::try_from(row.get::<_, i64>(4)?)?,
            });
        }
        Ok(all)
    }

    fn search(&self, sought: &str) -> Outcome<Vec<Found>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare(SEARCH)?;
        let mut rows = statement.query([USER, &*format!("%{sought}%")])?;
        let mut all: Vec<Found> = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
            let text = row.get_ref(2)?.as_str()?;
            let context = snippet(text, sought, CONTEXT_RADIUS);
            let context = context.ok_or_else(|| Failure::new(format!("{sought:?} is not in {text:?}")))?;
            match all.last_mut().filter(|last| last.id == id) {
                Some(last) => last.matches.push(context),
                None => all.push(Found { id, name, matches: vec![context] }),
            }
        }
        Ok(all)
    }

    fn count(&self) -> Outcome<u64> {
        let connection = self.connection.lock();
        let count: i64 = connection.query_row("SELECT COUNT(*) FROM sessions", [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sessions::tests::session_rows_mean_what_they_say;
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn rows_mean_what_they_say() {
        session_rows_mean_what_they_say::<PortSessionsSqlite>();
    }

    #[test]
    fn it_is_set_as_sqlite_comes() {
        let (port, _folder) = opened::<PortSessionsSqlite>();
        let settings = port.settings();
        assert_eq!((&*settings[1].1, &*settings[2].1), ("delete", "2"));
    }
}
