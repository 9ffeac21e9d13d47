//! Cursors: a walk through the index, and what a snapshot sees of the slots it meets.
//!
//! Derived records are read where they stand, in the leaf. Records of data lie elsewhere, each behind two pointers, so
//! they are fetched a stretch at a time: plain loads first, so that the waits for memory overlap, then the locks.

use std::hint::black_box;

use storage_core::engine::Cursor;
use storage_core::{Direction, KeyRange, Payload, Record, Result, Stamp, Value};

use crate::chain::Place;
use crate::index::{Keyed, Walk};
use crate::space::{CellSlot, Entry, Space};

/// A position in a range of a [`MemSnapshot`](crate::MemSnapshot).
#[derive(Debug)]
pub struct MemCursor<'a>(Form<'a>);

#[derive(Debug)]
enum Form<'a> {
    Empty,
    Cells(CellCursor<'a>),
    Entries(EntryCursor<'a>),
}

const HERE: &str = "a cursor is read only after it advanced to a record";

impl<'a> MemCursor<'a> {
    pub(crate) fn new(
        space: Option<&'a Space>,
        range: &KeyRange,
        direction: Direction,
        sequence: u64,
    ) -> Self {
        let form = match space {
            None => None,
            Some(Space::Cells(cells)) => Walk::new(cells.order(), range, direction)
                .map(|walk| Form::Cells(CellCursor::new(walk, sequence))),
            Some(Space::Entries(entries)) => Walk::new(entries.order(), range, direction)
                .map(|walk| Form::Entries(EntryCursor::new(walk, sequence))),
        };
        MemCursor(form.unwrap_or(Form::Empty))
    }
}

impl Cursor for MemCursor<'_> {
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        Ok(match &mut self.0 {
            Form::Empty => false,
            Form::Cells(cursor) => cursor.advance(),
            Form::Entries(cursor) => cursor.advance(),
        })
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match &self.0 {
            Form::Empty => unreachable!("{HERE}"),
            Form::Cells(cursor) => cursor.walk.slots()[cursor.here().slot].key(),
            Form::Entries(cursor) => cursor.entry().key(),
        }
    }

    #[inline]
    fn stamp(&self) -> Stamp {
        match &self.0 {
            Form::Empty => unreachable!("{HERE}"),
            Form::Cells(cursor) => cursor.here().record.stamp,
            Form::Entries(cursor) => cursor.record().stamp,
        }
    }

    #[inline]
    fn value(&mut self) -> Result<&dyn Value> {
        Ok(match &self.0 {
            Form::Empty => unreachable!("{HERE}"),
            Form::Cells(cursor) => &cursor.here().record.value,
            Form::Entries(cursor) => &cursor.record().value,
        })
    }
}

/// The first stretch serves who wants one record, the longest keeps enough loads under way.
const STRETCH_LEN_FIRST: usize = 2;
const STRETCH_LEN_MAX: usize = 16;

/// A cursor over cells.
#[derive(Debug)]
struct CellCursor<'a> {
    walk: Walk<'a, CellSlot>,
    sequence: u64,
    stretch_len: usize,
    /// The records of one stretch that the snapshot sees, in the order of the walk.
    found: Vec<Found>,
    /// The number of those that were passed, the one here included.
    passed: usize,
}

#[derive(Debug)]
struct Found {
    slot: usize,
    record: Record<Payload>,
}

impl<'a> CellCursor<'a> {
    fn new(walk: Walk<'a, CellSlot>, sequence: u64) -> Self {
        CellCursor { walk, sequence, stretch_len: STRETCH_LEN_FIRST, found: Vec::new(), passed: 0 }
    }

    #[inline]
    fn advance(&mut self) -> bool {
        if self.passed == self.found.len() && !self.fetch() {
            return false;
        }
        self.passed += 1;
        true
    }

    #[inline]
    fn here(&self) -> &Found {
        &self.found[self.passed - 1]
    }

    /// Fetches the records of the next stretch that has any.
    fn fetch(&mut self) -> bool {
        self.found.clear();
        self.passed = 0;
        while self.found.is_empty() {
            let Some(stretch) = self.walk.stretch(self.stretch_len) else { return false };
            self.stretch_len = (self.stretch_len * 2).min(STRETCH_LEN_MAX);
            self.found.reserve(STRETCH_LEN_MAX);
            let slots = &self.walk.slots()[stretch.clone()];
            black_box(slots.iter().fold(0, |touched, slot| touched ^ slot.cell().touch()));
            let CellCursor { found, sequence, .. } = self;
            let fetch = |(at, slot): (usize, &CellSlot)| {
                let chain = slot.cell().read();
                if let Some(record) = chain.visible(*sequence) {
                    let record = record.clone();
                    drop(chain);
                    found.push(Found { slot: stretch.start + at, record });
                }
            };
            let slots = slots.iter().enumerate();
            match self.walk.direction() {
                Direction::Forward => slots.for_each(fetch),
                Direction::Reverse => slots.rev().for_each(fetch),
            }
        }
        true
    }
}

/// A cursor over derived records.
#[derive(Debug)]
struct EntryCursor<'a> {
    walk: Walk<'a, Entry>,
    sequence: u64,
    here: Option<(usize, Place)>,
}

impl<'a> EntryCursor<'a> {
    fn new(walk: Walk<'a, Entry>, sequence: u64) -> Self {
        EntryCursor { walk, sequence, here: None }
    }

    #[inline]
    fn advance(&mut self) -> bool {
        while let Some(at) = self.walk.step() {
            if let Some(place) = self.walk.slots()[at].chain().visible_place(self.sequence) {
                self.here = Some((at, place));
                return true;
            }
        }
        false
    }

    #[inline]
    fn entry(&self) -> &Entry {
        let (at, _) = self.here.expect(HERE);
        &self.walk.slots()[at]
    }

    #[inline]
    fn record(&self) -> &Record<Payload> {
        let (at, place) = self.here.expect(HERE);
        self.walk.slots()[at].chain().at(place).expect("the snapshot sees it there")
    }
}
