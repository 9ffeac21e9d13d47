//! Rows about records in the order of their keys.

use std::hint::black_box;

use super::keys::KEY_LEN;
use super::points::Loaded;
use super::{Batch, Profile, Setting, Spec, Stint, Work, rows};
use crate::contestant::{Ranges, Walk};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// Records of a page of a listing.
const PAGE_LEN: usize = 100;
/// Different places at which ranges start.
const STARTS: usize = 4_096;

/// Reads one range and looks at each key and value.
fn look<S: Ranges>(subject: &S, start: &[u8], walk: Walk, limit: usize) -> Outcome<usize> {
    let mut sum = 0;
    let count = subject.range(start, walk, limit, |key, value| {
        // The first byte of each, so that none of them can stay unread.
        sum += key.len() + value.len() + usize::from(key[0]) + usize::from(value[0]);
    })?;
    black_box(sum);
    Ok(count)
}

/// `range-10` to `range-1000` and `range-100-reverse`.
#[derive(Debug)]
pub struct Range<S> {
    loaded: Loaded<S>,
    walk: Walk,
    limit: usize,
    /// Keys from which a whole range follows, so that each operation reads equally many records.
    starts: Vec<[u8; KEY_LEN]>,
}

impl<S: Ranges> Work for Range<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::range(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let (walk, limit) = match setting.spec.workload {
            "range-10" => (Walk::Up, 10),
            "range-100" => (Walk::Up, 100),
            "range-1000" => (Walk::Up, 1_000),
            "range-100-reverse" => (Walk::Down, 100),
            other => return Err(Failure::new(format!("{other} is not the name of a range"))),
        };
        let loaded = Loaded::open(setting)?;
        let mut keys: Vec<[u8; KEY_LEN]> = (0..loaded.records).map(|index| loaded.keys.key(index)).collect();
        keys.sort_unstable();
        let whole = (keys.len() + 1).checked_sub(limit).filter(|&whole| whole > 0);
        let whole = whole.ok_or_else(|| Failure::new("the store is smaller than one range"))?;
        let starts = match walk {
            Walk::Up => &keys[..whole],
            Walk::Down => &keys[limit - 1..],
        };
        let step = (starts.len() / STARTS).max(1);
        let starts = starts.iter().step_by(step).copied().collect();
        Ok(Range { loaded, walk, limit, starts })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let start = &self.starts[self.loaded.keys.pick(serial) as usize % self.starts.len()];
            let count = meter.time(|| look(&self.loaded.subject, start, self.walk, self.limit))?;
            if count != self.limit {
                return Err(Failure::new(format!("a range gave {count} records instead of {}", self.limit)));
            }
        }
        Ok(())
    }

    fn subject(&self) -> &S {
        &self.loaded.subject
    }

    fn into_subject(self) -> S {
        self.loaded.subject
    }
}

/// `list-page`.
#[derive(Debug)]
pub struct ListPage<S>(Loaded<S>);

impl<S: Ranges> Work for ListPage<S> {
    super::points::over_loaded!(rows::list_page);

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            let count = meter.time(|| look(&self.0.subject, &[0; KEY_LEN], Walk::Up, PAGE_LEN))?;
            if count != PAGE_LEN {
                return Err(Failure::new(format!("a page gave {count} records instead of {PAGE_LEN}")));
            }
        }
        Ok(())
    }
}
