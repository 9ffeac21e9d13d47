//! The store, and the sessions of one of its users in hand.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use storage_core::{Database, Durability, Engine, Timestamp, Transaction};

use super::error::{Result, SessionError};
use super::layout::Layout;
use super::session::Session;
use super::stored::fresh;
use super::texts;
use crate::rfc3339::format_time;
use crate::search::TextIndex;

/// The longest id of a session in bytes.
pub const SESSION_ID_LEN_MAX: usize = 512;

/// The longest name of a user in bytes.
pub const USER_LEN_MAX: usize = 256;

/// Chat sessions of any number of users.
///
/// Every change is one transaction, durable when the call returns unless [`with_durability`](Self::with_durability) says
/// otherwise. It is cheap to clone.
///
/// ```
/// use storage_core::Database;
/// use storage_stores::sessions::{ChatMessage, SessionListing, SessionStore};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let ann = SessionStore::open(&db)?.user("ann")?;
///
/// let mut session = ann.new_session("Trip to Rome");
/// session.add_tag("travel");
/// session.conversation.messages.push(ChatMessage::user("When is it warm there?"));
/// ann.create(&session)?;
/// ann.append(&session.id, &[ChatMessage::assistant("From May to September.")], None)?;
///
/// ann.branch(&session.id, "by-train", "By train", 1)?;
/// ann.append("by-train", &[ChatMessage::assistant("Take the night train in May.")], None)?;
/// assert_eq!(ann.get("by-train")?.conversation.messages.len(), 2);
///
/// let page = ann.list(&SessionListing::new())?;
/// assert_eq!(page.sessions[0].id, "by-train", "the one that changed last comes first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SessionStore<E: Engine> {
    pub(super) db: Database<E>,
    pub(super) layout: Layout,
    /// The definition of the text index, whether there is one or not.
    pub(super) texts: TextIndex,
    /// What tending the index failed with first, until somebody asks.
    pub(super) tending_error: Arc<Mutex<Option<SessionError>>>,
    durability: Durability,
    /// The time in the last id that was made, so that no two have the same.
    last_id: Arc<AtomicU64>,
}

/// The sessions of one user. Cheap to clone.
///
/// Through it nothing of another user is seen or changed, also where ids are the same.
pub struct Sessions<E: Engine> {
    pub(super) store: SessionStore<E>,
    pub(super) user: Arc<str>,
}

/// The sessions of a user in a transaction that writes.
///
/// Whether the text index is kept is read in that transaction and not before, so that none that keeps it not is
/// committed once the index is there.
pub(super) struct Writing<'s, E: Engine> {
    sessions: &'s Sessions<E>,
    pub(super) keeps_texts: bool,
}

impl<E: Engine> Deref for Writing<'_, E> {
    type Target = Sessions<E>;

    fn deref(&self) -> &Sessions<E> {
        self.sessions
    }
}

impl<E: Engine> SessionStore<E> {
    /// Opens the store on a database, in keyspaces whose names begin with `session`.
    pub fn open(db: &Database<E>) -> Result<Self> {
        Ok(SessionStore {
            db: db.clone(),
            layout: Layout::new()?,
            texts: texts::index()?,
            tending_error: Arc::default(),
            durability: Durability::Sync,
            last_id: Arc::default(),
        })
    }

    /// The durability of every change from now on: `Sync` unless set.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The sessions of a user. `InvalidArgument` for a name that is empty or longer than [`USER_LEN_MAX`].
    pub fn user(&self, user: &str) -> Result<Sessions<E>> {
        check_len("user", user, USER_LEN_MAX)?;
        Ok(Sessions { store: self.clone(), user: user.into() })
    }

    /// The database that it stands on.
    pub fn database(&self) -> &Database<E> {
        &self.db
    }

    /// Closes the database that it stands on. Every later call fails with `Closed`, except this one.
    pub fn close(&self) -> Result<()> {
        Ok(self.db.close()?)
    }

    pub(super) fn transact<T>(&self, body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>) -> Result<T> {
        self.db.try_transact(self.durability, body).map(|outcome| outcome.value)
    }
}

impl<E: Engine> Sessions<E> {
    /// Runs a transaction of the store, and then what it left to do.
    pub(super) fn write<T>(
        &self,
        mut body: impl FnMut(&Writing<'_, E>, &mut Transaction<'_, E>) -> Result<T>,
    ) -> Result<T> {
        let (done, keeps_texts) = self.store.transact(|txn| {
            let writing = Writing { sessions: self, keeps_texts: self.store.state_of_texts(txn)?.is_kept() };
            Ok((body(&writing, txn)?, writing.keeps_texts))
        })?;
        if keeps_texts {
            self.tend_after_write();
        }
        Ok(done)
    }

    /// Whose they are.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The store in which they are.
    pub fn store(&self) -> &SessionStore<E> {
        &self.store
    }

    /// An empty session with a fresh id, as of now. Nothing is stored yet.
    pub fn new_session(&self, name: &str) -> Session {
        let now = self.store.db.now();
        let mut session = Session::new(self.new_id(), name);
        (session.created, session.updated) = (now, now);
        (session.conversation.created, session.conversation.updated) = (now, now);
        session
    }

    /// A fresh id: the date, the time and the nanoseconds of the second in UTC, and 32 random bits in hexadecimal, such
    /// as `20240229-120000-123456789-0a1b2c3d`. Within a process no two have the same time.
    pub fn new_id(&self) -> String {
        let now = self.store.db.now().as_nanos();
        let next = |last: u64| now.max(last.saturating_add(1));
        let last =
            self.store.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let time = Timestamp::from_nanos(next(last.unwrap_or_else(|last| last)));
        let text = format_time(time);
        let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
        let (date, second) = digits.split_at(8);
        let random = u32::try_from(fresh(time) & u128::from(u32::MAX)).expect("32 bits");
        format!("{date}-{second}-{:09}-{random:08x}", time.as_nanos() % 1_000_000_000)
    }
}

/// `InvalidArgument` for an id that no session can have.
pub(super) fn check_id(id: &str) -> Result<()> {
    check_len("session id", id, SESSION_ID_LEN_MAX)
}

fn check_len(what: &str, text: &str, limit: usize) -> Result<()> {
    match text.len() {
        0 => Err(SessionError::invalid(format!("{what} is empty"))),
        len if len > limit => Err(SessionError::invalid(format!("{what} is {len} bytes, limit is {limit}"))),
        _ => Ok(()),
    }
}

impl<E: Engine> Clone for SessionStore<E> {
    fn clone(&self) -> Self {
        SessionStore {
            db: self.db.clone(),
            layout: self.layout,
            texts: self.texts.clone(),
            tending_error: Arc::clone(&self.tending_error),
            durability: self.durability,
            last_id: Arc::clone(&self.last_id),
        }
    }
}

impl<E: Engine> Clone for Sessions<E> {
    fn clone(&self) -> Self {
        Sessions { store: self.store.clone(), user: Arc::clone(&self.user) }
    }
}

impl<E: Engine> fmt::Debug for SessionStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore")
            .field("db", &self.db)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl<E: Engine> fmt::Debug for Sessions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({:?})", self.user)
    }
}
