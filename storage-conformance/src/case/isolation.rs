//! Isolation: the anomalies of weaker levels, each tried and none found; and a bank.
//!
//! The names are those of Adya's and Berenson's catalogues.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use storage_core::Direction::Forward;
use storage_core::{Database, Engine, Error, KeyRange, Kind, Result, TransactOptions, Transaction};

use super::{all, elsewhere, fill, listed, notes, open, refused, shown, some, together};
use crate::subject::Subject;

fn number<E: Engine>(txn: &Transaction<'_, E>, key: &str) -> Result<i64> {
    Ok(shown(txn.get(notes(), key)?).and_then(|value| value.parse().ok()).unwrap_or(0))
}

fn set<E: Engine>(txn: &mut Transaction<'_, E>, key: &str, value: i64) -> Result<()> {
    txn.put(notes(), key, value.to_string())
}

fn set_all<E: Engine>(db: &Database<E>, values: &[(&str, i64)]) -> Result<()> {
    db.transact(|txn| values.iter().try_for_each(|(key, value)| set(txn, key, *value)))?;
    Ok(())
}

/// Transactions that meet much company run within this.
fn patient() -> TransactOptions {
    TransactOptions::new().deadline(Duration::from_secs(60))
}

pub(crate) fn no_dirty_write<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| {
        set(txn, "x", 1)?;
        elsewhere(|| set_all(&db, &[("x", 2), ("y", 2)]))?;
        set(txn, "y", 1)
    })?;
    assert_eq!(all(&db, notes())?, "x=1 y=1", "the writes of two transactions are mixed");
    Ok(())
}

pub(crate) fn no_aborted_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("x", 1)])?;
    let aborted = db.transact(|txn| {
        set(txn, "x", 2)?;
        let seen = elsewhere(|| {
            let get = shown(db.get(notes(), "x")?);
            let snapshot = shown(db.snapshot()?.get(notes(), "x")?);
            Ok([get, snapshot, db.transact(|txn| Ok(shown(txn.get(notes(), "x")?)))?.value])
        })?;
        assert_eq!(seen, [some("1"), some("1"), some("1")]);
        Err::<(), _>(Error::new(Kind::Full, "aborted"))
    });
    refused(Kind::Full, aborted);
    assert_eq!(all(&db, notes())?, "x=1");
    Ok(())
}

pub(crate) fn no_intermediate_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("x", 0)])?;
    db.transact(|txn| {
        set(txn, "x", 1)?;
        assert_eq!(elsewhere(|| all(&db, notes()))?, "x=0");
        set(txn, "x", 2)
    })?;
    assert_eq!(all(&db, notes())?, "x=2");
    Ok(())
}

pub(crate) fn no_circular_information_flow<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut first = None;
    let mut second = None;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        set(txn, "x", 1)?;
        if runs == 1 {
            let seen = elsewhere(|| {
                let outcome = db.transact(|txn| {
                    set(txn, "y", 2)?;
                    number(txn, "x")
                });
                Ok(outcome?.value)
            })?;
            second = Some(seen);
        }
        first = Some(number(txn, "y")?);
        Ok(())
    })?;
    assert_eq!((first, second), (Some(2), Some(0)), "the two did not see each other in one order");
    Ok(())
}

pub(crate) fn no_lost_update<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        let read = number(txn, "x")?;
        if runs == 1 {
            let add = |db: &Database<_>| {
                db.transact(|txn| {
                    let read = number(txn, "x")?;
                    set(txn, "x", read + 10)
                })
            };
            elsewhere(|| add(&db))?;
        }
        set(txn, "x", read + 1)
    })?;
    assert_eq!(all(&db, notes())?, "x=11");
    Ok(())
}

pub(crate) fn no_read_skew<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("x", 50), ("y", 50)])?;
    let sum = db.transact(|txn| {
        let x = number(txn, "x")?;
        elsewhere(|| set_all(&db, &[("x", 10), ("y", 90)]))?;
        Ok(x + number(txn, "y")?)
    })?;
    assert_eq!(sum.value, 100);
    let snapshot = db.snapshot()?;
    set_all(&db, &[("x", 0), ("y", 0)])?;
    assert_eq!(listed(snapshot.range(notes(), &KeyRange::all(), Forward)?)?, "x=10 y=90");
    Ok(())
}

pub(crate) fn no_read_skew_over_a_predicate<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("count", 1), ("item/a", 1)])?;
    db.transact(|txn| {
        let items = txn.range(notes(), KeyRange::prefix(b"item/"), Forward)?.keys()?.len();
        elsewhere(|| set_all(&db, &[("count", 2), ("item/b", 1)]))?;
        assert_eq!((items, number(txn, "count")?), (1, 1));
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn no_write_skew<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("alice", 1), ("bob", 1)])?;
    // Each goes off call only if the other stays.
    let leave = |txn: &mut Transaction<'_, _>, who: &str| match number(txn, "alice")? + number(txn, "bob")? {
        2 => set(txn, who, 0),
        _ => Ok(()),
    };
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        let both = number(txn, "alice")? + number(txn, "bob")?;
        if runs == 1 {
            elsewhere(|| db.transact(|txn| leave(txn, "bob")))?;
        }
        if both == 2 { set(txn, "alice", 0) } else { Ok(()) }
    })?;
    assert_eq!(all(&db, notes())?, "alice=1 bob=0");
    Ok(())
}

pub(crate) fn no_write_skew_over_a_predicate<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    // At most one booking; each books only if it sees none.
    let mut runs = 0;
    let book = |txn: &mut Transaction<'_, _>, who: &str| {
        let taken = txn.range(notes(), KeyRange::prefix(b"slot/"), Forward)?.next()?.is_some();
        if taken { Ok(()) } else { set(txn, &format!("slot/{who}"), 1) }
    };
    db.transact(|txn| {
        runs += 1;
        let taken = txn.range(notes(), KeyRange::prefix(b"slot/"), Forward)?.next()?.is_some();
        if runs == 1 {
            elsewhere(|| db.transact(|txn| book(txn, "theirs")))?;
        }
        if taken { Ok(()) } else { set(txn, "slot/mine", 1) }
    })?;
    assert_eq!(all(&db, notes())?, "slot/theirs=1");
    Ok(())
}

pub(crate) fn no_phantom<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "c"])?;
    db.transact(|txn| {
        let first = listed(txn.range(notes(), KeyRange::all(), Forward)?)?;
        elsewhere(|| {
            fill(&db, notes(), &["b"])?;
            db.delete(notes(), "c")
        })?;
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, first);
        Ok(())
    })?;
    Ok(())
}

/// Fekete's anomaly: two writers that snapshot isolation lets through, made wrong by one who only reads.
pub(crate) fn no_read_only_anomaly<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    set_all(&db, &[("checking", 0), ("savings", 0)])?;
    let mut runs = 0;
    let mut report = None;
    // A withdrawal of 10 costs 1 more if it overdraws.
    db.transact(|txn| {
        runs += 1;
        let total = number(txn, "checking")? + number(txn, "savings")?;
        if runs == 1 {
            report = Some(elsewhere(|| {
                set_all(&db, &[("savings", 20)])?;
                all(&db, notes())
            })?);
        }
        set(txn, "checking", if total < 10 { -11 } else { -10 })
    })?;
    // The report shows the deposit before the withdrawal; then the withdrawal was covered.
    assert_eq!(report, some("checking=0 savings=20"));
    assert_eq!(all(&db, notes())?, "checking=-10 savings=20");
    Ok(())
}

pub(crate) fn no_long_fork<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: i64 = 100;
    let db = open(subject)?;
    set_all(&db, &[("x", 0), ("y", 0)])?;
    let seen = together(4, |thread| {
        let mut seen = Vec::new();
        for round in 1..=ROUNDS {
            match thread {
                0 => set_all(&db, &[("x", round)])?,
                1 => set_all(&db, &[("y", round)])?,
                _ => {
                    let snapshot = db.snapshot()?;
                    let read =
                        |key| Ok(shown(snapshot.get(notes(), key)?).and_then(|value| value.parse().ok()));
                    seen.push((read("x")?, read("y")?) as (Option<i64>, Option<i64>));
                }
            }
        }
        Ok(seen)
    })?;
    let mut seen: Vec<_> = seen.into_iter().flatten().collect();
    seen.sort_unstable();
    for pair in seen.windows(2) {
        assert!(pair[0].1 <= pair[1].1, "{:?} and {:?} saw the writes in two orders", pair[0], pair[1]);
    }
    Ok(())
}

pub(crate) fn later_reads_never_go_back<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: i64 = 200;
    let db = open(subject)?;
    set_all(&db, &[("x", 0)])?;
    together(3, |thread| {
        let mut last = 0;
        for round in 1..=ROUNDS {
            if thread == 0 {
                set_all(&db, &[("x", round)])?;
                continue;
            }
            let read = match round % 3 {
                0 => shown(db.get(notes(), "x")?),
                1 => shown(db.snapshot()?.get(notes(), "x")?),
                _ => db.transact(|txn| Ok(shown(txn.get(notes(), "x")?)))?.value,
            };
            let read = read.and_then(|value| value.parse().ok()).expect("it is never deleted");
            assert!(read >= last, "{read} was read after {last}");
            last = read;
        }
        Ok(())
    })?;
    Ok(())
}

const ACCOUNTS: u64 = 6;
const START: i64 = 100;

fn account(number: u64) -> String {
    format!("account/{}", number % ACCOUNTS)
}

/// Moves money between two accounts that `choice` picks, if there is enough.
fn transfer<E: Engine>(db: &Database<E>, choice: u64) -> Result<()> {
    let (from, to) = (account(choice), account(choice / ACCOUNTS + choice + 1));
    let amount = i64::try_from(choice % 7).expect("it is small");
    db.transact_with(patient(), |txn| {
        let (left, right) = (number(txn, &from)?, number(txn, &to)?);
        if from == to || left < amount {
            return Ok(());
        }
        set(txn, &from, left - amount)?;
        set(txn, &to, right + amount)
    })?;
    Ok(())
}

fn balance(records: &[(storage_core::Key, Vec<u8>)]) -> i64 {
    let parse = |value: &[u8]| std::str::from_utf8(value).ok()?.parse::<i64>().ok();
    records.iter().map(|(_, value)| parse(value).expect("accounts hold numbers")).sum()
}

pub(crate) fn bank_keeps_its_sum_in_every_snapshot<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| (0..ACCOUNTS).try_for_each(|number| set(txn, &account(number), START)))?;
    let total = START * i64::try_from(ACCOUNTS).expect("it is small");
    let done = AtomicBool::new(false);
    together(5, |thread| {
        if thread < 4 {
            let mut choice = thread as u64 + 1;
            for _ in 0..60 {
                // A linear congruence: the same transfers in every run.
                choice =
                    choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                transfer(&db, choice >> 33)?;
            }
            done.store(true, Ordering::SeqCst);
            return Ok(());
        }
        while !done.load(Ordering::SeqCst) {
            let records = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
            assert_eq!(balance(&records), total, "{records:?}");
            let read = db.transact(|txn| txn.range(notes(), KeyRange::all(), Forward)?.to_vec())?.value;
            assert_eq!(balance(&read), total, "{read:?}");
        }
        Ok(())
    })?;
    let records = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
    assert_eq!(balance(&records), total);
    Ok(())
}
