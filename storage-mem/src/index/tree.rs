//! The shape of the index: branches of leaves, found by their bounds.
//!
//! Every key belongs to exactly one leaf, the last whose bound is not above it. The first leaf's bound is the empty
//! key and it never goes, so that there always is one.

use storage_core::Key;
use triomphe::Arc;

use super::leaf::{Leaf, Slot};
use super::order::{Keyed, Prefix, lower, upper};

/// With leaves of about a hundred slots, a million records make a few dozen branches.
const BRANCH_LEN: usize = 128;

#[derive(Debug)]
pub(crate) struct Tree<S> {
    branches: Vec<Branch<S>>,
}

#[derive(Debug)]
struct Branch<S> {
    prefix: Prefix,
    children: Vec<Child<S>>,
}

#[derive(Debug)]
struct Child<S> {
    prefix: Prefix,
    leaf: Arc<Leaf<S>>,
}

/// What becomes of a slot that was looked at for a change.
pub(crate) enum Fate {
    Keep,
    Remove,
}

#[derive(Clone, Copy)]
struct Path {
    branch: usize,
    child: usize,
}

impl<S: Slot> Tree<S> {
    pub(crate) fn new() -> Self {
        Tree { branches: vec![Branch::new(vec![Child::new(Leaf::new(Key::new()))])] }
    }

    /// The leaf of a key, and the bound of the next one.
    pub(crate) fn leaf_of(&self, key: &[u8]) -> (&Arc<Leaf<S>>, Option<&Key>) {
        let path = self.path(key);
        let children = &self.branches[path.branch].children;
        let next = children
            .get(path.child + 1)
            .or_else(|| Some(self.branches.get(path.branch + 1)?.first()))
            .map(|child| child.leaf.bound());
        (&children[path.child].leaf, next)
    }

    /// The last leaf that begins before `end`; without an end, the last.
    pub(crate) fn leaf_before(&self, end: Option<&[u8]>) -> &Arc<Leaf<S>> {
        let branch = end.map_or(self.branches.len(), |end| lower(&self.branches, end)).saturating_sub(1);
        let children = &self.branches[branch].children;
        let child = end.map_or(children.len(), |end| lower(children, end)).saturating_sub(1);
        &children[child].leaf
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<&S> {
        let path = self.path(key);
        let leaf = &self.branches[path.branch].children[path.child].leaf;
        leaf.position(key).ok().map(|at| &leaf.slots()[at])
    }

    /// Changes the slot of a key by `value`, or puts the one that `make` makes of it where there is none.
    pub(crate) fn upsert<V>(
        &mut self,
        key: &[u8],
        value: V,
        change: impl FnOnce(&mut S, V),
        make: impl FnOnce(V) -> S,
    ) {
        let path = self.path(key);
        let leaf = self.leaf_mut(path);
        match leaf.position(key) {
            Ok(at) => change(Arc::make_mut(leaf).slot_mut(at), value),
            Err(at) => {
                if let Some(right) = Arc::make_mut(leaf).insert(at, make(value)) {
                    self.add(path, right);
                }
            }
        }
    }

    /// Changes the slot of a key, if there is one, and returns it if it had to go.
    pub(crate) fn edit(&mut self, key: &[u8], change: impl FnOnce(&mut S) -> Fate) -> Option<S> {
        let path = self.path(key);
        let leaf = self.leaf_mut(path);
        let at = leaf.position(key).ok()?;
        let leaf = Arc::make_mut(leaf);
        match change(leaf.slot_mut(at)) {
            Fate::Keep => None,
            Fate::Remove => {
                let removed = leaf.remove(at);
                self.thin(path);
                Some(removed)
            }
        }
    }

    fn path(&self, key: &[u8]) -> Path {
        let branch = upper(&self.branches, key) - 1;
        let child = upper(&self.branches[branch].children, key) - 1;
        Path { branch, child }
    }

    fn leaf_mut(&mut self, path: Path) -> &mut Arc<Leaf<S>> {
        &mut self.branches[path.branch].children[path.child].leaf
    }

    /// Adds a leaf behind the one at `path`.
    fn add(&mut self, path: Path, leaf: Leaf<S>) {
        let children = &mut self.branches[path.branch].children;
        children.insert(path.child + 1, Child::new(leaf));
        if children.len() > BRANCH_LEN {
            // As with leaves: what grows at its end is left full.
            let is_last = path.child + 2 == children.len();
            let middle = if is_last { BRANCH_LEN } else { children.len() / 2 };
            let right = Branch::new(children.split_off(middle));
            self.branches.insert(path.branch + 1, right);
        }
    }

    /// Joins a leaf that has become small with a neighbour of its branch. Only the first leaf may stay empty.
    fn thin(&mut self, path: Path) {
        let children = &mut self.branches[path.branch].children;
        let len = |child: usize| children.get(child).map(|child| child.leaf.slots().len());
        let Some(here) = len(path.child).filter(|&here| here < S::LEAF_LEN / 4) else { return };
        let fits = |other: usize| len(other).is_some_and(|other| here + other <= S::LEAF_LEN / 2);
        if here == 0 && (path.branch, path.child) != (0, 0) {
            self.remove(path);
        } else if fits(path.child + 1) {
            self.join(path);
        } else if path.child > 0 && fits(path.child - 1) {
            self.join(Path { child: path.child - 1, ..path });
        }
    }

    /// Takes a leaf away. The one before it, maybe of the branch before, covers its keys from then on.
    fn remove(&mut self, path: Path) {
        let branch = &mut self.branches[path.branch];
        branch.children.remove(path.child);
        match branch.children.first() {
            Some(first) => branch.prefix = first.prefix,
            None => drop(self.branches.remove(path.branch)),
        }
    }

    /// Moves the slots of the leaf behind `path` into the one at `path`.
    fn join(&mut self, path: Path) {
        let children = &mut self.branches[path.branch].children;
        let next = children.remove(path.child + 1);
        Arc::make_mut(&mut children[path.child].leaf).absorb(&next.leaf);
    }
}

impl<S: Slot> Branch<S> {
    fn new(children: Vec<Child<S>>) -> Self {
        let prefix = children.first().expect("a branch begins with a child").prefix;
        Branch { prefix, children }
    }

    fn first(&self) -> &Child<S> {
        self.children.first().expect("a branch without children is removed")
    }
}

impl<S: Slot> Child<S> {
    fn new(leaf: Leaf<S>) -> Self {
        Child { prefix: Prefix::of(leaf.bound()), leaf: Arc::new(leaf) }
    }
}

impl<S: Slot> Keyed for Child<S> {
    #[inline]
    fn prefix(&self) -> Prefix {
        self.prefix
    }

    fn key(&self) -> &[u8] {
        self.leaf.bound()
    }
}

impl<S: Slot> Keyed for Branch<S> {
    #[inline]
    fn prefix(&self) -> Prefix {
        self.prefix
    }

    fn key(&self) -> &[u8] {
        self.first().key()
    }
}
