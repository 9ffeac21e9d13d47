//! Rows about single records: reads, writes, removals, and filling a store.

use std::hint::black_box;
use std::mem;

use super::keys::{Keys, Values};
use super::{Batch, Profile, Setting, Spec, Stint, Work, rows};
use crate::contestant::{Entry, Points, Snapshots};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::{Meter, Unmeasured};

/// Records of a chunk when a store is filled.
const LOAD_CHUNK: usize = 1_000;

/// A subject that holds the records of its row.
#[derive(Debug)]
pub struct Loaded<S> {
    /// The subject.
    pub subject: S,
    /// The keys of its records.
    pub keys: Keys,
    /// The values that operations write.
    pub values: Values,
    /// How many records it holds.
    pub records: u64,
}

impl<S: Points> Loaded<S> {
    /// Opens the subject and fills it.
    pub fn open(setting: &Setting) -> Outcome<Self> {
        let loaded = Self::open_empty(setting)?;
        fill(&loaded.subject, loaded.keys, loaded.values.clone(), 0..loaded.records, &mut Unmeasured)?;
        Ok(loaded)
    }

    fn open_empty(setting: &Setting) -> Outcome<Self> {
        let spec = &setting.spec;
        let value_bytes = spec.value_bytes.ok_or_else(|| Failure::new("the row has no size of values"))?;
        Ok(Loaded {
            subject: S::open(setting)?,
            keys: Keys::new(setting.seed, spec.records),
            values: Values::new(setting.seed, value_bytes),
            records: spec.records,
        })
    }
}

/// A record that has to be there and is not.
pub(super) fn lost(key: &[u8]) -> Failure {
    Failure::new(format!("the record of key {key:02x?} is missing"))
}

/// Adds the records of `indices`, in the order of their numbers, which is random in the order of their keys.
pub(super) fn fill<S: Points>(
    subject: &S,
    keys: Keys,
    mut values: Values,
    indices: std::ops::Range<u64>,
    meter: &mut impl Meter,
) -> Outcome<()> {
    let mut chunk = vec![Entry::default(); LOAD_CHUNK];
    let mut next = indices.start;
    while next < indices.end {
        let count = (indices.end - next).min(LOAD_CHUNK as u64);
        let entries = &mut chunk[..count as usize];
        values.fill(entries, (next..).map(|index| (keys.key(index), !index)));
        meter.time_many(count, || subject.load(entries))?;
        next += count;
    }
    Ok(())
}

/// The parts of [`Work`] that are the same for every work over a [`Loaded`] subject that nothing uses up.
macro_rules! over_loaded {
    ($rows:expr) => {
        type Subject = S;

        fn rows(profile: Profile) -> Vec<Spec> {
            #[allow(clippy::redundant_closure_call)]
            $rows(profile)
        }

        fn set_up(setting: &Setting) -> Outcome<Self> {
            Ok(Self(Loaded::open(setting)?))
        }

        fn ready(&mut self, _: &Setting, _: &Batch) -> Outcome<()> {
            Ok(())
        }

        fn subject(&self) -> &S {
            &self.0.subject
        }

        fn into_subject(self) -> S {
            self.0.subject
        }
    };
}
pub(super) use over_loaded;

/// `get`.
#[derive(Debug)]
pub struct Get<S>(Loaded<S>);

impl<S: Points> Work for Get<S> {
    over_loaded!(rows::get);

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let key = self.0.keys.existing(serial);
            let there = meter.time(|| {
                let found = self.0.subject.get(&key)?;
                Ok::<_, Failure>(found.is_some_and(|value| !black_box(value.as_ref()).is_empty()))
            })?;
            if !there {
                return Err(lost(&key));
            }
        }
        Ok(())
    }
}

/// `get-miss`.
#[derive(Debug)]
pub struct GetMiss<S>(Loaded<S>);

impl<S: Points> Work for GetMiss<S> {
    over_loaded!(|_| rows::get_miss());

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let key = self.0.keys.missing(serial);
            if meter.time(|| self.0.subject.get(&key))?.is_some() {
                return Err(Failure::new(format!("there is a record of key {key:02x?}, which nobody wrote")));
            }
        }
        Ok(())
    }
}

/// `get-snapshot`.
#[derive(Debug)]
pub struct GetSnapshot<S>(Loaded<S>);

impl<S: Snapshots> Work for GetSnapshot<S> {
    over_loaded!(rows::get_snapshot);

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let snapshot = self.0.subject.snapshot()?;
        for serial in stint.serials() {
            let key = self.0.keys.existing(serial);
            let there = meter.time(|| {
                S::get_in(&snapshot, &key, |value| {
                    black_box(value);
                })
            })?;
            if !there {
                return Err(lost(&key));
            }
        }
        Ok(())
    }
}

/// `put`, by one thread or several.
#[derive(Debug)]
pub struct Put<S>(Loaded<S>);

impl<S: Points> Work for Put<S> {
    over_loaded!(rows::put);

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let mut values = self.0.values.clone();
        for serial in stint.serials() {
            let key = self.0.keys.existing(serial);
            let value = values.of(serial);
            meter.time(|| self.0.subject.put(&key, value))?;
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        for index in 0..self.0.records {
            let key = self.0.keys.key(index);
            if self.0.subject.get(&key)?.is_none() {
                return Err(lost(&key));
            }
        }
        Ok(())
    }
}

/// `put-batch-100`.
pub type PutBatch<S> = PutBatchOf<S, 100>;

/// A batch of so many records: `put-batch-32`, `put-batch-100`.
#[derive(Debug)]
pub struct PutBatchOf<S, const RECORDS: usize>(Loaded<S>);

impl<S: Points, const RECORDS: usize> Work for PutBatchOf<S, RECORDS> {
    over_loaded!(|profile| match RECORDS {
        32 => rows::put_batch_32(),
        _ => rows::put_batch(profile),
    });

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let keys = self.0.keys;
        let mut values = self.0.values.clone();
        let mut batch = vec![Entry::default(); RECORDS];
        for op in stint.ops() {
            let first = op * RECORDS as u64;
            let records = (first..)
                .map(|write| (keys.key(keys.distinct(stint.turn, write)), (stint.turn << 40) + write));
            values.fill(&mut batch, records);
            meter.time(|| self.0.subject.put_batch(&batch))?;
        }
        Ok(())
    }
}

/// `delete`.
#[derive(Debug)]
pub struct Delete<S> {
    loaded: Loaded<S>,
    /// The batch whose records are gone.
    used: Option<Batch>,
}

impl<S: Points> Work for Delete<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::delete()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        Ok(Delete { loaded: Loaded::open(setting)?, used: None })
    }

    fn ready(&mut self, _: &Setting, batch: &Batch) -> Outcome<()> {
        let Loaded { subject, keys, values, .. } = &mut self.loaded;
        if let Some(used) = self.used.replace(*batch) {
            for op in 0..used.total() {
                let index = keys.distinct(used.turn, op);
                subject.put(&keys.key(index), values.of(index))?;
            }
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for op in stint.ops() {
            let key = self.loaded.keys.key(self.loaded.keys.distinct(stint.turn, op));
            if !meter.time(|| self.loaded.subject.delete(&key))? {
                return Err(lost(&key));
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let gone = self.used.map_or(0, |batch| batch.total());
        let mut left = 0;
        for index in 0..self.loaded.records {
            left += u64::from(self.loaded.subject.get(&self.loaded.keys.key(index))?.is_some());
        }
        if left + gone == self.loaded.records {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "{left} records are left of {} after {gone} removals",
                self.loaded.records
            )))
        }
    }

    fn subject(&self) -> &S {
        &self.loaded.subject
    }

    fn into_subject(self) -> S {
        self.loaded.subject
    }
}

/// `bulk-load`.
#[derive(Debug)]
pub struct BulkLoad<S>(Loaded<S>);

impl<S: Points> Work for BulkLoad<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::bulk_load(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        Ok(BulkLoad(Loaded::open_empty(setting)?))
    }

    fn ready(&mut self, setting: &Setting, _: &Batch) -> Outcome<()> {
        mem::replace(&mut self.0.subject, S::open(setting)?).close()
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        fill(&self.0.subject, self.0.keys, self.0.values.clone(), stint.ops(), meter)
    }

    fn subject(&self) -> &S {
        &self.0.subject
    }

    fn into_subject(self) -> S {
        self.0.subject
    }
}
