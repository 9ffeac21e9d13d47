//! The model: what every step must answer, worked out on plain maps.

use storage_core::Kind;

use super::answer::{Answer, Event, Refusal, Shown};
use super::pending::{Committed, Ground, Pending};
use super::plan::{CLOCK_START, packed};
use super::rows::Rows;
use super::state::{Entry, KEYSPACES, Range, State, check_read, listed};
use super::step::{Action, Bytes, End, Look, Place, Step, Write};

/// What a history has come to.
#[derive(Debug)]
pub(super) struct Oracle {
    newest: State,
    held: Vec<(State, u64)>,
    rows: Rows,
    clock: u64,
    /// The time: it follows the clock, but never back while the database is open.
    now: u64,
    names: [&'static str; KEYSPACES],
    reopens: bool,
    events: [Vec<Event>; KEYSPACES],
}

/// What the run of a transaction's body would have been at some moment.
struct Run {
    answers: Vec<Answer>,
    pending: Pending,
}

impl Oracle {
    /// An empty store whose keyspaces have these names. It outlives being closed, or does not.
    pub(super) fn new(names: [&'static str; KEYSPACES], reopens: bool) -> Self {
        let (newest, held, rows, events) = Default::default();
        Oracle { newest, held, rows, clock: CLOCK_START, now: CLOCK_START, names, reopens, events }
    }

    /// What a step must answer. For a transaction, `began` is when its last run began.
    pub(super) fn step(&mut self, step: &Step, began: Option<u64>) -> Answer {
        match step {
            Step::Put { put, .. } => self.alone(|pending| pending.put(put)),
            Step::Delete(place) => self.alone(|pending| pending.delete(place)),
            Step::DeleteRange(span) => self.alone(|pending| pending.delete_range(span)),
            Step::Look(what) => look(what, &Pending::default(), Ground::at(&self.newest, self.now)),
            Step::Transact { body, end, .. } => self.transact(body, *end, began),
            Step::Hold => {
                self.held.push((self.newest.clone(), self.now));
                Answer::Done
            }
            Step::LookBack { snapshot, look: what } => match snapshot.checked_rem(self.held.len()) {
                Some(index) => {
                    let (state, now) = &self.held[index];
                    look(what, &Pending::default(), Ground::at(state, *now))
                }
                None => Answer::Nothing,
            },
            Step::Release { snapshot } => match snapshot.checked_rem(self.held.len()) {
                Some(index) => {
                    self.held.remove(index);
                    Answer::Done
                }
                None => Answer::Nothing,
            },
            Step::ClockForward(nanos) => self.set_clock(self.clock.saturating_add(*nanos)),
            Step::ClockBack(nanos) => self.set_clock(self.clock.saturating_sub(*nanos).max(1)),
            Step::Sweep { limit } => {
                let swept = self.newest.sweep(self.now, limit.unwrap_or(usize::MAX), self.names);
                for (keyspace, key) in &swept {
                    self.events[*keyspace].push(Event::Expire(Bytes(key.clone())));
                }
                Answer::Swept(swept.len())
            }
            Step::PutRow { key, group } => self.rows.put(*key, *group),
            Step::DeleteRows { first, last } => self.rows.delete(*first, *last),
            Step::Page { listing, order, limit } => self.rows.page(*listing, *order, *limit),
            Step::Sync => Answer::Done,
            Step::Reopen => {
                self.held.clear();
                if self.reopens {
                    self.now = self.clock;
                }
                Answer::Time(self.now)
            }
        }
    }

    /// What watches on the keyspaces were told since they were asked last.
    pub(super) fn events(&mut self) -> [Vec<Event>; KEYSPACES] {
        std::mem::take(&mut self.events)
    }

    /// What the clock shows.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// By how much the clock is behind the time.
    pub(super) fn lag(&self) -> u64 {
        self.now - self.clock
    }

    fn set_clock(&mut self, clock: u64) -> Answer {
        self.clock = clock;
        self.now = self.now.max(clock);
        Answer::Time(self.now)
    }

    /// One write in a transaction of its own.
    fn alone(&mut self, write: impl FnOnce(&mut Pending) -> Result<(), Refusal>) -> Answer {
        let mut pending = Pending::default();
        done(write(&mut pending).and_then(|()| self.commit(pending)).map(drop))
    }

    fn commit(&mut self, pending: Pending) -> Result<Vec<u64>, Refusal> {
        let Committed { state, numbers, events } = pending.commit(&self.newest, self.now)?;
        self.newest = state;
        for (told, new) in self.events.iter_mut().zip(events) {
            told.extend(new);
        }
        Ok(numbers)
    }

    /// A transaction that commits writes takes place after all that others did while it ran. One that writes
    /// nothing takes place before, and so did the only run of a body that fails.
    fn transact(&mut self, body: &[Action], end: End, began: Option<u64>) -> Answer {
        let before = Ground::at(&self.newest, self.now);
        let mut run = Run::of(body, Ground { began: began.unwrap_or(self.now), ..before });
        let others: Vec<_> = body.iter().filter_map(meanwhile).collect();
        let outcomes: Vec<_> =
            others.iter().map(|(advance, writes)| self.meanwhile(*advance, writes)).collect();
        if end == End::Commit && !run.pending.is_empty() {
            let after = Ground::at(&self.newest, self.now);
            run = Run::of(body, Ground { began: began.unwrap_or(self.now), ..after });
        }
        let Run { mut answers, pending } = run;
        let places = (0..body.len()).filter(|place| meanwhile(&body[*place]).is_some());
        for (place, outcome) in places.zip(outcomes) {
            answers[place] = outcome;
        }
        match end {
            End::Fail => Answer::Failed(answers, Refusal::of(FAILURE)),
            End::Panic => Answer::Panicked(answers),
            End::Commit if pending.is_empty() => Answer::Committed(answers, Vec::new()),
            End::Commit => match self.commit(pending) {
                Ok(numbers) => Answer::Committed(answers, numbers),
                Err(refusal) => Answer::Failed(answers, refusal),
            },
        }
    }

    /// What another thread's transaction answers.
    fn meanwhile(&mut self, advance: u64, writes: &[Write]) -> Answer {
        self.set_clock(self.clock.saturating_add(advance));
        let mut pending = Pending::default();
        let ground = Ground::at(&self.newest, self.now);
        let answers = writes.iter().map(|write| done(pending.write(write, ground))).collect();
        if pending.is_empty() {
            return Answer::Committed(answers, Vec::new());
        }
        match self.commit(pending) {
            Ok(numbers) => Answer::Committed(answers, numbers),
            Err(refusal) => Answer::Failed(answers, refusal),
        }
    }
}

/// With what error a body fails by itself.
pub(super) const FAILURE: Kind = Kind::Full;

fn meanwhile(action: &Action) -> Option<(u64, &[Write])> {
    match action {
        Action::Meanwhile { advance, writes } => Some((*advance, writes)),
        _ => None,
    }
}

impl<'a> Ground<'a> {
    fn at(state: &'a State, now: u64) -> Self {
        Ground { state, now, began: now }
    }
}

impl Run {
    fn of(body: &[Action], ground: Ground<'_>) -> Self {
        let mut run = Run { answers: Vec::new(), pending: Pending::default() };
        for action in body {
            let answer = run.act(action, ground);
            run.answers.push(answer);
        }
        run
    }

    fn act(&mut self, action: &Action, ground: Ground<'_>) -> Answer {
        let pending = &mut self.pending;
        let outcome = match action {
            Action::Look(what) => return look(what, pending, ground),
            Action::Write(write) => pending.write(write, ground),
            Action::Draw { place, first } => pending.draw(place, *first),
            Action::PutNumbered { keyspace, name, ticket, value, beside } => {
                pending.put_numbered(*keyspace, *name, *ticket, value, *beside)
            }
            Action::PutNumber { keyspace, name, number, ticket, beside } => {
                let place = Place { keyspace: *keyspace, key: Bytes(packed(*name, *number)) };
                pending.put_number(&place, *ticket, *beside)
            }
            Action::Trespass => Err(Refusal::of(Kind::Invalid)),
            Action::Meanwhile { .. } => Ok(()),
        };
        done(outcome)
    }
}

fn done(outcome: Result<(), Refusal>) -> Answer {
    outcome.map_or_else(Answer::Refused, |()| Answer::Done)
}

/// What a read answers.
fn look(look: &Look, pending: &Pending, ground: Ground<'_>) -> Answer {
    try_look(look, pending, ground).unwrap_or_else(Answer::Refused)
}

fn try_look(look: &Look, pending: &Pending, ground: Ground<'_>) -> Result<Answer, Refusal> {
    let get = |keyspace, key: &[u8]| pending.get(ground, keyspace, key);
    let shown = |entry: Option<Entry>| -> Option<Shown> { entry.as_ref().map(Entry::shown) };
    Ok(match look {
        Look::Get(place) => Answer::Record(shown(get(place.index(), &place.key.0)?)),
        Look::GetMany { keyspace, keys } => {
            let keyspace = usize::from(*keyspace) % KEYSPACES;
            keys.iter().try_for_each(|key| check_read(&key.0))?;
            let entries = keys.iter().map(|key| Ok(shown(get(keyspace, &key.0)?)));
            Answer::Records(entries.collect::<Result<_, Refusal>>()?)
        }
        Look::Counter(place) => {
            let entry = get(place.index(), &place.key.0)?;
            Answer::Count(entry.as_ref().map_or(Ok(0), Entry::count)?)
        }
        Look::Range { span, order, values, take } => {
            let range = Range::of(&span.bounds)?;
            Answer::Range(listed(pending.range(ground, span.index(), &range), *order, *values, *take))
        }
    })
}
