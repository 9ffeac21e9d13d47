//! The graph whose nodes are the attempts that took effect, and whose arcs say who must come before whom.
//!
//! Real time is drawn reduced: an attempt gets arcs only from those that ended before it began and that no
//! other completed attempt separates from it. The rest follows along the arcs, and there are never more at a
//! node than attempts that were running at once.

use super::anomaly::Dependency;
use super::evidence::{Evidence, KeyEvidence};
use crate::history::{History, Outcome};

/// A set of kinds of arcs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arcs(u8);

impl Arcs {
    pub(super) const WRITE_WRITE: Arcs = Arcs(1);
    pub(super) const WRITE_READ: Arcs = Arcs(2);
    pub(super) const READ_WRITE: Arcs = Arcs(4);
    pub(super) const REAL_TIME: Arcs = Arcs(8);
    /// What one transaction saw or overwrote of another.
    pub(super) const EFFECTS: Arcs = Arcs::WRITE_WRITE.and(Arcs::WRITE_READ);

    pub(super) const fn and(self, other: Arcs) -> Arcs {
        Arcs(self.0 | other.0)
    }

    pub(super) fn contain(self, dependency: &Dependency) -> bool {
        let kind = match dependency {
            Dependency::WriteWrite { .. } => Arcs::WRITE_WRITE,
            Dependency::WriteRead { .. } => Arcs::WRITE_READ,
            Dependency::ReadWrite { .. } | Dependency::ReadUnseen { .. } => Arcs::READ_WRITE,
            Dependency::RealTime { .. } => Arcs::REAL_TIME,
        };
        self.0 & kind.0 != 0
    }
}

/// One arc out of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) to: usize,
    pub(super) dependency: Dependency,
}

/// Nodes are places in the history; those without effect have no arcs.
#[derive(Debug)]
pub(super) struct Graph {
    arcs: Vec<Vec<Arc>>,
}

impl Graph {
    /// Draws all that the evidence shows.
    ///
    /// Nearly linear in the size of the history, except for a key with many appends that no read holds: each
    /// of them comes after every read of the whole order.
    pub(super) fn of(evidence: &Evidence<'_>) -> Graph {
        let mut graph = Graph { arcs: vec![Vec::new(); evidence.history.attempts.len()] };
        for (&key, known) in &evidence.keys {
            KeyArcs::of(evidence, key, known).draw(&mut graph);
        }
        graph.draw_real_time(evidence.history, |place| evidence.is_effective(place));
        graph
    }

    pub(super) fn len(&self) -> usize {
        self.arcs.len()
    }

    pub(super) fn arcs(&self, from: usize) -> &[Arc] {
        &self.arcs[from]
    }

    fn draw(&mut self, from: usize, to: usize, dependency: Dependency) {
        if from != to {
            self.arcs[from].push(Arc { to, dependency });
        }
    }

    /// Sweeps over time with the set of attempts that ended and are not yet followed by another that ended.
    fn draw_real_time(&mut self, history: &History, is_effective: impl Fn(usize) -> bool) {
        let attempts = &history.attempts;
        let mut moments = Vec::new();
        for (place, attempt) in attempts.iter().enumerate().filter(|(place, _)| is_effective(*place)) {
            moments.push((attempt.began, Moment::Began, place));
            // One of unknown outcome may take effect at any later time: it comes before nothing.
            if attempt.outcome != Outcome::Unknown {
                moments.push((attempt.ended, Moment::Ended, place));
            }
        }
        moments.sort_unstable();
        let mut latest: Vec<usize> = Vec::new();
        for (_, moment, place) in moments {
            let began = attempts[place].began;
            match moment {
                Moment::Began => {
                    for &before in &latest {
                        let ended = attempts[before].ended;
                        self.draw(before, place, Dependency::RealTime { ended, began });
                    }
                }
                Moment::Ended => {
                    latest.retain(|&before| attempts[before].ended >= began);
                    latest.push(place);
                }
            }
        }
    }
}

/// At equal stamps nothing is known, so beginnings are taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Began,
    Ended,
}

/// The order of one key, without the appends that had no effect.
#[derive(Debug)]
struct KeyArcs<'e> {
    key: u64,
    known: &'e KeyEvidence<'e>,
    /// Place in the order, writer and value of each effective append.
    chain: Vec<(usize, usize, u64)>,
}

impl<'e> KeyArcs<'e> {
    fn of(evidence: &Evidence<'_>, key: u64, known: &'e KeyEvidence<'e>) -> KeyArcs<'e> {
        let written = |(place, &value): (usize, &u64)| {
            evidence.effective_writer(key, value).map(|writer| (place, writer, value))
        };
        KeyArcs { key, known, chain: known.order.iter().enumerate().filter_map(written).collect() }
    }

    fn draw(&self, graph: &mut Graph) {
        let key = self.key;
        for pair in self.chain.windows(2) {
            let [(_, from, earlier), (_, to, later)] = [pair[0], pair[1]];
            graph.draw(from, to, Dependency::WriteWrite { key, earlier, later });
        }
        if let Some(&(_, from, earlier)) = self.chain.last() {
            for &(to, later) in &self.known.unseen {
                graph.draw(from, to, Dependency::WriteWrite { key, earlier, later });
            }
        }
        for read in &self.known.reads {
            self.draw_read(graph, read.attempt, read.observed);
        }
    }

    fn draw_read(&self, graph: &mut Graph, reader: usize, observed: &[u64]) {
        let key = self.key;
        let split = self.chain.partition_point(|&(place, _, _)| place < observed.len());
        if let Some(&(_, writer, value)) = self.chain[..split].last() {
            graph.draw(writer, reader, Dependency::WriteRead { key, value });
        }
        let read = observed.last().copied();
        if let Some(&(_, writer, next)) = self.chain.get(split) {
            graph.draw(reader, writer, Dependency::ReadWrite { key, read, next });
            return;
        }
        for &(writer, unseen) in &self.known.unseen {
            graph.draw(reader, writer, Dependency::ReadUnseen { key, read, unseen });
        }
    }
}
