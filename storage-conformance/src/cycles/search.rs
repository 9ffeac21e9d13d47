//! Finds cycles in the graph and names them by the weakest promise that forbids them.
//!
//! Levels go from the worst anomaly to the mildest. On each, the strongly connected components of the graph
//! with only that level's arcs are searched for a short cycle; a component in which an earlier level found
//! one is done.

use super::anomaly::{Anomaly, AnomalyKind, Dependency, Edge};
use super::graph::{Arcs, Graph};
use crate::history::History;

/// How many arcs are followed in one component to find a shorter cycle than the one known. Only a store so
/// broken that nearly everything is one component gets there; its report may then name a longer cycle, or a
/// milder one.
const ARCS_FOLLOWED_MAX: usize = 2_000_000;

/// A cycle takes one arc of `first`, then any number of `then`.
#[derive(Clone, Copy, Debug)]
struct Level {
    kind: AnomalyKind,
    first: Arcs,
    then: Arcs,
}

const WITHOUT_TIME: Arcs = Arcs::EFFECTS.and(Arcs::READ_WRITE);
const ALL: Arcs = WITHOUT_TIME.and(Arcs::REAL_TIME);

const LEVELS: [Level; 7] = [
    Level { kind: AnomalyKind::WriteCycle, first: Arcs::WRITE_WRITE, then: Arcs::WRITE_WRITE },
    Level { kind: AnomalyKind::CircularInformation, first: Arcs::WRITE_READ, then: Arcs::EFFECTS },
    Level { kind: AnomalyKind::ReadSkew, first: Arcs::READ_WRITE, then: Arcs::EFFECTS },
    Level { kind: AnomalyKind::WriteSkew, first: Arcs::READ_WRITE, then: WITHOUT_TIME },
    Level {
        kind: AnomalyKind::RealTimeOrder,
        first: Arcs::REAL_TIME,
        then: Arcs::EFFECTS.and(Arcs::REAL_TIME),
    },
    Level { kind: AnomalyKind::StaleRead, first: Arcs::READ_WRITE, then: Arcs::EFFECTS.and(Arcs::REAL_TIME) },
    Level { kind: AnomalyKind::RealTimeSkew, first: Arcs::READ_WRITE, then: ALL },
];

/// One anomaly for every component of every level; none if the graph has no cycle.
pub(super) fn cycles(history: &History, graph: &Graph) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    if components(graph, ALL).is_empty() {
        return anomalies;
    }
    let mut search = Search::new(graph);
    let mut explained = vec![false; graph.len()];
    for level in LEVELS {
        for component in components(graph, level.first.and(level.then)) {
            if component.iter().any(|&node| explained[node]) {
                continue;
            }
            let Some(cycle) = search.short_cycle(&component, level) else { continue };
            for edge in &cycle {
                explained[edge.from] = true;
            }
            anomalies.push(Anomaly::cyclic(history, refine(level.kind, &cycle), cycle));
        }
    }
    anomalies
}

/// Names what Adya's letters leave together.
fn refine(kind: AnomalyKind, cycle: &[Edge]) -> AnomalyKind {
    match kind {
        AnomalyKind::ReadSkew if is_lost_update(cycle) => AnomalyKind::LostUpdate,
        AnomalyKind::StaleRead if cycle.iter().any(is_unseen) => AnomalyKind::LostAppend,
        kind => kind,
    }
}

fn is_unseen(edge: &Edge) -> bool {
    matches!(edge.dependency, Dependency::ReadUnseen { .. })
}

/// All on one key, and nobody read the other: each wrote over what the reader had read.
fn is_lost_update(cycle: &[Edge]) -> bool {
    let mut keys = cycle.iter().map(|edge| match edge.dependency {
        Dependency::WriteWrite { key, .. }
        | Dependency::ReadWrite { key, .. }
        | Dependency::ReadUnseen { key, .. } => Some(key),
        Dependency::WriteRead { .. } | Dependency::RealTime { .. } => None,
    });
    let first = keys.next().flatten();
    first.is_some() && keys.all(|key| key == first)
}

/// Breadth-first searches over one graph. What was visited is told by a mark, so that the next search need
/// not wipe.
#[derive(Debug)]
struct Search<'g> {
    graph: &'g Graph,
    /// Which component a node belongs to, told by the mark of the component.
    member: Vec<usize>,
    visited: Vec<usize>,
    reached_by: Vec<Option<Edge>>,
    mark: usize,
    followed: usize,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph) -> Search<'g> {
        let nodes = graph.len();
        Search {
            graph,
            member: vec![0; nodes],
            visited: vec![0; nodes],
            reached_by: vec![None; nodes],
            mark: 0,
            followed: 0,
        }
    }

    /// The shortest cycle of the level in the component; if the component is large, the shortest of those
    /// tried.
    fn short_cycle(&mut self, component: &[usize], level: Level) -> Option<Vec<Edge>> {
        self.mark += 1;
        self.followed = 0;
        let membership = self.mark;
        for &node in component {
            self.member[node] = membership;
        }
        let mut best: Option<Vec<Edge>> = None;
        for &start in component {
            if let Some(cycle) = self.cycle_through(start, level, membership)
                && best.as_ref().is_none_or(|best| cycle.len() < best.len())
            {
                best = Some(cycle);
            }
            let short_enough = best.as_ref().is_some_and(|best| best.len() == 2);
            if short_enough || self.followed > ARCS_FOLLOWED_MAX {
                break;
            }
        }
        best
    }

    fn cycle_through(&mut self, start: usize, level: Level, membership: usize) -> Option<Vec<Edge>> {
        self.mark += 1;
        let mut reached = Vec::new();
        self.follow(start, level.first, membership, &mut reached);
        let mut next = 0;
        while next < reached.len() {
            let node = reached[next];
            next += 1;
            self.followed += self.graph.arcs(node).len();
            self.follow(node, level.then, membership, &mut reached);
            if self.visited[start] == self.mark {
                return Some(joined(self.path_to(start)));
            }
        }
        None
    }

    /// Notes every member that one arc leads to for the first time.
    fn follow(&mut self, from: usize, arcs: Arcs, membership: usize, reached: &mut Vec<usize>) {
        for arc in self.graph.arcs(from) {
            let to = arc.to;
            if self.member[to] != membership
                || self.visited[to] == self.mark
                || !arcs.contain(&arc.dependency)
            {
                continue;
            }
            self.visited[to] = self.mark;
            self.reached_by[to] = Some(Edge { from, to, dependency: arc.dependency });
            reached.push(to);
        }
    }

    /// The cycle that was closed at `start`, beginning there.
    fn path_to(&self, start: usize) -> Vec<Edge> {
        let mut path = Vec::new();
        let mut node = start;
        loop {
            let edge = self.reached_by[node].expect("every visited node was reached by an edge");
            path.push(edge);
            node = edge.from;
            if node == start {
                break;
            }
        }
        path.reverse();
        path
    }
}

/// Real time leads on: a run of such steps is told as one.
fn joined(mut cycle: Vec<Edge>) -> Vec<Edge> {
    let is_time = |edge: &Edge| matches!(edge.dependency, Dependency::RealTime { .. });
    // Begin at another step, so that no run goes over the end.
    let begin = cycle.iter().position(|edge| !is_time(edge)).expect("real time alone has no cycle");
    cycle.rotate_left(begin);
    let mut joined: Vec<Edge> = Vec::new();
    for edge in cycle {
        match (joined.last_mut(), edge.dependency) {
            (
                Some(Edge { to, dependency: Dependency::RealTime { began: last, .. }, .. }),
                Dependency::RealTime { began, .. },
            ) => {
                *last = began;
                *to = edge.to;
            }
            _ => joined.push(edge),
        }
    }
    joined
}

/// The strongly connected components of more than one node, following only such arcs. Tarjan's algorithm,
/// with the stack of calls kept by hand: a path may be as long as the history.
fn components(graph: &Graph, arcs: Arcs) -> Vec<Vec<usize>> {
    let mut walk = Walk {
        graph,
        arcs,
        number: vec![None; graph.len()],
        lowest: vec![0; graph.len()],
        open: vec![false; graph.len()],
        stack: Vec::new(),
        numbered: 0,
        found: Vec::new(),
    };
    for root in 0..graph.len() {
        if walk.number[root].is_none() {
            walk.explore(root);
        }
    }
    walk.found
}

/// The state of Tarjan's algorithm.
#[derive(Debug)]
struct Walk<'g> {
    graph: &'g Graph,
    arcs: Arcs,
    number: Vec<Option<usize>>,
    lowest: Vec<usize>,
    open: Vec<bool>,
    stack: Vec<usize>,
    numbered: usize,
    found: Vec<Vec<usize>>,
}

impl Walk<'_> {
    fn explore(&mut self, root: usize) {
        let mut calls = vec![(root, 0)];
        self.enter(root);
        while let Some((node, next)) = calls.last_mut() {
            let node = *node;
            let Some(arc) = self.graph.arcs(node).get(*next) else {
                calls.pop();
                self.leave(node, calls.last().map(|(parent, _)| *parent));
                continue;
            };
            *next += 1;
            if !self.arcs.contain(&arc.dependency) {
                continue;
            }
            match self.number[arc.to] {
                None => {
                    self.enter(arc.to);
                    calls.push((arc.to, 0));
                }
                Some(number) if self.open[arc.to] => self.lowest[node] = self.lowest[node].min(number),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.number[node] = Some(self.numbered);
        self.lowest[node] = self.numbered;
        self.numbered += 1;
        self.open[node] = true;
        self.stack.push(node);
    }

    fn leave(&mut self, node: usize, parent: Option<usize>) {
        if let Some(parent) = parent {
            self.lowest[parent] = self.lowest[parent].min(self.lowest[node]);
        }
        if self.number[node] != Some(self.lowest[node]) {
            return;
        }
        let begin = self.stack.iter().rposition(|&open| open == node).expect("an open node is on the stack");
        let component = self.stack.split_off(begin);
        for &member in &component {
            self.open[member] = false;
        }
        if component.len() > 1 {
            self.found.push(component);
        }
    }
}
