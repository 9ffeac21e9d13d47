//! Commit groups: what waits for its turn is committed together, and each member is judged alone.
//!
//! One commit is held in the engine while others queue behind it, so that what forms a group is certain.

use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use storage_core::{
    Batch, Change, Database, Durability, Engine, Error, KeyRange, Keyspace, Kind, Result, Sequence,
};

use super::{all, events, fill, letters, notes, refused, scripted, shown, wait_until};
use crate::scripted::{Script, Scripted};
use crate::subject::Subject;

/// A database whose commits can be made to wait and be taken as one group.
struct Group<E: Engine> {
    db: Database<Scripted<E>>,
    script: Arc<Script>,
}

/// One committer of a group.
type Task<'a, E> = Box<dyn Fn(&Database<Scripted<E>>) -> Result<()> + Send + Sync + 'a>;

impl<E: Engine> Group<E> {
    fn on<S: Subject<Engine = E>>(subject: &S) -> Result<Self> {
        let (db, script) = scripted(subject)?;
        Ok(Group { db, script })
    }

    fn task<'a, T>(
        &self,
        task: impl Fn(&Database<Scripted<E>>) -> Result<T> + Send + Sync + 'a,
    ) -> Task<'a, E> {
        Box::new(move |db| task(db).map(drop))
    }

    fn put(&self, key: &'static str) -> Task<'static, E> {
        self.task(move |db| db.put(notes(), key, "1"))
    }

    /// Lets the tasks commit as one group, in their order, each in its own thread, and returns what became of each.
    /// Once all wait in line, `hook` decides what happens to their commits.
    fn commit_under(&self, tasks: &[Task<'_, E>], hook: impl FnOnce(&Script)) -> Result<Vec<Result<()>>> {
        let Group { db, script } = self;
        let gate = script.hold_commits();
        let answers = thread::scope(|scope| {
            let leader = scope.spawn(|| db.put(Keyspace::new("held")?, "leader", ""));
            gate.wait_for_a_commit();
            let mut threads = Vec::new();
            for (at, task) in tasks.iter().enumerate() {
                threads.push(scope.spawn(move || task(db)));
                wait_until("the task waits for its turn", || db.statistics().waiting == at + 1);
            }
            hook(script);
            gate.open();
            leader.join().expect("a put does not panic")?;
            Ok(threads.into_iter().map(|thread| thread.join().expect("the task does not panic")).collect())
        });
        script.let_commits_pass();
        answers
    }

    /// The same where nothing happens to their commits. Returns besides how many changes each of them held.
    fn commit(&self, tasks: &[Task<'_, E>]) -> Result<(Vec<Result<()>>, Vec<usize>)> {
        let commits = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&commits);
        let answers = self.commit_under(tasks, |script| {
            script.on_commit(move |attempt| {
                seen.lock().push(attempt.batch.writes.len() + attempt.batch.range_deletes.len());
                Ok(())
            });
        })?;
        let commits = commits.lock().clone();
        Ok((answers, commits))
    }

    /// The same where every task must succeed.
    fn commit_well(&self, tasks: &[Task<'_, E>]) -> Result<Vec<usize>> {
        let (answers, commits) = self.commit(tasks)?;
        answers.into_iter().collect::<Result<Vec<()>>>()?;
        Ok(commits)
    }
}

fn number(value: Option<String>) -> i64 {
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

pub(crate) fn waiting_commits_share_one_engine_commit<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let tasks: Vec<_> =
        (0..63).map(|at| group.task(move |db| db.put(notes(), format!("{at:02}"), ""))).collect();
    assert_eq!(group.commit_well(&tasks)?, [63], "64 commits reach the engine as two");
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Default::default())?.keys()?.len(), 63);
    Ok(())
}

pub(crate) fn lost_update_inside_a_group_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let increment = |db: &Database<Scripted<S::Engine>>| {
        let done = db.transact(|txn| {
            let read = number(shown(txn.get(notes(), "a")?));
            txn.put(notes(), "a", (read + 1).to_string())
        });
        done.map(drop)
    };
    let tasks: Vec<_> = (0..3).map(|_| group.task(increment)).collect();
    group.commit_well(&tasks)?;
    assert_eq!(all(db, notes())?, "a=3");
    assert!(db.statistics().conflicts >= 2, "the second and the third saw what the first overwrote");
    Ok(())
}

pub(crate) fn write_skew_inside_a_group_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    fill(db, notes(), &["alice", "bob"])?;
    let leave = |who: &'static str| {
        group.task(move |db| {
            let done = db.transact(|txn| {
                let both = txn.get(notes(), "alice")?.is_some() && txn.get(notes(), "bob")?.is_some();
                if both { txn.delete(notes(), who) } else { Ok(()) }
            });
            done.map(drop)
        })
    };
    group.commit_well(&[leave("alice"), leave("bob")])?;
    assert_eq!(all(db, notes())?, "bob=bob");
    Ok(())
}

pub(crate) fn phantom_inside_a_group_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let book = |who: &'static str| {
        group.task(move |db| {
            let done = db.transact(|txn| {
                let taken = txn.range(notes(), KeyRange::all(), Default::default())?.next()?.is_some();
                if taken { Ok(()) } else { txn.put(notes(), who, "") }
            });
            done.map(drop)
        })
    };
    group.commit_well(&[book("first"), book("second"), book("third")])?;
    assert_eq!(all(db, notes())?, "first=");
    Ok(())
}

pub(crate) fn range_delete_inside_a_group_conflicts_with_readers<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    fill(db, notes(), &["a", "b"])?;
    let copy = group.task(|db| {
        let done = db.transact(|txn| {
            let seen = shown(txn.get(notes(), "b")?).unwrap_or("gone".into());
            txn.put(letters(), "copy", seen)
        });
        done.map(drop)
    });
    let tasks = [group.task(|db| db.delete_range(notes(), &KeyRange::all())), copy];
    group.commit_well(&tasks)?;
    assert_eq!(all(db, letters())?, "copy=gone");
    Ok(())
}

pub(crate) fn reader_before_a_writer_in_a_group_commits_with_it<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    fill(db, notes(), &["a"])?;
    let read = group.task(|db| {
        let done = db.transact(|txn| {
            let seen = shown(txn.get(notes(), "a")?).unwrap_or_default();
            txn.put(letters(), "copy", seen)
        });
        done.map(drop)
    });
    let commits = group.commit_well(&[read, group.task(|db| db.put(notes(), "a", "new"))])?;
    assert_eq!((commits, db.statistics().conflicts), (vec![2], 0));
    assert_eq!(all(db, letters())?, "copy=a");
    Ok(())
}

pub(crate) fn members_of_a_group_apply_in_order<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    fill(db, notes(), &["a", "b", "c"])?;
    let tasks = [
        group.task(|db| db.put(notes(), "b", "1")),
        group.task(|db| db.put(notes(), "x", "1")),
        group.task(|db| db.delete_range(notes(), &KeyRange::of("b".."z")?)),
        group.task(|db| db.put(notes(), "c", "2")),
        group.task(|db| db.put(notes(), "a", "2")),
        group.task(|db| db.delete(notes(), "a")),
        group.task(|db| db.put(notes(), "d", "1")),
        group.task(|db| db.put(notes(), "d", "2")),
    ];
    group.commit_well(&tasks)?;
    assert_eq!(all(db, notes())?, "c=2 d=2");
    Ok(())
}

pub(crate) fn batch_reaches_the_engine_sorted_and_each_key_once<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let batches = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = [5, 1, 3, 1, 4, 2, 5]
        .map(|key: u8| {
            group.task(move |db| {
                let done = db.transact(|txn| {
                    txn.put(letters(), [key], "")?;
                    txn.put(notes(), [key], "")?;
                    txn.put(notes(), [0], "")
                });
                done.map(drop)
            })
        })
        .into();
    let seen = Arc::clone(&batches);
    let answers = group.commit_under(&tasks, move |script| {
        script.on_commit(move |attempt| {
            seen.lock().push(attempt.batch.clone());
            Ok(())
        });
    })?;
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    let batches: Vec<Batch> = batches.lock().clone();
    assert_eq!(batches.len(), 1);
    let keys: Vec<_> = batches[0].writes.iter().map(|write| (write.keyspace, write.key.clone())).collect();
    assert_eq!(keys.len(), 5 + 6, "each key once");
    assert!(keys.is_sorted(), "{keys:?}");
    Ok(())
}

pub(crate) fn durabilities_do_not_share_a_commit<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let put = |key: &'static str, durability: Durability| {
        group.task(move |db| db.put_with(notes(), key, "", Default::default(), durability))
    };
    let tasks = [
        put("a", Durability::Sync),
        put("b", Durability::Sync),
        put("c", Durability::Deferred),
        put("d", Durability::Deferred),
        put("e", Durability::Deferred),
        put("f", Durability::Sync),
    ];
    assert_eq!(group.commit_well(&tasks)?, [2, 3, 1]);
    assert_eq!(all(db, notes())?, "a= b= c= d= e= f=");
    Ok(())
}

pub(crate) fn large_commits_do_not_hold_others_up<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let put = |key: &'static str, len: usize| group.task(move |db| db.put(notes(), key, vec![b'x'; len]));
    let tasks = [put("a", 10), put("b", 10), put("c", 12 << 20), put("d", 10)];
    let commits = group.commit_well(&tasks)?;
    assert_eq!(commits.iter().sum::<usize>(), 4);
    assert_eq!(commits[0], 2, "the small ones before the large one go without it: {commits:?}");
    Ok(())
}

/// Fails every commit that writes the key `bad`.
fn refuse_bad(script: &Script, kind: Kind) {
    script.on_commit(move |attempt| match attempt.batch.writes.iter().any(|write| &*write.key == b"bad") {
        true => Err(Error::new(kind, "the script refuses it")),
        false => Ok(()),
    });
}

pub(crate) fn fault_of_one_member_does_not_fail_the_rest<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let tasks = [group.put("a"), group.put("bad"), group.put("b")];
    let mut answers = group.commit_under(&tasks, |script| refuse_bad(script, Kind::Full))?;
    refused(Kind::Full, answers.remove(1));
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(all(db, notes())?, "a=1 b=1");
    db.put(notes(), "bad", "2")?;
    assert_eq!(all(db, notes())?, "a=1 b=1 bad=2");
    Ok(())
}

pub(crate) fn group_too_large_for_the_engine_goes_member_by_member<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let tasks = [group.put("a"), group.put("b"), group.put("c")];
    let answers = group.commit_under(&tasks, |script| {
        script.on_commit(|attempt| match attempt.batch.writes.len() {
            0 | 1 => Ok(()),
            _ => Err(Error::new(Kind::TooLarge, "one write a commit")),
        });
    })?;
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(all(db, notes())?, "a=1 b=1 c=1");
    Ok(())
}

pub(crate) fn member_refused_because_of_one_that_failed_goes_again<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let tasks = [
        group.task(|db| {
            db.transact(|txn| {
                txn.put(notes(), "n", "not a counter")?;
                txn.put(notes(), "bad", "")
            })
        }),
        group.task(|db| db.transact(|txn| txn.add(notes(), "n", 5))),
        group.put("a"),
    ];
    let mut answers = group.commit_under(&tasks, |script| refuse_bad(script, Kind::Full))?;
    refused(Kind::Full, answers.remove(0));
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(db.counter(notes(), "n")?, 5, "the text before it was never there");
    Ok(())
}

pub(crate) fn busy_engine_answers_a_whole_group_at_once<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let tries = Arc::new(Mutex::new(0));
    let count = Arc::clone(&tries);
    let answers = group.commit_under(&[group.put("a"), group.put("b"), group.put("c")], |script| {
        script.on_commit(move |attempt| {
            if attempt.batch.writes.iter().all(|write| write.keyspace != notes()) {
                return Ok(());
            }
            *count.lock() += 1;
            Err(Error::new(Kind::Busy, "somebody else writes"))
        });
    })?;
    answers.into_iter().for_each(|answer| drop(refused(Kind::Busy, answer)));
    assert_eq!(*tries.lock(), 1, "one wait is enough for all");
    assert_eq!(all(&group.db, notes())?, "");
    Ok(())
}

pub(crate) fn group_behind_a_foreign_commit_goes_again<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let (db, sequence) = (&group.db, Sequence::new(letters(), b"numbers")?);
    fill(db, notes(), &["read"])?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let runs = Mutex::new(0);
    let tasks = [
        group.put("a"),
        group.task(|db| {
            db.transact(|txn| {
                *runs.lock() += 1;
                let seen = shown(txn.get(notes(), "read")?).unwrap_or_default();
                txn.put(notes(), "seen", seen)
            })
        }),
        group.task(|db| {
            let mut ticket = None;
            let outcome = db.transact(|txn| {
                ticket = Some(txn.next(&sequence)?);
                Ok(())
            })?;
            assert_eq!(outcome.number(ticket.expect("the body ran")), 0, "no number is burnt");
            Ok(())
        }),
    ];
    let told = Mutex::new(false);
    let answers = group.commit_under(&tasks, |script| {
        script.on_commit(move |attempt| {
            let is_theirs = attempt.batch.writes.iter().any(|write| write.keyspace == notes());
            match is_theirs && !std::mem::replace(&mut *told.lock(), true) {
                true => Err(Error::new(Kind::ForeignCommit, "another process has committed")),
                false => Ok(()),
            }
        });
    })?;
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(*runs.lock(), 2, "whoever had read runs again");
    assert_eq!(all(db, notes())?, "a=1 read=read seen=read");
    assert_eq!(events(&watch)?, ["lagged", "put a", "put seen"]);
    Ok(())
}

pub(crate) fn failed_member_of_a_group_burns_no_number<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let sequence = Sequence::new(letters(), b"numbers")?.starting_at(1);
    let drawn = Mutex::new(Vec::new());
    let draw = |key: &'static str| {
        let (sequence, drawn) = (&sequence, &drawn);
        group.task(move |db| {
            let outcome = db.transact(|txn| {
                txn.put(notes(), key, "1")?;
                txn.next(sequence)
            })?;
            drawn.lock().push((key, outcome.number(outcome.value)));
            Ok(())
        })
    };
    let tasks = [draw("a"), draw("bad"), draw("b"), draw("c")];
    let mut answers = group.commit_under(&tasks, |script| refuse_bad(script, Kind::Full))?;
    refused(Kind::Full, answers.remove(1));
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    drop(tasks);
    let mut drawn = drawn.into_inner();
    drawn.sort_unstable();
    assert_eq!(drawn, [("a", 1), ("b", 2), ("c", 3)]);
    assert_eq!(db.counter(letters(), "numbers")?, 3);
    Ok(())
}

pub(crate) fn conflict_inside_a_group_burns_no_number<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let sequence = Sequence::new(letters(), b"numbers")?.starting_at(1);
    let append = |db: &Database<Scripted<S::Engine>>| {
        let outcome = db.transact(|txn| {
            let read = number(shown(txn.get(notes(), "read")?));
            txn.put(notes(), "read", (read + 1).to_string())?;
            txn.next(&sequence)
        })?;
        db.put(letters(), outcome.number(outcome.value).to_string(), "")
    };
    let tasks = [group.task(append), group.task(append), group.task(append)];
    group.commit_well(&tasks)?;
    assert!(db.statistics().conflicts >= 2);
    assert_eq!(db.counter(letters(), "numbers")?, 3);
    assert_eq!(shown(db.get(notes(), "read")?).as_deref(), Some("3"));
    Ok(())
}

pub(crate) fn group_of_one_sequence_is_one_commit<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let sequence = Sequence::new(letters(), b"numbers")?;
    let order = Mutex::new(Vec::new());
    let draw = |member: usize| {
        let (sequence, order) = (&sequence, &order);
        group.task(move |db| {
            let outcome = db.transact(|txn| txn.next(sequence))?;
            order.lock().push((member, outcome.number(outcome.value)));
            Ok(())
        })
    };
    let tasks: Vec<_> = (0..20).map(draw).collect();
    assert_eq!(group.commit_well(&tasks)?, [1], "one commit, and in it one write of the counter");
    drop(tasks);
    let mut order = order.into_inner();
    order.sort_unstable();
    assert!(
        order.iter().all(|(member, number)| *member as u64 == *number),
        "numbers follow the line: {order:?}"
    );
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn additions_in_a_group_add_up<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let add = |delta: i64| group.task(move |db| db.transact(|txn| txn.add(notes(), "n", delta)).map(drop));
    let tasks = [add(1), add(10), group.task(|db| db.delete(notes(), "n")), add(100), add(-1)];
    assert_eq!(group.commit_well(&tasks)?, [1]);
    assert_eq!(db.counter(notes(), "n")?, 99);
    Ok(())
}

pub(crate) fn additions_and_maxima_of_one_group_go_in_their_order<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let change = |at: i64| (at * 37) % 64 - 20;
    let tasks: Vec<_> = (0..64)
        .map(|at| {
            group.task(move |db| {
                db.transact(|txn| match at % 2 {
                    0 => txn.add(notes(), "n", change(at)),
                    _ => txn.max(notes(), "n", change(at)),
                })
            })
        })
        .collect();
    assert_eq!(group.commit_well(&tasks)?, [1], "one commit, and one record in it");
    let expected = (0..64).fold(None, |held, at| match (at % 2, held) {
        (0, held) => Some(held.unwrap_or(0) + change(at)),
        (_, None) => Some(change(at)),
        (_, Some(held)) => Some(change(at).max(held)),
    });
    assert_eq!(Some(db.counter(notes(), "n")?), expected);
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn invalid_addition_in_a_group_fails_alone<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let add = |delta: i64| {
        group.task(move |db| {
            let done = db.transact(|txn| {
                txn.add(notes(), "n", delta)?;
                txn.put(notes(), delta.to_string(), "")
            });
            done.map(drop)
        })
    };
    let (mut answers, commits) = group.commit(&[add(1), add(i64::MAX), add(2)])?;
    refused(Kind::Invalid, answers.remove(1));
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(commits, [3], "the counter and two puts");
    assert_eq!(db.counter(notes(), "n")?, 3);
    Ok(())
}

pub(crate) fn unknown_outcome_of_a_group_is_told_to_all<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let tasks = [group.put("a"), group.put("bad"), group.put("b")];
    let answers = group.commit_under(&tasks, |script| refuse_bad(script, Kind::CommitUnknown))?;
    for answer in answers {
        refused(Kind::CommitUnknown, answer);
    }
    refused(Kind::Unavailable, db.put(notes(), "c", "1"));
    Ok(())
}

pub(crate) fn watch_tells_what_each_member_changed<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    let watch = db.watch(notes(), KeyRange::all())?;
    let tasks = [group.put("a"), group.put("bad"), group.task(|db| db.delete(notes(), "a")), group.put("a")];
    let mut answers = group.commit_under(&tasks, |script| refuse_bad(script, Kind::Full))?;
    refused(Kind::Full, answers.remove(1));
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(events(&watch)?, ["put a", "delete a", "put a"], "nothing of the member that failed");
    Ok(())
}

pub(crate) fn range_delete_in_a_group_is_one_change<S: Subject>(subject: &S) -> Result<()> {
    let group = Group::on(subject)?;
    let db = &group.db;
    fill(db, notes(), &["a", "b"])?;
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let tasks = [group.put("c"), group.task(|db| db.delete_range(notes(), &KeyRange::all())), group.put("d")];
    let answers = group.commit_under(&tasks, move |script| {
        script.on_commit(move |attempt| {
            let puts = |write: &storage_core::Write| matches!(write.change, Change::Put(_));
            let batch = attempt.batch;
            seen.lock()
                .push((batch.range_deletes.len(), batch.writes.iter().filter(|write| puts(write)).count()));
            Ok(())
        });
    })?;
    answers.into_iter().collect::<Result<Vec<()>>>()?;
    assert_eq!(*kinds.lock(), [(1, 1)], "a later range delete drops the puts that it covers");
    assert_eq!(all(db, notes())?, "d=1");
    Ok(())
}
