//! A transaction of the model: what it will do, and what its reads see meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use storage_core::Kind;

use super::answer::{Event, Refusal};
use super::plan::packed;
use super::state::{Entry, KEYSPACES, Range, Seen, Sort, State, check_beside, check_read, check_value};
use super::step::{Beside, Bytes, Place, Put, Span, Write};

/// What a transaction will do.
#[derive(Debug, Default)]
pub(super) struct Pending {
    writes: [BTreeMap<Vec<u8>, Own>; KEYSPACES],
    range_deletes: Vec<(usize, Range)>,
    tickets: Vec<(Place, u64)>,
    awaiting: Vec<Awaiting>,
}

/// What a transaction will do to a key.
#[derive(Clone, Debug)]
enum Own {
    Put(Entry),
    Delete,
    Count(Vec<Change>),
    /// Puts a record with a number that the commit draws.
    Awaits,
}

/// What happens to a counter.
#[derive(Clone, Copy, Debug)]
enum Change {
    Add(i64),
    Max(i64),
}

/// A record with a number that the commit draws.
#[derive(Debug)]
struct Awaiting {
    keyspace: usize,
    key: AwaitedKey,
    value: AwaitedValue,
    beside: Beside,
}

#[derive(Debug)]
enum AwaitedKey {
    Known(Vec<u8>),
    Numbered { name: char, ticket: usize },
}

#[derive(Debug)]
enum AwaitedValue {
    Known(Vec<u8>),
    Number { ticket: usize },
}

/// What a commit changed: the state after it, its numbers, and what watches are told.
pub(super) struct Committed {
    pub(super) state: State,
    pub(super) numbers: Vec<u64>,
    pub(super) events: [Vec<Event>; KEYSPACES],
}

/// What a transaction reads from, besides itself: a state at a time, and the time at which it began.
///
/// The two times differ where the clock moved while it ran: what it read of others must still hold when it
/// commits, while its own records are as it knew them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    pub(super) state: &'a State,
    pub(super) now: u64,
    pub(super) began: u64,
}

impl Pending {
    /// Whether committing it would change nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.iter().all(BTreeMap::is_empty)
            && self.range_deletes.is_empty()
            && self.tickets.is_empty()
            && self.awaiting.is_empty()
    }

    /// The record of a key as the transaction sees it.
    pub(super) fn get(
        &self,
        ground: Ground<'_>,
        keyspace: usize,
        key: &[u8],
    ) -> Result<Option<Entry>, Refusal> {
        check_read(key)?;
        let stored = || ground.state.live(keyspace, key, ground.now);
        match self.writes[keyspace].get(key) {
            Some(Own::Delete) => Ok(None),
            Some(Own::Put(entry)) => Ok(Some(entry.clone()).filter(|entry| entry.is_live(ground.began))),
            Some(Own::Awaits) => Err(Refusal::of(Kind::Invalid)),
            Some(Own::Count(changes)) => counted(stored(), changes).map(Some),
            None if self.is_range_deleted(keyspace, key) => Ok(None),
            None => Ok(stored().cloned()),
        }
    }

    /// The records of a range as the transaction sees them, in order. Those that wait for the commit are not
    /// shown.
    pub(super) fn range(&self, ground: Ground<'_>, keyspace: usize, range: &Range) -> Vec<(Vec<u8>, Seen)> {
        let stored = ground.state.0[keyspace].keys();
        let keys: BTreeSet<_> =
            stored.chain(self.writes[keyspace].keys()).filter(|key| range.contains(key)).collect();
        let waits = |key: &Vec<u8>| matches!(self.writes[keyspace].get(key), Some(Own::Awaits));
        let seen = |key: &Vec<u8>| Some((key.clone(), self.seen(ground, keyspace, key)?));
        keys.into_iter().filter(|key| !waits(key)).filter_map(seen).collect()
    }

    fn seen(&self, ground: Ground<'_>, keyspace: usize, key: &[u8]) -> Option<Seen> {
        if let Some(Own::Count(changes)) = self.writes[keyspace].get(key) {
            let below = ground.state.live(keyspace, key, ground.now);
            let beside = below.map(|below| below.beside).unwrap_or_default();
            return Some(Seen { beside, value: counted(below, changes).map(|entry| entry.value) });
        }
        match self.get(ground, keyspace, key) {
            Ok(entry) => entry.map(|Entry { beside, value, .. }| Seen { beside, value: Ok(value) }),
            Err(refusal) => Some(Seen { beside: Beside::default(), value: Err(refusal) }),
        }
    }

    /// Adds a write.
    pub(super) fn write(&mut self, write: &Write, ground: Ground<'_>) -> Result<(), Refusal> {
        match write {
            Write::Put(put) => self.put(put),
            Write::Delete(place) => self.delete(place),
            Write::DeleteRange(span) => self.delete_range(span),
            Write::Add { place, delta } => self.change(place, Change::Add(*delta), ground.began),
            Write::Max { place, value } => self.change(place, Change::Max(*value), ground.began),
            Write::Touch { place, expires_at } => self.touch(place, *expires_at, ground),
        }
    }

    pub(super) fn put(&mut self, put: &Put) -> Result<(), Refusal> {
        put.place.check_written()?;
        check_value(put.value.0.len())?;
        check_beside(put.beside)?;
        let entry = Entry { value: put.value.0.clone(), beside: put.beside, sort: Sort::Plain };
        self.set(&put.place, Own::Put(entry));
        Ok(())
    }

    pub(super) fn delete(&mut self, place: &Place) -> Result<(), Refusal> {
        place.check_written()?;
        self.set(place, Own::Delete);
        Ok(())
    }

    pub(super) fn delete_range(&mut self, span: &Span) -> Result<(), Refusal> {
        let range = Range::of(&span.bounds)?;
        if range.is_empty() {
            return Ok(());
        }
        let keyspace = span.index();
        let numbered = |other: &Awaiting| matches!(other.key, AwaitedKey::Numbered { .. });
        if self.awaiting.iter().any(|other| other.keyspace == keyspace && numbered(other)) {
            return Err(Refusal::of(Kind::Invalid));
        }
        self.writes[keyspace].retain(|key, _| !range.contains(key));
        self.awaiting.retain(|other| match &other.key {
            AwaitedKey::Known(key) => other.keyspace != keyspace || !range.contains(key),
            AwaitedKey::Numbered { .. } => true,
        });
        self.range_deletes.push((keyspace, range));
        Ok(())
    }

    /// A change of a record of its own is done at once; one of a stored record waits for the commit.
    fn change(&mut self, place: &Place, change: Change, began: u64) -> Result<(), Refusal> {
        place.check_written()?;
        let (keyspace, key) = (place.index(), &place.key.0);
        let own = match self.writes[keyspace].get(key) {
            Some(Own::Count(before)) => Own::Count(joined(before, change)?),
            Some(Own::Put(entry)) => {
                Own::Put(counted(Some(entry).filter(|own| own.is_live(began)), &[change])?)
            }
            Some(Own::Delete) => Own::Put(counted(None, &[change])?),
            Some(Own::Awaits) => return Err(Refusal::of(Kind::Invalid)),
            None if self.is_range_deleted(keyspace, key) => Own::Put(counted(None, &[change])?),
            None => Own::Count(vec![change]),
        };
        self.writes[keyspace].insert(key.clone(), own);
        Ok(())
    }

    /// Puts the record that is there, as the transaction sees it, with another expiry.
    fn touch(&mut self, place: &Place, expires_at: Option<u64>, ground: Ground<'_>) -> Result<(), Refusal> {
        place.check_written()?;
        check_beside(Beside { expires_at, ..Beside::default() })?;
        let Some(mut entry) = self.get(ground, place.index(), &place.key.0)? else { return Ok(()) };
        entry.beside.expires_at = expires_at;
        self.set(place, Own::Put(entry));
        Ok(())
    }

    pub(super) fn draw(&mut self, place: &Place, first: u64) -> Result<(), Refusal> {
        place.check_written()?;
        self.tickets.push((place.clone(), first));
        Ok(())
    }

    pub(super) fn put_numbered(
        &mut self,
        keyspace: u8,
        name: char,
        ticket: u32,
        value: &Bytes,
        beside: Beside,
    ) -> Result<(), Refusal> {
        let keyspace = usize::from(keyspace) % KEYSPACES;
        check_beside(beside)?;
        check_value(value.0.len())?;
        let key = AwaitedKey::Numbered { name, ticket: self.ticket(ticket)? };
        self.awaiting.push(Awaiting { keyspace, key, value: AwaitedValue::Known(value.0.clone()), beside });
        Ok(())
    }

    pub(super) fn put_number(&mut self, place: &Place, ticket: u32, beside: Beside) -> Result<(), Refusal> {
        check_beside(beside)?;
        let value = AwaitedValue::Number { ticket: self.ticket(ticket)? };
        self.set(place, Own::Awaits);
        let key = AwaitedKey::Known(place.key.0.clone());
        self.awaiting.push(Awaiting { keyspace: place.index(), key, value, beside });
        Ok(())
    }

    /// What becomes of the newest state: range deletes, writes, numbers, additions, records with numbers.
    pub(super) fn commit(self, newest: &State, now: u64) -> Result<Committed, Refusal> {
        let mut state = newest.clone();
        let mut changed: [BTreeMap<Vec<u8>, Event>; KEYSPACES] = Default::default();
        let mut set = |state: &mut State, keyspace: usize, key: Vec<u8>, entry: Option<Entry>| {
            let event = if entry.is_some() { Event::Put } else { Event::Delete };
            changed[keyspace].insert(key.clone(), event(Bytes(key.clone())));
            match entry {
                Some(entry) => state.0[keyspace].insert(key, entry),
                None => state.0[keyspace].remove(&key),
            };
        };
        let mut events: [Vec<Event>; KEYSPACES] = Default::default();
        for (keyspace, range) in &self.range_deletes {
            state.delete_range(*keyspace, range);
            let end = range.end.clone().map(Bytes);
            events[*keyspace].push(Event::DeleteRange(Bytes(range.start.clone()), end));
        }
        let mut counts = Vec::new();
        for (keyspace, writes) in self.writes.into_iter().enumerate() {
            for (key, own) in writes {
                match own {
                    Own::Put(entry) => set(&mut state, keyspace, key, Some(entry)),
                    Own::Delete => set(&mut state, keyspace, key, None),
                    Own::Count(changes) => counts.push((keyspace, key, changes)),
                    Own::Awaits => {}
                }
            }
        }
        let mut numbers = Vec::new();
        for (place, first) in self.tickets {
            let below = state.live(place.index(), &place.key.0, now);
            let next = match below.map(Entry::count).transpose()? {
                None => i64::try_from(first).ok(),
                Some(last) => last.checked_add(1).filter(|next| *next >= 0),
            };
            let next = next.ok_or_else(|| Refusal::of(Kind::Invalid))?;
            let entry = Entry::counter(below, next);
            set(&mut state, place.index(), place.key.0, Some(entry));
            numbers.push(next.unsigned_abs());
        }
        for (keyspace, key, changes) in counts {
            let entry = counted(state.live(keyspace, &key, now), &changes)?;
            set(&mut state, keyspace, key, Some(entry));
        }
        for Awaiting { keyspace, key, value, beside } in self.awaiting {
            let key = match key {
                AwaitedKey::Known(key) => key,
                AwaitedKey::Numbered { name, ticket } => packed(name, numbers[ticket]),
            };
            let value = match value {
                AwaitedValue::Known(value) => value,
                AwaitedValue::Number { ticket } => numbers[ticket].to_string().into_bytes(),
            };
            set(&mut state, keyspace, key, Some(Entry { value, beside, sort: Sort::Plain }));
        }
        for (keyspace, changed) in changed.into_iter().enumerate() {
            events[keyspace].extend(changed.into_values());
        }
        Ok(Committed { state, numbers, events })
    }

    fn is_range_deleted(&self, keyspace: usize, key: &[u8]) -> bool {
        self.range_deletes.iter().any(|(other, range)| *other == keyspace && range.contains(key))
    }

    /// A later write of a key replaces an earlier one, also one that waits for a number.
    fn set(&mut self, place: &Place, own: Own) {
        let (keyspace, key) = (place.index(), &place.key.0);
        self.awaiting.retain(|other| match &other.key {
            AwaitedKey::Known(known) => other.keyspace != keyspace || known != key,
            AwaitedKey::Numbered { .. } => true,
        });
        self.writes[keyspace].insert(key.clone(), own);
    }

    /// The number that a step means; refused where none was drawn.
    fn ticket(&self, ticket: u32) -> Result<usize, Refusal> {
        let drawn = self.tickets.len();
        (ticket as usize).checked_rem(drawn).ok_or_else(|| Refusal::of(Kind::Invalid))
    }
}

/// Changes that wait for the commit, and one more. What they add is a number of 64 bits at any time.
fn joined(changes: &[Change], last: Change) -> Result<Vec<Change>, Refusal> {
    let changes: Vec<_> = changes.iter().copied().chain([last]).collect();
    let added = changes.iter().filter_map(|change| match change {
        Change::Add(delta) => Some(*delta),
        Change::Max(_) => None,
    });
    added.into_iter().try_fold(0_i64, i64::checked_add).ok_or_else(|| Refusal::of(Kind::Invalid))?;
    Ok(changes)
}

/// The counter after changes, one by one. Only the last value has to fit into 64 bits.
fn counted(below: Option<&Entry>, changes: &[Change]) -> Result<Entry, Refusal> {
    let before = below.map(Entry::count).transpose()?.map(i128::from);
    let after = changes.iter().fold(before, |held, change| match (*change, held) {
        (Change::Add(delta), held) => Some(held.unwrap_or(0) + i128::from(delta)),
        (Change::Max(value), None) => Some(i128::from(value)),
        (Change::Max(value), Some(held)) => Some(held.max(i128::from(value))),
    });
    let after = after.and_then(|after| i64::try_from(after).ok());
    Ok(Entry::counter(below, after.ok_or_else(|| Refusal::of(Kind::Invalid))?))
}
