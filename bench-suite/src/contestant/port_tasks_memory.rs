//! `port-tasks-memory`: the original's two in-memory stores, written anew.
//!
//! Each is a struct of hash maps behind one readers-writer lock, with a flag for closed. The aggregator's
//! stores what it is given and hands out shared pointers to it; there is no index, so a list looks at every
//! task; saving an id that exists overwrites it. The executor's copies a performer on save and on read. Such
//! a copy is shallow there: the text is shared and only the struct is new. So it is here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::RwLock;

use super::{PerformerView, Subject, Tag, TaskRows, Transition};
use crate::failure::{Failure, Outcome};
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};
use crate::workload::{Class, Setting};

/// Both stores.
#[derive(Debug)]
pub struct PortTasksMemory {
    aggregator: RwLock<Aggregator>,
    executor: RwLock<Executor>,
}

#[derive(Debug, Default)]
struct Aggregator {
    tasks: HashMap<String, TaskRecord>,
    /// One number a chain: all that the version behind the published table keeps of blocks.
    last_blocks: HashMap<u64, u64>,
    /// The later version's records, for the honest row.
    blocks: HashMap<String, Arc<Block>>,
    last_saved_blocks: HashMap<String, u64>,
    configs: HashMap<String, Arc<OperatorSetConfig>>,
    closed: bool,
}

#[derive(Debug)]
struct TaskRecord {
    task: Arc<Task>,
    status: TaskStatus,
    created_at: SystemTime,
    updated_at: SystemTime,
}

#[derive(Debug, Default)]
struct Executor {
    performers: HashMap<String, Box<PerformerCopy>>,
    closed: bool,
}

/// A performer's struct: fields of a fixed size are its own, the text is shared with every other copy.
#[derive(Clone, Debug)]
pub struct PerformerCopy {
    text: Arc<PerformerState>,
    /// When it was deployed.
    pub created_at: SystemTime,
    /// When it last answered.
    pub last_health_check: SystemTime,
    /// Whether the container is well.
    pub container_healthy: bool,
    /// Whether the program in it is well.
    pub application_healthy: bool,
}

impl PerformerView for Box<PerformerCopy> {
    fn id(&self) -> &str {
        &self.text.performer_id
    }

    fn status(&self) -> &str {
        &self.text.status
    }

    fn environment(&self, mut visit: impl FnMut(&str, &str)) {
        self.text.environment.iter().for_each(|(name, value)| visit(name, value));
    }
}

impl Subject for PortTasksMemory {
    const TAG: Tag = Tag { engine: "port-tasks-memory", mode: None, class: Class::Memory };

    fn open(_: &Setting) -> Outcome<Self> {
        Ok(PortTasksMemory { aggregator: RwLock::default(), executor: RwLock::default() })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let aggregator = self.aggregator.read();
        vec![
            ("library", "std".to_owned()),
            ("lock", "parking_lot::RwLock".to_owned()),
            ("hasher", std::any::type_name_of_val(aggregator.tasks.hasher()).to_owned()),
        ]
    }

    fn close(self) -> Outcome<()> {
        self.aggregator.write().closed = true;
        self.executor.write().closed = true;
        Ok(())
    }
}

impl Aggregator {
    fn open(&self) -> Outcome<&Self> {
        if self.closed { Err(closed()) } else { Ok(self) }
    }

    fn open_mut(&mut self) -> Outcome<&mut Self> {
        if self.closed { Err(closed()) } else { Ok(self) }
    }
}

impl Executor {
    fn open(&self) -> Outcome<&Self> {
        if self.closed { Err(closed()) } else { Ok(self) }
    }

    fn open_mut(&mut self) -> Outcome<&mut Self> {
        if self.closed { Err(closed()) } else { Ok(self) }
    }
}

impl TaskRows for PortTasksMemory {
    type Found = Arc<Task>;
    type Performer = Box<PerformerCopy>;

    fn save_task(&self, task: Task) -> Outcome<()> {
        if task.task_id.is_empty() {
            return Err(Failure::new("a task needs an id"));
        }
        let now = SystemTime::now();
        let id = task.task_id.clone();
        let record = TaskRecord {
            task: Arc::new(task),
            status: TaskStatus::Pending,
            created_at: now,
            updated_at: now,
        };
        self.aggregator.write().open_mut()?.tasks.insert(id, record);
        Ok(())
    }

    fn get_task(&self, id: &str) -> Outcome<Arc<Task>> {
        let aggregator = self.aggregator.read();
        let record = aggregator.open()?.tasks.get(id).ok_or_else(|| absent("task", id))?;
        Ok(Arc::clone(&record.task))
    }

    fn list_pending(&self) -> Outcome<Vec<Arc<Task>>> {
        let aggregator = self.aggregator.read();
        let mut pending = Vec::new();
        for record in aggregator.open()?.tasks.values() {
            if record.status == TaskStatus::Pending {
                pending.push(Arc::clone(&record.task));
            }
        }
        Ok(pending)
    }

    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition> {
        let mut aggregator = self.aggregator.write();
        let record = aggregator.open_mut()?.tasks.get_mut(id).ok_or_else(|| absent("task", id))?;
        if !record.status.may_become(to) {
            return Ok(Transition::Refused);
        }
        record.status = to;
        record.updated_at = SystemTime::now().max(record.created_at);
        Ok(Transition::Made)
    }

    fn delete_task(&self, id: &str) -> Outcome<()> {
        let removed = self.aggregator.write().open_mut()?.tasks.remove(id);
        removed.map(drop).ok_or_else(|| absent("task", id))
    }

    fn set_last_block(&self, chain: u64, number: u64) -> Outcome<()> {
        self.aggregator.write().open_mut()?.last_blocks.insert(chain, number);
        Ok(())
    }

    fn last_block(&self, chain: u64) -> Outcome<u64> {
        let aggregator = self.aggregator.read();
        let last = aggregator.open()?.last_blocks.get(&chain).copied();
        last.ok_or_else(|| absent("block of chain", &chain.to_string()))
    }

    /// The last block is the one saved last, whatever its number.
    fn save_block(&self, avs: &str, block: Block) -> Outcome<()> {
        let key = format!("{avs}:{}:{}", block.chain_id, block.number);
        let chain = format!("{avs}:{}", block.chain_id);
        let mut aggregator = self.aggregator.write();
        let aggregator = aggregator.open_mut()?;
        aggregator.last_saved_blocks.insert(chain, block.number);
        aggregator.blocks.insert(key, Arc::new(block));
        Ok(())
    }

    /// As the original: the pointer leads to the record, and the record is what is returned.
    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64> {
        let chain = format!("{avs}:{chain}");
        let aggregator = self.aggregator.read();
        let aggregator = aggregator.open()?;
        let number =
            aggregator.last_saved_blocks.get(&chain).ok_or_else(|| absent("block of chain", &chain))?;
        let key = format!("{chain}:{number}");
        let block = aggregator.blocks.get(&key).ok_or_else(|| absent("block", &key))?;
        Ok(block.number)
    }

    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()> {
        let key = format!("{avs}:{operator_set}");
        self.aggregator.write().open_mut()?.configs.insert(key, Arc::new(config));
        Ok(())
    }

    fn save_performer(&self, id: &str, mut state: PerformerState) -> Outcome<()> {
        if id.is_empty() {
            return Err(Failure::new("a performer needs an id"));
        }
        if state.performer_id != id {
            id.clone_into(&mut state.performer_id);
        }
        let copy = Box::new(PerformerCopy {
            created_at: state.created_at,
            last_health_check: state.last_health_check,
            container_healthy: state.container_healthy,
            application_healthy: state.application_healthy,
            text: Arc::new(state),
        });
        self.executor.write().open_mut()?.performers.insert(id.to_owned(), copy);
        Ok(())
    }

    fn list_performers(&self) -> Outcome<Vec<Box<PerformerCopy>>> {
        let executor = self.executor.read();
        let performers = &executor.open()?.performers;
        let mut copies = Vec::with_capacity(performers.len());
        copies.extend(performers.values().cloned());
        Ok(copies)
    }
}

fn absent(what: &str, key: &str) -> Failure {
    Failure::new(format!("there is no {what} {key}"))
}

fn closed() -> Failure {
    Failure::new("the store is closed")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{opened, task_rows_mean_what_they_say};
    use super::*;
    use crate::workload::task_data::{block, performer, task};

    fn store() -> PortTasksMemory {
        opened::<PortTasksMemory>().0
    }

    #[test]
    fn keeps_the_rules_of_a_task_store() {
        task_rows_mean_what_they_say::<PortTasksMemory>();
    }

    #[test]
    fn saving_an_id_again_makes_even_a_completed_task_pending() {
        let store = store();
        store.save_task(task("t".to_owned())).unwrap();
        store.change_status("t", TaskStatus::Processing).unwrap();
        store.change_status("t", TaskStatus::Completed).unwrap();
        assert!(store.list_pending().unwrap().is_empty());
        store.save_task(task("t".to_owned())).unwrap();
        assert_eq!(store.list_pending().unwrap().len(), 1);
    }

    #[test]
    fn readers_share_one_task() {
        let store = store();
        store.save_task(task("t".to_owned())).unwrap();
        let listed = store.list_pending().unwrap();
        assert!(Arc::ptr_eq(&store.get_task("t").unwrap(), &listed[0]));
    }

    #[test]
    fn the_last_block_may_go_backwards() {
        let store = store();
        store.set_last_block(1, 10).unwrap();
        store.set_last_block(1, 5).unwrap();
        assert_eq!(store.last_block(1).unwrap(), 5);
        store.save_block("0xavs", block(1, 10)).unwrap();
        store.save_block("0xavs", block(1, 5)).unwrap();
        assert_eq!(store.last_saved_block("0xavs", 1).unwrap(), 5);
    }

    #[test]
    fn a_listed_performer_is_a_copy_that_shares_its_text() {
        let store = store();
        store.save_performer("p", performer("another".to_owned())).unwrap();
        let mut first = store.list_performers().unwrap();
        assert_eq!(first[0].id(), "p");
        first[0].container_healthy = false;
        let second = store.list_performers().unwrap();
        assert!(second[0].container_healthy);
        assert!(Arc::ptr_eq(&first[0].text, &second[0].text));
    }

    #[test]
    fn empty_ids_are_refused_and_so_is_everything_after_close() {
        let store = store();
        assert!(store.save_task(task(String::new())).is_err());
        assert!(store.save_performer("", performer(String::new())).is_err());
        store.aggregator.write().closed = true;
        assert!(store.save_task(task("t".to_owned())).is_err());
        assert!(store.list_pending().is_err());
    }
}
