//! Rows about several writers at once whose writes depend on what others wrote.

use std::mem;

use super::keys::{Keys, Values};
use super::points::{Loaded, lost};
use super::{Batch, Profile, Setting, Spec, Stint, Work, rows};
use crate::contestant::{Appends, Entry, Transfers};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// What every account holds at the start.
const BALANCE: i64 = 1_000_000;
/// Where a value keeps its balance, little-endian.
const BALANCE_LEN: usize = size_of::<i64>();

/// The balance in a value; `None` if the value is too short.
#[must_use]
pub fn balance(value: &[u8]) -> Option<i64> {
    value.first_chunk::<BALANCE_LEN>().map(|bytes| i64::from_le_bytes(*bytes))
}

/// The same value with another balance; a value that is too short becomes the balance alone.
#[must_use]
pub fn with_balance(value: &[u8], balance: i64) -> Vec<u8> {
    let mut changed = Vec::with_capacity(value.len().max(BALANCE_LEN));
    changed.extend_from_slice(&balance.to_le_bytes());
    changed.extend_from_slice(value.get(BALANCE_LEN..).unwrap_or_default());
    changed
}

/// Both values after `amount` went from the first to the second.
pub fn moved(from: &[u8], to: &[u8], amount: i64) -> Outcome<(Vec<u8>, Vec<u8>)> {
    match (balance(from), balance(to)) {
        (Some(gives), Some(takes)) => {
            Ok((with_balance(from, gives - amount), with_balance(to, takes + amount)))
        }
        _ => Err(Failure::new("an account has no balance")),
    }
}

/// `transfer`.
#[derive(Debug)]
pub struct Transfer<S>(Loaded<S>);

impl<S: Transfers> Work for Transfer<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::transfer()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let mut loaded = Loaded::<S>::open(setting)?;
        let accounts: Vec<Entry> = (0..loaded.records)
            .map(|index| Entry {
                key: loaded.keys.key(index),
                value: with_balance(loaded.values.of(index), BALANCE),
            })
            .collect();
        loaded.subject.load(&accounts)?;
        Ok(Transfer(loaded))
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let Loaded { subject, keys, records, .. } = &self.0;
        for serial in stint.serials() {
            let from = keys.pick(serial);
            // Any other record: never the same, so that two are written.
            let to = (from + 1 + Keys::new(!serial, records - 1).pick(serial)) % records;
            let (from, to) = (keys.key(from), keys.key(to));
            meter.time(|| subject.transfer(&from, &to, 1 + (serial % 10) as i64))?;
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let Loaded { subject, keys, records, .. } = &self.0;
        let mut sum = 0;
        for index in 0..*records {
            let key = keys.key(index);
            let value = subject.get(&key)?.ok_or_else(|| lost(&key))?;
            sum += balance(value.as_ref()).ok_or_else(|| Failure::new("an account has no balance"))?;
        }
        let due = BALANCE * *records as i64;
        if sum == due {
            Ok(())
        } else {
            Err(Failure::new(format!("the accounts hold {sum} together instead of {due}")))
        }
    }

    fn subject(&self) -> &S {
        &self.0.subject
    }

    fn into_subject(self) -> S {
        self.0.subject
    }
}

/// `append`.
#[derive(Debug)]
pub struct Append<S> {
    subject: S,
    values: Values,
    /// What the last batch has to leave behind.
    due: u64,
}

impl<S: Appends> Work for Append<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::append()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let len = setting.spec.value_bytes.unwrap_or_default();
        Ok(Append { subject: S::open(setting)?, values: Values::new(setting.seed, len), due: 0 })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        self.verify()?;
        self.due = batch.total();
        mem::replace(&mut self.subject, S::open(setting)?).close()
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let mut values = self.values.clone();
        let mut last = None;
        for serial in stint.serials() {
            let value = values.of(serial);
            let number = meter.time(|| self.subject.append(value))?;
            if last.replace(number).is_some_and(|before| before >= number) {
                return Err(Failure::new(format!("a worker was given {number} after a number not below it")));
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let numbers = self.subject.numbers()?;
        let gap = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
        match gap {
            Some(gap) => Err(Failure::new(format!("the sequence goes from {} to {}", gap[0], gap[1]))),
            None if numbers.len() as u64 != self.due => Err(Failure::new(format!(
                "the sequence has {} records instead of {}",
                numbers.len(),
                self.due
            ))),
            None => Ok(()),
        }
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_keeps_the_sum_and_the_rest_of_the_value() {
        let from = with_balance(&[7; 20], 100);
        let to = with_balance(&[9; 20], 5);
        let (from, to) = moved(&from, &to, 30).unwrap();
        assert_eq!((balance(&from), balance(&to)), (Some(70), Some(35)));
        assert_eq!((&from[8..], &to[8..]), (&[7; 12][..], &[9; 12][..]));
    }

    #[test]
    fn a_short_value_is_no_account() {
        assert!(moved(&[1, 2, 3], &[0; 8], 1).is_err());
    }
}
