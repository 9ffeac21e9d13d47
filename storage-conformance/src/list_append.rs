//! List-append histories on a database: threads that meet on few lists, and a checker that looks for a
//! circle.
//!
//! What is planned follows from a seed; who meets whom does not, so a history that fails is saved as it went,
//! and the file is checked again without the database.

mod lists;

use std::fmt;
use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;
use storage_core::{Database, Durability, Engine, Error, Kind, Options, Result, TransactOptions};

use crate::cycles::{Anomaly, check};
use crate::history::{Attempt, History, Operation, Outcome, Random, Workload};
use crate::subject::Subject;

pub use lists::Form;
use lists::Lists;

/// How a history is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// What is planned, and how it is read.
    pub seed: u64,
    /// How many clients there are, each in a thread.
    pub clients: u64,
    /// How many transactions each runs.
    pub transactions: u64,
    /// How many lists are in use at a time.
    pub lists: u64,
    /// The most operations of a transaction.
    pub operations_max: u64,
    /// How the lists are kept.
    pub form: Form,
}

impl Load {
    /// The load of a seed: two to five clients on two to four lists, in one of the forms.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Load {
            seed,
            clients: 2 + random.below(4),
            transactions: 40 + random.below(80),
            lists: 2 + random.below(3),
            operations_max: 5,
            form: Form::ALL[random.place(Form::ALL.len())],
        }
    }

    /// The same with the lists kept in another form.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }
}

/// Makes `count` histories, each on a fresh subject, and stops at the first that is not strictly
/// serializable. That one is saved in the directory `failures`, which is made if it is not there.
pub fn run_histories<S: Subject>(
    make: impl Fn() -> S,
    count: u64,
    seed: u64,
    failures: &Path,
) -> Result<(), Box<Failure>> {
    for number in 0..count {
        let load = Load::of_seed(seed.wrapping_add(number));
        let failed = |reason, saved| Box::new(Failure { load, reason, saved });
        let unsaved = || Err(io::Error::other("there is no whole history"));
        let run = || run(&Database::with_options(make().open()?, Options::new().sweep_by_hand())?, &load);
        let history = run().map_err(|error| failed(Reason::Error(error), unsaved()))?;
        let Err(anomalies) = check(&history) else { continue };
        let path = failures.join(format!("list-append-{}.json", load.seed));
        let saved = fs::create_dir_all(failures).and_then(|()| history.save(&path)).map(|()| path);
        return Err(failed(Reason::Anomalies(anomalies), saved));
    }
    Ok(())
}

/// Checks a history that was saved.
///
/// `Err` if the file holds none; inside, what is wrong with it.
pub fn recheck(path: &Path) -> io::Result<Result<(), Vec<Anomaly>>> {
    Ok(check(&History::load(path)?))
}

/// Makes one history on an empty database. It ends with a read of every list.
///
/// An error is one that no transaction may end with: a conflict, a deadline or a full medium is part of the
/// history.
pub fn run<E: Engine>(database: &Database<E>, load: &Load) -> Result<History> {
    let shared = Shared {
        lists: Lists::new(database, load.form)?,
        workload: Mutex::new(Workload::new(load.seed, load.lists, load.operations_max)),
        stamps: AtomicU64::new(0),
        clients: load.clients,
    };
    let mut attempts = Vec::new();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                let client = Client {
                    shared: &shared,
                    number,
                    random: Random::new(load.seed ^ (number + 1)),
                    attempts: Vec::new(),
                };
                scope.spawn(move || client.run(load.transactions))
            })
            .collect();
        for client in clients {
            attempts.extend(client.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok::<_, Error>(())
    })?;
    let closing = shared.workload.lock().closing();
    let mut last = Client {
        shared: &shared,
        number: load.clients,
        random: Random::new(load.seed),
        attempts: Vec::new(),
    };
    last.transact(Some(closing))?;
    attempts.append(&mut last.attempts);
    Ok(History { attempts })
}

/// A history that is not as it must be.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// How it was made.
    pub load: Load,
    /// What is wrong.
    pub reason: Reason,
    /// Where it was saved, or why it was not.
    pub saved: io::Result<PathBuf>,
}

/// What is wrong with a history.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It is not strictly serializable.
    Anomalies(Vec<Anomaly>),
    /// It ended with an error.
    Error(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Error(error) => return write!(f, "{:?} ended with {error:?}", self.load),
            Reason::Anomalies(anomalies) => {
                writeln!(f, "{:?} is not strictly serializable", self.load)?;
                anomalies.iter().try_for_each(|anomaly| writeln!(f, "{anomaly}"))?;
            }
        }
        match &self.saved {
            Ok(path) => write!(f, "saved to {}", path.display()),
            Err(error) => write!(f, "it could not be saved: {error}"),
        }
    }
}

/// What the clients of a history share.
struct Shared<'d, E: Engine> {
    lists: Lists<'d, E>,
    workload: Mutex<Workload>,
    stamps: AtomicU64,
    clients: u64,
}

impl<E: Engine> Shared<'_, E> {
    fn stamp(&self) -> u64 {
        self.stamps.fetch_add(1, Ordering::SeqCst)
    }
}

/// One thread that runs transactions.
struct Client<'s, 'd, E: Engine> {
    shared: &'s Shared<'d, E>,
    number: u64,
    random: Random,
    attempts: Vec<Attempt>,
}

impl<E: Engine> Client<'_, '_, E> {
    fn run(mut self, transactions: u64) -> Result<Vec<Attempt>> {
        for _ in 0..transactions {
            let plan = self.shared.workload.lock().plan();
            let only_reads = plan.iter().all(|operation| matches!(operation, Operation::Read { .. }));
            match plan.as_slice() {
                [Operation::Read { key, .. }] if self.random.one_in(2) => self.get(*key)?,
                _ if only_reads && self.random.one_in(2) => self.look(plan)?,
                _ => self.transact(Some(plan))?,
            }
        }
        Ok(self.attempts)
    }

    /// Reads one list past any snapshot, where its form allows that.
    fn get(&mut self, key: u64) -> Result<()> {
        let began = self.shared.stamp();
        match self.shared.lists.get(key)? {
            Some(observed) => {
                self.ended(0, began, vec![Operation::Read { key, observed }], Outcome::Committed);
                Ok(())
            }
            None => self.look(vec![Operation::Read { key, observed: Vec::new() }]),
        }
    }

    /// Reads lists from a snapshot.
    fn look(&mut self, plan: Vec<Operation>) -> Result<()> {
        let began = self.shared.stamp();
        let mut operations = Vec::new();
        let snapshot = self.shared.lists.snapshot()?;
        for operation in plan {
            if let Operation::Read { key, .. } = operation {
                operations.push(Operation::Read { key, observed: self.shared.lists.read(&snapshot, key)? });
            }
            thread::yield_now();
        }
        self.ended(0, began, operations, Outcome::Committed);
        Ok(())
    }

    /// Runs a transaction. Every run of its body is an attempt, and plans anew.
    fn transact(&mut self, mut plan: Option<Vec<Operation>>) -> Result<()> {
        let shared = self.shared;
        let durability = if self.random.one_in(2) { Durability::Sync } else { Durability::Deferred };
        let gives_up = self.random.one_in(12);
        let mut began = shared.stamp();
        let mut runs = 0;
        let mut lost: Option<(u64, Vec<Operation>)> = None;
        let outcome = shared.lists.database().transact_with(TransactOptions::from(durability), |txn| {
            if let Some((began, operations)) = lost.take() {
                self.ended(runs, began, operations, Outcome::Aborted);
                runs += 1;
            }
            let plan = plan.take().unwrap_or_else(|| shared.workload.lock().plan());
            let (_, operations) = lost.insert((began, Vec::new()));
            for operation in plan {
                let done = match operation {
                    Operation::Append { key, value } => {
                        shared.lists.append(txn, key, value)?;
                        Some(Operation::Append { key, value })
                    }
                    // A list that is numbered by the commit does not show this transaction's own appends.
                    Operation::Read { key, .. }
                        if shared.lists.hides_appends() && appends(operations, key) =>
                    {
                        None
                    }
                    Operation::Read { key, .. } => {
                        Some(Operation::Read { key, observed: shared.lists.read(txn, key)? })
                    }
                };
                operations.extend(done);
                if self.random.one_in(3) {
                    thread::yield_now();
                }
            }
            // The next run, if there is one, begins after this.
            began = shared.stamp();
            if gives_up { Err(Error::new(GIVEN_UP, "the client gives up")) } else { Ok(()) }
        });
        let outcome = match outcome {
            Ok(_) => Outcome::Committed,
            Err(error) => match error.kind() {
                Kind::Conflict | Kind::Busy | Kind::Full | GIVEN_UP => Outcome::Aborted,
                Kind::CommitUnknown => Outcome::Unknown,
                _ => return Err(error),
            },
        };
        if let Some((began, operations)) = lost {
            self.ended(runs, began, operations, outcome);
        }
        Ok(())
    }

    /// Notes an attempt. Those of a body that runs again overlap by their stamps, so they count as other
    /// clients'.
    fn ended(&mut self, run: u64, began: u64, operations: Vec<Operation>, outcome: Outcome) {
        let process = self.number + run * (self.shared.clients + 1);
        let ended = self.shared.stamp();
        self.attempts.push(Attempt { process, began, ended, operations, outcome });
    }
}

/// With what error a body ends that wants nothing of it to count.
const GIVEN_UP: Kind = Kind::AlreadyExists;

fn appends(operations: &[Operation], list: u64) -> bool {
    operations.iter().any(|operation| matches!(operation, Operation::Append { key, .. } if *key == list))
}
