//! Numbers and times that only the commit knows: gapless, in order, without conflicts.

use parking_lot::Mutex;
use storage_core::Direction::Forward;
use storage_core::key::Template;
use storage_core::{
    Attributes, Codec, CommitTime, Database, Engine, Error, Key, KeyRange, Kind, Number, Outcome, Result,
    Sequence, Timestamp,
};

use super::{all, at, fill, letters, notes, open, refused, runs, shown, timed, together};
use crate::subject::Subject;

fn numbers() -> Result<Sequence> {
    Sequence::new(letters(), b"numbers")
}

/// Appends a record to `notes` under the next number of a sequence, with its number as its JSON value.
fn append<E: Engine>(db: &Database<E>, sequence: &Sequence) -> Result<Outcome<Number>> {
    db.transact(|txn| {
        let number = txn.next(sequence)?;
        let value = Codec::Json.encode_template(&number)?;
        txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
        Ok(number)
    })
}

/// The numbers under which records are kept, in the order of their keys. Each must hold its own number.
fn kept<E: Engine>(db: &Database<E>) -> Result<Vec<u64>> {
    let records = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
    let number = |(key, value): &(Key, Vec<u8>)| {
        let number = key.unpack::<u64>()?;
        assert_eq!(Codec::Json.decode::<u64>(value)?, number, "a record holds another's number");
        Ok(number)
    };
    records.iter().map(number).collect()
}

pub(crate) fn numbers_start_at_zero_unless_told<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let other = Sequence::new(letters(), b"other")?.starting_at(100);
    let draw = |sequence: &Sequence| db.transact(|txn| txn.next(sequence)).map(|outcome| outcome.numbers);
    assert_eq!((draw(&numbers()?)?, draw(&numbers()?)?), (vec![0], vec![1]));
    assert_eq!((draw(&other)?, draw(&other)?), (vec![100], vec![101]));
    let restarted = other.starting_at(7);
    assert_eq!(draw(&restarted)?, [102], "once it has begun, it goes on");
    assert_eq!(db.counter(letters(), "other")?, 102, "the counter holds the last number");
    Ok(())
}

pub(crate) fn tickets_are_numbered_in_the_order_taken<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (odd, even) = (Sequence::new(letters(), b"odd")?.starting_at(50), numbers()?);
    db.transact(|txn| txn.next(&even))?;
    let outcome = db.transact(|txn| {
        let first = (txn.next(&even)?, txn.next(&odd)?);
        let second = (txn.next(&odd)?, txn.next(&even)?);
        Ok((first, second))
    })?;
    assert_eq!(outcome.numbers, [1, 50, 51, 2]);
    let ((a, b), (c, d)) = outcome.value;
    assert_eq!([a, b, c, d].map(|number| outcome.number(number)), [1, 50, 51, 2]);
    assert_eq!(outcome.number(Number::Known(9)), 9);
    Ok(())
}

pub(crate) fn numbers_fill_keys_and_values<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?.starting_at(1);
    let outcome = db.transact(|txn| {
        let (first, second) = (txn.next(&sequence)?, txn.next(&sequence)?);
        let value = Codec::Json.encode_template(&(first, "of", second))?;
        txn.put_template(notes(), Template::of(&("log", second)), value, Attributes::new().user_byte(4))?;
        let value = Codec::Bincode.encode_template(&(7_u8, second))?;
        txn.put_template(notes(), Template::of(&"fixed key"), value, Attributes::new())
    })?;
    assert_eq!(outcome.numbers, [1, 2]);
    let log = db.get(notes(), Key::of(&("log", 2_u64))?)?.expect("its key has the second number");
    assert_eq!((&*log, log.user_byte()), (br#"[1,"of",2]"#.as_slice(), 4));
    let fixed = db.get(notes(), Key::of(&"fixed key")?)?.expect("its key is known");
    assert_eq!(Codec::Bincode.decode::<(u8, u64)>(&fixed)?, (7, 2));
    Ok(())
}

pub(crate) fn sixty_four_threads_draw_without_gaps_or_conflicts<S: Subject>(subject: &S) -> Result<()> {
    const EACH: u64 = 4;
    let db = open(subject)?;
    let sequence = numbers()?.starting_at(1);
    let drawn = together(64, |_| {
        (0..EACH)
            .map(|_| append(&db, &sequence).map(|outcome| (outcome.version, outcome.number(outcome.value))))
            .collect()
    })?;
    let drawn: Vec<Vec<(u64, u64)>> = drawn;
    assert!(drawn.iter().all(|own| own.is_sorted()), "numbers of one thread step back");
    let mut drawn = drawn.concat();
    drawn.sort_unstable();
    let ordered: Vec<_> = drawn.iter().map(|(_, number)| *number).collect();
    assert_eq!(ordered, Vec::from_iter(1..=64 * EACH), "in the order of versions");
    assert_eq!(kept(&db)?, ordered);
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn failed_transaction_burns_no_number<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?;
    append(&db, &sequence)?;
    let failed = db.transact(|txn| {
        txn.next(&sequence)?;
        txn.next(&sequence)?;
        Err::<(), _>(Error::new(Kind::Full, "the body gives up"))
    });
    refused(Kind::Full, failed);
    db.put(letters(), "text", "not a counter")?;
    let failed = db.transact(|txn| {
        txn.next(&sequence)?;
        txn.add(letters(), "text", 1)
    });
    refused(Kind::Invalid, failed);
    append(&db, &sequence)?;
    assert_eq!(kept(&db)?, [0, 1]);
    Ok(())
}

pub(crate) fn conflict_burns_no_number<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?;
    let read = |txn: &mut storage_core::Transaction<'_, _>| {
        txn.get(notes(), "read")?;
        txn.next(&sequence).map(drop)
    };
    assert_eq!(runs(&db, read, |db| db.put(notes(), "read", ""))?, 2);
    assert_eq!(db.counter(letters(), "numbers")?, 0, "one number was drawn: 0");
    Ok(())
}

pub(crate) fn drawing_does_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?;
    let drawing = |txn: &mut storage_core::Transaction<'_, _>| txn.next(&sequence).map(drop);
    assert_eq!(runs(&db, drawing, |db| db.transact(|txn| txn.next(&sequence)).map(drop))?, 1);
    assert_eq!(db.counter(letters(), "numbers")?, 1);
    Ok(())
}

/// Appends `count` records in transactions of `each`, from `first` on, and finds them in order.
fn crossing<S: Subject>(subject: &S, first: u64, count: u64, each: u64) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?.starting_at(first);
    for _ in 0..count / each {
        db.transact(|txn| {
            for _ in 0..each {
                let number = txn.next(&sequence)?;
                let value = Codec::Json.encode_template(&number)?;
                txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
            }
            Ok(())
        })?;
    }
    assert_eq!(kept(&db)?, Vec::from_iter(first..first + count));
    for number in first..first + count {
        let found = db.get(notes(), Key::of(&number)?)?;
        assert_eq!(shown(found), Some(number.to_string()));
    }
    Ok(())
}

pub(crate) fn numbers_keep_their_order_past_one_byte<S: Subject>(subject: &S) -> Result<()> {
    crossing(subject, 250, 12, 1)
}

pub(crate) fn numbers_of_one_commit_keep_their_order_past_one_byte<S: Subject>(subject: &S) -> Result<()> {
    crossing(subject, 250, 12, 12)
}

pub(crate) fn numbers_keep_their_order_past_two_bytes<S: Subject>(subject: &S) -> Result<()> {
    crossing(subject, 65_530, 12, 6)
}

pub(crate) fn numbers_keep_their_order_from_nothing<S: Subject>(subject: &S) -> Result<()> {
    crossing(subject, 0, 8, 4)
}

pub(crate) fn keys_of_two_sequences_are_sorted_together<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (high, low) = (Sequence::new(letters(), b"high")?.starting_at(70_000), numbers()?.starting_at(3));
    db.transact(|txn| {
        for sequence in [&high, &low, &high, &low] {
            let number = txn.next(sequence)?;
            let value = Codec::Json.encode_template(&number)?;
            txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
        }
        let between = Number::Known(300);
        txn.put_template(
            notes(),
            Template::of(&between),
            Codec::Json.encode_template(&between)?,
            Attributes::new(),
        )
    })?;
    assert_eq!(kept(&db)?, [3, 4, 300, 70_000, 70_001]);
    Ok(())
}

pub(crate) fn record_that_waits_for_its_commit_cannot_be_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?;
    let fixed = Key::of(&"fixed")?;
    db.transact(|txn| {
        let number = txn.next(&sequence)?;
        let value = Codec::Json.encode_template(&number)?;
        txn.put_template(notes(), Template::of(&"fixed"), value.clone(), Attributes::new())?;
        txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
        refused(Kind::Invalid, txn.get(notes(), &fixed));
        refused(Kind::Invalid, txn.add(notes(), &fixed, 1));
        assert!(txn.range(notes(), KeyRange::all(), Forward)?.next()?.is_none());
        Ok(())
    })?;
    assert_eq!(shown(db.get(notes(), &fixed)?), Some("0".into()));
    Ok(())
}

pub(crate) fn later_write_replaces_a_record_that_waits<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = numbers()?;
    let key = |name: &str| Key::of(name);
    db.transact(|txn| {
        let number = txn.next(&sequence)?;
        for name in ["put", "deleted", "in range", "twice"] {
            let value = Codec::Json.encode_template(&(name, number))?;
            txn.put_template(notes(), Template::of(name), value, Attributes::new())?;
        }
        txn.put(notes(), key("put")?, "plain")?;
        txn.delete(notes(), key("deleted")?)?;
        txn.delete_range(notes(), KeyRange::point(&key("in range")?))?;
        let value = Codec::Json.encode_template(&("again", number))?;
        txn.put_template(notes(), Template::of("twice"), value, Attributes::new())
    })?;
    assert_eq!(all(&db, notes())?, r#"\x02put\x00=plain \x02twice\x00=[\"again\",0]"#);
    Ok(())
}

pub(crate) fn range_delete_behind_a_key_that_waits_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let sequence = numbers()?;
    let failed = db.transact(|txn| {
        let number = txn.next(&sequence)?;
        let value = Codec::Json.encode_template(&number)?;
        txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
        txn.delete_range(notes(), KeyRange::all())
    });
    refused(Kind::Invalid, failed);
    assert_eq!(all(&db, notes())?, "a=a");
    Ok(())
}

pub(crate) fn number_of_another_transaction_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let foreign = Number::Drawn(3);
    let put = |key: Template<Key>, value: Template<Vec<u8>>| {
        db.transact(|txn| txn.put_template(notes(), key.clone(), value.clone(), Attributes::new()))
    };
    refused(Kind::Invalid, put(Template::of(&foreign), Codec::Json.encode_template(&1)?));
    refused(Kind::Invalid, put(Template::of(&1_u64), Codec::Json.encode_template(&foreign)?));
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn sequence_ends_at_its_last_number<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let last = u64::try_from(i64::MAX).expect("it is positive");
    let sequence = numbers()?.starting_at(last);
    assert_eq!(db.transact(|txn| txn.next(&sequence))?.numbers, [last]);
    refused(Kind::Invalid, db.transact(|txn| txn.next(&sequence)));
    let beyond = Sequence::new(letters(), b"beyond")?.starting_at(last + 1);
    refused(Kind::Invalid, db.transact(|txn| txn.next(&beyond)));
    assert_eq!(db.counter(letters(), "beyond")?, 0);
    Ok(())
}

pub(crate) fn sequence_on_another_record_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(letters(), "numbers", "text")?;
    refused(Kind::Invalid, db.transact(|txn| txn.next(&numbers()?)));
    assert_eq!(all(&db, letters())?, "numbers=text");
    Ok(())
}

pub(crate) fn commit_time_fills_keys_and_values<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let stamp = |db: &Database<S::Engine>| {
        db.transact(|txn| {
            clock.set(at(50));
            let time = CommitTime::AtCommit;
            txn.put_template(
                notes(),
                Template::of(&time),
                Codec::Json.encode_template(&time)?,
                Attributes::new(),
            )
        })
    };
    let outcome = stamp(&db)?;
    assert_eq!(outcome.time, Some(at(50)), "the time is that of the commit, not of the beginning");
    let found = db.get(notes(), Key::of(&at(50))?)?;
    assert_eq!(shown(found), Some(at(50).as_nanos().to_string()));
    Ok(())
}

pub(crate) fn commit_time_never_steps_back<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let mut times = Vec::new();
    for nanos in [10, 500, 20, 0, 499, 501, 3] {
        clock.set(at(nanos));
        let outcome = db.transact(|txn| {
            let value = Codec::Json.encode_template(&CommitTime::AtCommit)?;
            txn.put_template(notes(), Template::of(&"time"), value, Attributes::new())
        })?;
        times.push(outcome.time.expect("it asked for the time"));
    }
    assert_eq!(times, [10, 500, 500, 500, 500, 501, 501].map(at));
    Ok(())
}

pub(crate) fn commit_times_of_many_threads_are_in_the_order_of_numbers<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let sequence = numbers()?;
    let seen = Mutex::new(Vec::new());
    together(6, |thread| {
        for round in 0..20 {
            // Every thread moves the clock, forth and back.
            clock.set(at(round * 7 % (thread as u64 + 3)));
            let outcome = db.transact(|txn| {
                let number = txn.next(&sequence)?;
                let value = Codec::Json.encode_template(&CommitTime::AtCommit)?;
                txn.put_template(notes(), Template::of(&number), value, Attributes::new())?;
                Ok(number)
            })?;
            seen.lock().push((outcome.number(outcome.value), outcome.time));
        }
        Ok(())
    })?;
    let mut seen = seen.into_inner();
    seen.sort_unstable();
    assert!(seen.is_sorted_by_key(|(_, time)| *time), "{seen:?}");
    let stored = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
    for ((_, value), (_, time)) in stored.iter().zip(&seen) {
        assert_eq!(Some(Timestamp::from_nanos(Codec::Json.decode(value)?)), *time);
    }
    Ok(())
}

pub(crate) fn record_that_waits_may_expire<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let sequence = numbers()?;
    db.transact(|txn| {
        let number = txn.next(&sequence)?;
        let value = Codec::Json.encode_template(&number)?;
        txn.put_template(notes(), Template::of(&number), value, Attributes::new().expires_at(at(5)))
    })?;
    assert_eq!(kept(&db)?, [0]);
    clock.set(at(5));
    assert!(kept(&db)?.is_empty());
    assert_eq!(db.sweep(10)?.records, 1);
    Ok(())
}
