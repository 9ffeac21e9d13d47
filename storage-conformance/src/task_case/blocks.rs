//! Blocks, and the last of a chain.

use storage_core::Engine;
use storage_stores::tasks::{Entity, Paging, Result, Scope, Task, TaskError, TaskStore};

use super::{AVS, OTHER_AVS, assert_refused, block, open, pending, task};
use crate::subject::Subject;

fn last<E: Engine>(tasks: &TaskStore<E>, avs: &str, chain_id: u64) -> Result<u64> {
    tasks.get_last_block(avs, chain_id).map(|block| block.number)
}

fn numbers<E: Engine>(tasks: &TaskStore<E>, avs: &str, chain_id: u64) -> Result<Vec<u64>> {
    let listing = tasks.list_blocks(avs, chain_id, &Paging::all())?;
    assert!(listing.unreadable.is_empty(), "{:?}", listing.unreadable);
    Ok(listing.items.iter().map(|block| block.number).collect())
}

fn save_all<E: Engine>(tasks: &TaskStore<E>, avs: &str, chain_id: u64, numbers: &[u64]) -> Result<()> {
    numbers.iter().try_for_each(|number| tasks.save_block(avs, block(chain_id, *number, "a")))
}

pub(crate) fn case_01_last_block_of_nothing_is_not_found<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    assert_refused!(tasks.get_last_block(AVS, 1), TaskError::NotFound { what: Entity::LastBlock, .. });
    assert_refused!(tasks.get_last_processed_block(1), TaskError::NotFound { what: Entity::LastBlock, .. });
    Ok(())
}

pub(crate) fn case_02_last_block_follows_what_is_saved<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for number in [12_345, 12_346] {
        tasks.save_block(AVS, block(1, number, "a"))?;
        assert_eq!(*tasks.get_last_block(AVS, 1)?, block(1, number, "a"));
    }
    Ok(())
}

pub(crate) fn case_03_chains_and_services_are_independent<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let chains = [1, 10, 100, 17_000, 11_155_111, 0, 256, u64::MAX];
    let services = [AVS, OTHER_AVS, "0xavs12", "0xavs1234", "0xavs123\0", "0xavs123:1", ""];
    let number = |at: usize, chain: usize| (at * 100 + chain) as u64;
    for (at, avs) in services.into_iter().enumerate() {
        for (chain, chain_id) in chains.into_iter().enumerate() {
            assert_refused!(tasks.get_last_block(avs, chain_id), TaskError::NotFound { .. });
            tasks.save_block(avs, block(chain_id, number(at, chain), "a"))?;
        }
    }
    for (at, avs) in services.into_iter().enumerate() {
        for (chain, chain_id) in chains.into_iter().enumerate() {
            assert_eq!(last(&tasks, avs, chain_id)?, number(at, chain), "{avs:?} on chain {chain_id}");
        }
    }
    assert_eq!(last(&tasks, "0xAVS123", 1)?, last(&tasks, AVS, 1)?);
    tasks.set_last_processed_block(1, 7)?;
    tasks.set_last_processed_block(2, 8)?;
    assert_eq!((tasks.get_last_processed_block(1)?, tasks.get_last_processed_block(2)?), (7, 8));
    Ok(())
}

pub(crate) fn case_05_blocks_are_ordered_by_number<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for (at, number) in [9, 10, 100].into_iter().enumerate() {
        tasks.save_block(AVS, block(1, number, "a"))?;
        assert_eq!(last(&tasks, AVS, 1)?, [9, 10, 100][at]);
    }
    let mut all = vec![0, 255, 256, 65_535, 65_536, 1 << 63, (1 << 63) - 1, u64::MAX - 1, u64::MAX];
    save_all(&tasks, AVS, 1, &all)?;
    assert_eq!(last(&tasks, AVS, 1)?, u64::MAX);
    all.extend([9, 10, 100]);
    all.sort_unstable();
    assert_eq!(numbers(&tasks, AVS, 1)?, all);
    Ok(())
}

pub(crate) fn case_06_last_block_is_the_highest<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    save_all(&tasks, AVS, 1, &[10, 5])?;
    assert_eq!(last(&tasks, AVS, 1)?, 10);
    tasks.save_block(AVS, block(1, 10, "b"))?;
    assert_eq!(*tasks.get_block(AVS, 1, 10)?, block(1, 10, "b"));
    assert_eq!(numbers(&tasks, AVS, 1)?, [5, 10]);
    Ok(())
}

pub(crate) fn case_06_deleting_the_last_block_falls_back<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    save_all(&tasks, AVS, 1, &[5, 10])?;
    tasks.delete_block(AVS, 1, 10)?;
    assert_eq!(last(&tasks, AVS, 1)?, 5);
    tasks.delete_block(AVS, 1, 5)?;
    assert_refused!(tasks.get_last_block(AVS, 1), TaskError::NotFound { .. });
    Ok(())
}

pub(crate) fn case_08_absent_block_is_not_found<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    save_all(&tasks, AVS, 1, &[10])?;
    for (avs, chain, number) in [(AVS, 1, 11), (AVS, 1, 1), (AVS, 2, 10), (OTHER_AVS, 1, 10)] {
        let what = Entity::Block;
        assert_refused!(tasks.get_block(avs, chain, number), TaskError::NotFound { what: found, .. } if found == what);
        assert_refused!(
            tasks.delete_block(avs, chain, number),
            TaskError::NotFound { what: found, .. } if found == what
        );
    }
    assert_eq!(numbers(&tasks, AVS, 1)?, [10]);
    Ok(())
}

pub(crate) fn case_09_reorganisation_replaces_the_end<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    save_all(&tasks, AVS, 1, &[100, 101, 102, 103, 104, 105])?;
    assert_eq!(tasks.truncate_blocks_above(AVS, 1, 102)?, 3);
    assert_eq!(last(&tasks, AVS, 1)?, 102);
    for number in 103..=106 {
        let parent_hash = tasks.get_last_block(AVS, 1)?.hash.clone();
        tasks.save_block(AVS, storage_stores::tasks::BlockRecord { parent_hash, ..block(1, number, "b") })?;
    }
    for number in 100..=102 {
        assert_eq!(*tasks.get_block(AVS, 1, number)?, block(1, number, "a"));
    }
    for number in 103..=106 {
        assert_eq!(tasks.get_block(AVS, 1, number)?.hash, block(1, number, "b").hash);
    }
    assert_eq!(tasks.get_block(AVS, 1, 103)?.parent_hash, tasks.get_block(AVS, 1, 102)?.hash);
    assert_eq!(last(&tasks, AVS, 1)?, 106);
    Ok(())
}

pub(crate) fn last_processed_block_is_whatever_was_set<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for number in [10, 5, 0, u64::MAX] {
        tasks.set_last_processed_block(1, number)?;
        assert_eq!(tasks.get_last_processed_block(1)?, number);
    }
    tasks.save_block(AVS, block(1, 77, "a"))?;
    assert_eq!(tasks.get_last_processed_block(1)?, u64::MAX);
    assert_refused!(tasks.get_last_processed_block(11), TaskError::NotFound { .. });
    Ok(())
}

pub(crate) fn truncating_removes_exactly_what_is_above<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let all = [0, 1, 255, 256, u64::MAX - 1, u64::MAX];
    for (avs, chain) in [(AVS, 1), (AVS, 2), (OTHER_AVS, 1)] {
        save_all(&tasks, avs, chain, &all)?;
    }
    for (above, left) in [(u64::MAX, 6), (u64::MAX - 1, 5), (300, 4), (256, 4), (255, 3), (0, 1)] {
        let removed = tasks.truncate_blocks_above("0xAVS123", 1, above)?;
        assert_eq!(numbers(&tasks, AVS, 1)?, all[..left]);
        assert!(removed <= 2, "{removed} were removed above {above}");
    }
    assert_eq!(tasks.truncate_blocks_above(AVS, 3, 0)?, 0);
    assert_eq!(numbers(&tasks, AVS, 2)?, all);
    assert_eq!(numbers(&tasks, OTHER_AVS, 1)?, all);
    Ok(())
}

pub(crate) fn pruning_removes_exactly_what_is_below<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let all = [0, 1, 255, 256, u64::MAX - 1, u64::MAX];
    for (avs, chain) in [(AVS, 1), (AVS, 2), (OTHER_AVS, 1)] {
        save_all(&tasks, avs, chain, &all)?;
    }
    let steps = [(0, 0, 0), (1, 1, 1), (255, 1, 2), (257, 2, 4), (u64::MAX, 1, 5)];
    for (below, removed, first) in steps {
        assert_eq!(tasks.prune_blocks_below(AVS, 1, below)?, removed);
        assert_eq!(numbers(&tasks, AVS, 1)?, all[first..]);
    }
    assert_eq!(numbers(&tasks, AVS, 2)?, all);
    assert_eq!(numbers(&tasks, OTHER_AVS, 1)?, all);
    Ok(())
}

pub(crate) fn block_is_saved_with_its_tasks_or_not_at_all<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    save_all(&tasks, AVS, 1, &[96, 97, 98, 99])?;
    let of_block = vec![task("t-1", AVS), task("t-2", AVS)];
    assert_eq!(tasks.save_block_with_tasks(AVS, block(1, 100, "a"), of_block, Some(2))?, 2);
    assert_eq!(numbers(&tasks, AVS, 1)?, [98, 99, 100]);
    assert_eq!(pending(&tasks, Scope::All)?, ["t-1", "t-2"]);

    let taken = vec![task("t-3", AVS), task("t-2", AVS)];
    let refused = tasks.save_block_with_tasks(AVS, block(1, 101, "a"), taken, Some(0));
    assert_refused!(refused, TaskError::AlreadyExists { id, .. } if id == "t-2");
    let nameless = vec![task("t-3", AVS), Task::default()];
    let refused = tasks.save_block_with_tasks(AVS, block(1, 101, "a"), nameless, None);
    assert_refused!(refused, TaskError::InvalidArgument(_));
    assert_eq!(numbers(&tasks, AVS, 1)?, [98, 99, 100]);
    assert_eq!(pending(&tasks, Scope::All)?, ["t-1", "t-2"]);

    assert_eq!(tasks.save_block_with_tasks(AVS, block(1, 101, "a"), Vec::new(), None)?, 0);
    assert_eq!(numbers(&tasks, AVS, 1)?, [98, 99, 100, 101]);
    Ok(())
}

pub(crate) fn rewinding_removes_blocks_and_their_tasks<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for number in 100..=103 {
        let of_block = vec![task(&format!("t-{number}"), AVS)];
        tasks.save_block_with_tasks(AVS, block(1, number, "a"), of_block, None)?;
    }
    assert_eq!(tasks.rewind(AVS, 1, 101, &["t-102", "t-103", "never-saved"])?, 2);
    assert_eq!(numbers(&tasks, AVS, 1)?, [100, 101]);
    assert_eq!(pending(&tasks, Scope::All)?, ["t-100", "t-101"]);
    Ok(())
}
