//! `bare-rusqlite` as a task store: a table a kind of record, its body as bincode, an index of those that are pending.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_core::Codec;

use super::bare_rusqlite::{Database, ENGINE, settings};
use super::sqlite::Level;
use super::{Subject, Tag, TaskRows, Transition};
use crate::failure::{Failure, Outcome};
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};
use crate::workload::{Place, Setting};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS tasks (id TEXT NOT NULL PRIMARY KEY, status INTEGER NOT NULL, task BLOB NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS pending ON tasks (id) WHERE status = 0;
    CREATE TABLE IF NOT EXISTS last_blocks (chain INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS blocks (avs TEXT NOT NULL, chain INTEGER NOT NULL, number INTEGER NOT NULL,
        block BLOB NOT NULL, PRIMARY KEY (avs, chain, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS configs (avs TEXT NOT NULL, operator_set INTEGER NOT NULL, config BLOB NOT NULL,
        PRIMARY KEY (avs, operator_set)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS performers (id TEXT NOT NULL PRIMARY KEY, state BLOB NOT NULL) STRICT;
";

/// A database with those tables.
pub struct BareRusqliteTasks<L> {
    db: Arc<Database>,
    level: PhantomData<L>,
    /// Goes after the database.
    _place: Option<Place>,
}

impl<L> fmt::Debug for BareRusqliteTasks<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BareRusqliteTasks")
    }
}

impl<L: Level> Subject for BareRusqliteTasks<L> {
    const TAG: Tag = Tag { engine: ENGINE, mode: None, class: L::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let db = Arc::new(Database::open::<L>(&place, TABLES)?);
        Ok(BareRusqliteTasks { db, level: PhantomData, _place: Some(place) })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.db.writer())
    }

    fn settle(&self) -> Outcome<()> {
        self.db.settle::<L>()
    }
}

impl<L: Level> BareRusqliteTasks<L> {
    fn put(&self, text: &str, parameters: impl Params) -> Outcome<usize> {
        Ok(self.db.writer().prepare_cached(text)?.execute(parameters)?)
    }

    fn list<V: DeserializeOwned>(&self, text: &str) -> Outcome<Vec<V>> {
        self.db.read(|reader| {
            let mut statement = reader.prepare_cached(text)?;
            let mut rows = statement.query([])?;
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                listed.push(decoded(row.get_ref(0)?.as_blob()?)?);
            }
            Ok(listed)
        })
    }
}

fn number(value: u64) -> Outcome<i64> {
    Ok(i64::try_from(value)?)
}

fn status(number: u8) -> Outcome<TaskStatus> {
    let all = [TaskStatus::Pending, TaskStatus::Processing, TaskStatus::Completed, TaskStatus::Failed];
    all.get(usize::from(number)).copied().ok_or_else(|| Failure::new(format!("there is no status {number}")))
}

/// What one statement finds in one column of one row.
fn find<T>(
    connection: &Connection,
    text: &str,
    parameters: impl Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> Outcome<T>,
) -> Outcome<Option<T>> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(read).transpose()
}

impl<L: Level> TaskRows for BareRusqliteTasks<L> {
    type Found = Task;
    type Performer = PerformerState;

    fn fill(&self, work: impl FnOnce(&Self) -> Outcome<()>) -> Outcome<()> {
        let set = |level: &str| self.db.writer().execute_batch(&format!("PRAGMA synchronous = {level}"));
        set("OFF")?;
        let done = work(self);
        set(L::SYNCHRONOUS)?;
        done
    }

    fn save_task(&self, task: Task) -> Outcome<()> {
        let id = task.task_id.as_str();
        let values = (id, TaskStatus::Pending as i64, encoded(&task)?);
        let text = "INSERT INTO tasks (id, status, task) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        match self.put(text, values)? {
            1 => Ok(()),
            _ => Err(Failure::new(format!("task {id} is there already"))),
        }
    }

    fn get_task(&self, id: &str) -> Outcome<Task> {
        let text = "SELECT task FROM tasks WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| decoded(row.get_ref(0)?.as_blob()?);
        self.db.read(|reader| find(reader, text, [id], read))?.ok_or_else(|| absent("task", id))
    }

    fn list_pending(&self) -> Outcome<Vec<Task>> {
        self.list("SELECT task FROM tasks WHERE status = 0 ORDER BY id")
    }

    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition> {
        self.db.write(|writer| {
            let read = |row: &rusqlite::Row<'_>| status(row.get(0)?);
            let from = find(writer, "SELECT status FROM tasks WHERE id = ?1", [id], read)?;
            if !from.ok_or_else(|| absent("task", id))?.may_become(to) {
                return Ok(Transition::Refused);
            }
            let mut update = writer.prepare_cached("UPDATE tasks SET status = ?2 WHERE id = ?1")?;
            update.execute((id, to as i64))?;
            Ok(Transition::Made)
        })
    }

    fn delete_task(&self, id: &str) -> Outcome<()> {
        match self.put("DELETE FROM tasks WHERE id = ?1", [id])? {
            1 => Ok(()),
            _ => Err(absent("task", id)),
        }
    }

    fn set_last_block(&self, chain: u64, block: u64) -> Outcome<()> {
        let text = "REPLACE INTO last_blocks (chain, number) VALUES (?1, ?2)";
        self.put(text, (number(chain)?, number(block)?)).map(drop)
    }

    fn last_block(&self, chain: u64) -> Outcome<u64> {
        let text = "SELECT number FROM last_blocks WHERE chain = ?1";
        self.number_of(text, [number(chain)?])?.ok_or_else(|| absent("block of chain", &chain.to_string()))
    }

    fn save_block(&self, avs: &str, block: Block) -> Outcome<()> {
        let text = "REPLACE INTO blocks (avs, chain, number, block) VALUES (?1, ?2, ?3, ?4)";
        self.put(text, (avs, number(block.chain_id)?, number(block.number)?, encoded(&block)?)).map(drop)
    }

    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64> {
        let text = "SELECT number FROM blocks WHERE avs = ?1 AND chain = ?2 ORDER BY number DESC LIMIT 1";
        self.number_of(text, (avs, number(chain)?))?
            .ok_or_else(|| absent("block of chain", &chain.to_string()))
    }

    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()> {
        let text = "REPLACE INTO configs (avs, operator_set, config) VALUES (?1, ?2, ?3)";
        self.put(text, (avs, operator_set, encoded(&config)?)).map(drop)
    }

    fn save_performer(&self, id: &str, state: PerformerState) -> Outcome<()> {
        self.put("REPLACE INTO performers (id, state) VALUES (?1, ?2)", (id, encoded(&state)?)).map(drop)
    }

    fn list_performers(&self) -> Outcome<Vec<PerformerState>> {
        self.list("SELECT state FROM performers ORDER BY id")
    }
}

impl<L: Level> BareRusqliteTasks<L> {
    fn number_of(&self, text: &str, parameters: impl Params) -> Outcome<Option<u64>> {
        self.db.read(|reader| {
            let found: Option<i64> =
                reader.prepare_cached(text)?.query_row(parameters, |row| row.get(0)).optional()?;
            Ok(found.map(i64::unsigned_abs))
        })
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
    use super::super::sqlite::{Full, InMemory};
    use super::super::tests::task_rows_mean_what_they_say;
    use super::*;

    #[test]
    fn keeps_the_rules_of_a_task_store() {
        task_rows_mean_what_they_say::<BareRusqliteTasks<Full>>();
        task_rows_mean_what_they_say::<BareRusqliteTasks<InMemory>>();
    }
}
