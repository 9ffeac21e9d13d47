//! Who is measured. A contestant is a type that implements [`Subject`] and the powers it has; each power
//! brings the rows that need it.
//!
//! Everything is generic, so that a row of a few nanoseconds pays for no indirection. To take part, a new
//! contestant gets a file of its own beside these and its lines in [`roster`].

pub mod bare_btreemap;
pub mod bare_dashmap;
pub mod bare_dashmap_tasks;
pub mod bare_files;
pub mod bare_log;
pub mod bare_redb;
pub mod bare_redb_tasks;
pub mod bare_rusqlite;
pub mod bare_rusqlite_tasks;
pub mod catalogue;
pub mod engine;
pub mod engine_keyspaces;
pub mod engine_messages;
pub mod engine_sessions;
pub mod engine_tasks;
pub mod fs;
pub mod manner;
pub mod messages;
pub mod port_messages_sqlite;
pub mod port_sessions_files;
pub mod port_sessions_sqlite;
pub mod port_tasks_memory;
pub mod redb;
pub mod runner;
pub mod sessions;
pub mod sqlite;

use crate::failure::{Failure, Outcome};
use crate::workload::keys::KEY_LEN;
use crate::workload::kill::{Orders, fill_until_killed};
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};
use crate::workload::{Class, Place, Profile, Setting, Spec};
use bare_files::BareFiles;
use bare_log::BareLog;
use bare_redb::BareRedb;
use bare_rusqlite::BareRusqlite;
use bare_rusqlite_tasks::BareRusqliteTasks;
pub use catalogue::{Catalogue, Entrant, Group};
use fs::{DeferredFiles, DeferredLines, DurableFiles, DurableLines, Fs, UncachedFiles};
use manner::{Deferred, Durable, Manner, QuickRepair};
pub use runner::Contestant;
use sqlite::{Full, InMemory, Normal, Sqlite};

/// The name of a contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The engine; hand-written code begins with `bare-`, an original's with `port-`.
    pub engine: &'static str,
    /// In which of its ways, where there are several.
    pub mode: Option<&'static str>,
    /// What a finished write survives.
    pub class: Class,
}

/// On which side of a ratio a contestant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An engine of this project.
    Ours,
    /// The same work written by hand on a library.
    Bare,
    /// The storage access of an original.
    Port,
}

impl Role {
    /// The role that an engine's name tells.
    #[must_use]
    pub fn of(engine: &str) -> Self {
        if engine.starts_with("bare-") {
            Role::Bare
        } else if engine.starts_with("port-") {
            Role::Port
        } else {
            Role::Ours
        }
    }
}

/// What only the contestant itself can count, since it was opened. Absent is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls that force data to the disk.
    pub fsyncs: Option<u64>,
    /// Bytes handed to the operating system for the disk.
    pub bytes_written: Option<u64>,
    /// Commits that were refused because another one came first.
    pub conflicts: Option<u64>,
    /// Transactions that ran again.
    pub retries: Option<u64>,
}

/// Something that can be opened, measured and closed.
pub trait Subject: Sized + Send + Sync + 'static {
    /// Its name.
    const TAG: Tag;

    /// Why it does not run in a row, if it does not.
    fn absence(_: &Spec) -> Option<&'static str> {
        None
    }

    /// Opens an empty store.
    fn open(setting: &Setting) -> Outcome<Self>;

    /// Its settings, read back from the opened store rather than copied from a configuration.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// Finishes all work that was put off. It runs inside the timed part.
    fn settle(&self) -> Outcome<()> {
        Ok(())
    }

    /// What it has counted since it was opened.
    fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Ends it.
    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

/// A key and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: [u8; KEY_LEN],
    /// The value.
    pub value: Vec<u8>,
}

/// Reads and writes of single records.
pub trait Points: Subject {
    /// A value that outlives the call that read it.
    type Value: AsRef<[u8]>;

    /// The newest value of a key.
    fn get(&self, key: &[u8]) -> Outcome<Option<Self::Value>>;

    /// Sets the value of a key.
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()>;

    /// Removes a key; whether it was there.
    fn delete(&self, key: &[u8]) -> Outcome<bool>;

    /// Sets all of `entries`, atomically where the contestant can.
    fn put_batch(&self, entries: &[Entry]) -> Outcome<()>;

    /// Adds many new records in the way that is fastest for the contestant.
    fn load(&self, entries: &[Entry]) -> Outcome<()>;
}

/// Opens what an earlier process left behind.
pub trait Reopen: Points {
    /// Opens the store in a place, an empty one if nothing is there. The place outlives it.
    fn reopen(place: &Place) -> Outcome<Self>;
}

/// Which way a range is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// To larger keys.
    Up,
    /// To smaller keys.
    Down,
}

/// Reads in the order of the keys.
pub trait Ranges: Points {
    /// Shows `visit` up to `limit` records from `start` on, which is included. Returns how many there were.
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize>;
}

/// Reads from one unchanging state.
pub trait Snapshots: Points {
    /// The state.
    type Snapshot<'a>
    where
        Self: 'a;

    /// Holds the state as it is now.
    fn snapshot(&self) -> Outcome<Self::Snapshot<'_>>;

    /// Shows `visit` the value of a key in that state. Returns whether there is one.
    fn get_in(snapshot: &Self::Snapshot<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool>;
}

/// Changes of two records as one.
pub trait Transfers: Points {
    /// Reads two records and writes both, moving `amount` from one's balance to the other's.
    ///
    /// See [`crate::workload::sharing::with_balance`] for where a value keeps its balance.
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()>;
}

/// One sequence that everyone appends to.
pub trait Appends: Subject {
    /// Adds a record under the next number of the sequence, and returns that number.
    fn append(&self, value: &[u8]) -> Outcome<u64>;

    /// Every number in the sequence, ascending.
    fn numbers(&self) -> Outcome<Vec<u64>>;
}

/// Whether a status change was legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It was made.
    Made,
    /// It was refused, and nothing changed.
    Refused,
}

/// A task that was read.
pub trait TaskView {
    /// Its id.
    fn id(&self) -> &str;
    /// Its payload.
    fn payload(&self) -> &[u8];
}

/// A performer that was read.
pub trait PerformerView {
    /// Its id.
    fn id(&self) -> &str;
    /// Its status.
    fn status(&self) -> &str;
    /// Shows `visit` the name and value of each environment variable.
    fn environment(&self, visit: impl FnMut(&str, &str));
}

/// What the rows of the task store's table ask for. A task, block or state that is absent is an error.
pub trait TaskRows: Subject {
    /// A task as a read hands it out.
    type Found: TaskView;
    /// A performer as a read hands it out.
    type Performer: PerformerView;

    /// Stores a new task as pending.
    fn save_task(&self, task: Task) -> Outcome<()>;
    /// The task with this id.
    fn get_task(&self, id: &str) -> Outcome<Self::Found>;
    /// Every pending task.
    fn list_pending(&self) -> Outcome<Vec<Self::Found>>;
    /// Asks for a change of status.
    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition>;
    /// Removes a task.
    fn delete_task(&self, id: &str) -> Outcome<()>;
    /// Sets the last processed block of a chain, whatever it was.
    fn set_last_block(&self, chain: u64, number: u64) -> Outcome<()>;
    /// The last processed block of a chain.
    fn last_block(&self, chain: u64) -> Outcome<u64>;
    /// Stores the record of a block.
    fn save_block(&self, avs: &str, block: Block) -> Outcome<()>;
    /// The number of the last block stored for an AVS and a chain.
    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64>;
    /// Does `work`, which is no part of what is measured, with writes that need not be durable before it ends.
    fn fill(&self, work: impl FnOnce(&Self) -> Outcome<()>) -> Outcome<()> {
        work(self)
    }

    /// Stores the configuration of an operator set, whatever it was.
    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()>;
    /// Stores the state of a performer, whatever it was.
    fn save_performer(&self, id: &str, state: PerformerState) -> Outcome<()>;
    /// The state of every performer.
    fn list_performers(&self) -> Outcome<Vec<Self::Performer>>;
}

/// Every row, with everyone who takes part in it.
#[must_use]
pub fn roster(profile: Profile) -> Catalogue {
    let mut catalogue = Catalogue::new(profile);
    in_memory(&mut catalogue);
    on_redb(&mut catalogue);
    on_sqlite(&mut catalogue);
    in_plain_files(&mut catalogue);
    messages::enter(&mut catalogue);
    sessions::enter(&mut catalogue);
    catalogue.sorted()
}

fn in_memory(catalogue: &mut Catalogue) {
    catalogue.points::<engine::Layer<engine::Mem>>();
    catalogue.ranges::<engine::Layer<engine::Mem>>();
    catalogue.snapshots::<engine::Layer<engine::Mem>>();
    catalogue.transfers::<engine::Layer<engine::Mem>>();
    catalogue.appends::<engine::Layer<engine::Mem>>();
    catalogue.tasks::<engine_tasks::TaskLayer<engine::Mem>>();
    catalogue.points::<engine::Layer<engine::AnyMem>>();
    catalogue.appends::<engine::Layer<engine_keyspaces::ReadWriteMem, engine_keyspaces::ReadWrite>>();

    catalogue.points::<bare_dashmap::BareDashmap>();
    catalogue.appends::<bare_dashmap::BareDashmap>();
    let no_order = "a DashMap has no order";
    catalogue.without_ranges(&bare_dashmap::TAG, no_order);
    catalogue.without_snapshots(&bare_dashmap::TAG, "a DashMap has no snapshots");
    catalogue.without_transfers(&bare_dashmap::TAG, "a DashMap cannot change two entries as one");

    catalogue.points::<bare_btreemap::BareBtreemap>();
    catalogue.ranges::<bare_btreemap::BareBtreemap>();
    catalogue.snapshots::<bare_btreemap::BareBtreemap>();
    catalogue.transfers::<bare_btreemap::BareBtreemap>();
    catalogue.appends::<bare_btreemap::BareBtreemap>();

    catalogue.tasks::<bare_dashmap_tasks::BareDashmapTasks>();
    catalogue.tasks::<port_tasks_memory::PortTasksMemory>();
}

/// Reads are measured once, since how writes are committed makes no difference to them; writes in each manner.
fn on_redb(catalogue: &mut Catalogue) {
    type Ours<M> = engine::Layer<redb::Redb<M>>;
    catalogue.points::<Ours<Durable>>();
    catalogue.ranges::<Ours<Durable>>();
    catalogue.snapshots::<Ours<Durable>>();
    catalogue.transfers::<Ours<Durable>>();
    catalogue.openings::<Ours<Durable>>();
    catalogue.standard_writes::<Ours<QuickRepair>>();
    catalogue.openings_after_kill::<Ours<QuickRepair>>();
    catalogue.writes::<Ours<Deferred>>();
    catalogue.transfers::<Ours<Deferred>>();
    catalogue.writes::<engine::Layer<redb::RedbJournal>>();
    catalogue.batches_of_32::<engine::Layer<redb::RedbJournal>>();
    catalogue.sustained_puts::<engine::Layer<redb::RedbJournal>>();
    catalogue.transfers::<engine::Layer<redb::RedbJournal>>();
    catalogue.openings_after_kill::<engine::Layer<redb::RedbJournal>>();
    catalogue.tasks::<engine_tasks::TaskLayer<redb::Redb<Durable>>>();
    catalogue.task_writes::<engine_tasks::TaskLayer<redb::RedbJournal>>();
    catalogue.task_writes::<engine_tasks::TaskLayer<redb::Redb<Deferred>>>();

    catalogue.ungrouped_points::<BareRedb<Durable>>();
    catalogue.batches_of_32::<BareRedb<Durable>>();
    catalogue.sustained_puts::<BareRedb<Durable>>();
    catalogue.ranges::<BareRedb<Durable>>();
    catalogue.snapshots::<BareRedb<Durable>>();
    catalogue.transfers::<BareRedb<Durable>>();
    catalogue.openings::<BareRedb<Durable>>();
    catalogue.standard_writes::<BareRedb<QuickRepair>>();
    catalogue.openings_after_kill::<BareRedb<QuickRepair>>();
    catalogue.ungrouped_writes::<BareRedb<Deferred>>();
    catalogue.transfers::<BareRedb<Deferred>>();
    catalogue.tasks::<bare_redb_tasks::BareRedbTasks<Durable>>();
    catalogue.task_writes::<bare_redb_tasks::BareRedbTasks<Deferred>>();
}

/// Reads of the file once, as above; in memory everything.
fn on_sqlite(catalogue: &mut Catalogue) {
    type Ours<L> = engine::Layer<Sqlite<L>>;
    type OurTasks<L> = engine_tasks::TaskLayer<Sqlite<L>>;
    catalogue.points::<Ours<Full>>();
    catalogue.ranges::<Ours<Full>>();
    catalogue.snapshots::<Ours<Full>>();
    catalogue.transfers::<Ours<Full>>();
    catalogue.openings::<Ours<Full>>();
    catalogue.tasks::<OurTasks<Full>>();
    catalogue.writes::<Ours<Normal>>();
    catalogue.transfers::<Ours<Normal>>();
    catalogue.task_writes::<OurTasks<Normal>>();
    catalogue.points::<Ours<InMemory>>();
    catalogue.ranges::<Ours<InMemory>>();
    catalogue.snapshots::<Ours<InMemory>>();
    catalogue.transfers::<Ours<InMemory>>();
    catalogue.tasks::<OurTasks<InMemory>>();

    catalogue.ungrouped_points::<BareRusqlite<Full>>();
    catalogue.ranges::<BareRusqlite<Full>>();
    catalogue.snapshots::<BareRusqlite<Full>>();
    catalogue.transfers::<BareRusqlite<Full>>();
    catalogue.openings::<BareRusqlite<Full>>();
    catalogue.tasks::<BareRusqliteTasks<Full>>();
    catalogue.ungrouped_writes::<BareRusqlite<Normal>>();
    catalogue.transfers::<BareRusqlite<Normal>>();
    catalogue.task_writes::<BareRusqliteTasks<Normal>>();
    catalogue.points::<BareRusqlite<InMemory>>();
    catalogue.ranges::<BareRusqlite<InMemory>>();
    catalogue.snapshots::<BareRusqlite<InMemory>>();
    catalogue.transfers::<BareRusqlite<InMemory>>();
    catalogue.tasks::<BareRusqliteTasks<InMemory>>();
}

/// Records in lines as on redb. In files only what that makes a difference to: a listing reads as many files as it
/// has records.
fn in_plain_files(catalogue: &mut Catalogue) {
    type Ours<W> = engine::Layer<Fs<W>>;
    type OurTasks<W> = engine_tasks::TaskLayer<Fs<W>>;
    catalogue.points::<Ours<DurableLines>>();
    catalogue.batches_of_32::<Ours<DurableLines>>();
    catalogue.sustained_puts::<Ours<DurableLines>>();
    catalogue.ranges::<Ours<DurableLines>>();
    catalogue.snapshots::<Ours<DurableLines>>();
    catalogue.transfers::<Ours<DurableLines>>();
    catalogue.openings::<Ours<DurableLines>>();
    catalogue.tasks::<OurTasks<DurableLines>>();
    catalogue.writes::<Ours<DeferredLines>>();
    catalogue.sustained_puts::<Ours<DeferredLines>>();
    catalogue.bursts_of_puts::<Ours<DeferredLines>>();
    catalogue.transfers::<Ours<DeferredLines>>();
    catalogue.task_writes::<OurTasks<DeferredLines>>();
    catalogue.standard_writes::<Ours<DurableFiles>>();
    catalogue.openings::<Ours<DurableFiles>>();
    catalogue.points::<Ours<DeferredFiles>>();
    catalogue.sustained_puts::<Ours<DeferredFiles>>();
    catalogue.bursts_of_puts::<Ours<DeferredFiles>>();
    catalogue.ranges::<Ours<DeferredFiles>>();
    catalogue.snapshots::<Ours<DeferredFiles>>();
    catalogue.transfers::<Ours<DeferredFiles>>();
    catalogue.reads::<Ours<UncachedFiles>>();

    // It reads from a map in memory, which says nothing of a disk.
    catalogue.ungrouped_writes::<BareLog<DurableLines>>();
    catalogue.batches_of_32::<BareLog<DurableLines>>();
    catalogue.sustained_puts::<BareLog<DurableLines>>();
    catalogue.ungrouped_writes::<BareLog<DeferredLines>>();
    catalogue.sustained_puts::<BareLog<DeferredLines>>();
    catalogue.bursts_of_puts::<BareLog<DeferredLines>>();
    catalogue.points::<BareFiles>();
    catalogue.sustained_puts::<BareFiles>();
    catalogue.bursts_of_puts::<BareFiles>();
    catalogue.without_ranges(&bare_files::TAG, "a directory has no order");
    catalogue.without_snapshots(&bare_files::TAG, "a directory has no snapshots");
    catalogue.without_transfers(&bare_files::TAG, "two files cannot be changed as one");
}

/// Fills a store as the contestant that is named does, and waits to be killed.
pub fn be_killed(orders: &Orders, seed: u64) -> Outcome<()> {
    type Ours<M> = engine::Layer<redb::Redb<M>>;
    let quick = QuickRepair::MODE;
    match (orders.engine.as_str(), orders.mode.as_deref()) {
        (redb::ENGINE, None) => fill_until_killed::<Ours<Durable>>(orders, seed),
        (redb::ENGINE, mode) if mode == quick => fill_until_killed::<Ours<QuickRepair>>(orders, seed),
        (fs::ENGINE, None) => fill_until_killed::<engine::Layer<Fs<DurableLines>>>(orders, seed),
        (fs::ENGINE, Some(fs::FILES)) => fill_until_killed::<engine::Layer<Fs<DurableFiles>>>(orders, seed),
        (sqlite::FILE, None) => fill_until_killed::<engine::Layer<Sqlite<Full>>>(orders, seed),
        (bare_rusqlite::ENGINE, None) => fill_until_killed::<BareRusqlite<Full>>(orders, seed),
        (redb::ENGINE, mode) if mode == <engine::Layer<redb::RedbJournal>>::TAG.mode => {
            fill_until_killed::<engine::Layer<redb::RedbJournal>>(orders, seed)
        }
        (bare_redb::ENGINE, None) => fill_until_killed::<BareRedb<Durable>>(orders, seed),
        (bare_redb::ENGINE, mode) if mode == quick => {
            fill_until_killed::<BareRedb<QuickRepair>>(orders, seed)
        }
        (engine, mode) => Err(Failure::new(format!("{engine} in mode {mode:?} cannot be killed"))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Checks that every contestant with a power has to pass.

    use super::*;
    use crate::workload::rows;
    use crate::workload::sharing::{balance, with_balance};
    use crate::workload::task_data::{block, performer, performer_with_environment, task, task_id};

    /// An empty store, and the folder in which its files are.
    pub(crate) fn opened<S: Subject>() -> (S, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let spec: Spec = rows::get_miss().remove(0);
        (S::open(&Setting::new(spec, 1, folder.path().to_owned())).unwrap(), folder)
    }

    pub(crate) fn ranges_go_both_ways<S: Ranges>() {
        let (store, _folder) = opened::<S>();
        for key in [b"a", b"b", b"c", b"d"] {
            store.put(key, key).unwrap();
        }
        for (walk, expected) in [(Walk::Up, "bc"), (Walk::Down, "ba")] {
            let mut seen = String::new();
            let count = store.range(b"b", walk, 2, |key, _| seen.push(char::from(key[0]))).unwrap();
            assert_eq!((count, seen.as_str()), (2, expected));
        }
    }

    pub(crate) fn transfers_move_the_amount<S: Transfers>() {
        let (store, _folder) = opened::<S>();
        store.put(b"a", &with_balance(&[0; 16], 10)).unwrap();
        store.put(b"b", &with_balance(&[0; 16], 0)).unwrap();
        store.transfer(b"a", b"b", 4).unwrap();
        assert_eq!(balance(store.get(b"a").unwrap().unwrap().as_ref()), Some(6));
        assert_eq!(balance(store.get(b"b").unwrap().unwrap().as_ref()), Some(4));
        assert!(store.transfer(b"a", b"nobody", 1).is_err());
    }

    pub(crate) fn points_hold_what_was_put<S: Points>() {
        let (store, _folder) = opened::<S>();
        assert!(store.get(b"a").unwrap().is_none());
        store.put(b"a", b"1").unwrap();
        store.put(b"a", b"2").unwrap();
        assert_eq!(store.get(b"a").unwrap().unwrap().as_ref(), b"2");
        assert!(store.delete(b"a").unwrap());
        assert!(!store.delete(b"a").unwrap());

        let entry = |byte| Entry { key: [byte; KEY_LEN], value: vec![byte; 3] };
        store.load(&[entry(1), entry(2)]).unwrap();
        store.put_batch(&[Entry { value: vec![9], ..entry(2) }, entry(3)]).unwrap();
        assert_eq!(store.get(&[1; KEY_LEN]).unwrap().unwrap().as_ref(), [1, 1, 1]);
        assert_eq!(store.get(&[2; KEY_LEN]).unwrap().unwrap().as_ref(), [9]);
        assert_eq!(store.get(&[3; KEY_LEN]).unwrap().unwrap().as_ref(), [3, 3, 3]);
    }

    pub(crate) fn sequence_has_no_gap<S: Appends>() {
        let (store, _folder) = opened::<S>();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..250).for_each(|_| assert!(store.append(b"x").is_ok())));
            }
        });
        let numbers = store.numbers().unwrap();
        assert_eq!(numbers.len(), 1_000);
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }

    pub(crate) fn task_rows_mean_what_they_say<S: TaskRows>() {
        let (store, _folder) = opened::<S>();
        assert!(store.get_task("task-0").is_err());
        for number in 0..9 {
            store.save_task(task(task_id(number))).unwrap();
        }
        assert_eq!(store.get_task("task-4").unwrap().id(), "task-4");
        assert_eq!(store.get_task("task-4").unwrap().payload(), b"payload-task-4");

        assert_eq!(store.change_status("task-0", TaskStatus::Completed).unwrap(), Transition::Refused);
        assert_eq!(store.list_pending().unwrap().len(), 9);
        assert_eq!(store.change_status("task-0", TaskStatus::Processing).unwrap(), Transition::Made);
        assert_eq!(store.change_status("task-0", TaskStatus::Completed).unwrap(), Transition::Made);
        assert!(store.change_status("nobody", TaskStatus::Failed).is_err());
        store.delete_task("task-1").unwrap();
        assert!(store.delete_task("task-1").is_err());
        let mut pending: Vec<String> =
            store.list_pending().unwrap().iter().map(|task| task.id().to_owned()).collect();
        pending.sort();
        assert_eq!(pending, (2..9).map(task_id).collect::<Vec<_>>());

        assert!(store.last_block(1).is_err());
        store.set_last_block(1, 7).unwrap();
        assert_eq!(store.last_block(1).unwrap(), 7);
        assert!(store.last_saved_block("0xavs", 1).is_err());
        store.save_block("0xavs", block(1, 41)).unwrap();
        store.save_block("0xavs", block(1, 42)).unwrap();
        store.save_block("0xavs", block(11, 99)).unwrap();
        assert_eq!(store.last_saved_block("0xavs", 1).unwrap(), 42);

        store.save_performer("p", performer("p".to_owned())).unwrap();
        store.save_performer("p", performer_with_environment("p".to_owned())).unwrap();
        let listed = store.list_performers().unwrap();
        assert_eq!((listed.len(), listed[0].id(), listed[0].status()), (1, "p", "running"));
        let mut names = Vec::new();
        listed[0].environment(|name, _| names.push(name.to_owned()));
        assert_eq!(names, ["LOG_LEVEL", "CHAIN_RPC"]);
    }
}
