//! `bare-dashmap` as a task store: concurrent maps of shared records, the published table's own baseline.
//!
//! There is no index: a list looks at every task. There is no lock over two maps either, and a list is no
//! snapshot.

use std::fmt::Write as _;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{PerformerView, Subject, Tag, TaskRows, TaskView, Transition, bare_dashmap};
use crate::failure::{Failure, Outcome};
use crate::workload::Setting;
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};

/// A task with its status.
#[derive(Debug)]
struct Record {
    task: Arc<Task>,
    status: TaskStatus,
}

/// One `DashMap` a kind of record.
#[derive(Debug, Default)]
pub struct BareDashmapTasks {
    tasks: DashMap<String, Record>,
    last_blocks: DashMap<u64, u64>,
    blocks: DashMap<String, Arc<Block>>,
    last_saved_blocks: DashMap<String, u64>,
    configs: DashMap<String, Arc<OperatorSetConfig>>,
    performers: DashMap<String, Arc<PerformerState>>,
}

impl Subject for BareDashmapTasks {
    const TAG: Tag = bare_dashmap::TAG;

    fn open(_: &Setting) -> Outcome<Self> {
        Ok(Self::default())
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("library", "dashmap".to_owned()),
            ("hasher", std::any::type_name_of_val(self.tasks.hasher()).to_owned()),
        ]
    }
}

impl TaskView for Arc<Task> {
    fn id(&self) -> &str {
        &self.task_id
    }

    fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl PerformerView for Arc<PerformerState> {
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

impl TaskRows for BareDashmapTasks {
    type Found = Arc<Task>;
    type Performer = Arc<PerformerState>;

    fn save_task(&self, task: Task) -> Outcome<()> {
        match self.tasks.entry(task.task_id.clone()) {
            Entry::Occupied(taken) => Err(Failure::new(format!("task {} is there already", taken.key()))),
            Entry::Vacant(place) => {
                place.insert(Record { task: Arc::new(task), status: TaskStatus::Pending });
                Ok(())
            }
        }
    }

    fn get_task(&self, id: &str) -> Outcome<Arc<Task>> {
        let record = self.tasks.get(id).ok_or_else(|| absent("task", id))?;
        Ok(Arc::clone(&record.task))
    }

    fn list_pending(&self) -> Outcome<Vec<Arc<Task>>> {
        let mut pending = Vec::new();
        for record in &self.tasks {
            if record.status == TaskStatus::Pending {
                pending.push(Arc::clone(&record.task));
            }
        }
        Ok(pending)
    }

    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition> {
        let mut record = self.tasks.get_mut(id).ok_or_else(|| absent("task", id))?;
        if !record.status.may_become(to) {
            return Ok(Transition::Refused);
        }
        record.status = to;
        Ok(Transition::Made)
    }

    fn delete_task(&self, id: &str) -> Outcome<()> {
        self.tasks.remove(id).map(drop).ok_or_else(|| absent("task", id))
    }

    fn set_last_block(&self, chain: u64, number: u64) -> Outcome<()> {
        self.last_blocks.insert(chain, number);
        Ok(())
    }

    fn last_block(&self, chain: u64) -> Outcome<u64> {
        self.last_blocks
            .get(&chain)
            .map(|number| *number)
            .ok_or_else(|| absent("block of chain", &chain.to_string()))
    }

    fn save_block(&self, avs: &str, block: Block) -> Outcome<()> {
        let mut key = chain_key(avs, block.chain_id);
        match self.last_saved_blocks.get_mut(&key) {
            Some(mut last) => *last = block.number.max(*last),
            None => {
                self.last_saved_blocks.insert(key.clone(), block.number);
            }
        }
        write!(key, ":{}", block.number)?;
        self.blocks.insert(key, Arc::new(block));
        Ok(())
    }

    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64> {
        let key = chain_key(avs, chain);
        self.last_saved_blocks.get(&key).map(|number| *number).ok_or_else(|| absent("block of chain", &key))
    }

    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()> {
        self.configs.insert(format!("{avs}:{operator_set}"), Arc::new(config));
        Ok(())
    }

    fn save_performer(&self, id: &str, state: PerformerState) -> Outcome<()> {
        let state = Arc::new(state);
        match self.performers.get_mut(id) {
            Some(mut place) => *place = state,
            None => {
                self.performers.insert(id.to_owned(), state);
            }
        }
        Ok(())
    }

    fn list_performers(&self) -> Outcome<Vec<Arc<PerformerState>>> {
        Ok(self.performers.iter().map(|state| Arc::clone(state.value())).collect())
    }
}

fn chain_key(avs: &str, chain: u64) -> String {
    format!("{avs}:{chain}")
}

fn absent(what: &str, key: &str) -> Failure {
    Failure::new(format!("there is no {what} {key}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::task_rows_mean_what_they_say;
    use super::*;

    #[test]
    fn keeps_the_rules_of_a_task_store() {
        task_rows_mean_what_they_say::<BareDashmapTasks>();
    }
}
