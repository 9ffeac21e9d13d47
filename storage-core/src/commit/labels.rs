//! Versions: what is published, and from which version on each running transaction may have read.
//!
//! A label is registered before the engine's snapshot is taken, so it is a lower bound of what the snapshot shows: at
//! worst a false conflict, never a missed one.

use std::collections::VecDeque;

use crate::sync::{AtomicU64, Mutex, Ordering};

#[derive(Debug)]
pub(crate) struct Labels {
    state: Mutex<State>,
    published: AtomicU64,
}

/// Live labels in ascending order, with how many transactions hold each. New ones are never smaller, so they go to
/// the back; a count of zero is dropped when it reaches the front.
#[derive(Debug, Default)]
struct State {
    published: u64,
    live: VecDeque<(u64, usize)>,
}

impl State {
    fn release(&mut self, label: u64) {
        let index = self.live.binary_search_by_key(&label, |(label, _)| *label).expect("the label is live");
        self.live[index].1 -= 1;
        while self.live.front().is_some_and(|(_, count)| *count == 0) {
            self.live.pop_front();
        }
    }
}

impl Labels {
    pub(crate) fn new() -> Self {
        Labels { state: Mutex::new(State::default()), published: AtomicU64::new(0) }
    }

    /// The newest published version: every commit up to it can be seen by all.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Holds the newest published version until it is released.
    pub(crate) fn register(&self) -> u64 {
        let mut state = self.state.lock();
        let label = state.published;
        match state.live.back_mut() {
            Some((newest, count)) if *newest == label => *count += 1,
            _ => state.live.push_back((label, 1)),
        }
        label
    }

    pub(crate) fn release(&self, label: u64) {
        self.state.lock().release(label);
    }

    /// Publishes a version, releasing the labels of those who committed it. The oldest label that is still live.
    pub(crate) fn publish(&self, version: u64, committed: impl Iterator<Item = u64>) -> Option<u64> {
        let mut state = self.state.lock();
        state.published = version;
        self.published.store(version, Ordering::SeqCst);
        committed.for_each(|label| state.release(label));
        state.live.front().map(|(label, _)| *label)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_live_label_is_known() {
        let labels = Labels::new();
        let first = labels.register();
        assert_eq!(labels.publish(1, [].into_iter()), Some(0));
        let second = labels.register();
        let third = labels.register();
        assert_eq!((first, second, third), (0, 1, 1));
        assert_eq!(labels.publish(2, [first].into_iter()), Some(1));
        labels.release(second);
        assert_eq!(labels.publish(3, [].into_iter()), Some(1));
        assert_eq!(labels.publish(4, [third].into_iter()), None);
        assert_eq!(labels.published(), 4);
    }
}
