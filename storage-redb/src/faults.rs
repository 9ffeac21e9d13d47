//! Faults below the engine: every call to the disk fails once or for ever, and the power is cut at every call that
//! writes, and at every call of what opens the file after that.

mod database;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;
use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Batch, Change, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace, Kind, Payload, Record,
    Result, Stamp, Write,
};

use crate::engine::RedbEngine;
use crate::options::{QuickRepair, RedbOptions, Settings};
use crate::{disk, error};

/// A disk in memory that knows what of its bytes had been synced.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Mutation>,
    syncs: Syncs,
    plan: Plan,
    calls: u64,
    mutations: u64,
    failed: u64,
}

#[derive(Clone, Debug)]
enum Mutation {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// Whether syncing does what it says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Syncs {
    Honest,
    DoNothing,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    Nothing,
    /// This call fails with this error, and perhaps all later ones.
    Fail(u64, Lasts, i32),
    /// The power is cut while this call that writes is under way.
    Crash(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lasts {
    Once,
    ForEver,
}

/// What becomes of that which was written and not synced before the power was cut.
#[derive(Clone, Copy, Debug)]
enum Unsynced {
    Lost,
    Kept,
    /// The first writes are kept, and the last of those up to a sector.
    Torn,
    /// Some are kept, in whatever order the disk took them.
    Some,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const SECTOR: usize = 512;

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Mutation::Write(offset, data) => {
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
            Mutation::SetLen(len) => bytes.resize(*len, 0),
        }
    }
}

impl Disk {
    fn holding(bytes: Vec<u8>, plan: Plan) -> Self {
        Disk::with(bytes, plan, Syncs::Honest)
    }

    fn with(bytes: Vec<u8>, plan: Plan, syncs: Syncs) -> Self {
        let synced = bytes.clone();
        let (unsynced, calls, mutations, failed) = (Vec::new(), 0, 0, 0);
        Disk(Arc::new(Mutex::new(State { bytes, synced, unsynced, syncs, plan, calls, mutations, failed })))
    }

    fn mutations(&self) -> u64 {
        self.0.lock().mutations
    }

    fn failed(&self) -> u64 {
        self.0.lock().failed
    }

    fn repair(&self) {
        self.0.lock().plan = Plan::Nothing;
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().bytes.clone()
    }

    /// What a cut of the power leaves.
    fn left(&self, unsynced: Unsynced, random: &mut Random) -> Vec<u8> {
        let state = self.0.lock();
        let mut bytes = state.synced.clone();
        match unsynced {
            Unsynced::Lost => {}
            Unsynced::Kept => state.unsynced.iter().for_each(|mutation| mutation.apply(&mut bytes)),
            Unsynced::Torn => {
                let kept = random.below(state.unsynced.len() + 1);
                state.unsynced[..kept].iter().for_each(|mutation| mutation.apply(&mut bytes));
                if let Some(Mutation::Write(offset, data)) = state.unsynced.get(kept) {
                    let sectors = random.below(data.len() / SECTOR + 1);
                    Mutation::Write(*offset, data[..sectors * SECTOR].to_vec()).apply(&mut bytes);
                }
            }
            Unsynced::Some => {
                let kept: Vec<_> = state.unsynced.iter().filter(|_| random.below(2) == 0).collect();
                kept.iter().for_each(|mutation| mutation.apply(&mut bytes));
            }
        }
        bytes
    }
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        let error = match self.plan {
            Plan::Fail(at, Lasts::Once, error) if self.calls == at => error,
            Plan::Fail(at, Lasts::ForEver, error) if self.calls >= at => error,
            Plan::Crash(at) if self.mutations >= at => EIO,
            _ => return Ok(()),
        };
        self.failed += 1;
        Err(io::Error::from_raw_os_error(error))
    }

    /// A call that writes is under way before the power is cut, so that some of it may be on the disk.
    fn mutate(&mut self, mutation: Mutation) -> io::Result<()> {
        let before = self.mutations;
        let crashes = matches!(self.plan, Plan::Crash(at) if before < at && before + 1 >= at);
        if crashes {
            self.unsynced.push(mutation.clone());
            self.mutations += 1;
        }
        self.call()?;
        self.mutations += 1;
        mutation.apply(&mut self.bytes);
        self.unsynced.push(mutation);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.0.lock();
        state.call().map(|()| state.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.lock();
        state.call()?;
        let offset = offset as usize;
        let found = state.bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().mutate(Mutation::SetLen(len as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        if matches!(state.plan, Plan::Crash(at) if state.mutations + 1 >= at) {
            state.mutations += 1;
        }
        state.call()?;
        state.mutations += 1;
        if state.syncs == Syncs::Honest {
            state.synced = state.bytes.clone();
            state.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.lock().mutate(Mutation::Write(offset as usize, data.to_vec()))
    }
}

/// Small numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Records for a message: each key with what its value begins with.
fn brief(records: &Records) -> String {
    let beginning = |value: &[u8]| value[..value.len().min(4)].escape_ascii().to_string();
    let entry = |(key, value): (&Vec<u8>, &Vec<u8>)| format!("{}={}", key.escape_ascii(), beginning(value));
    records.iter().map(entry).collect::<Vec<_>>().join(" ")
}

/// What a workload was told.
struct Told {
    /// What was there after each commit that returned `Ok`, oldest first, and before the first.
    states: Vec<Records>,
    /// The first of them that a crash may leave.
    durable: usize,
    /// What would be there if the commit took place of which nobody knows.
    unknown: Option<Records>,
    errors: Vec<Error>,
}

impl Told {
    fn nothing() -> Self {
        Told { states: vec![Records::new()], durable: 0, unknown: None, errors: Vec::new() }
    }

    fn newest(&self) -> &Records {
        self.states.last().expect("there is one before the first commit")
    }

    /// The first error tells what the disk said, and every later one that the store must be opened again.
    fn check_kinds(&self, error: i32) {
        let disk = if error == ENOSPC { Kind::Full } else { Kind::Unavailable };
        let mut kinds = self.errors.iter().map(Error::kind);
        let first = kinds.next();
        assert!(first.is_none_or(|kind| kind == disk || kind == Kind::CommitUnknown), "{:?}", self.errors);
        assert!(kinds.all(|kind| kind == Kind::Unavailable), "{:?}", self.errors);
    }

    /// Whether this may be there after a crash; what may be, where it may not.
    fn judge(&self, found: &Records) -> std::result::Result<(), String> {
        if self.states[self.durable..].contains(found) || self.unknown.as_ref() == Some(found) {
            return Ok(());
        }
        let states: Vec<_> = self.states[self.durable..].iter().chain(&self.unknown).map(brief).collect();
        Err(format!("found {}\nafter {states:#?}, errors {:?}", brief(found), self.errors))
    }
}

/// One step of the workload.
enum Step {
    Put(usize, Durability),
    DeleteRange(Durability),
    Sync,
    Compact,
}

const STEPS: [Step; 11] = [
    Step::Put(1, Durability::Sync),
    Step::Put(3, Durability::Deferred),
    Step::Put(10, Durability::Sync),
    Step::Put(1, Durability::Deferred),
    Step::DeleteRange(Durability::Deferred),
    Step::Sync,
    Step::Put(3, Durability::Sync),
    Step::Put(10, Durability::Deferred),
    Step::Compact,
    Step::Put(1, Durability::Sync),
    Step::Put(3, Durability::Deferred),
];

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn open(disk: &Disk, settings: &Settings) -> Result<RedbEngine> {
    error::guarded("open", || RedbEngine::assemble(disk::open_on(disk.clone(), settings)?, settings.clone()))
}

/// Runs the steps on the disk, as core would, and notes what it is told.
fn run(disk: &Disk, settings: &Settings) -> Told {
    let mut told = Told::nothing();
    let Some(engine) = told.note(open(disk, settings)) else { return told };
    for (number, step) in STEPS.iter().enumerate() {
        let goes_on = match step {
            Step::Put(count, durability) => {
                let batch = puts(number, *count);
                told.commits(engine.commit(Commit::new(&batch, *durability)), &batch, *durability)
            }
            Step::DeleteRange(durability) => {
                let batch = deletes();
                told.commits(engine.commit(Commit::new(&batch, *durability)), &batch, *durability)
            }
            Step::Sync => told.makes_durable(engine.sync()),
            Step::Compact => {
                let compact = |database: &mut redb::Database| {
                    database.compact().map(drop).map_err(|cause| error::failed("compact", cause))
                };
                told.makes_durable(engine.newest().alone(compact));
                true
            }
        };
        if !goes_on {
            break;
        }
        if let Some(found) = told.note(records(&engine)) {
            assert_eq!(brief(&found), brief(told.newest()), "it answers, and shows something else");
        }
    }
    // Also where nothing else is asked for any more.
    told.makes_durable(engine.close());
    told
}

fn deletes() -> Batch {
    let mut batch = Batch::default();
    batch.range_deletes.push((notes(), KeyRange::of("05".."15").unwrap()));
    batch
}

/// Records that no other step puts.
fn puts(number: usize, count: usize) -> Batch {
    let mut batch = Batch::default();
    for at in 0..count {
        let key = format!("{:02}", (number * 7 + at * 3) % 20);
        let value = format!("{number} {at} ").repeat(40);
        let record = Record { stamp: Stamp::unverified(), value: Payload::new(value.as_bytes()) };
        let change = Change::Put(record);
        batch.writes.push(Write { keyspace: notes(), key: Key::from(key.as_bytes()), change });
    }
    batch.writes.sort_by(|a, b| a.key.cmp(&b.key));
    batch
}

impl Told {
    /// An error says what a caller can act on.
    fn note<T>(&mut self, outcome: Result<T>) -> Option<T> {
        let error = match outcome {
            Ok(done) => return Some(done),
            Err(error) => error,
        };
        let kinds = [Kind::Unavailable, Kind::Full, Kind::CommitUnknown, Kind::Corrupt];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        self.errors.push(error);
        None
    }

    /// Whether core would go on: behind an outcome that is not known it asks for nothing more.
    fn commits(&mut self, outcome: Result<()>, batch: &Batch, durability: Durability) -> bool {
        let mut records = self.newest().clone();
        batch.range_deletes.iter().for_each(|(_, range)| records.retain(|key, _| !range.contains(key)));
        for write in &batch.writes {
            if let Change::Put(record) = &write.change {
                records.insert(write.key.to_vec(), record.value.to_vec());
            }
        }
        if self.note(outcome).is_some() {
            self.states.push(records);
            return durability == Durability::Deferred || self.makes_durable(Ok(()));
        }
        let unknown = self.errors.last().is_some_and(|error| error.kind() == Kind::CommitUnknown);
        self.unknown = unknown.then_some(records);
        !unknown
    }

    /// The same: a sync that failed ends it too.
    fn makes_durable(&mut self, outcome: Result<()>) -> bool {
        let done = self.note(outcome).is_some();
        if done {
            self.durable = self.states.len() - 1;
        }
        done
    }
}

fn records(engine: &RedbEngine) -> Result<Records> {
    let snapshot = engine.snapshot(Intent::Read)?;
    let mut cursor = snapshot.range(notes(), &KeyRange::all(), Direction::Forward)?;
    let mut records = Records::new();
    while cursor.advance()? {
        let key = cursor.key().to_vec();
        records.insert(key, cursor.value()?.as_ref().to_vec());
    }
    Ok(records)
}

/// A store without records, and how to open it.
fn empty(quick_repair: QuickRepair) -> (Vec<u8>, Settings) {
    let mut settings = RedbOptions::at("in memory").into_settings();
    settings.quick_repair = quick_repair;
    let disk = Disk::holding(Vec::new(), Plan::Nothing);
    open(&disk, &settings).unwrap().close().unwrap();
    (disk.bytes(), settings)
}

const QUICK_REPAIRS: [QuickRepair; 2] = [QuickRepair::AtSync, QuickRepair::EveryCommit];

#[test]
fn nothing_goes_wrong_where_nothing_fails() {
    for quick_repair in QUICK_REPAIRS {
        let (image, settings) = empty(quick_repair);
        let disk = Disk::holding(image, Plan::Nothing);
        let told = run(&disk, &settings);
        assert_eq!((told.states.len(), told.durable, told.unknown.is_some()), (10, 9, false));
        let found = records(&open(&Disk::holding(disk.bytes(), Plan::Nothing), &settings).unwrap()).unwrap();
        assert_eq!(&found, told.newest());
    }
}

#[test]
fn call_that_fails_loses_nothing_that_was_acknowledged() {
    let mut states = 0;
    for quick_repair in QUICK_REPAIRS {
        let (image, settings) = empty(quick_repair);
        for (lasts, error) in
            [(Lasts::Once, EIO), (Lasts::Once, ENOSPC), (Lasts::ForEver, EIO), (Lasts::ForEver, ENOSPC)]
        {
            for at in 1.. {
                let disk = Disk::holding(image.clone(), Plan::Fail(at, lasts, error));
                let told = run(&disk, &settings);
                if disk.failed() == 0 {
                    break;
                }
                told.check_kinds(error);
                disk.repair();
                let what = format!("{quick_repair:?}, call {at}, {lasts:?}, error {error}");
                // What is in the file, and what a crash before the next sync leaves of it.
                for bytes in [disk.bytes(), disk.left(Unsynced::Lost, &mut Random(at))] {
                    let engine = open(&Disk::holding(bytes, Plan::Nothing), &settings);
                    let found = engine.and_then(|engine| records(&engine));
                    let found =
                        found.unwrap_or_else(|error| panic!("{what}: it does not open again: {error:?}"));
                    told.judge(&found).unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
                    states += 1;
                }
            }
        }
    }
    println!("{states} states");
    assert!(states > 1_000);
}

/// Cuts the power at every call that writes; how many states were judged, or the first that is wrong.
fn cut_the_power(syncs: Syncs, quick_repair: QuickRepair) -> std::result::Result<usize, String> {
    let (image, settings) = empty(quick_repair);
    let mut states = 0;
    for at in 1.. {
        let disk = Disk::with(image.clone(), Plan::Crash(at), syncs);
        let told = run(&disk, &settings);
        if disk.failed() == 0 {
            return Ok(states);
        }
        for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn, Unsynced::Some] {
            let bytes = disk.left(unsynced, &mut Random(at * 31 + unsynced as u64));
            let what = format!("{quick_repair:?}, crash at {at}, unsynced {unsynced:?}");
            states += recover(&bytes, &settings, &told, unsynced, &what)?;
        }
    }
    Ok(states)
}

/// Opens what a crash left, and crashes at every call of that.
fn recover(
    bytes: &[u8],
    settings: &Settings,
    told: &Told,
    unsynced: Unsynced,
    what: &str,
) -> std::result::Result<usize, String> {
    let judged = |bytes: Vec<u8>, when: &str| {
        let disk = Disk::holding(bytes, Plan::Nothing);
        let found = open(&disk, settings).and_then(|engine| records(&engine));
        match found {
            Ok(found) => match told.judge(&found) {
                Ok(()) => Ok(disk.mutations()),
                Err(wrong) => Err(format!("{what}, {when}: {wrong}")),
            },
            Err(error) => Err(format!("{what}, {when}: it does not open: {error:?}")),
        }
    };
    let mutations = judged(bytes.to_vec(), "opened")?;
    for at in 1..=mutations {
        let disk = Disk::holding(bytes.to_vec(), Plan::Crash(at));
        drop(open(&disk, settings).map(|engine| records(&engine)));
        judged(disk.left(unsynced, &mut Random(at)), &format!("crash at {at} of opening"))?;
    }
    Ok(1 + mutations as usize)
}

#[test]
fn power_cut_loses_nothing_that_was_synced() {
    let states = cut_the_power(Syncs::Honest, QuickRepair::AtSync).unwrap();
    println!("{states} states");
    assert!(states > 5_000, "{states}");
}

#[test]
fn power_cut_with_quick_repair_loses_nothing_that_was_synced() {
    let states = cut_the_power(Syncs::Honest, QuickRepair::EveryCommit).unwrap();
    println!("{states} states");
    assert!(states > 5_000, "{states}");
}

#[test]
fn disk_whose_sync_does_nothing_is_found_out() {
    for quick_repair in QUICK_REPAIRS {
        cut_the_power(Syncs::DoNothing, quick_repair).expect_err("what was not synced is lost");
    }
}
