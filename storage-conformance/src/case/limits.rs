//! Limits and bad input: one typed error each, nothing written, the database usable afterwards.

use storage_core::Direction::Forward;
use storage_core::key::Template;
use storage_core::limits::{
    DERIVED_KEY_LEN_MAX, KEY_LEN_MAX, Limits, NAME_LEN_MAX, TRANSACTION_LEN_MAX, VALUE_LEN_MAX,
};
use storage_core::{
    Attributes, Codec, Database, Engine, Key, KeyRange, Keyspace, Kind, Result, Sequence, TransactOptions,
    Transaction,
};

use super::{all, fill, letters, notes, open, quiet, refused, shown, some};
use crate::subject::Subject;

/// A database with lower limits: values of 10 bytes, transactions of 100.
fn limited<S: Subject>(subject: &S) -> Result<Database<S::Engine>> {
    let limits = Limits::default().with_value_len_max(10).with_transaction_len_max(100);
    Database::with_options(subject.open()?, quiet().limits(limits))
}

/// Tries everything that writes under a key, and finds each refused and nothing written.
fn refuses_key<E: Engine>(db: &Database<E>, key: &[u8], kind: Kind) -> Result<()> {
    refused(kind, db.put(notes(), key, "1"));
    refused(kind, db.put_with(notes(), key, "1", Attributes::new(), TransactOptions::new()));
    refused(kind, db.delete(notes(), key));
    type Write<E> = fn(&mut Transaction<'_, E>, &[u8]) -> Result<()>;
    let writes: [Write<E>; 3] = [
        |txn, key| txn.put(notes(), key, "1"),
        |txn, key| txn.delete(notes(), key),
        |txn, key| txn.add(notes(), key, 1),
    ];
    for write in writes {
        let failed = db.transact(|txn| {
            txn.put(notes(), "other", "1")?;
            write(txn, key)
        });
        refused(kind, failed);
    }
    refused(kind, Sequence::new(notes(), key));
    assert_eq!(all(db, notes())?, "");
    db.put(notes(), "usable", "1")?;
    db.delete(notes(), "usable")
}

pub(crate) fn empty_key_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    refuses_key(&db, b"", Kind::Invalid)?;
    refused(Kind::Invalid, db.get(notes(), ""));
    refused(Kind::Invalid, db.counter(notes(), ""));
    refused(Kind::Invalid, db.snapshot()?.get(notes(), ""));
    refused(Kind::Invalid, db.snapshot()?.get_many(notes(), &["a", ""]));
    refused(Kind::Invalid, db.transact(|txn| txn.get(notes(), "").map(drop)));
    refused(Kind::Invalid, db.transact(|txn| txn.get_many(notes(), &["", "a"]).map(drop)));
    Ok(())
}

pub(crate) fn key_past_its_limit_is_too_large<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let long = [b'k'; KEY_LEN_MAX + 1];
    refuses_key(&db, &long, Kind::TooLarge)?;
    assert!(db.get(notes(), long)?.is_none(), "there is none");
    let beyond = [b'k'; DERIVED_KEY_LEN_MAX + 1];
    refused(Kind::TooLarge, db.get(notes(), beyond));
    refused(Kind::TooLarge, db.snapshot()?.get(notes(), beyond));
    let message = refused(Kind::TooLarge, db.put(notes(), long, "")).to_string();
    assert!(message.contains("2049") && message.contains("2048"), "{message}");
    Ok(())
}

pub(crate) fn key_of_exactly_the_limit_is_kept<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (a, b) = ([0xff; KEY_LEN_MAX], [0; KEY_LEN_MAX]);
    for key in [&a[..], &b, &a[1..], &[0]] {
        db.put(notes(), key, [key[0]])?;
    }
    assert_eq!(db.get(notes(), a)?.as_deref(), Some([0xff].as_slice()));
    let keys = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?;
    assert_eq!(keys.iter().map(|key| key.len()).collect::<Vec<_>>(), [1, 2048, 2047, 2048]);
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::prefix(&a), Forward)?.keys()?.len(), 1);
    db.delete(notes(), b)?;
    assert_eq!(shown(db.get(notes(), b)?), None);
    Ok(())
}

pub(crate) fn long_keys_that_differ_in_their_last_byte_are_distinct<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let key = |last: u8| {
        let mut key = vec![b'k'; KEY_LEN_MAX];
        key[KEY_LEN_MAX - 1] = last;
        key
    };
    db.transact(|txn| (0..20).try_for_each(|last| txn.put(notes(), key(last), [last])))?;
    for last in 0..20 {
        assert_eq!(db.get(notes(), key(last))?.as_deref(), Some([last].as_slice()));
    }
    let part = KeyRange::of(key(5)..key(8))?;
    assert_eq!(
        db.snapshot()?.range(notes(), &part, Forward)?.keys()?,
        [5, 6, 7].map(|last| Key::from(key(last)))
    );
    Ok(())
}

pub(crate) fn value_of_exactly_the_limit_is_kept<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut value = vec![7; VALUE_LEN_MAX];
    value[VALUE_LEN_MAX - 1] = 9;
    db.put(notes(), "a", &value)?;
    assert!(db.get(notes(), "a")?.as_deref() == Some(&value), "16 MiB come back changed");
    Ok(())
}

pub(crate) fn value_past_the_limit_is_too_large<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "before")?;
    let value = vec![7; VALUE_LEN_MAX + 1];
    let message = refused(Kind::TooLarge, db.put(notes(), "a", &value)).to_string();
    assert!(message.contains("16777217") && message.contains("16777216"), "{message}");
    refused(Kind::TooLarge, db.transact(|txn| txn.put(notes(), "a", &value)));
    assert_eq!(all(&db, notes())?, "a=before");
    Ok(())
}

pub(crate) fn lower_value_limit_is_kept_to_the_byte<S: Subject>(subject: &S) -> Result<()> {
    let db = limited(subject)?;
    db.put(notes(), "a", "0123456789")?;
    refused(Kind::TooLarge, db.put(notes(), "b", "0123456789+"));
    refused(Kind::TooLarge, db.transact(|txn| txn.put(notes(), "b", "0123456789+")));
    let failed = db.transact(|txn| {
        txn.put(notes(), "b", "1")?;
        txn.put(notes(), "c", "0123456789+")
    });
    refused(Kind::TooLarge, failed);
    assert_eq!(all(&db, notes())?, "a=0123456789");
    Ok(())
}

pub(crate) fn transaction_limit_is_kept_to_the_byte<S: Subject>(subject: &S) -> Result<()> {
    let db = limited(subject)?;
    // Ten records of 10 bytes are 100.
    let write = |txn: &mut Transaction<'_, _>, more: &str| {
        (0..9).try_for_each(|at| txn.put(notes(), at.to_string(), "123456789"))?;
        txn.put(notes(), "9", more)
    };
    let error = refused(Kind::TooLarge, db.transact(|txn| write(txn, "1234567890")));
    assert!(error.to_string().contains("101") && error.to_string().contains("100"), "{error}");
    assert_eq!(all(&db, notes())?, "");
    db.transact(|txn| write(txn, "123456789"))?;
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 10);
    Ok(())
}

pub(crate) fn every_kind_of_write_counts_for_the_transaction_limit<S: Subject>(subject: &S) -> Result<()> {
    let db = limited(subject)?;
    fill(&db, notes(), &["a"])?;
    let long = [b'k'; 60];
    type Write<E> = fn(&mut Transaction<'_, E>, &[u8]) -> Result<()>;
    let writes: [Write<S::Engine>; 5] = [
        |txn, key| txn.delete(notes(), key),
        |txn, key| txn.add(notes(), key, 1),
        |txn, key| txn.delete_range(notes(), KeyRange::of(key..)?),
        |txn, key| txn.next(&Sequence::new(notes(), key)?).map(drop),
        |txn, key| {
            let number = txn.next(&Sequence::new(letters(), b"n")?)?;
            let key = std::str::from_utf8(key).expect("it is made of letters");
            let value = Codec::Json.encode_template(&1)?;
            txn.put_template(notes(), Template::of(&(key, number)), value, Attributes::new())
        },
    ];
    for (at, write) in writes.into_iter().enumerate() {
        db.transact(|txn| write(txn, &long[..40]))?;
        let failed = db.transact(|txn| {
            write(txn, &long[..59])?;
            write(txn, &long)
        });
        assert_eq!(failed.map_err(|error| error.kind()).err(), Some(Kind::TooLarge), "write {at}");
    }
    assert_eq!(shown(db.get(notes(), "a")?), some("a"));
    Ok(())
}

pub(crate) fn limits_are_not_raised_beyond_the_largest<S: Subject>(subject: &S) -> Result<()> {
    let limits = Limits::default().with_value_len_max(usize::MAX).with_transaction_len_max(usize::MAX);
    assert_eq!((limits.value_len_max, limits.transaction_len_max), (VALUE_LEN_MAX, TRANSACTION_LEN_MAX));
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    refused(Kind::TooLarge, db.put(notes(), "a", vec![0; VALUE_LEN_MAX + 1]));
    Ok(())
}

pub(crate) fn zero_limits_admit_only_empty_values<S: Subject>(subject: &S) -> Result<()> {
    let limits = Limits::default().with_value_len_max(0);
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    db.put(notes(), "a", "")?;
    refused(Kind::TooLarge, db.put(notes(), "a", "1"));
    assert_eq!(all(&db, notes())?, "a=");
    Ok(())
}

pub(crate) fn record_that_waits_is_judged_by_its_longest_form<S: Subject>(subject: &S) -> Result<()> {
    let db = limited(subject)?;
    let sequence = Sequence::new(letters(), b"n")?;
    let put = |key_len: usize, value: &'static str| {
        db.transact(|txn| {
            let number = txn.next(&sequence)?;
            let key = "k".repeat(key_len);
            let value = Codec::Json.encode_template(&(value, number))?;
            txn.put_template(notes(), Template::of(&(key.as_str(), number)), value, Attributes::new())
        })
    };
    refused(Kind::TooLarge, put(1, ""));
    refused(Kind::TooLarge, put(KEY_LEN_MAX - 5, ""));
    assert_eq!(all(&db, notes())?, "", "20 digits may come in place of one");
    assert_eq!(db.counter(letters(), "n")?, 0);
    Ok(())
}

pub(crate) fn illegal_keyspace_names_are_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let names = [
        "",
        "A",
        "Notes",
        "1st",
        "_private",
        "with space",
        "dash-ed",
        "dot.ted",
        "nul\0",
        "ü",
        "..",
        "a/b",
        "a\\b",
        "a\n",
        "a'",
        "a\"",
        "a;",
        "%",
    ];
    for name in names {
        refused(Kind::Invalid, Keyspace::new(name));
    }
    refused(Kind::TooLarge, Keyspace::new(&"n".repeat(NAME_LEN_MAX + 1)));
    refused(Kind::Invalid, notes().derived(""));
    refused(Kind::Invalid, notes().derived("a.b"));
    for name in ["a", "z9", "with_underscore_", &"n".repeat(NAME_LEN_MAX)] {
        let keyspace = Keyspace::new(name)?;
        db.put(keyspace, "a", name)?;
        assert_eq!(shown(db.get(keyspace, "a")?), some(name));
    }
    Ok(())
}

pub(crate) fn reversed_range_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let error = refused(Kind::Invalid, KeyRange::of("b".."a"));
    assert!(error.to_string().contains("reversed"), "{error}");
    let inclusive = std::ops::RangeInclusive::new("b", "a");
    refused(Kind::Invalid, KeyRange::of(inclusive));
    refused(Kind::Invalid, db.transact(|txn| txn.delete_range(notes(), KeyRange::of("b".."a")?)));
    assert_eq!(all(&db, notes())?, "a=a b=b");
    Ok(())
}

pub(crate) fn bound_longer_than_any_key_is_too_large<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let long = vec![b'a'; DERIVED_KEY_LEN_MAX + 1];
    refused(Kind::TooLarge, KeyRange::of(long.as_slice()..));
    refused(Kind::TooLarge, KeyRange::of(..long.as_slice()));
    // A bound past the limit of keys but within that of entries is no harm.
    let range = KeyRange::of(vec![b'a'; KEY_LEN_MAX + 1]..)?;
    assert!(db.snapshot()?.range(notes(), &range, Forward)?.next()?.is_none());
    db.delete_range(notes(), &range)?;
    assert_eq!(all(&db, notes())?, "a=a");
    Ok(())
}

pub(crate) fn messages_escape_and_cut_keys<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut key = b"new\nline\0\xff".to_vec();
    key.resize(1_000, b'x');
    db.put(notes(), &key, "not a counter")?;
    let message = refused(Kind::Invalid, db.counter(notes(), &key)).to_string();
    assert!(message.is_ascii() && !message.contains('\n') && message.len() < 300, "{message}");
    assert!(message.contains("notes"), "it names the keyspace: {message}");
    assert!(!message.contains("not a counter\""), "values stay out of messages: {message}");
    Ok(())
}
