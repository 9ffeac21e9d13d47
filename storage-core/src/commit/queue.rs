//! Who commits: one leader at a time, taking along what waits behind it, in order.
//!
//! A lone committer takes two uncontended locks and no thread hop. Nobody waits on a timer for company. A leader that
//! unwinds still hands its office over and answers every follower.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::options::Deadline;
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering, Wait, spin_until};

/// A queue of members `M`, each of which is answered with an `R`.
#[derive(Debug)]
pub(crate) struct Queue<M, R> {
    state: Mutex<State<M, R>>,
}

#[derive(Debug)]
struct State<M, R> {
    led: bool,
    waiting: VecDeque<Arc<Waiter<M, R>>>,
}

#[derive(Debug)]
struct Waiter<M, R> {
    slot: Mutex<Slot<M, R>>,
    changed: Condvar,
    /// Set once the wait is over, or about to be.
    over: AtomicU64,
}

impl<M, R> Waiter<M, R> {
    /// Waits a little without sleeping.
    fn spin(&self) {
        spin_until(|| self.over.load(Ordering::Acquire) != 0);
    }

    fn wake(&self) {
        self.over.store(1, Ordering::Release);
        self.changed.notify_one();
    }
}

/// What a waiter waits with; `None` for one that wants to lead alone, without a member of its own.
#[derive(Debug)]
enum Slot<M, R> {
    Waiting(Option<M>),
    Leads(Option<M>, Began),
    Taken,
    Done(R),
}

/// How a member waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Awake for a few microseconds first: in memory a leader is done sooner than a thread can sleep and wake.
    Short,
    /// Asleep: the leader waits for a disk, and has a use for the processor.
    Long,
}

/// Whether anyone can have waited when a leader began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Began {
    Alone,
    FromLine,
}

/// How the wait of a member ended.
pub(crate) enum Turn<'q, M, R> {
    /// It leads; the member is its own to commit.
    Lead(Leadership<'q, M, R>, M),
    /// A leader took it along and answered.
    Done(R),
    /// Its deadline passed before anyone took it.
    TimedOut(M),
}

impl<M, R> Queue<M, R> {
    pub(crate) fn new() -> Self {
        Queue { state: Mutex::new(State { led: false, waiting: VecDeque::new() }) }
    }

    /// Waits until `member` leads, is answered, or `deadline` passes untaken.
    pub(crate) fn submit(&self, member: M, patience: Patience, deadline: &Deadline) -> Turn<'_, M, R> {
        match self.wait(Some(member), patience, deadline) {
            Slot::Leads(Some(member), began) => Turn::Lead(Leadership { queue: self, began }, member),
            Slot::Done(answer) => Turn::Done(answer),
            Slot::Waiting(Some(member)) => Turn::TimedOut(member),
            _ => unreachable!("a wait with a member ends with it or with its answer"),
        }
    }

    /// Waits until nobody else commits, or until `deadline`. Everyone who comes later waits behind.
    pub(crate) fn lead_alone(&self, deadline: &Deadline) -> Option<Leadership<'_, M, R>> {
        match self.wait(None, Patience::Long, deadline) {
            Slot::Leads(_, began) => Some(Leadership { queue: self, began }),
            _ => None,
        }
    }

    /// How many wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    fn wait(&self, member: Option<M>, patience: Patience, deadline: &Deadline) -> Slot<M, R> {
        let mut state = self.state.lock();
        if !state.led {
            state.led = true;
            return Slot::Leads(member, Began::Alone);
        }
        let deadline = deadline.instant();
        let slot = Mutex::new(Slot::Waiting(member));
        let waiter = Arc::new(Waiter { slot, changed: Condvar::default(), over: AtomicU64::new(0) });
        state.waiting.push_back(Arc::clone(&waiter));
        drop(state);

        if patience == Patience::Short {
            waiter.spin();
        }
        let mut may_leave = true;
        let mut slot = waiter.slot.lock();
        loop {
            match mem::replace(&mut *slot, Slot::Taken) {
                ended @ (Slot::Leads(..) | Slot::Done(_)) => return ended,
                Slot::Taken => slot = waiter.changed.wait(slot),
                Slot::Waiting(member) => {
                    *slot = Slot::Waiting(member);
                    if !may_leave {
                        slot = waiter.changed.wait(slot);
                        continue;
                    }
                    let (guard, wait) = waiter.changed.wait_until(slot, deadline);
                    slot = guard;
                    if wait == Wait::TimedOut {
                        drop(slot);
                        may_leave = false;
                        let left = self.leave(&waiter);
                        slot = waiter.slot.lock();
                        if left {
                            return mem::replace(&mut *slot, Slot::Taken);
                        }
                    }
                }
            }
        }
    }

    /// Takes a waiter out of the line; `false` if a leader was faster.
    fn leave(&self, waiter: &Arc<Waiter<M, R>>) -> bool {
        let mut state = self.state.lock();
        let found = state.waiting.iter().position(|other| Arc::ptr_eq(other, waiter));
        found.is_some_and(|index| state.waiting.remove(index).is_some())
    }
}

/// The office of the one who commits. Dropping it hands it to the next in line.
pub(crate) struct Leadership<'q, M, R> {
    queue: &'q Queue<M, R>,
    began: Began,
}

impl<M, R> Leadership<'_, M, R> {
    /// Takes along the members that wait, in order, up to the first that may not join.
    ///
    /// One who found nobody leading found nobody waiting either, and does not look again.
    pub(crate) fn take_followers(&self, mut may_join: impl FnMut(&M) -> bool) -> Vec<(M, Follower<M, R>)> {
        let mut taken = Vec::new();
        if self.began == Began::Alone {
            return taken;
        }
        let mut state = self.queue.state.lock();
        while let Some(front) = state.waiting.front() {
            let mut slot = front.slot.lock();
            match mem::replace(&mut *slot, Slot::Taken) {
                Slot::Waiting(Some(member)) if may_join(&member) => {
                    drop(slot);
                    let waiter = state.waiting.pop_front().expect("the front was just seen");
                    taken.push((member, Follower(Some(waiter))));
                }
                other => {
                    *slot = other;
                    break;
                }
            }
        }
        taken
    }
}

impl<M, R> Drop for Leadership<'_, M, R> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        let Some(next) = state.waiting.pop_front() else {
            state.led = false;
            return;
        };
        drop(state);
        let mut slot = next.slot.lock();
        if let Slot::Waiting(member) = mem::replace(&mut *slot, Slot::Taken) {
            *slot = Slot::Leads(member, Began::FromLine);
        }
        drop(slot);
        next.wake();
    }
}

/// A member that waits for the answer of the leader that took it. It must be answered.
pub(crate) struct Follower<M, R>(Option<Arc<Waiter<M, R>>>);

impl<M, R> Follower<M, R> {
    /// Answers it and wakes it.
    pub(crate) fn answer(mut self, answer: R) {
        if let Some(waiter) = self.0.take() {
            *waiter.slot.lock() = Slot::Done(answer);
            waiter.wake();
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(30))
    }

    #[test]
    fn a_lone_member_leads_at_once() {
        let queue = Queue::<u32, u32>::new();
        for member in 0..3 {
            let Turn::Lead(leadership, own) = queue.submit(member, Patience::Short, &soon()) else {
                panic!("it leads")
            };
            assert_eq!(own, member);
            assert!(leadership.take_followers(|_| true).is_empty());
        }
    }

    #[test]
    fn a_member_past_its_deadline_gets_itself_back() {
        let queue = Queue::<u32, u32>::new();
        let leadership = queue.lead_alone(&soon()).expect("nobody else leads");
        let Turn::TimedOut(own) = queue.submit(7, Patience::Long, &Deadline::after(Duration::ZERO)) else {
            panic!("the office is taken")
        };
        assert_eq!(own, 7);
        assert!(queue.lead_alone(&Deadline::after(Duration::ZERO)).is_none());
        assert!(leadership.take_followers(|_| true).is_empty());
        drop(leadership);
        assert!(matches!(queue.submit(8, Patience::Long, &soon()), Turn::Lead(_, 8)));
    }

    #[test]
    fn every_member_is_answered_once_and_in_order() {
        let queue = Queue::<u64, u64>::new();
        let committed = Mutex::new(Vec::new());
        let commit = |first: u64, leadership: Leadership<'_, u64, u64>| {
            let followers = leadership.take_followers(|_| true);
            committed.lock().push(first);
            for (member, follower) in followers {
                committed.lock().push(member);
                follower.answer(member);
            }
            first
        };
        thread::scope(|scope| {
            for thread in 0..8 {
                let (queue, commit) = (&queue, &commit);
                scope.spawn(move || {
                    for step in 0..500 {
                        let member = thread * 1000 + step;
                        let answer = match queue.submit(member, Patience::Short, &soon()) {
                            Turn::Lead(leadership, own) => commit(own, leadership),
                            Turn::Done(answer) => answer,
                            Turn::TimedOut(_) => panic!("nobody waits for half a minute"),
                        };
                        assert_eq!(answer, member);
                    }
                });
            }
        });
        let mut committed = committed.lock().clone();
        for thread in 0..8 {
            let steps: Vec<_> = committed.iter().filter(|member| *member / 1000 == thread).collect();
            assert!(steps.is_sorted(), "members of one thread keep their order");
        }
        committed.sort_unstable();
        assert_eq!(committed.len(), 4000);
        committed.dedup();
        assert_eq!(committed.len(), 4000);
    }
}
