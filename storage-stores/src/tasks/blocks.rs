//! Blocks: a record for each that was processed, and the number of a chain's last.
//!
//! The last block of an AVS and chain is the highest stored one. It is read from the end of their range, so that no
//! pointer can dangle.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage_core::{Attributes, Direction, Engine, Key, KeyRange, Transaction};

use super::error::{Entity, Result, TaskError, check_id};
use super::indexes::normalized;
use super::listing::{Listing, Paging, count};
use super::store::TaskStore;
use super::task::{Task, TaskRecord};

/// The record of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockRecord {
    /// Its number in its chain.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// The hash of the block before.
    pub parent_hash: String,
    /// When it was made, in seconds since 1970.
    pub timestamp: u64,
    /// Its chain.
    pub chain_id: u64,
}

impl<E: Engine> TaskStore<E> {
    /// Saves the record of a block, in place of one with the same AVS, chain and number.
    pub fn save_block(&self, avs: &str, block: BlockRecord) -> Result<()> {
        self.access.put(&self.blocks, &key(avs, block.chain_id, block.number), &Arc::new(block))
    }

    /// Saves a block with the new tasks that it holds, and removes those more than `history` numbers below it, as one:
    /// after a crash either all of it is there or nothing. How many blocks were removed.
    ///
    /// `AlreadyExists`, and nothing changed, if the id of a task is taken.
    pub fn save_block_with_tasks(
        &self,
        avs: &str,
        block: BlockRecord,
        tasks: Vec<Task>,
        history: Option<u64>,
    ) -> Result<u64> {
        tasks.iter().try_for_each(|task| check_id(Entity::Task, &task.task_id))?;
        let mut records: Vec<_> = tasks.into_iter().map(|task| Arc::new(TaskRecord::new(task))).collect();
        let (chain_id, number, block) = (block.chain_id, block.number, Arc::new(block));
        let key = key(avs, chain_id, number);
        let oldest = history.map_or(0, |history| number.saturating_sub(history));
        self.access.transact(|txn| {
            records.iter_mut().try_for_each(|record| self.insert(txn, record))?;
            self.blocks.put_shared(txn, &key, Arc::clone(&block), Attributes::new())?;
            self.prune_in(txn, avs, chain_id, oldest)
        })
    }

    /// The record of a block. `NotFound` if there is none.
    pub fn get_block(&self, avs: &str, chain_id: u64, number: u64) -> Result<Arc<BlockRecord>> {
        let found = self.blocks.get(&self.access.db, &key(avs, chain_id, number))?;
        found.ok_or_else(|| absent(avs, chain_id, number))
    }

    /// The record of the highest block of an AVS and chain. `NotFound` if there is none.
    pub fn get_last_block(&self, avs: &str, chain_id: u64) -> Result<Arc<BlockRecord>> {
        let snapshot = self.access.db.snapshot()?;
        let mut blocks = self.blocks.range(&snapshot, of_chain(avs, chain_id)?, Direction::Reverse)?;
        match blocks.next()? {
            Some(mut block) => Ok(block.value()?),
            None => Err(TaskError::not_found(Entity::LastBlock, format_args!("{avs}/{chain_id}"))),
        }
    }

    /// The blocks of an AVS and chain, by number.
    pub fn list_blocks(&self, avs: &str, chain_id: u64, paging: &Paging) -> Result<Listing<BlockRecord>> {
        self.access.list(&self.blocks, &(normalized(avs), chain_id), paging)
    }

    /// Removes the record of a block. `NotFound` if there is none.
    pub fn delete_block(&self, avs: &str, chain_id: u64, number: u64) -> Result<()> {
        match self.access.delete(&self.blocks, &key(avs, chain_id, number))? {
            true => Ok(()),
            false => Err(absent(avs, chain_id, number)),
        }
    }

    /// Removes every block of an AVS and chain above a number, as one: the step back of a reorganisation. How many.
    pub fn truncate_blocks_above(&self, avs: &str, chain_id: u64, number: u64) -> Result<u64> {
        self.access.transact(|txn| self.truncate_in(txn, avs, chain_id, number))
    }

    /// Removes every block of an AVS and chain below a number, as one. How many.
    pub fn prune_blocks_below(&self, avs: &str, chain_id: u64, number: u64) -> Result<u64> {
        self.access.transact(|txn| self.prune_in(txn, avs, chain_id, number))
    }

    pub(super) fn truncate_in(
        &self,
        txn: &mut Transaction<'_, E>,
        avs: &str,
        chain_id: u64,
        number: u64,
    ) -> Result<u64> {
        let above = of_chain(avs, chain_id)?.after(&Key::of(&key(avs, chain_id, number))?);
        self.remove_blocks(txn, above)
    }

    fn prune_in(&self, txn: &mut Transaction<'_, E>, avs: &str, chain_id: u64, number: u64) -> Result<u64> {
        let below = of_chain(avs, chain_id)?.before(&Key::of(&key(avs, chain_id, number))?);
        self.remove_blocks(txn, below)
    }

    fn remove_blocks(&self, txn: &mut Transaction<'_, E>, range: KeyRange) -> Result<u64> {
        let removed = count(self.blocks.range(txn, range.clone(), Direction::Forward)?)?;
        if removed > 0 {
            txn.delete_range(self.blocks.keyspace(), range)?;
        }
        Ok(removed)
    }

    /// Sets the number of a chain's last processed block, whatever it was. It may go backwards.
    ///
    /// It stands for itself and has nothing to do with the records of blocks.
    pub fn set_last_processed_block(&self, chain_id: u64, number: u64) -> Result<()> {
        self.access.put(&self.chains, &chain_id, &Arc::new(number))
    }

    /// The number that was set as a chain's last processed block. `NotFound` if none was.
    pub fn get_last_processed_block(&self, chain_id: u64) -> Result<u64> {
        let number = self.chains.get(&self.access.db, &chain_id)?;
        number.map(|number| *number).ok_or_else(|| TaskError::not_found(Entity::LastBlock, chain_id))
    }
}

fn key(avs: &str, chain_id: u64, number: u64) -> (String, u64, u64) {
    (normalized(avs).into_owned(), chain_id, number)
}

fn of_chain(avs: &str, chain_id: u64) -> Result<KeyRange> {
    Ok(KeyRange::within(&(normalized(avs), chain_id))?)
}

fn absent(avs: &str, chain_id: u64, number: u64) -> TaskError {
    TaskError::not_found(Entity::Block, format_args!("{avs}/{chain_id}/{number}"))
}
