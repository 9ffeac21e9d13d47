//! Records of a table that wait for their commit, beside other writes of the same records.

use std::thread;

use serde::{Deserialize, Serialize};
use storage_core::Direction::Forward;
use storage_core::{
    Attributes, Change, CommitTime, Database, Engine, Error, Index, KeyRange, Kind, Result, Table,
    Transaction,
};

use super::{at, notes, open, refused, scripted, wait_until};
use crate::subject::Subject;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Draft {
    at: CommitTime,
    slug: String,
    tag: String,
    text: String,
}

/// A table by slug (unique) and by tag.
struct Drafts {
    table: Table<String, Draft>,
    by_slug: Index<String, Draft, String>,
    by_tag: Index<String, Draft, String>,
}

impl Drafts {
    fn open<E: Engine>(db: &Database<E>) -> Result<Self> {
        let by_slug = Index::on("by_slug", |_, draft: &Draft| draft.slug.clone()).unique();
        let by_tag = Index::on("by_tag", |_, draft: &Draft| draft.tag.clone());
        let table = Table::define("drafts").index(&by_slug).index(&by_tag).open(db)?;
        Ok(Drafts { table, by_slug, by_tag })
    }

    fn put<E: Engine>(&self, txn: &mut Transaction<'_, E>, key: &str, slug: &str, tag: &str) -> Result<()> {
        let at = CommitTime::Known(at(0));
        let draft = Draft { at, slug: slug.into(), tag: tag.into(), text: String::new() };
        self.table.put(txn, &key.to_owned(), &draft)
    }

    fn put_at_commit<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &str,
        slug: &str,
        tag: &str,
        text: &str,
    ) -> Result<()> {
        let draft = Draft { at: CommitTime::AtCommit, slug: slug.into(), tag: tag.into(), text: text.into() };
        self.table.put_at_commit(txn, &key.to_owned(), &draft, Attributes::new())
    }

    /// Asserts that these records, by key and slug, are all there are, and that no index holds more entries.
    #[track_caller]
    fn are<E: Engine>(&self, db: &Database<E>, expected: &[(&str, &str)]) -> Result<()> {
        let snapshot = db.snapshot()?;
        let records = self.table.range(&snapshot, KeyRange::all(), Forward)?.to_vec()?;
        let found: Vec<_> = records.iter().map(|(key, draft)| (key.as_str(), draft.slug.as_str())).collect();
        assert_eq!(found, expected);
        for index in ["by_slug", "by_tag"] {
            let entries = self.table.keyspace().derived(index)?;
            let keys = snapshot.range(entries, &KeyRange::all(), Forward)?.keys()?;
            assert_eq!(keys.len(), expected.len(), "the entries of {index}: {keys:?}");
        }
        for (key, slug) in expected {
            let holder = self.table.get_by(&self.by_slug, &snapshot, &(*slug).to_owned())?;
            assert_eq!(holder.map(|(key, _)| key).as_deref(), Some(*key), "the holder of {slug}");
        }
        Ok(())
    }
}

pub(crate) fn record_that_waits_leaves_no_entry_of_a_put_before_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let drafts = Drafts::open(&db)?;
    db.transact(|txn| {
        drafts.put(txn, "k", "first", "old")?;
        drafts.put_at_commit(txn, "k", "second", "new", "")
    })?;
    drafts.are(&db, &[("k", "second")])?;
    db.transact(|txn| drafts.put(txn, "other", "first", "old"))?;
    drafts.are(&db, &[("k", "second"), ("other", "first")])
}

pub(crate) fn range_delete_behind_a_record_that_waits_takes_the_old_entries<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let drafts = Drafts::open(&db)?;
    db.transact(|txn| drafts.put(txn, "k", "first", "old"))?;
    db.transact(|txn| {
        drafts.put_at_commit(txn, "k", "second", "new", "")?;
        txn.delete_range(drafts.table.keyspace(), KeyRange::all())
    })?;
    drafts.are(&db, &[])?;
    db.transact(|txn| drafts.put(txn, "other", "first", "old"))?;
    drafts.are(&db, &[("other", "first")])
}

pub(crate) fn record_that_waits_is_in_no_index_of_its_transaction<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let drafts = Drafts::open(&db)?;
    db.transact(|txn| drafts.put(txn, "k", "first", "old"))?;
    db.transact(|txn| {
        drafts.put_at_commit(txn, "k", "second", "new", "")?;
        let tagged = drafts.table.range_by(&drafts.by_tag, txn, KeyRange::all(), Forward)?.to_vec()?;
        assert_eq!(tagged, [], "neither as what it was nor as what it will be");
        for slug in ["first", "second"] {
            assert_eq!(drafts.table.get_by(&drafts.by_slug, txn, &slug.to_owned())?, None);
        }
        Ok(())
    })?;
    drafts.are(&db, &[("k", "second")])
}

pub(crate) fn unique_value_of_a_member_that_failed_is_free_to_those_behind_it<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let drafts = Drafts::open(&db)?;
    let put = |key: &str, text: &str| {
        db.transact(|txn| drafts.put_at_commit(txn, key, "contended", "tag", text)).map(drop)
    };
    let gate = script.hold_commits();
    let answers = thread::scope(|scope| {
        let leader = scope.spawn(|| db.put(notes(), "leader", ""));
        gate.wait_for_a_commit();
        let mut members = Vec::new();
        for (key, text_len) in [("a", 2_000), ("b", 0), ("c", 0)] {
            let put = &put;
            members.push(scope.spawn(move || put(key, &"x".repeat(text_len))));
            wait_until("the member waits", || db.statistics().waiting == members.len());
        }
        script.on_commit(|attempt| {
            let long = |change: &Change| matches!(change, Change::Put(record) if record.value.len() > 1_000);
            match attempt.batch.writes.iter().any(|write| long(&write.change)) {
                true => Err(Error::new(Kind::Full, "no room for long records")),
                false => Ok(()),
            }
        });
        gate.open();
        leader.join().expect("a put does not panic")?;
        let join = |member: thread::ScopedJoinHandle<'_, _>| member.join().expect("it does not panic");
        Ok::<Vec<Result<()>>, Error>(members.into_iter().map(join).collect())
    })?;
    let kinds: Vec<_> = answers.into_iter().map(|answer| answer.err().map(|error| error.kind())).collect();
    assert_eq!(kinds, [Some(Kind::Full), None, Some(Kind::AlreadyExists)]);
    drafts.are(&db, &[("b", "contended")])?;
    refused(Kind::AlreadyExists, put("d", ""));
    Ok(())
}
