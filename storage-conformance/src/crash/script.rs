//! What is done before a crash, and which states may be there after it.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Batch, Change, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace, Kind, Payload, Record,
    Result, Stamp, Survives, Write,
};

use super::disk::{Image, SimDisk};

/// A store that can be opened on a simulated disk.
pub trait CrashSubject: Sync {
    /// What is opened.
    type Engine: Engine;

    /// Opens what the disk holds, or creates it.
    fn open(&self, disk: &SimDisk) -> Result<Self::Engine>;

    /// Does what the engine does by itself after a while: everything committed becomes part of its own files.
    fn checkpoint(&self, engine: &Self::Engine) -> Result<()>;
}

/// A step of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A commit of so many records, with values of so many bytes.
    Commit {
        /// How many records.
        records: u64,
        /// How long their values are.
        value_len: usize,
        /// How durable.
        durability: Durability,
    },
    /// A sync.
    Sync,
    /// A checkpoint.
    Checkpoint,
    /// The process ends and another opens the store: on a disk that has what was written, synced or not. Only for
    /// stores whose deferred commits survive the process.
    Restart,
    /// The store is closed. It is the last step.
    Close,
}

/// When a commit counts as told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledged {
    /// Once it returned.
    #[default]
    Afterwards,
    /// Before it began: a lie, which must be found.
    Before,
}

/// What is in the store, by key.
pub type Content = BTreeMap<Vec<u8>, Vec<u8>>;

/// What was found not to be as it must.
#[derive(Debug)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A state that the store had, and the calls to the disk between which it was reached.
#[derive(Clone, Debug)]
pub struct Reached {
    /// What is in it.
    pub content: Content,
    /// How many calls had been made before the commit began.
    begun: usize,
    /// How many had been made when it was told that a power cut does not undo it.
    durable: Option<usize>,
    /// How many had been made when it was told that the end of the process does not.
    survives: Option<usize>,
}

impl Reached {
    /// What was found when the store was opened.
    fn found(content: Content) -> Self {
        Reached { content, begun: 0, durable: Some(0), survives: Some(0) }
    }
}

/// A script that ran.
#[derive(Debug)]
pub struct Run {
    /// The disk that it ran on.
    pub disk: SimDisk,
    /// The states that the store had, the one that was found first.
    pub reached: Vec<Reached>,
    /// What may be there besides the last state: the commit whose end is not known.
    pub unknown: Option<Content>,
    /// Errors of the steps, and of the reads behind them.
    pub errors: Vec<Error>,
    /// What a deferred commit outlives, as the engine says; it says nothing where it did not open.
    deferred_survives: Survives,
}

impl Run {
    /// The states that may be found after a power cut behind so many calls.
    pub fn allowed(&self, calls: usize) -> Vec<Content> {
        self.states_from_last(calls, |state| state.durable)
    }

    /// The states that may be found after the end of the process behind so many calls.
    pub fn allowed_after_kill(&self, calls: usize) -> Vec<Content> {
        self.states_from_last(calls, |state| state.survives.or(state.durable))
    }

    /// The states from the last on that was told to stay, up to the last that was begun.
    fn states_from_last(&self, calls: usize, told: impl Fn(&Reached) -> Option<usize>) -> Vec<Content> {
        let stays = |state: &Reached| told(state).is_some_and(|told| told <= calls);
        let least = self.reached.iter().rposition(stays).unwrap_or(0);
        let begun = self.reached.iter().take_while(|state| state.begun <= calls);
        let most = begun.count().max(least + 1);
        let known = self.reached[least..most].iter().map(|state| state.content.clone());
        known.chain(self.unknown.clone()).collect()
    }

    /// The states that may be found after the end of the process: all that was told is there, if deferred commits
    /// outlive the process, and all that is durable otherwise.
    pub fn told(&self) -> Vec<Content> {
        if self.deferred_survives < Survives::ProcessCrash {
            return self.allowed(self.disk.call_count());
        }
        let last = self.reached.last().expect("there is one at least").content.clone();
        [last].into_iter().chain(self.unknown.clone()).collect()
    }
}

/// Opens a store, compares what is in it with `allowed`, and runs a script on it.
///
/// `tag` goes into every value, so that no two runs write the same. An error of opening is `Broken` unless the disk
/// was made to fail; so are a panic, and a commit that took place although its error says that it did not.
pub fn run<S: CrashSubject>(
    subject: &S,
    disk: &SimDisk,
    allowed: &[Content],
    script: &[Step],
    tag: u64,
    acknowledged: Acknowledged,
) -> Result<Run, Broken> {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let runner = Runner {
            disk: disk.clone(),
            tag,
            acknowledged,
            reached: Vec::new(),
            unknown: None,
            deferred_survives: Survives::ProcessCrash,
        };
        runner.run(subject, allowed, script)
    }));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown cause");
        Err(Broken(format!("a panic: {text}")))
    })
}

/// An empty store.
pub fn empty() -> (Image, Vec<Content>) {
    (Image::new(), vec![Content::new()])
}

fn keyspace() -> Keyspace {
    Keyspace::new("crash").expect("the name is valid")
}

struct Runner {
    disk: SimDisk,
    tag: u64,
    acknowledged: Acknowledged,
    reached: Vec<Reached>,
    unknown: Option<Content>,
    deferred_survives: Survives,
}

impl Runner {
    fn run<S: CrashSubject>(
        mut self,
        subject: &S,
        allowed: &[Content],
        script: &[Step],
    ) -> Result<Run, Broken> {
        let mut engine = match subject.open(&self.disk) {
            Ok(engine) => engine,
            Err(error) if error.kind() == Kind::CommitUnknown => {
                return Err(Broken(format!("opening commits nothing, and says {error:?}")));
            }
            Err(error) if self.disk.has_failed() => {
                // What there is was not told to anyone, so it may be any of them.
                let first = allowed.first().cloned().unwrap_or_default();
                self.reached.push(Reached::found(first));
                return Ok(self.end(vec![error]));
            }
            Err(error) => return Err(Broken(format!("it does not open: {error:?}"))),
        };
        self.deferred_survives = engine.capabilities().deferred_survives;
        let found = content(&engine).map_err(|error| Broken(format!("it cannot be read: {error:?}")))?;
        if !allowed.contains(&found) {
            return Err(Broken(format!(
                "{} is there; allowed is {}",
                shown(&found),
                allowed.iter().map(shown).collect::<Vec<_>>().join(" or ")
            )));
        }
        self.reached.push(Reached::found(found));
        let mut errors = Vec::new();
        for (number, step) in (0..).zip(script) {
            if *step == Step::Restart {
                drop(engine);
                engine = match subject.open(&self.disk) {
                    Ok(engine) => engine,
                    Err(error) if self.disk.has_failed() => {
                        errors.push(error);
                        return Ok(self.end(errors));
                    }
                    Err(error) => return Err(Broken(format!("it does not open again: {error:?}"))),
                };
                self.note_found(&engine)?;
                continue;
            }
            if let Err(error) = self.step(subject, &engine, number, *step)? {
                errors.push(error);
            }
            if *step != Step::Close {
                errors.extend(self.read(&engine)?.err());
            }
        }
        drop(engine);
        Ok(self.end(errors))
    }

    fn end(self, errors: Vec<Error>) -> Run {
        let Runner { disk, reached, unknown, deferred_survives, .. } = self;
        Run { disk, reached, unknown, errors, deferred_survives }
    }

    fn step<S: CrashSubject>(
        &mut self,
        subject: &S,
        engine: &S::Engine,
        number: u64,
        step: Step,
    ) -> Result<Result<()>, Broken> {
        let done = match step {
            Step::Sync => engine.sync(),
            Step::Checkpoint => subject.checkpoint(engine),
            Step::Close => engine.close(),
            Step::Restart => Ok(()),
            Step::Commit { records, value_len, durability } => {
                return self.commit(engine, number, records, value_len, durability);
            }
        };
        if done.is_ok() {
            self.note_durable(self.disk.call_count());
        }
        Ok(done)
    }

    /// Compares what another process found with what this one was told. What it found is durable: it was recovered.
    fn note_found<E: Engine>(&mut self, engine: &E) -> Result<(), Broken> {
        let found = content(engine).map_err(|error| Broken(format!("it cannot be read again: {error:?}")))?;
        let last = &self.reached.last().expect("the state that was found").content;
        if found != *last {
            if self.unknown.as_ref() != Some(&found) {
                let (found, last) = (shown(&found), shown(last));
                return Err(Broken(format!("another process finds {found} where there was {last}")));
            }
            let calls = self.disk.call_count();
            let survives = Some(calls);
            self.reached.push(Reached { content: found, begun: calls, durable: None, survives });
        }
        self.unknown = None;
        self.note_durable(self.disk.call_count());
        Ok(())
    }

    /// What can be read is what was told.
    fn read<E: Engine>(&self, engine: &E) -> Result<Result<()>, Broken> {
        let newest = &self.reached.last().expect("the state that was found").content;
        match content(engine) {
            Ok(found) if found == *newest || self.unknown.is_some() => Ok(Ok(())),
            Ok(found) => Err(Broken(format!("it shows {} where {} was told", shown(&found), shown(newest)))),
            Err(error) => Ok(Err(error)),
        }
    }

    fn commit<E: Engine>(
        &mut self,
        engine: &E,
        number: u64,
        records: u64,
        value_len: usize,
        durability: Durability,
    ) -> Result<Result<()>, Broken> {
        let batch = batch(self.tag, number, records, value_len);
        let mut content = self.reached.last().expect("the state that was found").content.clone();
        apply(&mut content, &batch);
        let begun = self.disk.call_count();
        let done = engine.commit(Commit::new(&batch, durability));
        let told = match self.acknowledged {
            Acknowledged::Afterwards => self.disk.call_count(),
            Acknowledged::Before => begun,
        };
        match &done {
            Ok(()) if self.unknown.is_some() => {
                return Err(Broken("a commit took place behind one whose end is not known".into()));
            }
            Ok(()) => {
                let survives = engine.capabilities().deferred_survives >= Survives::ProcessCrash;
                self.reached.push(Reached {
                    content,
                    begun,
                    durable: None,
                    survives: survives.then_some(told),
                });
                if durability == Durability::Sync {
                    self.note_durable(told);
                }
            }
            Err(error) if error.kind() == Kind::CommitUnknown => self.unknown = Some(content),
            Err(_) => {}
        }
        Ok(done)
    }

    /// The newest state, and so every one before it, is told to be durable.
    fn note_durable(&mut self, calls: usize) {
        let newest = self.reached.last_mut().expect("the state that was found");
        newest.durable = Some(newest.durable.map_or(calls, |before| before.min(calls)));
    }
}

/// A commit that puts records, overwrites some of older ones, deletes one, and now and then a range.
fn batch(tag: u64, number: u64, records: u64, value_len: usize) -> Batch {
    let key = |place: u64| format!("k{:02}", place % 23);
    let mut batch = Batch::default();
    if number % 5 == 4 {
        let range =
            KeyRange::of(key(number)..key(number).clone() + "9").expect("it ends behind its beginning");
        batch.range_deletes.push((keyspace(), range));
    }
    let mut changes = BTreeMap::new();
    changes.insert(key(number * 3 + 1), Change::Delete);
    for part in 0..records {
        let mut value = format!("{tag}.{number}.{part} ").into_bytes();
        value.resize(value.len().max(value_len), b'x');
        changes.insert(key(number * 7 + part), put(&value));
    }
    changes.insert("newest".to_owned(), put(format!("{tag}.{number}").as_bytes()));
    batch.writes = changes
        .into_iter()
        .map(|(key, change)| Write { keyspace: keyspace(), key: Key::from(key.as_bytes()), change })
        .collect();
    batch
}

fn put(value: &[u8]) -> Change {
    Change::Put(Record { stamp: Stamp::unverified(), value: Payload::new(value) })
}

fn apply(content: &mut Content, batch: &Batch) {
    for (_, range) in &batch.range_deletes {
        content.retain(|key, _| !range.contains(key));
    }
    for write in &batch.writes {
        match &write.change {
            Change::Put(record) => drop(content.insert(write.key.to_vec(), record.value.to_vec())),
            Change::Delete => drop(content.remove(write.key.as_slice())),
        }
    }
}

/// What is in the store.
pub fn content<E: Engine>(engine: &E) -> Result<Content> {
    let snapshot = engine.snapshot(Intent::Read)?;
    let mut cursor = snapshot.range(keyspace(), &KeyRange::all(), Direction::Forward)?;
    let mut content = Content::new();
    while cursor.advance()? {
        content.insert(cursor.key().to_vec(), cursor.value()?.as_ref().to_vec());
    }
    Ok(content)
}

/// A state by its newest commit and its size.
fn shown(content: &Content) -> String {
    let newest = content.get(b"newest".as_slice()).map(|value| String::from_utf8_lossy(value).into_owned());
    let sum: u32 = content.iter().fold(0, |sum, (key, value)| {
        let mut hasher = crc32fast::Hasher::new_with_initial(sum);
        hasher.update(key);
        hasher.update(value);
        hasher.finalize()
    });
    format!("[{} records, newest {}, sum {sum:08x}]", content.len(), newest.unwrap_or_else(|| "none".into()))
}
