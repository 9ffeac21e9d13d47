//! Rows about opening a store that an earlier owner closed, or that was killed with its process.

use std::marker::PhantomData;

use parking_lot::Mutex;

use super::keys::{Keys, Values};
use super::points::{fill, lost};
use super::{Batch, Place, Profile, Setting, Spec, Stint, Work, kill, rows};
use crate::contestant::{Reopen, Subject, Tag};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::{Meter, Unmeasured};

/// How the earlier owner of a store ended.
pub trait Ending: Send + Sync + 'static {
    /// The rows in which it did.
    fn rows(profile: Profile) -> Vec<Spec>;

    /// Lets a store that holds the row's records be opened, written to, and left behind in `place`.
    fn leave_behind<S: Reopen>(place: &Place, setting: &Setting) -> Outcome<()>;
}

/// It closed the store.
#[derive(Debug)]
pub struct Closed;

impl Ending for Closed {
    fn rows(profile: Profile) -> Vec<Spec> {
        rows::open(profile)
    }

    fn leave_behind<S: Reopen>(place: &Place, setting: &Setting) -> Outcome<()> {
        written::<S>(place, &setting.spec, setting.seed)?.close()
    }
}

/// It was killed, with the store open.
#[derive(Debug)]
pub struct Killed;

impl Ending for Killed {
    fn rows(profile: Profile) -> Vec<Spec> {
        rows::open_after_kill(profile)
    }

    fn leave_behind<S: Reopen>(place: &Place, setting: &Setting) -> Outcome<()> {
        kill::fill_and_kill(&S::TAG, place, &setting.spec, setting.seed)
    }
}

/// `open`.
pub type Open<S> = Opens<S, Closed>;
/// `open-after-kill`.
pub type OpenAfterKill<S> = Opens<S, Killed>;

/// Opens a store and writes a record, after filling it if it is new.
pub fn written<S: Reopen>(place: &Place, spec: &Spec, seed: u64) -> Outcome<S> {
    let is_new = !place.path().exists();
    let store = S::reopen(place)?;
    let keys = Keys::new(seed, spec.records);
    let mut values = Values::new(seed, spec.value_bytes.unwrap_or_default());
    if is_new {
        fill(&store, keys, values.clone(), 0..spec.records, &mut Unmeasured)?;
    }
    store.put(&keys.key(0), values.of(0))?;
    Ok(store)
}

/// A store that is opened again and again.
#[derive(Debug)]
pub struct Reopened<S> {
    store: Mutex<Option<S>>,
    /// Goes after the store.
    place: Place,
}

impl<S: Reopen> Reopened<S> {
    fn end(&self) -> Outcome<()> {
        self.store.lock().take().map_or(Ok(()), S::close)
    }
}

impl<S: Reopen> Subject for Reopened<S> {
    const TAG: Tag = S::TAG;

    fn absence(spec: &Spec) -> Option<&'static str> {
        S::absence(spec)
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        Ok(Reopened { store: Mutex::new(None), place: setting.place() })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        self.store.lock().as_ref().map(S::settings).unwrap_or_default()
    }

    fn settle(&self) -> Outcome<()> {
        self.store.lock().as_ref().map_or(Ok(()), S::settle)
    }

    fn close(self) -> Outcome<()> {
        self.end()
    }
}

/// Opens a store and reads a record.
#[derive(Debug)]
pub struct Opens<S, E> {
    subject: Reopened<S>,
    keys: Keys,
    records: u64,
    ending: PhantomData<E>,
}

impl<S: Reopen, E: Ending> Opens<S, E> {
    fn open_once(&self, serial: u64) -> Outcome<S> {
        let store = S::reopen(&self.subject.place)?;
        let key = self.keys.existing(serial);
        if store.get(&key)?.is_none() {
            return Err(lost(&key));
        }
        Ok(store)
    }
}

impl<S: Reopen, E: Ending> Work for Opens<S, E> {
    type Subject = Reopened<S>;

    fn rows(profile: Profile) -> Vec<Spec> {
        E::rows(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = Reopened::<S>::open(setting)?;
        E::leave_behind::<S>(&subject.place, setting)?;
        let records = setting.spec.records;
        let opens = Opens { subject, keys: Keys::new(setting.seed, records), records, ending: PhantomData };
        *opens.subject.store.lock() = Some(opens.open_once(0)?);
        Ok(opens)
    }

    fn ready(&mut self, setting: &Setting, _: &Batch) -> Outcome<()> {
        self.subject.end()?;
        E::leave_behind::<S>(&self.subject.place, setting)
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let store = meter.time(|| self.open_once(serial))?;
            if self.subject.store.lock().replace(store).is_some() {
                return Err(Failure::new("a store was opened twice in one batch"));
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let store = self.subject.store.lock();
        let store = store.as_ref().ok_or_else(|| Failure::new("the store is not open"))?;
        for index in 0..self.records {
            let key = self.keys.key(index);
            if store.get(&key)?.is_none() {
                return Err(lost(&key));
            }
        }
        Ok(())
    }

    fn subject(&self) -> &Reopened<S> {
        &self.subject
    }

    fn into_subject(self) -> Reopened<S> {
        self.subject
    }
}
