//! Watches that tasks wait for.

use std::future::poll_fn;

use tokio::task;

use crate::error::Result;
use crate::watch::{Event, Watch};

/// The changes in one range of a keyspace, from when it was made, for one task.
///
/// Events are those of a [`Watch`]. No thread waits for them.
///
/// ```
/// use storage_core::{AsyncDatabase, Database, KeyRange, Keyspace};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> storage_core::Result<()> {
/// let db = AsyncDatabase::new(Database::new(storage_mem::MemEngine::new())?);
/// let notes = Keyspace::new("notes")?;
/// let mut watch = db.watch(notes, KeyRange::all())?;
/// db.put(notes, "today", "buy milk").await?;
/// let event = watch.next().await?;
/// assert!(db.read(|snapshot| Ok(snapshot.version())).await? >= event.version);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncWatch(Watch);

impl AsyncWatch {
    pub(super) fn new(watch: Watch) -> Self {
        AsyncWatch(watch)
    }

    /// The next event, waiting for as long as it takes.
    ///
    /// `Closed` once all were taken and the database is closed, `Unavailable` once it has stopped. Dropping the future
    /// loses no event, so it may stand in a `select!` or under a timeout.
    pub async fn next(&mut self) -> Result<Event> {
        task::consume_budget().await;
        poll_fn(|context| self.0.poll_next(context)).await
    }

    /// The next event if one waits. It fails as [`AsyncWatch::next`] does.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        self.0.try_next()
    }
}
