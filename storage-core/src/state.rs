//! Whether a database answers: open, closed, or stopped because what it would say is no longer certain.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Kind, Result};

#[derive(Debug)]
pub(crate) struct State {
    now: AtomicU8,
    engine: &'static str,
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const POISONED: u8 = 2;

/// Whether a call changed the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    NoneNeeded,
}

impl State {
    pub(crate) fn open(engine: &'static str) -> Self {
        State { now: AtomicU8::new(OPEN), engine }
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.now.load(Ordering::SeqCst) {
            OPEN => Ok(()),
            CLOSED => Err(Error::closed()),
            _ => Err(self.poisoned()),
        }
    }

    #[cold]
    fn poisoned(&self) -> Error {
        let message = "a commit or sync failed in a way that leaves its outcome unknown: open it again";
        Error::new(Kind::Unavailable, message).in_engine(self.engine)
    }

    pub(crate) fn close(&self) -> Change {
        match self.now.swap(CLOSED, Ordering::SeqCst) {
            CLOSED => Change::NoneNeeded,
            _ => Change::Made,
        }
    }

    /// Stops an open database until it is opened again. A closed one stays closed.
    pub(crate) fn poison(&self) -> Change {
        match self.now.compare_exchange(OPEN, POISONED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => Change::Made,
            Err(_) => Change::NoneNeeded,
        }
    }
}
