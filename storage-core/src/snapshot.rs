//! Snapshots: stable reads of one moment.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::counter;
use crate::database::Shared;
use crate::engine::{Engine, Snapshot as _};
use crate::error::{Error, Kind, Result};
use crate::found::Found;
use crate::keyspace::Keyspace;
use crate::limits::check_key_read;
use crate::moment::Moment;
use crate::range::{Direction, KeyRange};
use crate::scan::{Liveness, Range};

/// A stable view of a database at one moment. It outlives the handle that made it.
///
/// What was committed later, and what has expired since, does not change what it shows.
pub struct Snapshot<E: Engine> {
    /// Dropped before the database, which it reads.
    engine: E::Snapshot,
    shared: Arc<Shared<E>>,
    version: u64,
    now: Timestamp,
}

impl<E: Engine> Snapshot<E> {
    pub(crate) fn new(shared: Arc<Shared<E>>, moment: Moment<E::Snapshot>, version: u64) -> Self {
        let now = moment.now.unwrap_or_else(|| shared.now());
        shared.snapshots.opened(now);
        Snapshot { engine: moment.snapshot, shared, version, now }
    }

    /// A version that it shows: every commit up to it, and perhaps some later ones.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The time at which it was taken, which decides what has expired.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The value of a key; `None` if there is none or it had expired.
    pub fn get(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Found<<E::Snapshot as crate::engine::Snapshot>::Value<'_>>>> {
        let key = key.as_ref();
        self.check_usable()?;
        check_key_read(keyspace, key)?;
        let Some(record) = self.engine.get(keyspace, key)? else { return Ok(None) };
        let admission = self.shared.admission();
        admission.check_stamp(keyspace, key, &record.stamp)?;
        if !record.stamp.is_live(|| self.now) {
            return Ok(None);
        }
        admission.admit(keyspace, key, record).map(Some)
    }

    /// The values of several keys, in the order asked; `None` for each that is not there.
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keyspace: Keyspace,
        keys: &[K],
    ) -> Result<Vec<Option<Found<<E::Snapshot as crate::engine::Snapshot>::Value<'_>>>>> {
        self.check_usable()?;
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        keys.iter().try_for_each(|key| check_key_read(keyspace, key))?;
        let admission = self.shared.admission();
        let records = self.engine.get_many(keyspace, &keys)?;
        let admit = |(key, record): (&&[u8], Option<crate::Record<_>>)| {
            let Some(record) = record else { return Ok(None) };
            admission.check_stamp(keyspace, key, &record.stamp)?;
            match record.stamp.is_live(|| self.now) {
                true => admission.admit(keyspace, key, record).map(Some),
                false => Ok(None),
            }
        };
        keys.iter().zip(records).map(admit).collect()
    }

    /// What a counter holds; 0 where there is none. `Invalid` for any other record.
    pub fn counter(&self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<i64> {
        let key = key.as_ref();
        match self.get(keyspace, key)? {
            None => Ok(0),
            Some(found) => counter::parse(keyspace, key, found.stamp(), &found),
        }
    }

    /// The records of a range, in either direction.
    pub fn range(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, E::Snapshot>> {
        self.check_usable()?;
        Range::over(&self.engine, keyspace, range, direction, self.shared.sight(Liveness::At(self.now)))
    }

    /// The engine's snapshot.
    pub(crate) fn pinned(&self) -> &E::Snapshot {
        &self.engine
    }

    pub(crate) fn shared(&self) -> &Shared<E> {
        &self.shared
    }

    /// The same range, expired records included.
    pub(crate) fn range_of_all(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, E::Snapshot>> {
        self.check_usable()?;
        Range::over(&self.engine, keyspace, range, direction, self.shared.sight(Liveness::Any))
    }

    fn check_usable(&self) -> Result<()> {
        self.shared.check_open()?;
        let Some(max) = self.shared.snapshot_age_max() else { return Ok(()) };
        let age = self.shared.now().since(self.now);
        if age <= max {
            return Ok(());
        }
        Err(Error::new(
            Kind::Expired,
            format!("snapshot is {} ms old, limit is {}", age.as_millis(), max.as_millis()),
        ))
    }
}

impl<E: Engine> Drop for Snapshot<E> {
    fn drop(&mut self) {
        self.shared.snapshots.closed(self.now);
    }
}

impl<E: Engine> fmt::Debug for Snapshot<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version).field("now", &self.now).finish()
    }
}
