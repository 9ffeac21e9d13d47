//! The locks of the commit pipeline, through one door, so that shuttle can reach them.
//!
//! Built with `--cfg shuttle` they are shuttle's, and a test explores the schedules; otherwise parking_lot's.

pub(crate) use imp::{AtomicU64, Mutex, MutexGuard, Ordering, thread_local};

use std::time::{Duration, Instant};

/// Whether a bounded wait ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Woken,
    TimedOut,
}

#[cfg(not(shuttle))]
mod imp {
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use std::thread_local;
}

#[cfg(shuttle)]
mod imp {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{Condvar, MutexGuard};
    pub(crate) use shuttle::thread_local;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

/// Lets others run before a conflict is tried again. Schedules have no time: under shuttle it only yields.
pub(crate) fn pause(time: Duration) {
    #[cfg(not(shuttle))]
    match time.is_zero() {
        true => std::thread::yield_now(),
        false => std::thread::sleep(time),
    }
    #[cfg(shuttle)]
    {
        let _ = time;
        shuttle::thread::yield_now();
    }
}

/// A few microseconds: what a sleeping thread takes to wake.
#[cfg(not(shuttle))]
const SPINS: u32 = 200;

/// Waits a little for `done`, without sleeping. Schedules have no time: under shuttle it only asks.
pub(crate) fn spin_until(done: impl Fn() -> bool) {
    #[cfg(not(shuttle))]
    for _ in 0..SPINS {
        if done() {
            return;
        }
        std::hint::spin_loop();
    }
    #[cfg(shuttle)]
    done();
}

/// A condition that threads wait for. The guard is given up and taken again.
#[derive(Debug, Default)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    #[cfg(not(shuttle))]
    pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    #[cfg(not(shuttle))]
    pub(crate) fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, Wait) {
        let timed_out = self.0.wait_until(&mut guard, deadline).timed_out();
        (guard, if timed_out { Wait::TimedOut } else { Wait::Woken })
    }

    #[cfg(shuttle)]
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Schedules have no time: a wait under shuttle ends when it is woken.
    #[cfg(shuttle)]
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _: Instant,
    ) -> (MutexGuard<'a, T>, Wait) {
        (self.wait(guard), Wait::Woken)
    }
}
