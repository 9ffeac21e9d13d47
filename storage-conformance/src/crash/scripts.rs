//! The scripts that are always run, and random ones.

use storage_core::Durability::{self, Deferred, Sync};

use crate::history::Random;

use super::script::Step;

const fn commit(records: u64, durability: Durability) -> Step {
    Step::Commit { records, value_len: 40, durability }
}

/// One that is long beside the others, so that a short journal has no room for it.
const fn long(durability: Durability) -> Step {
    Step::Commit { records: 3, value_len: 700, durability }
}

/// What is always tried, by name.
pub const SCRIPTS: [(&str, &[Step]); 6] = [
    ("a commit of one record", &[commit(1, Sync), commit(1, Deferred), commit(1, Sync)]),
    (
        "commits of three records",
        &[commit(3, Sync), commit(3, Deferred), commit(3, Deferred), commit(3, Sync)],
    ),
    ("commits of ten records", &[commit(10, Deferred), commit(10, Sync), commit(10, Sync), Step::Close]),
    (
        "a checkpoint",
        &[
            commit(3, Sync),
            commit(1, Deferred),
            Step::Checkpoint,
            commit(1, Deferred),
            commit(3, Sync),
            commit(1, Deferred),
            Step::Checkpoint,
            Step::Sync,
            commit(1, Deferred),
        ],
    ),
    (
        "the switch to a new epoch",
        &[
            commit(10, Sync),
            commit(10, Deferred),
            commit(10, Deferred),
            commit(10, Sync),
            commit(10, Deferred),
            commit(10, Deferred),
            commit(10, Sync),
            commit(10, Deferred),
            commit(10, Deferred),
            commit(10, Deferred),
            commit(1, Sync),
        ],
    ),
    (
        "commits past the journal",
        &[
            commit(1, Deferred),
            long(Deferred),
            commit(1, Deferred),
            long(Sync),
            commit(3, Sync),
            commit(1, Deferred),
        ],
    ),
];

/// Processes that end one after the other, for stores whose deferred commits survive that.
pub const ANOTHER_PROCESS: &[Step] = &[
    commit(3, Sync),
    commit(10, Deferred),
    Step::Checkpoint,
    commit(3, Deferred),
    commit(10, Deferred),
    Step::Restart,
    commit(10, Deferred),
    commit(1, Deferred),
    Step::Restart,
    commit(3, Deferred),
    commit(1, Sync),
];

/// Commits of any size and durability, checkpoints and syncs, as many as `len`.
pub fn random_script(seed: u64, len: usize) -> Vec<Step> {
    let mut random = Random::new(seed);
    let step = |random: &mut Random| {
        let durability = if random.one_in(3) { Sync } else { Deferred };
        match random.below(10) {
            0 => Step::Checkpoint,
            1 => Step::Sync,
            2 => long(durability),
            3 => commit(10, durability),
            4..6 => commit(3, durability),
            _ => commit(1, durability),
        }
    };
    (0..len).map(|_| step(&mut random)).collect()
}
