//! What one transaction writes: seen by itself, in order, all or nothing.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Attributes, BodyError, Error, KeyRange, Kind, Result, TransactOptions, Transaction};

use super::{all, at, elsewhere, fill, keys, listed, notes, open, refused, shown, some, together};
use crate::subject::Subject;

fn between(start: &str, end: &str) -> KeyRange {
    KeyRange::of(start..end).expect("the bounds are in order")
}

pub(crate) fn transaction_reads_its_own_writes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    db.transact(|txn| {
        txn.put(notes(), "a", "new")?;
        txn.put_with(notes(), "c", "3", Attributes::new().user_byte(5))?;
        txn.delete(notes(), "b")?;
        assert_eq!(shown(txn.get(notes(), "a")?), some("new"));
        assert_eq!(shown(txn.get(notes(), "b")?), None);
        assert_eq!(txn.get(notes(), "c")?.map(|found| found.user_byte()), Some(5));
        let many = txn.get_many(notes(), &["c", "b", "a"])?;
        assert_eq!(many.into_iter().map(shown).collect::<Vec<_>>(), [some("3"), None, some("new")]);
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn transaction_ranges_see_its_own_writes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "f", "h"])?;
    db.transact(|txn| {
        for key in ["a", "c", "d", "z"] {
            txn.put(notes(), key, "new")?;
        }
        txn.delete(notes(), "f")?;
        txn.delete(notes(), "g")?;
        let expected = "a=new b=b c=new d=new h=h z=new";
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, expected);
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Reverse)?)?, "z=new h=h d=new c=new b=b a=new");
        assert_eq!(listed(txn.range(notes(), between("c", "h"), Forward)?)?, "c=new d=new");
        assert_eq!(listed(txn.range(notes(), between("c", "h"), Reverse)?)?, "d=new c=new");
        Ok(())
    })?;
    assert_eq!(all(&db, notes())?, "a=new b=b c=new d=new h=h z=new");
    Ok(())
}

pub(crate) fn transaction_sees_its_range_deletes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d"])?;
    db.transact(|txn| {
        txn.delete_range(notes(), between("b", "d"))?;
        txn.put(notes(), "c", "new")?;
        assert_eq!(shown(txn.get(notes(), "b")?), None);
        assert_eq!(shown(txn.get(notes(), "c")?), some("new"));
        assert_eq!(shown(txn.get(notes(), "d")?), some("d"));
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, "a=a c=new d=d");
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Reverse)?)?, "d=d c=new a=a");
        Ok(())
    })?;
    assert_eq!(all(&db, notes())?, "a=a c=new d=d");
    Ok(())
}

pub(crate) fn last_write_of_a_key_counts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["c", "d"])?;
    db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        txn.put(notes(), "a", "2")?;
        txn.put(notes(), "b", "1")?;
        txn.delete(notes(), "b")?;
        txn.delete(notes(), "c")?;
        txn.put(notes(), "c", "back")?;
        txn.put(notes(), "d", "1")?;
        txn.delete(notes(), "d")
    })?;
    assert_eq!(all(&db, notes())?, "a=2 c=back");
    Ok(())
}

pub(crate) fn put_after_a_range_delete_stays<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    db.transact(|txn| {
        txn.delete_range(notes(), KeyRange::all())?;
        txn.put(notes(), "b", "new")?;
        txn.put(notes(), "d", "new")
    })?;
    assert_eq!(all(&db, notes())?, "b=new d=new");
    Ok(())
}

pub(crate) fn put_before_a_range_delete_goes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    db.transact(|txn| {
        txn.put(notes(), "b", "new")?;
        txn.put(notes(), "z", "new")?;
        txn.delete_range(notes(), between("a", "c"))
    })?;
    assert_eq!(all(&db, notes())?, "z=new");
    Ok(())
}

pub(crate) fn range_deletes_and_puts_alternate_in_order<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d", "e"])?;
    db.transact(|txn| {
        txn.delete_range(notes(), between("a", "d"))?;
        txn.put(notes(), "b", "1")?;
        txn.put(notes(), "c", "1")?;
        txn.delete_range(notes(), between("c", "e"))?;
        txn.put(notes(), "d", "2")?;
        txn.delete(notes(), "b")?;
        txn.put(notes(), "a", "2")
    })?;
    assert_eq!(all(&db, notes())?, "a=2 d=2 e=e");
    Ok(())
}

pub(crate) fn range_deletes_may_overlap<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d", "e", "f"])?;
    db.transact(|txn| {
        txn.delete_range(notes(), between("d", "f"))?;
        txn.delete_range(notes(), between("b", "e"))?;
        txn.delete_range(notes(), between("c", "d"))
    })?;
    assert_eq!(all(&db, notes())?, "a=a f=f");
    Ok(())
}

pub(crate) fn empty_range_delete_touches_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let version = db.statistics().version;
    db.delete_range(notes(), &between("b", "b"))?;
    db.delete_range(notes(), &between("", ""))?;
    assert_eq!(all(&db, notes())?, "a=a b=b c=c");
    assert_eq!(db.statistics().version, version, "nothing was committed");
    Ok(())
}

pub(crate) fn range_delete_takes_its_start_and_not_its_end<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let stored = ["a", "b", "b\0", "c", "c\0", "d", "e"];
    fill(&db, notes(), &stored)?;
    db.delete_range(notes(), &between("b", "c"))?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, r"a c c\x00 d e");
    db.delete_range(notes(), &KeyRange::prefix(b"c"))?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "a d e");
    db.delete_range(notes(), &KeyRange::of("d"..)?)?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "a");
    db.delete_range(notes(), &KeyRange::of(.."a")?)?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "a");
    db.delete_range(notes(), &KeyRange::all())?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "");
    Ok(())
}

pub(crate) fn range_delete_reaches_the_largest_keys<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let stored: [&[u8]; 4] = [b"a", b"\xfe\xff", b"\xff", &[0xff; 2048]];
    for key in stored {
        db.put(notes(), key, "")?;
    }
    db.delete_range(notes(), &KeyRange::prefix(b"\xff"))?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, r"a \xfe\xff");
    Ok(())
}

pub(crate) fn range_delete_takes_ten_thousand_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| (0..10_000).try_for_each(|at| txn.put(notes(), format!("{at:05}"), "")))?;
    db.delete_range(notes(), &between("00001", "09999"))?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "00000 09999");
    Ok(())
}

pub(crate) fn body_error_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let failed = db.transact(|txn| {
        txn.put(notes(), "a", "2")?;
        txn.put(notes(), "b", "2")?;
        txn.delete_range(notes(), KeyRange::all())?;
        Err::<(), _>(Error::new(Kind::Full, "the body gives up"))
    });
    refused(Kind::Full, failed);
    assert_eq!(all(&db, notes())?, "a=a");
    Ok(())
}

/// An error of an application, as the body of a transaction may return it.
#[derive(Debug)]
enum Refusal {
    TooLow,
    Storage(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Storage(error)
    }
}

impl BodyError for Refusal {
    fn storage(&self) -> Option<&Error> {
        match self {
            Refusal::Storage(error) => Some(error),
            Refusal::TooLow => None,
        }
    }
}

pub(crate) fn body_error_of_an_application_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut runs = 0;
    let failed = db.try_transact(TransactOptions::new(), |txn: &mut Transaction<'_, _>| {
        runs += 1;
        txn.put(notes(), "a", "1")?;
        Err::<(), _>(Refusal::TooLow)
    });
    assert!(matches!(failed, Err(Refusal::TooLow)), "{failed:?}");
    assert_eq!((runs, all(&db, notes())?.as_str()), (1, ""));
    let wrapped =
        db.try_transact(TransactOptions::new(), |txn: &mut Transaction<'_, _>| -> Result<(), Refusal> {
            txn.put(notes(), "", "1")?;
            Ok(())
        });
    assert!(matches!(wrapped, Err(Refusal::Storage(error)) if error.kind() == Kind::Invalid));
    Ok(())
}

pub(crate) fn refused_write_can_be_passed_over_by_the_body<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        refused(Kind::Invalid, txn.put(notes(), "", "2"));
        txn.put(notes(), "b", "3")
    })?;
    assert_eq!(all(&db, notes())?, "a=1 b=3");
    Ok(())
}

pub(crate) fn reading_commits_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let version = db.statistics().version;
    let outcome = db.transact(|txn| {
        txn.get(notes(), "a")?;
        listed(txn.range(notes(), KeyRange::all(), Forward)?)
    })?;
    assert_eq!((outcome.value.as_str(), outcome.version), ("a=a", version));
    assert_eq!((outcome.time, outcome.numbers.len()), (None, 0));
    assert_eq!(db.statistics().version, version);
    Ok(())
}

pub(crate) fn versions_grow_with_commits<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut last = db.statistics().version;
    for round in 0..10 {
        let version = db.transact(|txn| txn.put(notes(), "a", round.to_string()))?.version;
        assert!(version > last, "version {version} follows {last}");
        assert_eq!(db.snapshot()?.version(), version);
        last = version;
    }
    Ok(())
}

pub(crate) fn transaction_reads_one_moment<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    db.transact(|txn| {
        assert_eq!(shown(txn.get(notes(), "a")?), some("a"));
        elsewhere(|| {
            db.put(notes(), "b", "late")?;
            db.delete(notes(), "c")?;
            db.put(notes(), "d", "late")
        })?;
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, "a=a b=b c=c");
        assert_eq!(shown(txn.get(notes(), "d")?), None);
        Ok(())
    })?;
    assert_eq!(all(&db, notes())?, "a=a b=late d=late");
    Ok(())
}

pub(crate) fn time_stands_still_in_a_transaction<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = super::timed(subject)?;
    db.transact(|txn| {
        let now = txn.now();
        clock.set(at(1_000));
        assert_eq!((txn.now(), now), (now, at(0)));
        Ok(())
    })?;
    assert_eq!(db.now(), at(1_000));
    Ok(())
}

pub(crate) fn commits_are_seen_whole_or_not_at_all<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: usize = 200;
    let db = open(subject)?;
    let write = |round: usize| {
        db.transact(|txn| {
            txn.delete_range(notes(), KeyRange::all())?;
            (0..10).try_for_each(|key| txn.put(notes(), format!("{round}-{key}"), round.to_string()))
        })
    };
    write(0)?;
    together(3, |thread| {
        for round in 1..=ROUNDS {
            if thread == 0 {
                write(round)?;
                continue;
            }
            let seen = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
            assert_eq!(seen.len(), 10, "a commit is seen in part");
            assert!(seen.iter().all(|(_, value)| *value == seen[0].1), "two commits are seen mixed");
        }
        Ok(())
    })?;
    Ok(())
}
