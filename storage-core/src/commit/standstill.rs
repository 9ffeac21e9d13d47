//! The time of the database: the clock's, except while a commit that rests on a record's life is on its way.
//!
//! Such a commit was decided at a time at which the record was live. Until it is published, that time is everybody's:
//! else a reader could see the record ended, and not the commit that was made before.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::sync::{AtomicU64, Ordering, pause};

/// Zero while time goes on, [`BEGINNING`] while a leader reads the clock, its time until the commit is published.
#[derive(Debug)]
pub(crate) struct Standstill(AtomicU64);

const RUNNING: u64 = 0;
const BEGINNING: u64 = 1;

struct EndOnUnwind<'a>(&'a Standstill);

impl Drop for EndOnUnwind<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Standstill {
    pub(crate) fn new() -> Self {
        Standstill(AtomicU64::new(RUNNING))
    }

    /// Stops time at what `clock` shows. Only the leader does, one at a time.
    pub(crate) fn begin(&self, clock: impl FnOnce() -> Timestamp) -> Timestamp {
        self.0.store(BEGINNING, Ordering::SeqCst);
        // The clock is the application's: if it panics, time must not be left beginning to stand still.
        let unwinding = EndOnUnwind(self);
        let time = clock();
        std::mem::forget(unwinding);
        self.0.store(time.as_nanos().max(BEGINNING + 1), Ordering::SeqCst);
        time
    }

    pub(crate) fn end(&self) {
        self.0.store(RUNNING, Ordering::SeqCst);
    }

    /// The time: where it stands still, or what `clock` shows if it did not stop meanwhile.
    pub(crate) fn now(&self, clock: impl Fn() -> Timestamp) -> Timestamp {
        loop {
            match self.0.load(Ordering::SeqCst) {
                RUNNING => {
                    let now = clock();
                    if self.0.load(Ordering::SeqCst) == RUNNING {
                        return now;
                    }
                }
                BEGINNING => pause(Duration::ZERO),
                nanos => return Timestamp::from_nanos(nanos),
            }
        }
    }
}
