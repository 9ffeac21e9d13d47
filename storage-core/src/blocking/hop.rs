//! Where blocking work runs, and how it learns that nobody waits for it any more.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::task;

use crate::error::{Error, Kind, Result};

/// Where the work of a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the task that awaits it.
    Inline,
    /// On a blocking thread of the runtime.
    BlockingThread,
}

/// Whoever awaits the work; the future of the call holds the other end while it lives.
pub(super) struct Caller(Option<Weak<()>>);

impl Caller {
    /// Fails once the future was dropped. The error reaches nobody: it ends what must not go on.
    pub(super) fn check(&self) -> Result<()> {
        match &self.0 {
            Some(future) if future.strong_count() == 0 => {
                Err(unavailable("the future of the call was dropped"))
            }
            _ => Ok(()),
        }
    }
}

/// Runs work that waits for nothing, at once.
///
/// A task that does nothing else must let others have a turn all the same: now and then tokio asks it to, before the
/// work begins.
pub(super) async fn inline<T>(work: impl FnOnce(&Caller) -> T) -> T {
    task::consume_budget().await;
    work(&Caller(None))
}

/// Runs work on a blocking thread of the runtime that polls it.
///
/// It never begins once the future was dropped.
pub(super) async fn on_blocking_thread<T: Send + 'static, X: From<Error> + Send + 'static>(
    work: impl FnOnce(&Caller) -> Result<T, X> + Send + 'static,
) -> Result<T, X> {
    let runtime = Handle::try_current().map_err(|error| {
        let message = "the call is made outside a tokio runtime, whose blocking threads it needs";
        Error::invalid(message).caused_by(error)
    })?;
    let future = Arc::new(());
    let caller = Caller(Some(Arc::downgrade(&future)));
    let work = move || {
        caller.check()?;
        work(&caller)
    };
    // tokio panics where the system gives it no thread at all, and keeps the work: with the future gone, it is void.
    let begun = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(work)))
        .map_err(|_| unavailable("the runtime could start no blocking thread"))?;
    let ended = begun.await;
    drop(future);
    match ended {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => {
                let message = "the runtime was shut down before the call began";
                Err(unavailable(message).caused_by(error).into())
            }
        },
    }
}

fn unavailable(message: &'static str) -> Error {
    Error::new(Kind::Unavailable, message)
}
