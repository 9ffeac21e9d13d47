//! Consumers: how far each of them has come, and who has which place in a group.
//!
//! A group divides a category among a fixed number of places. A worker has a place on a lease; one whose lease ran out,
//! and whose place another one has since, can change nothing any more.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_core::{Codec, Direction, Engine, Timestamp, Transaction};

use super::error::{MessageError, Result};
use super::layout;
use super::message::check_len;
use super::namespace::Messages;
use super::query::Query;
use super::store::MessageStore;

/// The longest name of a consumer, a group or a worker in bytes.
const CONSUMER_LEN_MAX: usize = 512;

/// A place in a consumer group that a worker has.
///
/// ```
/// use std::time::Duration;
/// use storage_core::Database;
/// use storage_stores::messages::{ExpectedVersion, MessageStore, NewMessage};
///
/// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
/// let bank = store.open_namespace("bank")?;
/// bank.write("account-1", NewMessage::new("Opened"), ExpectedVersion::Any)?;
///
/// let lease = bank.join_group("projection", 1, "worker-a", Duration::from_secs(30))?.expect("it is free");
/// assert!(bank.join_group("projection", 1, "worker-b", Duration::from_secs(30))?.is_none());
/// let page = bank.category("account", &lease.query())?;
/// let last = page.messages.last().expect("one was written");
/// bank.advance_member(&lease, last.global_position)?;
/// bank.leave_group(&lease)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberLease {
    /// The group.
    pub group: String,
    /// The place, counted from 0.
    pub member: u64,
    /// How many places the group has.
    pub size: u64,
    /// Who has it.
    pub worker: String,
    /// When it ends, unless it is prolonged.
    pub until: Timestamp,
    /// The last global position that was dealt with at this place; `None` if none was.
    pub position: Option<u64>,
    /// The how manieth lease of the place it is.
    term: u64,
}

impl MemberLease {
    /// What the place gets of a category, from behind the position at which the lease was taken or prolonged.
    pub fn query(&self) -> Query {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let from = self.position.map_or(0, |position| signed(position.saturating_add(1)));
        Query::new().consumer_group(signed(self.member), signed(self.size)).from(from)
    }
}

/// A place in a consumer group, whether someone has it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo {
    /// The place, counted from 0.
    pub member: u64,
    /// Who has it; `None` where the lease has ended.
    pub worker: Option<String>,
    /// When the lease ends or ended.
    pub until: Timestamp,
    /// The last global position that was dealt with; `None` if none was.
    pub position: Option<u64>,
}

/// What is stored of a place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    worker: String,
    term: u64,
    until: Timestamp,
    position: Option<u64>,
}

impl<E: Engine> Messages<E> {
    /// Stores how far a consumer has come. What the number means is the consumer's affair.
    pub fn store_position(&self, consumer: &str, position: u64) -> Result<()> {
        check_consumer("consumer name", consumer)?;
        self.store.transact(|txn| {
            let number = self.store.record(txn, &self.name)?.number();
            let key = layout::position_key(number, consumer)?;
            Ok(txn.put(self.store.layout.index, key, layout::number_value(position))?)
        })
    }

    /// How far a consumer has come; `None` if it never said.
    pub fn position(&self, consumer: &str) -> Result<Option<u64>> {
        let view = self.view()?;
        let found =
            view.snapshot.get(self.store.layout.index, layout::position_key(view.number, consumer)?)?;
        Ok(found.map(|found| layout::number_of(&found)).transpose()?)
    }

    /// Forgets how far a consumer has come. Returns whether it ever said.
    pub fn forget_position(&self, consumer: &str) -> Result<bool> {
        self.store.transact(|txn| {
            let number = self.store.record(txn, &self.name)?.number();
            let key = layout::position_key(number, consumer)?;
            let found = txn.get(self.store.layout.index, &key)?.is_some();
            txn.delete(self.store.layout.index, key)?;
            Ok(found)
        })
    }

    /// How far each consumer has come, by name.
    pub fn positions(&self) -> Result<Vec<(String, u64)>> {
        let view = self.view()?;
        let range = layout::position_range(view.number)?;
        let mut records = view.snapshot.range(self.store.layout.index, &range, Direction::Forward)?;
        let mut positions = Vec::new();
        while let Some(mut entry) = records.next()? {
            let (key, value) = entry.pair()?;
            positions.push((layout::name_in(key)?, layout::number_of(value)?));
        }
        Ok(positions)
    }

    /// Takes a free place of a group for `lease` from now; `None` if every place is taken.
    ///
    /// Free is a place that nobody had yet, that was left, or whose lease ran out; the one that this worker had last
    /// comes first, since it knows those streams. Each call takes one more place. The first to join makes the group, of
    /// `size` places. Another size is `InvalidConsumerGroup` as long as someone has a place; once nobody does, the group
    /// is divided anew, from the position that all of its places have passed.
    pub fn join_group(
        &self,
        group: &str,
        size: u64,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<MemberLease>> {
        check_consumer("group name", group)?;
        check_consumer("worker name", worker)?;
        check_lease(lease)?;
        if !(1..i64::MAX.unsigned_abs()).contains(&size) {
            let reason = "Consumer group size must not be less than 1";
            return Err(MessageError::InvalidConsumerGroup { reason });
        }
        self.store.transact(|txn| {
            let number = self.store.record(txn, &self.name)?.number();
            let now = txn.now();
            let mut places = self.store.group_of_size(txn, number, group, size, now)?;
            let free = |place: &Place| place.until <= now;
            let own = places.iter().position(|(_, place)| free(place) && place.worker == worker);
            let at = match own.or_else(|| places.iter().position(|(_, place)| free(place))) {
                Some(at) => at,
                None => match first_gap(&places, size) {
                    Some(member) => {
                        let first = self.store.group_record(txn, number, group)?;
                        places.push((member, first.map(|(_, place)| place).unwrap_or_default()));
                        places.len() - 1
                    }
                    None => return Ok(None),
                },
            };
            let (member, place) = &mut places[at];
            place.worker = worker.to_owned();
            place.term += 1;
            place.until = now.after(lease);
            self.store.put_place(txn, number, group, *member, place)?;
            Ok(Some(leased(group, *member, size, place)))
        })
    }

    /// Prolongs a lease to `lease` from now: the heartbeat of a worker. `LeaseLost` if another one has the place.
    pub fn renew_member(&self, held: &MemberLease, lease: Duration) -> Result<MemberLease> {
        check_lease(lease)?;
        self.change_place(held, |place, now| place.until = now.after(lease))
    }

    /// Stores the last global position that was dealt with at a place. `LeaseLost` if another worker has it.
    pub fn advance_member(&self, held: &MemberLease, position: u64) -> Result<MemberLease> {
        self.change_place(held, |place, _| place.position = Some(position))
    }

    /// Gives a place back before its lease ends. `LeaseLost` if another worker has it already.
    pub fn leave_group(&self, held: &MemberLease) -> Result<()> {
        self.change_place(held, |place, now| place.until = now).map(drop)
    }

    /// The places of a group that somebody ever had, in their order; empty if there is no such group.
    pub fn group(&self, group: &str) -> Result<Vec<MemberInfo>> {
        let view = self.view()?;
        let range = layout::group_range(view.number, group)?;
        let now = view.snapshot.now();
        let mut records = view.snapshot.range(self.store.layout.index, &range, Direction::Forward)?;
        let mut members = Vec::new();
        while let Some(mut entry) = records.next()? {
            let (key, value) = entry.pair()?;
            if key.len() == range.start().len() {
                continue;
            }
            let member = layout::number_behind(key, range.start().len())?;
            let Place { worker, until, position, .. } = Codec::Bincode.decode(value)?;
            members.push(MemberInfo { member, worker: (until > now).then_some(worker), until, position });
        }
        Ok(members)
    }

    fn change_place(
        &self,
        held: &MemberLease,
        change: impl Fn(&mut Place, Timestamp),
    ) -> Result<MemberLease> {
        self.store.transact(|txn| {
            let number = self.store.record(txn, &self.name)?.number();
            let lost = || MessageError::LeaseLost { group: held.group.clone(), member: held.member };
            let key = layout::member_key(number, &held.group, held.member)?;
            let found = txn.get(self.store.layout.index, &key)?;
            let mut place: Place = Codec::Bincode.decode(&found.ok_or_else(lost)?)?;
            // The term tells leases of the same worker apart too.
            if place.term != held.term || self.store.group_size(txn, number, &held.group)? != Some(held.size)
            {
                return Err(lost());
            }
            change(&mut place, txn.now());
            self.store.put_place(txn, number, &held.group, held.member, &place)?;
            Ok(leased(&held.group, held.member, held.size, &place))
        })
    }
}

impl<E: Engine> MessageStore<E> {
    /// The places of a group of this size, in their order. A group of another size is divided anew if nobody has a place.
    fn group_of_size(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        group: &str,
        size: u64,
        now: Timestamp,
    ) -> Result<Vec<(u64, Place)>> {
        let key = layout::group_key(number, group)?;
        let places = self.places_of(txn, number, group)?;
        match self.group_record(txn, number, group)? {
            Some((stored, _)) if stored == size => return Ok(places),
            Some(_) if places.iter().any(|(_, place)| place.until > now) => {
                let reason = "Consumer group has another size, and members";
                return Err(MessageError::InvalidConsumerGroup { reason });
            }
            Some((stored, first)) => {
                let position = passed(&places, stored, &first);
                // Terms go on, so that a lease of before stays lost.
                let term = places.iter().map(|(_, place)| place.term).max().unwrap_or(first.term);
                txn.delete_range(self.layout.index, layout::group_range(number, group)?)?;
                let place = Place { position, term, ..Place::default() };
                txn.put(self.layout.index, key, group_value(size, &place)?)?;
                return Ok(Vec::new());
            }
            None => txn.put(self.layout.index, key, group_value(size, &Place::default())?)?,
        }
        Ok(places)
    }

    fn places_of(&self, txn: &Transaction<'_, E>, number: u64, group: &str) -> Result<Vec<(u64, Place)>> {
        let range = layout::group_range(number, group)?;
        let prefix_len = range.start().len();
        let mut records = txn.range(self.layout.index, range, Direction::Forward)?;
        let mut places = Vec::new();
        while let Some(mut entry) = records.next()? {
            let (key, value) = entry.pair()?;
            if key.len() > prefix_len {
                places.push((layout::number_behind(key, prefix_len)?, Codec::Bincode.decode(value)?));
            }
        }
        Ok(places)
    }

    fn group_size(&self, txn: &Transaction<'_, E>, number: u64, group: &str) -> Result<Option<u64>> {
        Ok(self.group_record(txn, number, group)?.map(|(size, _)| size))
    }

    /// The size of a group, and what a place of it begins with.
    fn group_record(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        group: &str,
    ) -> Result<Option<(u64, Place)>> {
        let found = txn.get(self.layout.index, layout::group_key(number, group)?)?;
        Ok(found.map(|found| Codec::Bincode.decode(&found)).transpose()?)
    }

    fn put_place(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        group: &str,
        member: u64,
        place: &Place,
    ) -> Result<()> {
        let mut value = Vec::new();
        Codec::Bincode.encode(place, &mut value)?;
        Ok(txn.put(self.layout.index, layout::member_key(number, group, member)?, value)?)
    }
}

fn group_value(size: u64, place: &Place) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    Codec::Bincode.encode(&(size, place), &mut value)?;
    Ok(value)
}

/// The position that every place of a group has passed; `None` if one of them has passed none.
fn passed(places: &[(u64, Place)], size: u64, first: &Place) -> Option<u64> {
    let untaken = (places.len() as u64) < size;
    let positions = places.iter().map(|(_, place)| place.position);
    positions.chain(untaken.then_some(first.position)).min().flatten()
}

/// The first place that nobody had yet.
fn first_gap(places: &[(u64, Place)], size: u64) -> Option<u64> {
    (0..size).find(|member| !places.iter().any(|(other, _)| other == member))
}

fn leased(group: &str, member: u64, size: u64, place: &Place) -> MemberLease {
    MemberLease {
        group: group.to_owned(),
        member,
        size,
        worker: place.worker.clone(),
        until: place.until,
        position: place.position,
        term: place.term,
    }
}

fn check_consumer(what: &'static str, name: &str) -> Result<()> {
    match name.is_empty() {
        true => Err(MessageError::InvalidOptions(format!("the {what} is empty"))),
        false => check_len(what, name.len(), CONSUMER_LEN_MAX),
    }
}

fn check_lease(lease: Duration) -> Result<()> {
    match lease.is_zero() {
        true => Err(MessageError::InvalidOptions("a lease must be longer than nothing".into())),
        false => Ok(()),
    }
}
