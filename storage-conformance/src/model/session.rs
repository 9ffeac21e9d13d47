//! The same steps on a database, from its opening to its close.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use storage_core::engine;
use storage_core::key::Template;
use storage_core::limits::Limits;
use storage_core::{
    Attributes, Clock, Codec, Database, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace, Kind,
    ManualClock, Number, Options, Range, Result, Sequence, Snapshot, Timestamp, TransactOptions, Transaction,
    Watch, WatchedChange,
};

use super::answer::{Answer, Event, Found, Refusal, Shown};
use super::oracle::FAILURE;
use super::plan::VALUE_LEN_MAX;
use super::rows::{Cursors, RowTable};
use super::state::KEYSPACES;
use super::step::{
    Action, Beside, Bounds, Bytes, End, Level, Limit, Look, Order, Place, Put, Step, Values, Write,
};

/// A database from its opening to its close.
pub(super) struct Session<E: Engine> {
    /// Dropped before the database: the engine goes with the last of all.
    held: Vec<Snapshot<E>>,
    watches: [Watch; KEYSPACES],
    database: Database<E>,
    rows: RowTable,
    clock: ManualClock,
    keyspaces: [Keyspace; KEYSPACES],
}

/// What a step answered.
pub(super) struct Answered {
    pub(super) answer: Answer,
    /// When the last run of its transaction's body began.
    pub(super) began: Option<u64>,
    /// Whether what the database holds outlives it.
    pub(super) reopens: bool,
}

pub(super) fn keyspaces() -> Result<[Keyspace; KEYSPACES]> {
    Ok([Keyspace::new("model_first")?, Keyspace::new("model_second")?])
}

impl<E: Engine> Session<E> {
    pub(super) fn open(engine: E, clock: &ManualClock) -> Result<Self> {
        let keyspaces = keyspaces()?;
        let limits = Limits::default().with_value_len_max(VALUE_LEN_MAX);
        let options = Options::new().clock(clock.clone()).limits(limits).sweep_by_hand();
        let database = Database::with_options(engine, options)?;
        let [first, second] = keyspaces;
        let watches = [database.watch(first, KeyRange::all())?, database.watch(second, KeyRange::all())?];
        let rows = RowTable::open(&database)?;
        Ok(Session { held: Vec::new(), watches, database, rows, clock: clock.clone(), keyspaces })
    }

    /// Does a step. An error is one that no step may answer with.
    pub(super) fn step(&mut self, step: &Step) -> Result<Answered> {
        let mut began = None;
        let answer = match step {
            Step::Put { put, durability } => done(self.put(put, *durability)),
            Step::Delete(place) => done(self.database.delete(self.keyspaces[place.index()], &place.key.0)),
            Step::DeleteRange(span) => {
                let keyspace = self.keyspaces[span.index()];
                done(key_range(&span.bounds).and_then(|range| self.database.delete_range(keyspace, &range)))
            }
            Step::Look(look) => answered(self.look(look)),
            Step::Transact { body, end, durability } => {
                let answer;
                (answer, began) = self.transact(body, *end, *durability);
                answer
            }
            Step::Hold => {
                self.held.push(self.database.snapshot()?);
                Answer::Done
            }
            Step::LookBack { snapshot, look } => match snapshot.checked_rem(self.held.len()) {
                Some(index) => answered(self.look_in(&self.held[index], look)),
                None => Answer::Nothing,
            },
            Step::Release { snapshot } => match snapshot.checked_rem(self.held.len()) {
                Some(index) => {
                    drop(self.held.remove(index));
                    Answer::Done
                }
                None => Answer::Nothing,
            },
            Step::ClockForward(nanos) => self.set_clock(self.clock.now().as_nanos().saturating_add(*nanos)),
            Step::ClockBack(nanos) => {
                self.set_clock(self.clock.now().as_nanos().saturating_sub(*nanos).max(1))
            }
            Step::Sweep { limit } => {
                let limit = limit.unwrap_or(usize::MAX);
                answered(self.database.sweep(limit).map(|swept| Answer::Swept(swept.records)))
            }
            Step::PutRow { key, group } => done(self.rows.put(&self.database, *key, *group)),
            Step::DeleteRows { first, last } => done(self.rows.delete(&self.database, *first, *last)),
            Step::Page { listing, order, limit } => {
                answered(self.rows.page(&self.database, *listing, *order, *limit))
            }
            Step::Sync => done(self.database.sync()),
            Step::Reopen => {
                self.held.clear();
                self.time()
            }
        };
        Ok(Answered { answer, began, reopens: self.reopens() })
    }

    /// What the watches were told since they were asked last.
    pub(super) fn events(&self) -> Result<[Vec<Event>; KEYSPACES]> {
        let mut events: [Vec<Event>; KEYSPACES] = Default::default();
        for (watch, events) in self.watches.iter().zip(&mut events) {
            let mut version = 0;
            while let Some(event) = watch.try_next()? {
                if event.version < version {
                    return Err(unexpected(format!(
                        "an event of version {} came after {version}",
                        event.version
                    )));
                }
                version = event.version;
                events.push(told(&event.change));
            }
        }
        Ok(events)
    }

    /// Whether what it holds outlives it.
    pub(super) fn reopens(&self) -> bool {
        self.database.capabilities().reopens()
    }

    pub(super) fn time(&self) -> Answer {
        Answer::Time(self.database.now().as_nanos())
    }

    /// Goes on with the listings of an earlier session.
    pub(super) fn go_on(&mut self, cursors: Cursors<String>) {
        self.rows.cursors = cursors;
    }

    /// Closes the database, and tells where its listings stand. From then on every call is `Closed`, and closing again
    /// does nothing.
    pub(super) fn close(self) -> Result<Cursors<String>> {
        self.database.close()?;
        let keyspace = self.keyspaces[0];
        let mut calls = vec![
            self.database.get(keyspace, "a").map(drop),
            self.database.put(keyspace, "a", "after close"),
            self.database.transact(|_| Ok(())).map(drop),
            self.database.snapshot().map(drop),
            self.watches[0].try_next().map(drop),
        ];
        calls.extend(self.held.iter().map(|held| held.get(keyspace, "a").map(drop)));
        for call in calls {
            if call.as_ref().err().map(Error::kind) != Some(Kind::Closed) {
                return Err(unexpected(format!("after close, a call was answered with {call:?}")));
            }
        }
        self.database.close()?;
        Ok(self.rows.cursors)
    }

    /// Time does not go back in an open database, once it was looked at: so it is.
    fn set_clock(&self, nanos: u64) -> Answer {
        self.clock.set(Timestamp::from_nanos(nanos));
        self.time()
    }

    fn put(&self, put: &Put, durability: Level) -> Result<()> {
        let Put { place, value, beside } = put;
        let keyspace = self.keyspaces[place.index()];
        let options = TransactOptions::from(level(durability));
        self.database.put_with(keyspace, &place.key.0, &value.0, attributes(*beside), options)
    }

    /// Reads what is committed now: single records past any snapshot.
    fn look(&self, look: &Look) -> Result<Answer> {
        match look {
            Look::Get(place) => {
                let found = self.database.get(self.keyspaces[place.index()], &place.key.0)?;
                Ok(Answer::Record(found.as_ref().map(shown)))
            }
            Look::Counter(place) => {
                self.database.counter(self.keyspaces[place.index()], &place.key.0).map(Answer::Count)
            }
            Look::GetMany { .. } | Look::Range { .. } => self.look_in(&self.database.snapshot()?, look),
        }
    }

    fn look_in(&self, snapshot: &Snapshot<E>, look: &Look) -> Result<Answer> {
        Ok(match look {
            Look::Get(place) => {
                Answer::Record(snapshot.get(self.keyspaces[place.index()], &place.key.0)?.as_ref().map(shown))
            }
            Look::Counter(place) => {
                Answer::Count(snapshot.counter(self.keyspaces[place.index()], &place.key.0)?)
            }
            Look::GetMany { keyspace, keys } => {
                let keys: Vec<_> = keys.iter().map(|key| &key.0).collect();
                let found = snapshot.get_many(self.keyspace(*keyspace), &keys)?;
                Answer::Records(found.iter().map(|found| found.as_ref().map(shown)).collect())
            }
            Look::Range { span, order, values, take } => {
                let range = key_range(&span.bounds)?;
                let range = snapshot.range(self.keyspaces[span.index()], &range, direction(*order))?;
                Answer::Range(listed(range, *values, *take)?)
            }
        })
    }

    /// Runs a transaction and tells when the last run of its body began.
    fn transact(&self, body: &[Action], end: End, durability: Level) -> (Answer, Option<u64>) {
        let mut answers = Vec::new();
        let mut began = None;
        let mut meanwhile = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.database.transact_with(level(durability), |txn| {
                let first = began.is_none();
                began = Some(txn.now().as_nanos());
                answers.clear();
                let mut run = Run { session: self, txn, drawn: Vec::new() };
                let mut earlier = meanwhile.clone().into_iter();
                for action in body {
                    answers.push(match action {
                        Action::Meanwhile { advance, writes } if first => {
                            let answer = self.meanwhile(*advance, writes);
                            meanwhile.push(Answer::clone(&answer));
                            answer
                        }
                        Action::Meanwhile { .. } => earlier.next().unwrap_or(Answer::Nothing),
                        action => answered(run.act(action)),
                    });
                }
                match end {
                    End::Commit => Ok(()),
                    End::Fail => Err(Error::new(FAILURE, "the body fails")),
                    // It does not go through the panic hook, which would print every one.
                    End::Panic => resume_unwind(Box::new(Planned)),
                }
            })
        }));
        let answer = match outcome {
            Ok(Ok(outcome)) => Answer::Committed(answers, outcome.numbers),
            Ok(Err(error)) => Answer::Failed(answers, Refusal::of(error.kind())),
            Err(panic) if panic.is::<Planned>() => Answer::Panicked(answers),
            Err(panic) => resume_unwind(panic),
        };
        (answer, began)
    }

    /// Moves the clock and commits a transaction in another thread, to its end.
    fn meanwhile(&self, advance: u64, writes: &[Write]) -> Answer {
        self.set_clock(self.clock.now().as_nanos().saturating_add(advance));
        let (database, keyspaces) = (&self.database, self.keyspaces);
        let commit = || {
            let mut answers = Vec::new();
            let outcome = database.transact(|txn| {
                answers = writes.iter().map(|other| done(write(txn, keyspaces, other))).collect();
                Ok(())
            });
            match outcome {
                Ok(outcome) => Answer::Committed(answers, outcome.numbers),
                Err(error) => Answer::Failed(answers, Refusal::of(error.kind())),
            }
        };
        thread::scope(|scope| scope.spawn(commit).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    fn keyspace(&self, index: u8) -> Keyspace {
        self.keyspaces[usize::from(index) % KEYSPACES]
    }
}

/// What a body panics with when it is told to.
struct Planned;

/// One run of a transaction's body.
struct Run<'r, 'db, E: Engine> {
    session: &'r Session<E>,
    txn: &'r mut Transaction<'db, E>,
    drawn: Vec<Number>,
}

impl<E: Engine> Run<'_, '_, E> {
    fn act(&mut self, action: &Action) -> Result<Answer> {
        let session = self.session;
        match action {
            Action::Look(look) => return self.look(look),
            Action::Write(other) => write(self.txn, session.keyspaces, other)?,
            Action::Draw { place, first } => {
                let sequence =
                    Sequence::new(session.keyspaces[place.index()], &place.key.0)?.starting_at(*first);
                self.drawn.push(self.txn.next(&sequence)?);
            }
            Action::PutNumbered { keyspace, name, ticket, value, beside } => {
                let key = Template::of(&(name.to_string(), self.number(*ticket)));
                let value = Template::from(value.0.clone());
                self.txn.put_template(session.keyspace(*keyspace), key, value, attributes(*beside))?;
            }
            Action::PutNumber { keyspace, name, number, ticket, beside } => {
                let key = Template::of(&(name.to_string(), *number));
                let value = Codec::Json.encode_template(&self.number(*ticket))?;
                self.txn.put_template(session.keyspace(*keyspace), key, value, attributes(*beside))?;
            }
            Action::Trespass => session.database.put(session.keyspaces[0], "trespass", "")?,
            Action::Meanwhile { .. } => {}
        }
        Ok(Answer::Done)
    }

    /// One of the numbers drawn; one that was not, if none was.
    fn number(&self, ticket: u32) -> Number {
        match (ticket as usize).checked_rem(self.drawn.len()) {
            Some(index) => self.drawn[index],
            None => Number::Drawn(0),
        }
    }

    fn look(&self, look: &Look) -> Result<Answer> {
        let keyspace = |place: &Place| self.session.keyspaces[place.index()];
        Ok(match look {
            Look::Get(place) => {
                Answer::Record(self.txn.get(keyspace(place), &place.key.0)?.as_ref().map(shown))
            }
            Look::Counter(place) => Answer::Count(self.txn.counter(keyspace(place), &place.key.0)?),
            Look::GetMany { keyspace, keys } => {
                let keys: Vec<_> = keys.iter().map(|key| &key.0).collect();
                let found = self.txn.get_many(self.session.keyspace(*keyspace), &keys)?;
                Answer::Records(found.iter().map(|found| found.as_ref().map(shown)).collect())
            }
            Look::Range { span, order, values, take } => {
                let range = key_range(&span.bounds)?;
                let range = self.txn.range(self.session.keyspaces[span.index()], range, direction(*order))?;
                Answer::Range(listed(range, *values, *take)?)
            }
        })
    }
}

/// Reads a range as far as it is asked for. What is `Invalid` concerns one record, and the range goes on
/// behind it.
fn listed<S: engine::Snapshot>(
    mut range: Range<'_, S>,
    values: Values,
    take: Option<usize>,
) -> Result<Vec<Result<Found, Refusal>>> {
    let mut list = Vec::new();
    while take.is_none_or(|take| list.len() < take) {
        match range.next() {
            Ok(None) => break,
            Ok(Some(mut entry)) => {
                let key = Bytes(entry.key().to_vec());
                let expires_at = entry.expires_at().map(Timestamp::as_nanos);
                let user_byte = entry.user_byte();
                let value = match values.reads(list.len()) {
                    true => entry.value().map(|value| Some(Bytes(value.to_vec()))),
                    false => Ok(None),
                };
                match value {
                    Ok(value) => list.push(Ok(Found { key, value, expires_at, user_byte })),
                    Err(error) if error.kind() == Kind::Invalid => list.push(Err(Refusal::of(Kind::Invalid))),
                    Err(error) => return Err(error),
                }
            }
            Err(error) if error.kind() == Kind::Invalid => list.push(Err(Refusal::of(Kind::Invalid))),
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}

fn write<E: Engine>(
    txn: &mut Transaction<'_, E>,
    keyspaces: [Keyspace; KEYSPACES],
    write: &Write,
) -> Result<()> {
    match write {
        Write::Put(Put { place, value, beside }) => {
            txn.put_with(keyspaces[place.index()], &place.key.0, &value.0, attributes(*beside))
        }
        Write::Delete(place) => txn.delete(keyspaces[place.index()], &place.key.0),
        Write::DeleteRange(span) => txn.delete_range(keyspaces[span.index()], key_range(&span.bounds)?),
        Write::Add { place, delta } => txn.add(keyspaces[place.index()], &place.key.0, *delta),
        Write::Max { place, value } => txn.max(keyspaces[place.index()], &place.key.0, *value),
        Write::Touch { place, expires_at } => {
            let expiry = expires_at.map(Timestamp::from_nanos);
            txn.touch(keyspaces[place.index()], &place.key.0, expiry).map(drop)
        }
    }
}

fn done(result: Result<()>) -> Answer {
    answered(result.map(|()| Answer::Done))
}

fn answered(result: Result<Answer>) -> Answer {
    result.unwrap_or_else(|error| Answer::Refused(Refusal::of(error.kind())))
}

fn unexpected(message: String) -> Error {
    Error::new(Kind::Internal, message)
}

fn shown<V: storage_core::Value>(found: &storage_core::Found<V>) -> Shown {
    Shown {
        value: Bytes(found.to_vec()),
        expires_at: found.expires_at().map(Timestamp::as_nanos),
        user_byte: found.user_byte(),
    }
}

fn told(change: &WatchedChange) -> Event {
    let bytes = |key: &Key| Bytes(key.to_vec());
    match change {
        WatchedChange::Put(key) => Event::Put(bytes(key)),
        WatchedChange::Delete(key) => Event::Delete(bytes(key)),
        WatchedChange::DeleteRange(range) => Event::DeleteRange(bytes(range.start()), range.end().map(bytes)),
        WatchedChange::Expire(key) => Event::Expire(bytes(key)),
        _ => Event::Lagged,
    }
}

fn key_range(bounds: &Bounds) -> Result<KeyRange> {
    use std::ops::Bound;
    let bound = |limit: &Limit| match limit {
        Limit::None => Bound::Unbounded,
        Limit::With(key) => Bound::Included(key.0.clone()),
        Limit::Without(key) => Bound::Excluded(key.0.clone()),
    };
    match bounds {
        Bounds::All => Ok(KeyRange::all()),
        Bounds::Prefix(prefix) => Ok(KeyRange::prefix(&prefix.0)),
        Bounds::Between(first, last) => KeyRange::of((bound(first), bound(last))),
    }
}

fn direction(order: Order) -> Direction {
    match order {
        Order::Forward => Direction::Forward,
        Order::Reverse => Direction::Reverse,
    }
}

fn level(level: Level) -> Durability {
    match level {
        Level::Sync => Durability::Sync,
        Level::Deferred => Durability::Deferred,
    }
}

fn attributes(beside: Beside) -> Attributes {
    let attributes = Attributes::new().user_byte(beside.user_byte);
    beside.expires_at.map_or(attributes, |at| attributes.expires_at(Timestamp::from_nanos(at)))
}
