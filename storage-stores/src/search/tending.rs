//! Tending an index: fresh documents become segments, and segments whose documents went are taken apart.
//!
//! A write leaves one small record. A search reads all of those that are fresh, so now and then they are turned into a
//! segment: for each word one record that says in which of the documents it occurs. A document that leaves a segment is
//! marked as gone. When many are gone, the segment's remaining documents become fresh again.

use std::collections::BTreeMap;

use storage_core::key::ToTuple;
use storage_core::{Database, Direction, Durability, Engine, Key, Kind, Read, Result, Transaction};

use super::encoding::corrupt;
use super::entry::{Entry, EntryBuilder, STEP, field_of, weight};
use super::index::{Settled, TextIndex};
use super::layout::{Counter, Scope};
use super::postings::{Place, Postings, PostingsBuilder};
use super::segment::{Row, row};

/// What fresh documents weigh when a segment is made of them: about 500 messages of 35 words. Fewer make more segments,
/// each of which costs a search a record for every word; more cost every search and make a larger transaction.
const SEGMENT_WEIGHT: i64 = 32_768;

/// What tending does can be done again: if a crash takes it back, the documents are as they were before.
const DURABILITY: Durability = Durability::Deferred;

/// Segments are taken apart when so many places, and one for so many documents, are gone.
const GONE_MIN: i64 = 256;
const DOCUMENTS_FOR_ONE_GONE: i64 = 8;

/// A segment in which more than one place of so many is gone is taken apart.
const PLACES_FOR_ONE_GONE: usize = 16;

impl TextIndex {
    /// Does what is due so that searches stay fast, in transactions of its own; says whether anything was.
    ///
    /// To be called after writes were committed, on whatever thread: where nothing is due it reads two counters. It
    /// changes nothing that a search finds, and never makes another transaction conflict unless that writes one of the
    /// documents in hand.
    pub fn tend<E: Engine, S: ToTuple + ?Sized>(&self, db: &Database<E>, scope: &S) -> Result<bool> {
        let scope = Scope::new(scope)?;
        let mut any = false;
        if self.is_sparse(db, &scope)? {
            for segment in self.sparse_segments(db, &scope)? {
                any |= db.transact_with(DURABILITY, |txn| self.take_apart(txn, &scope, segment))?.value;
            }
        }
        while db.counter(self.keyspace, scope.counter(Counter::Fresh))? >= SEGMENT_WEIGHT {
            let documents = self.fresh_documents(db, &scope)?;
            if documents.is_empty() {
                break;
            }
            db.transact_with(DURABILITY, |txn| self.settle(txn, &scope, &documents))?;
            any = true;
        }
        Ok(any)
    }

    fn is_sparse<E: Engine>(&self, db: &Database<E>, scope: &Scope) -> Result<bool> {
        let gone = db.counter(self.keyspace, scope.counter(Counter::Gone))?;
        if gone < GONE_MIN {
            return Ok(false);
        }
        let documents = db.counter(self.keyspace, scope.counter(Counter::Documents))?;
        Ok(gone * DOCUMENTS_FOR_ONE_GONE >= documents)
    }

    /// The segments that have lost the share of their documents from which on it pays to take them apart.
    fn sparse_segments<E: Engine>(&self, db: &Database<E>, scope: &Scope) -> Result<Vec<u32>> {
        let snapshot = db.snapshot()?;
        let mut gone = BTreeMap::<u32, usize>::new();
        let mut marks = snapshot.range(self.keyspace, &scope.all_gone(), Direction::Forward)?;
        while let Some(mark) = marks.next()? {
            *gone.entry(scope.gone_place(mark.key())?.0).or_default() += 1;
        }
        let mut sparse = Vec::new();
        for (segment, gone) in gone {
            let documents = self.row(&snapshot, &scope.documents(segment))?;
            if gone * PLACES_FOR_ONE_GONE > documents.len() {
                sparse.push(segment);
            }
        }
        Ok(sparse)
    }

    /// The first fresh documents, as many as make a segment; none where another tender was faster.
    ///
    /// They are looked up outside of the transaction that settles them: reading their range there would make it conflict
    /// with every writer.
    fn fresh_documents<E: Engine>(&self, db: &Database<E>, scope: &Scope) -> Result<Vec<Key>> {
        let snapshot = db.snapshot()?;
        let (mut documents, mut total) = (Vec::new(), 0);
        if snapshot.counter(self.keyspace, scope.counter(Counter::Fresh))? < SEGMENT_WEIGHT {
            return Ok(documents);
        }
        let mut fresh = snapshot.range(self.keyspace, &scope.all_fresh(), Direction::Forward)?;
        while total < SEGMENT_WEIGHT
            && let Some(mut record) = fresh.next()?
        {
            let (key, value) = record.pair()?;
            let entry = Entry::read(value).map_err(|error| error.at(self.keyspace, key))?;
            total += weight(entry.len());
            documents.push(Key::from(scope.fresh_document(key)));
        }
        if documents.is_empty() {
            return Err(corrupt().in_keyspace(self.keyspace).about("the weight of the fresh documents"));
        }
        Ok(documents)
    }

    /// Makes a segment of fresh documents. Those that are so no more are left out.
    fn settle<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &Scope,
        documents: &[Key],
    ) -> Result<()> {
        let keyspace = self.keyspace;
        let number = txn.counter(keyspace, scope.counter(Counter::Segments))?;
        let segment = u32::try_from(number).ok().filter(|&segment| segment != Place::FRESH);
        let segment =
            segment.ok_or_else(|| corrupt().in_keyspace(keyspace).about("the number of segments"))?;
        let mut settled: Vec<(&[u8], u64)> = Vec::new();
        let mut postings = BTreeMap::<String, PostingsBuilder>::new();
        let mut occurrences = Vec::new();
        for document in documents {
            let key = scope.fresh(document);
            let Some(found) = txn.get(keyspace, &key)? else { continue };
            let ordinal = settled.len() as u32;
            let mut read = || -> Result<u64> {
                let entry = Entry::read(&found)?;
                let mut words = entry.words();
                while let Some((word, mut places)) = words.next()? {
                    occurrences.clear();
                    places.rising(&mut occurrences)?;
                    match postings.get_mut(word) {
                        Some(postings) => postings.add(ordinal, entry.len(), &occurrences),
                        None => {
                            let mut first = PostingsBuilder::default();
                            first.add(ordinal, entry.len(), &occurrences);
                            postings.insert(word.to_owned(), first);
                        }
                    }
                }
                Ok(entry.len())
            };
            let len = read().map_err(|error| error.at(keyspace, &key))?;
            settled.push((document, len));
        }
        if settled.is_empty() {
            return Ok(());
        }
        let mut total = 0;
        for (ordinal, &(document, len)) in settled.iter().enumerate() {
            let place = Place { segment, ordinal: ordinal as u32 };
            txn.delete(keyspace, scope.fresh(document))?;
            txn.put(keyspace, scope.place(document), Settled { place, len }.bytes())?;
            total += weight(len);
        }
        for (word, postings) in &postings {
            txn.put(keyspace, scope.postings(word, segment), postings.bytes())?;
        }
        txn.put(keyspace, scope.documents(segment), row(settled.iter().map(|(document, _)| *document)))?;
        txn.put(keyspace, scope.words(segment), row(postings.keys().map(String::as_bytes)))?;
        txn.add(keyspace, scope.counter(Counter::Segments), 1)?;
        txn.add(keyspace, scope.counter(Counter::Fresh), -total)
    }

    /// Makes the documents of a segment fresh again, except those that are gone; `false` if there is none of the number.
    fn take_apart<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &Scope,
        segment: u32,
    ) -> Result<bool> {
        let keyspace = self.keyspace;
        if txn.get(keyspace, scope.documents(segment))?.is_none() {
            return Ok(false);
        }
        let documents = self.row(txn, &scope.documents(segment))?;
        let words = self.row(txn, &scope.words(segment))?;
        let mut gone = vec![false; documents.len()];
        let mut lost = 0;
        let marks = txn.range(keyspace, scope.gone_of(segment), Direction::Forward)?.keys()?;
        for mark in &marks {
            let (_, ordinal) = scope.gone_place(mark)?;
            *gone.get_mut(ordinal as usize).ok_or_else(|| corrupt().at(keyspace, mark))? = true;
            lost += 1;
        }
        let mut entries: Vec<_> = (0..documents.len()).map(|_| EntryBuilder::default()).collect();
        let mut postings = Postings::default();
        for word in words.iter() {
            let word = str::from_utf8(word).map_err(|_| corrupt().at(keyspace, &scope.words(segment)))?;
            let key = scope.postings(word, segment);
            postings.clear();
            if let Some(found) = txn.get(keyspace, &key)? {
                postings.read(segment, &found).map_err(|error| error.at(keyspace, &key))?;
            }
            for posting in postings.documents() {
                let entry = entries.get_mut(posting.place.ordinal as usize);
                let entry = entry.ok_or_else(|| corrupt().at(keyspace, &key))?;
                for &occurrence in postings.occurrences(posting) {
                    entry.add(word.to_owned().into(), field_of(occurrence), (occurrence / STEP) as usize)?;
                }
            }
            txn.delete(keyspace, key)?;
        }
        let mut total = 0;
        for ((document, entry), gone) in documents.iter().zip(entries).zip(gone) {
            if !gone {
                total += weight(entry.len());
                txn.delete(keyspace, scope.place(document))?;
                txn.put(keyspace, scope.fresh(document), entry.finish())?;
            }
        }
        txn.delete(keyspace, scope.documents(segment))?;
        txn.delete(keyspace, scope.words(segment))?;
        txn.delete_range(keyspace, scope.gone_of(segment))?;
        txn.add(keyspace, scope.counter(Counter::Gone), -lost)?;
        txn.add(keyspace, scope.counter(Counter::Fresh), total)?;
        Ok(true)
    }

    /// A record that lists documents or words. `Corrupt` where there is none.
    pub(super) fn row<R: Read>(&self, reader: &R, key: &Key) -> Result<Row> {
        let found = reader.get_record(self.keyspace, key)?.map(|found| found.to_vec());
        let missing = || storage_core::Error::new(Kind::Corrupt, "a segment has lost a record");
        found.ok_or_else(missing).and_then(Row::read).map_err(|error| error.at(self.keyspace, key))
    }
}
