//! Searching: which documents have all phrases of a query, and which of them are the best.
//!
//! The score is that of FTS5's `bm25()`: BM25 with k1 = 1.2 and b = 0.75, a phrase counting as one term, its inverse
//! document frequency at least 1e-6, the length of a document that of all its fields
//! (<https://www.sqlite.org/fts5.html#the_bm25_function>). Statistics are exact, so every occurrence of a word is read;
//! postings are packed so that this takes nanoseconds for each.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use storage_core::key::ToTuple;
use storage_core::{Direction, Key, Read, Result};

use super::entry::{Entry, FIELDS_MAX, STEP, field_of};
use super::index::TextIndex;
use super::layout::{Counter, Scope};
use super::postings::{Place, Posting, Postings};
use super::query::{Phrase, SearchQuery};
use super::segment::Row;

/// The constants of BM25.
const K1: f64 = 1.2;
const B: f64 = 0.75;
const IDF_MIN: f64 = 1e-6;

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hits {
    /// The best documents, the best first; of equal ones the one with the smaller key.
    pub hits: Vec<Hit>,
    /// How many documents match.
    pub total: usize,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// Its key.
    pub document: Key,
    /// How well it matches, above zero: BM25.
    pub score: f64,
}

impl TextIndex {
    /// The best `limit` documents of a scope that match, of one moment.
    ///
    /// In a transaction its own writes are found too; it reads the whole index then, so that it conflicts with every
    /// writer of the scope. `Invalid` for a field that the index does not have, `Corrupt` where a record of the index
    /// that the query needs cannot be read.
    pub fn search<R: Read, S: ToTuple + ?Sized>(
        &self,
        reader: &R,
        scope: &S,
        query: &SearchQuery,
        limit: usize,
    ) -> Result<Hits> {
        Search { index: self, reader, scope: Scope::new(scope)? }.run(query, limit)
    }
}

/// A search that goes on.
struct Search<'a, R> {
    index: &'a TextIndex,
    reader: &'a R,
    scope: Scope,
}

/// A phrase whose words are looked up.
struct Sought<'q> {
    phrase: &'q Phrase,
    field: Option<usize>,
    /// Of each of its words.
    postings: Vec<Postings>,
}

/// A document that has a phrase.
struct Match {
    place: Place,
    len: u64,
    /// How often it has the phrase, each time as much as the field counts.
    frequency: f64,
}

#[derive(Clone, Copy)]
struct Candidate {
    place: Place,
    score: f64,
}

impl<R: Read> Search<'_, R> {
    fn run(&self, query: &SearchQuery, limit: usize) -> Result<Hits> {
        let documents = self.count(Counter::Documents)?;
        let average_len = self.count(Counter::Words)? / documents;
        let mut sought =
            query.phrases.iter().map(|phrase| self.look_up(phrase)).collect::<Result<Vec<_>>>()?;
        let fresh = self.look_through_fresh(&mut sought)?;
        let gone = self.gone()?;
        let mut weights = [1.0; FIELDS_MAX];
        for (weight, field) in weights.iter_mut().zip(&*self.index.fields) {
            *weight = field.weight;
        }
        let mut candidates: Option<Vec<Candidate>> = None;
        for sought in &sought {
            let matches = sought.matches(&gone, &weights);
            let idf = idf(documents, matches.len() as f64);
            let score = |found: &Match| idf * saturated(found.frequency, found.len as f64, average_len);
            candidates = Some(match candidates {
                None => matches
                    .iter()
                    .map(|found| Candidate { place: found.place, score: score(found) })
                    .collect(),
                Some(candidates) => together(candidates, &matches, score),
            });
        }
        let mut candidates = candidates.unwrap_or_default();
        let mut keys = Keys { search: self, fresh, segments: HashMap::new() };
        if !query.under.is_empty() {
            candidates = keys.only_under(&candidates, &query.under)?;
        }
        let total = candidates.len();
        let hits = keys.best(candidates, limit)?;
        Ok(Hits { hits, total })
    }

    fn count(&self, counter: Counter) -> Result<f64> {
        self.reader.count(self.index.keyspace, &self.scope.counter(counter)).map(|count| count as f64)
    }

    /// The postings of the words of a phrase, in all segments.
    fn look_up<'q>(&self, phrase: &'q Phrase) -> Result<Sought<'q>> {
        let field = phrase.field.as_ref().map(|field| self.index.field(field)).transpose()?;
        let keyspace = self.index.keyspace;
        let of_word = |(index, word): (usize, &String)| {
            let is_prefix = phrase.is_prefix(index);
            let range = match is_prefix {
                true => self.scope.postings_of_prefix(word),
                false => self.scope.postings_of(word),
            };
            let mut postings = Postings::default();
            let mut records = self.reader.read_range(keyspace, range, Direction::Forward)?;
            while let Some(mut record) = records.next()? {
                let (key, value) = record.pair()?;
                Scope::postings_segment(key)
                    .and_then(|segment| postings.read(segment, value))
                    .map_err(|error| error.at(keyspace, key))?;
            }
            if is_prefix {
                postings.unite();
            }
            Ok(postings)
        };
        let postings = phrase.words.iter().enumerate().map(of_word).collect::<Result<_>>()?;
        Ok(Sought { phrase, field, postings })
    }

    /// Adds where the words occur in fresh documents, and returns the keys of these.
    fn look_through_fresh(&self, sought: &mut [Sought<'_>]) -> Result<Vec<Key>> {
        let keyspace = self.index.keyspace;
        let mut fresh = Vec::new();
        let mut records = self.reader.read_range(keyspace, self.scope.all_fresh(), Direction::Forward)?;
        while let Some(mut record) = records.next()? {
            let (key, value) = record.pair()?;
            let place = Place { segment: Place::FRESH, ordinal: fresh.len() as u32 };
            fresh.push(Key::from(self.scope.fresh_document(key)));
            let read = |sought: &mut [Sought<'_>]| -> Result<()> {
                let entry = Entry::read(value)?;
                let mut words = entry.words();
                while let Some((word, occurrences)) = words.next()? {
                    for Sought { phrase, postings, .. } in sought.iter_mut() {
                        for (index, postings) in postings.iter_mut().enumerate() {
                            let is_meant = match phrase.is_prefix(index) {
                                true => word.starts_with(&phrase.words[index]),
                                false => word == phrase.words[index],
                            };
                            if is_meant {
                                postings.add(place, entry.len(), &mut occurrences.clone())?;
                            }
                        }
                    }
                }
                Ok(())
            };
            read(sought).map_err(|error| error.at(keyspace, key))?;
        }
        for Sought { phrase, postings, .. } in sought {
            if let (true, Some(last)) = (phrase.is_prefix(postings.len() - 1), postings.last_mut()) {
                last.unite();
            }
        }
        Ok(fresh)
    }

    /// The places whose documents are gone, in their order.
    fn gone(&self) -> Result<Vec<Place>> {
        let keyspace = self.index.keyspace;
        let mut gone = Vec::new();
        let mut marks = self.reader.read_range(keyspace, self.scope.all_gone(), Direction::Forward)?;
        while let Some(mark) = marks.next()? {
            let (segment, ordinal) =
                self.scope.gone_place(mark.key()).map_err(|error| error.at(keyspace, mark.key()))?;
            gone.push(Place { segment, ordinal });
        }
        Ok(gone)
    }
}

impl Sought<'_> {
    /// The documents that have the phrase, in the order of their places.
    fn matches(&self, gone: &[Place], weights: &[f64; FIELDS_MAX]) -> Vec<Match> {
        let Some((first, rest)) = self.postings.split_first() else { return Vec::new() };
        let mut rest: Vec<_> = rest.iter().map(|postings| (postings, postings.documents())).collect();
        let mut gone = gone;
        let mut lists: Vec<&[u32]> = Vec::new();
        let mut matches = Vec::with_capacity(if rest.is_empty() { first.documents().len() } else { 0 });
        for posting in first.documents() {
            let place = posting.place;
            gone = from_place(gone, place, |gone| *gone);
            if gone.first() == Some(&place) {
                continue;
            }
            lists.clear();
            for (postings, ahead) in &mut rest {
                *ahead = from_place(ahead, place, |posting: &Posting| posting.place);
                match ahead.first() {
                    Some(posting) if posting.place == place => lists.push(postings.occurrences(posting)),
                    _ => break,
                }
            }
            if lists.len() < rest.len() {
                continue;
            }
            let starts = first.occurrences(posting).iter().copied();
            let frequency: f64 = starts
                .filter(|&start| self.field.is_none_or(|field| field == field_of(start)))
                .filter(|&start| follow(start, &lists))
                .map(|start| weights[field_of(start)])
                .sum();
            if frequency > 0.0 {
                matches.push(Match { place, len: posting.len, frequency });
            }
        }
        matches
    }
}

/// What is left of places in order from `place` on.
fn from_place<T>(places: &[T], place: Place, of: impl Fn(&T) -> Place) -> &[T] {
    let behind = places.iter().take_while(|at| of(at) < place).count();
    &places[behind..]
}

/// Whether the other words of a phrase follow on an occurrence of the first.
fn follow(start: u32, lists: &[&[u32]]) -> bool {
    let mut place = start;
    lists.iter().all(|list| {
        place = place.saturating_add(STEP);
        list.binary_search(&place).is_ok()
    })
}

fn idf(documents: f64, matching: f64) -> f64 {
    let idf = ((documents - matching + 0.5) / (matching + 0.5)).ln();
    if idf > 0.0 { idf } else { IDF_MIN }
}

fn saturated(frequency: f64, len: f64, average_len: f64) -> f64 {
    (frequency * (K1 + 1.0)) / (frequency + K1 * (1.0 - B + B * len / average_len))
}

/// The candidates that have one more phrase.
fn together(candidates: Vec<Candidate>, matches: &[Match], score: impl Fn(&Match) -> f64) -> Vec<Candidate> {
    let mut ahead = matches;
    let mut both = candidates;
    both.retain_mut(|candidate| {
        ahead = from_place(ahead, candidate.place, |found| found.place);
        match ahead.first() {
            Some(found) if found.place == candidate.place => {
                candidate.score += score(found);
                true
            }
            _ => false,
        }
    });
    both
}

/// The keys of the documents at places, read when they are needed.
struct Keys<'a, R> {
    search: &'a Search<'a, R>,
    fresh: Vec<Key>,
    segments: HashMap<u32, Row>,
}

impl<R: Read> Keys<'_, R> {
    fn segment(&mut self, segment: u32) -> Result<&Row> {
        match self.segments.entry(segment) {
            Slot::Occupied(row) => Ok(row.into_mut()),
            Slot::Vacant(place) => {
                let Search { index, reader, scope } = self.search;
                Ok(place.insert(index.row(*reader, &scope.documents(segment))?))
            }
        }
    }

    fn key(&mut self, place: Place) -> Result<Key> {
        if place.segment == Place::FRESH {
            return Ok(self.fresh[place.ordinal as usize].clone());
        }
        self.segment(place.segment)?.get(place.ordinal).map(Key::from)
    }

    fn only_under(&mut self, candidates: &[Candidate], prefix: &[u8]) -> Result<Vec<Candidate>> {
        let mut under = Vec::new();
        for of_segment in candidates.chunk_by(|one, other| one.place.segment == other.place.segment) {
            let range = match of_segment[0].place.segment {
                Place::FRESH => {
                    let start = self.fresh.partition_point(|key| key.as_slice() < prefix);
                    let len = self.fresh[start..].partition_point(|key| key.starts_with(prefix));
                    start as u32..(start + len) as u32
                }
                segment => self.segment(segment)?.beginning(prefix),
            };
            under.extend(of_segment.iter().filter(|candidate| range.contains(&candidate.place.ordinal)));
        }
        Ok(under)
    }

    /// The best candidates with their keys. They come in the order of places.
    fn best(&mut self, mut candidates: Vec<Candidate>, limit: usize) -> Result<Vec<Hit>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if candidates.len() > limit {
            candidates = self.worth_a_key(candidates, limit);
        }
        let hit =
            |candidate: Candidate| Ok(Hit { document: self.key(candidate.place)?, score: candidate.score });
        let mut hits = candidates.into_iter().map(hit).collect::<Result<Vec<_>>>()?;
        hits.sort_unstable_by(|one, other| {
            other.score.total_cmp(&one.score).then_with(|| one.document.cmp(&other.document))
        });
        hits.truncate(limit);
        Ok(hits)
    }

    /// The candidates better than the last that has a place among the best, and of those that equal it as many as there
    /// are places: within a segment the order of places is that of keys, among segments only keys can tell.
    fn worth_a_key(&self, candidates: Vec<Candidate>, limit: usize) -> Vec<Candidate> {
        let mut scores: Vec<f64> = candidates.iter().map(|candidate| candidate.score).collect();
        let (_, &mut last, _) = scores.select_nth_unstable_by(limit - 1, |one, other| other.total_cmp(one));
        let better = candidates.iter().filter(|candidate| candidate.score > last).count();
        let mut worth = Vec::new();
        let mut equal = (Place::FRESH, 0);
        for candidate in candidates {
            if candidate.score == last {
                if equal.0 != candidate.place.segment {
                    equal = (candidate.place.segment, 0);
                }
                equal.1 += 1;
                if better + equal.1 > limit {
                    continue;
                }
            } else if candidate.score < last {
                continue;
            }
            worth.push(candidate);
        }
        worth
    }
}
