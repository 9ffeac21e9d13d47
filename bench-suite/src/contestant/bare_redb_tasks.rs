//! `bare-redb` as a task store: a table a kind of record, bincode in it, a transaction an operation.
//!
//! Pending tasks have a table of their own, so that listing them reads nothing else; a task moves to the other
//! table when its status changes.

use std::borrow::Borrow;
use std::marker::PhantomData;
use std::sync::Arc;

use redb::{
    Database, Key, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_core::Codec;

use super::bare_redb::{ENGINE, begin_write, create, drain};
use super::manner::{Deferred, Manner};
use super::{PerformerView, Subject, Tag, TaskRows, TaskView, Transition};
use crate::failure::{Failure, Outcome};
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};
use crate::workload::{Place, Setting};

type Bytes = &'static [u8];

/// Tasks that are pending, by id.
const PENDING: TableDefinition<'static, &str, Bytes> = TableDefinition::new("pending");
/// All others with their status, by id.
const OTHERS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("others");
const LAST_BLOCKS: TableDefinition<'static, u64, u64> = TableDefinition::new("last_blocks");
/// By service, chain and number, so that the last of a chain is the end of a range.
const BLOCKS: TableDefinition<'static, (&str, u64, u64), Bytes> = TableDefinition::new("blocks");
const CONFIGS: TableDefinition<'static, (&str, u32), Bytes> = TableDefinition::new("configs");
const PERFORMERS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("performers");

/// A file with those tables.
#[derive(Debug)]
pub struct BareRedbTasks<M> {
    db: Arc<Database>,
    begin: fn(&Database) -> Outcome<WriteTransaction>,
    manner: PhantomData<M>,
    /// Goes after the database.
    _place: Option<Place>,
}

impl<M: Manner> Subject for BareRedbTasks<M> {
    const TAG: Tag = Tag { engine: ENGINE, mode: M::MODE, class: M::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let db = Arc::new(create(&place)?);
        Ok(BareRedbTasks { db, begin: begin_write::<M>, manner: PhantomData, _place: Some(place) })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("library", "redb".to_owned()), ("commits", M::described())]
    }

    fn settle(&self) -> Outcome<()> {
        drain::<M>(&self.db)
    }
}

impl<M: Manner> BareRedbTasks<M> {
    fn write<T>(&self, work: impl FnOnce(&WriteTransaction) -> Outcome<T>) -> Outcome<T> {
        let transaction = (self.begin)(&self.db)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn put<'k, K: Key + 'static>(
        &self,
        table: TableDefinition<'static, K, Bytes>,
        key: impl Borrow<K::SelfType<'k>>,
        value: &impl Serialize,
    ) -> Outcome<()> {
        let value = encoded(value)?;
        self.write(|transaction| {
            transaction.open_table(table)?.insert(key, &value[..])?;
            Ok(())
        })
    }

    /// A table as it is now; `None` if nothing was ever written to it.
    fn read<K: Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
    ) -> Outcome<Option<ReadOnlyTable<K, V>>> {
        match self.db.begin_read()?.open_table(table) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn list<V: DeserializeOwned>(
        &self,
        table: TableDefinition<'static, &'static str, Bytes>,
    ) -> Outcome<Vec<V>> {
        let Some(table) = self.read(table)? else { return Ok(Vec::new()) };
        ReadableTable::iter(&table)?.map(|record| decoded(record?.1.value())).collect()
    }
}

impl TaskView for Task {
    fn id(&self) -> &str {
        &self.task_id
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl PerformerView for PerformerState {
    fn id(&self) -> &str {
        &self.performer_id
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn environment(&self, mut visit: impl FnMut(&str, &str)) {
        self.environment.iter().for_each(|(name, value)| visit(name, value));
    }
}

impl<M: Manner> TaskRows for BareRedbTasks<M> {
    type Found = Task;
    type Performer = PerformerState;

    fn fill(&self, work: impl FnOnce(&Self) -> Outcome<()>) -> Outcome<()> {
        let db = Arc::clone(&self.db);
        work(&BareRedbTasks { db, begin: begin_write::<Deferred>, manner: PhantomData, _place: None })?;
        drain::<Deferred>(&self.db)
    }

    fn save_task(&self, task: Task) -> Outcome<()> {
        let value = encoded(&task)?;
        let id = task.task_id.as_str();
        self.write(|transaction| {
            let mut pending = transaction.open_table(PENDING)?;
            let is_taken = transaction.open_table(OTHERS)?.get(id)?.is_some();
            if is_taken || pending.insert(id, &value[..])?.is_some() {
                return Err(Failure::new(format!("task {id} is there already")));
            }
            Ok(())
        })
    }

    fn get_task(&self, id: &str) -> Outcome<Task> {
        let transaction = self.db.begin_read()?;
        let absent = || absent("task", id);
        let pending = transaction.open_table(PENDING)?;
        if let Some(task) = ReadableTable::get(&pending, id)? {
            return decoded(task.value());
        }
        let others = transaction.open_table(OTHERS)?;
        let found = ReadableTable::get(&others, id)?.ok_or_else(absent)?;
        Ok(decoded::<(TaskStatus, Task)>(found.value())?.1)
    }

    fn list_pending(&self) -> Outcome<Vec<Task>> {
        self.list(PENDING)
    }

    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition> {
        self.write(|transaction| {
            let mut pending = transaction.open_table(PENDING)?;
            let mut others = transaction.open_table(OTHERS)?;
            let found = pending.get(id)?.map(|task| decoded(task.value())).transpose()?;
            let (from, task): (TaskStatus, Task) = match found {
                Some(task) => (TaskStatus::Pending, task),
                None => decoded(others.get(id)?.ok_or_else(|| absent("task", id))?.value())?,
            };
            if !from.may_become(to) {
                return Ok(Transition::Refused);
            }
            pending.remove(id)?;
            others.insert(id, &encoded(&(to, task))?[..])?;
            Ok(Transition::Made)
        })
    }

    fn delete_task(&self, id: &str) -> Outcome<()> {
        self.write(|transaction| {
            let was_pending = transaction.open_table(PENDING)?.remove(id)?.is_some();
            if was_pending || transaction.open_table(OTHERS)?.remove(id)?.is_some() {
                Ok(())
            } else {
                Err(absent("task", id))
            }
        })
    }

    fn set_last_block(&self, chain: u64, number: u64) -> Outcome<()> {
        self.write(|transaction| {
            transaction.open_table(LAST_BLOCKS)?.insert(chain, number)?;
            Ok(())
        })
    }

    fn last_block(&self, chain: u64) -> Outcome<u64> {
        let absent = || absent("block of chain", &chain.to_string());
        let blocks = self.read(LAST_BLOCKS)?.ok_or_else(absent)?;
        Ok(ReadableTable::get(&blocks, chain)?.ok_or_else(absent)?.value())
    }

    fn save_block(&self, avs: &str, block: Block) -> Outcome<()> {
        self.put(BLOCKS, (avs, block.chain_id, block.number), &block)
    }

    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64> {
        let absent = || absent("block of chain", &chain.to_string());
        let blocks = self.read(BLOCKS)?.ok_or_else(absent)?;
        let chain = (avs, chain, 0)..=(avs, chain, u64::MAX);
        let (key, _) = ReadableTable::range(&blocks, chain)?.next_back().ok_or_else(absent)??;
        Ok(key.value().2)
    }

    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()> {
        self.put(CONFIGS, (avs, operator_set), &config)
    }

    fn save_performer(&self, id: &str, state: PerformerState) -> Outcome<()> {
        self.put(PERFORMERS, id, &state)
    }

    fn list_performers(&self) -> Outcome<Vec<PerformerState>> {
        self.list(PERFORMERS)
    }
}

fn encoded(value: &impl Serialize) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    Codec::Bincode.encode(value, &mut bytes)?;
    Ok(bytes)
}

fn decoded<V: DeserializeOwned>(bytes: &[u8]) -> Outcome<V> {
    Ok(Codec::Bincode.decode(bytes)?)
}

fn absent(what: &str, key: &str) -> Failure {
    Failure::new(format!("there is no {what} {key}"))
}

#[cfg(test)]
mod tests {
    use super::super::manner::Durable;
    use super::super::tests::task_rows_mean_what_they_say;
    use super::*;

    #[test]
    fn keeps_the_rules_of_a_task_store() {
        task_rows_mean_what_they_say::<BareRedbTasks<Durable>>();
        task_rows_mean_what_they_say::<BareRedbTasks<Deferred>>();
    }
}
