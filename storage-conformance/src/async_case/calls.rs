//! Calls: what they do is what the blocking ones do, in one hop or none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use storage_core::limits::DERIVED_KEY_LEN_MAX;
use storage_core::{
    AsyncDatabase, Attributes, BodyError, Direction, Durability, Error, Index, KeyRange, Keyspace, Kind,
    Result, Sequence, Table, TransactOptions,
};

use super::{faces, on_each_face, one_thread};
use crate::case::{all, at, elsewhere, fill, letters, listed, notes, refused, scripted, shown, some};
use crate::subject::Subject;

pub(crate) fn single_calls_do_what_the_blocking_ones_do<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        db.put(notes(), "a", "1").await?;
        db.put(notes(), String::from("b"), vec![b'2']).await?;
        let attributes = Attributes::new().user_byte(7).expires_at(at(1_000_000));
        let options = TransactOptions::new();
        db.put_with(notes(), b"c", [b'3'], attributes, options).await?;
        assert_eq!(all(db.blocking(), notes())?, "a=1 b=2 c=3");
        let found = db.get(notes(), "c").await?.expect("it was put");
        assert_eq!((&*found, found.user_byte(), found.expires_at()), (&b"3"[..], 7, Some(at(1_000_000))));
        assert_eq!(shown(db.get(notes(), "absent").await?), None);
        db.delete(notes(), "a").await?;
        db.delete(notes(), "absent").await?;
        assert_eq!(all(db.blocking(), notes())?, "b=2 c=3");
        db.delete_range(notes(), KeyRange::of("b".."c")?).await?;
        assert_eq!(all(db.blocking(), notes())?, "c=3");
        db.transact(|txn| txn.add(letters(), "count", 41)).await?;
        assert_eq!(db.counter(letters(), "count").await?, 41);
        assert_eq!(db.counter(letters(), "absent").await?, 0);
        let large = vec![7; 1 << 20];
        db.put(notes(), "large", &large).await?;
        assert!(db.get(notes(), "large").await?.is_some_and(|found| *found == large[..]));
        db.sync().await
    })
}

pub(crate) fn drops_and_touches_do_what_the_blocking_ones_do<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        for key in ["a1", "a2", "b"] {
            db.put(notes(), key, "1").await?;
        }
        db.put(letters(), "a", "1").await?;
        assert!(db.touch(notes(), "b", Some(at(1_000_000))).await?);
        assert!(!db.touch(notes(), "absent", None).await?);
        let expiry = db.get(notes(), "b").await?.and_then(|found| found.expires_at());
        assert_eq!(expiry, Some(at(1_000_000)));
        db.delete_prefix(notes(), "a").await?;
        assert_eq!(all(db.blocking(), notes())?, "b=1");
        db.drop_keyspace(notes()).await?;
        assert_eq!(
            (all(db.blocking(), notes())?, all(db.blocking(), letters())?),
            (String::new(), "a=1".into())
        );
        db.drop_all().await?;
        assert_eq!(all(db.blocking(), letters())?, "");
        Ok(())
    })
}

pub(crate) fn transaction_returns_its_outcome<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let sequence = Sequence::new(letters(), b"numbers")?.starting_at(300);
        let version = db.blocking().statistics().version;
        let outcome = db
            .transact(move |txn| {
                txn.put(notes(), "a", "1")?;
                let number = txn.next(&sequence)?;
                txn.next(&sequence)?;
                Ok((number, shown(txn.get(notes(), "a")?)))
            })
            .await?;
        assert_eq!((outcome.version, &outcome.numbers[..]), (version + 1, &[300, 301][..]));
        assert_eq!(outcome.number(outcome.value.0), 300);
        assert_eq!(outcome.value.1, some("1"), "it reads what it wrote");
        let read = db.transact(|txn| Ok(shown(txn.get(notes(), "a")?))).await?;
        assert_eq!((read.value, read.version), (some("1"), version + 1));
        Ok(())
    })
}

pub(crate) fn conflict_runs_the_body_again<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let overtaking = db.blocking().clone();
        let mut runs = 0;
        let outcome = db
            .transact(move |txn| {
                runs += 1;
                txn.get(notes(), "contended")?;
                if runs == 1 {
                    elsewhere(|| overtaking.put(notes(), "contended", ""))?;
                }
                txn.put(notes(), "run", runs.to_string())?;
                Ok(runs)
            })
            .await?;
        assert_eq!(outcome.value, 2);
        assert_eq!(all(db.blocking(), notes())?, "contended= run=2");
        Ok(())
    })
}

pub(crate) fn durability_and_deadline_are_handed_on<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    script.on_commit(move |attempt| {
        record.lock().push(attempt.durability);
        Ok(())
    });
    one_thread().block_on(async {
        db.put(notes(), "a", "1").await?;
        db.transact_with(Durability::Deferred, |txn| txn.put(notes(), "b", "1")).await?;
        let options = TransactOptions::new().durability(Durability::Deferred);
        db.put_with(notes(), "c", "1", Attributes::new(), options).await?;
        let (conflicting, mut runs) = (db.blocking().clone(), 0);
        let at_once = TransactOptions::new().deadline(Duration::ZERO);
        let lost = db.transact_with(at_once, move |txn| {
            runs += 1;
            assert_eq!(runs, 1, "it is not run again past its deadline");
            txn.get(notes(), "a")?;
            elsewhere(|| conflicting.put(notes(), "a", "2"))?;
            txn.put(notes(), "a", "3")
        });
        refused(Kind::Conflict, lost.await);
        Ok::<_, Error>(())
    })?;
    let seen = seen.lock().iter().map(|durability| format!("{durability:?}")).collect::<Vec<_>>();
    assert_eq!(seen, ["Sync", "Deferred", "Deferred", "Sync"]);
    Ok(())
}

pub(crate) fn errors_are_those_of_the_blocking_calls<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let derived = Keyspace::from_stored("_expiry")?;
        let long = vec![b'k'; DERIVED_KEY_LEN_MAX + 1];
        refused(Kind::TooLarge, db.get(notes(), &long).await);
        refused(Kind::TooLarge, db.put(notes(), &long, "").await);
        refused(Kind::TooLarge, db.put(notes(), "a", vec![0; (16 << 20) + 1]).await);
        refused(Kind::Invalid, db.put(notes(), "", "").await);
        refused(Kind::Invalid, db.delete(derived, "a").await);
        refused(Kind::Invalid, db.watch(derived, KeyRange::all()));
        db.put(notes(), "text", "no number").await?;
        refused(Kind::Invalid, db.counter(notes(), "text").await);
        let inner = db.blocking().clone();
        let past = db.transact(move |txn| {
            txn.put(notes(), "a", "1")?;
            inner.put(notes(), "b", "past")
        });
        refused(Kind::Invalid, past.await);
        let given_up = db.transact(|txn| {
            txn.put(notes(), "a", "1")?;
            Err::<(), _>(Error::new(Kind::Full, "the body gives up"))
        });
        refused(Kind::Full, given_up.await);
        assert_eq!(all(db.blocking(), notes())?, "text=no number", "nothing was written");
        Ok(())
    })
}

/// An application's own error.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    TooPoor,
    Storage(Kind),
}

#[derive(Debug)]
struct Refused(Refusal, Option<Error>);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused(Refusal::Storage(error.kind()), Some(error))
    }
}

impl BodyError for Refused {
    fn storage(&self) -> Option<&Error> {
        self.1.as_ref()
    }
}

pub(crate) fn body_can_have_an_error_type_of_its_own<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let poor = db.try_transact(TransactOptions::new(), |txn| {
            txn.put(notes(), "a", "1")?;
            Err::<(), _>(Refused(Refusal::TooPoor, None))
        });
        assert_eq!(poor.await.expect_err("it is refused").0, Refusal::TooPoor);
        let wrong = db.try_transact(TransactOptions::new(), |txn| {
            txn.put(notes(), "", "1")?;
            Ok::<_, Refused>(())
        });
        assert_eq!(wrong.await.expect_err("it is refused").0, Refusal::Storage(Kind::Invalid));
        let called = db.try_call(|_| Err::<(), _>(Refused(Refusal::TooPoor, None)));
        assert_eq!(called.await.expect_err("it is refused").0, Refusal::TooPoor);
        assert_eq!(all(db.blocking(), notes())?, "");
        Ok(())
    })
}

pub(crate) fn read_shows_one_moment<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        fill(db.blocking(), notes(), &["a", "b"])?;
        let writer = db.blocking().clone();
        let seen = db
            .read(move |snapshot| {
                let before = listed(snapshot.range(notes(), &KeyRange::all(), Direction::Forward)?)?;
                elsewhere(|| writer.put(notes(), "c", "c"))?;
                Ok((before, listed(snapshot.range(notes(), &KeyRange::all(), Direction::Reverse)?)?))
            })
            .await?;
        assert_eq!(seen, ("a=a b=b".into(), "b=b a=a".into()));
        assert_eq!(db.blocking().statistics().snapshots, 0, "it is given back");
        assert_eq!(all(db.blocking(), notes())?, "a=a b=b c=c");
        Ok(())
    })
}

pub(crate) fn tables_are_used_inside_closures<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let by_age = Index::on("by_age", |_: &String, age: &u32| *age);
        let index = by_age.clone();
        let ages = db.call(move |db| Table::<String, u32>::define("ages").index(&index).open(db)).await?;
        let table = ages.clone();
        db.transact(move |txn| {
            table.put(txn, &"ann".to_string(), &41)?;
            table.put(txn, &"bob".to_string(), &40)
        })
        .await?;
        let table = ages.clone();
        let youngest = db
            .read(move |snapshot| {
                let mut entries = table.range_by(&by_age, snapshot, KeyRange::all(), Direction::Forward)?;
                entries.next()?.map(|mut entry| entry.key()).transpose()
            })
            .await?;
        assert_eq!(youngest.as_deref(), Some("bob"));
        assert_eq!(db.call(move |db| ages.get(db, "ann")).await?.as_deref(), Some(&41));
        Ok(())
    })
}

pub(crate) fn call_hops_once_or_not_at_all<S: Subject>(subject: &S) -> Result<()> {
    for (at, db) in faces(subject)?.into_iter().enumerate() {
        let hops = at == 1 || db.blocking().capabilities().waits();
        let threads: BTreeSet<String> = one_thread().block_on(async {
            let name = |id: ThreadId| format!("{id:?}");
            let overtaking = db.blocking().clone();
            let (mut ran, mut runs) = (Vec::new(), 0);
            let ran = db
                .transact(move |txn| {
                    runs += 1;
                    ran.push(name(thread::current().id()));
                    txn.get(notes(), "contended")?;
                    ran.push(name(thread::current().id()));
                    if runs < 3 {
                        elsewhere(|| overtaking.put(notes(), "contended", runs.to_string()))?;
                    }
                    txn.put(notes(), "a", "1")?;
                    Ok(ran.clone())
                })
                .await?
                .value;
            assert_eq!(ran.len(), 6, "it ran three times");
            Ok::<_, Error>(ran.into_iter().collect())
        })?;
        assert_eq!(threads.len(), 1, "reads and runs stay on one thread");
        let here = threads.contains(&format!("{:?}", thread::current().id()));
        assert_eq!(here, !hops, "the thread is the one that awaits only where nothing is waited for");
    }
    Ok(())
}

pub(crate) fn closed_database_refuses_calls<S: Subject>(subject: &S) -> Result<()> {
    let db = faces(subject)?.remove(0);
    one_thread().block_on(async {
        db.put(notes(), "a", "1").await?;
        let other = db.clone();
        db.close().await?;
        db.close().await?;
        refused(Kind::Closed, other.get(notes(), "a").await);
        refused(Kind::Closed, other.put(notes(), "a", "2").await);
        refused(Kind::Closed, other.transact(|txn| txn.put(notes(), "a", "2")).await);
        refused(Kind::Closed, other.read(|snapshot| Ok(snapshot.version())).await);
        refused(Kind::Closed, other.sync().await);
        refused(Kind::Closed, other.watch(notes(), KeyRange::all()));
        refused(Kind::Closed, other.blocking().get(notes(), "a"));
        Ok(())
    })
}
