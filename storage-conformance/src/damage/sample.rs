//! The store that is damaged: what was put, what it was before, and what was deleted.

use std::path::Path;
use std::time::Duration;

use storage_core::{
    Attributes, Database, Durability, Engine, Error, Keyspace, Options, Result, Timestamp, TransactOptions,
};

use crate::crash::{Broken, Image};

use super::{Left, files};

/// How many records each keyspace had at most.
pub(super) const RECORDS: u32 = 60;
/// The keyspaces, by name.
const NAMES: [&str; 3] = ["damaged", "notes", "notes_again"];

/// A record as it should be, and as it was before.
pub(super) struct Expected {
    pub(super) key: [u8; 4],
    /// `None` where it was deleted, or never put.
    pub(super) now: Option<Content>,
    /// What it was, oldest first.
    pub(super) before: Vec<Content>,
}

/// What a read returns of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) value: Vec<u8>,
    pub(super) user_byte: u8,
    pub(super) expires_at: Option<Timestamp>,
}

/// What is done to a record in a round.
enum Done {
    Put(Content),
    Deleted,
    Left,
}

/// One after the other; the store is closed and opened again in the middle.
const ROUNDS: u32 = 4;

pub(super) fn keyspaces() -> [Keyspace; 3] {
    NAMES.map(|name| Keyspace::new(name).expect("the names are valid"))
}

/// Every key of a keyspace, those that nobody ever put among them, in order.
pub(super) fn expected(keyspace: Keyspace) -> Vec<Expected> {
    let record = |number: u32| {
        let mut expected = Expected { key: number.to_be_bytes(), now: None, before: Vec::new() };
        for round in 0..ROUNDS {
            match done(keyspace, number, round) {
                Done::Left => {}
                Done::Deleted => expected.before.extend(expected.now.take()),
                Done::Put(content) => expected.before.extend(expected.now.replace(content)),
            }
        }
        expected
    };
    (0..RECORDS + 3).map(record).collect()
}

/// What a round does to a record: the first puts most, the others some anew, delete some, and add some.
fn done(keyspace: Keyspace, number: u32, round: u32) -> Done {
    if number >= RECORDS {
        return Done::Left;
    }
    match (round, number % 10) {
        (1, 2 | 7) | (2, 3 | 8) | (3, 2 | 5) => Done::Put(content(keyspace, number, round)),
        (0, digit) if digit != 8 => Done::Put(content(keyspace, number, round)),
        (1 | 3, digit) if digit == round => Done::Deleted,
        _ => Done::Left,
    }
}

fn content(keyspace: Keyspace, number: u32, round: u32) -> Content {
    let text = format!("{} {number} of round {round}, ", keyspace.name());
    // Some are empty, most fill a part of a page, and a few are longer than one.
    let value = match number % 20 {
        4 => String::new(),
        17 => text.repeat(250),
        other => text.repeat(1 + other as usize % 5),
    };
    Content {
        value: value.into_bytes(),
        user_byte: (number % 3) as u8,
        expires_at: (number % 6 == 1)
            .then(|| Timestamp::from_nanos(u64::MAX / 2 - u64::from(number) - u64::from(round))),
    }
}

/// What the store is opened with: nothing that happens by the clock.
pub(super) fn options() -> Options {
    Options::new().sweep_by_hand().sync_within(Duration::from_secs(3600))
}

/// Makes the store and keeps its files.
pub(super) fn make<E: Engine>(left: Left, open: &impl Fn(&Path) -> Result<E>) -> Result<Image, Broken> {
    let directory = files::temporary()?;
    let failed = |error: Error| Broken(format!("the store cannot be made: {error:?}"));
    let opened = || open(directory.path()).and_then(|engine| Database::with_options(engine, options()));
    let db = opened().map_err(failed)?;
    (0..ROUNDS / 2).try_for_each(|round| put(&db, round)).and_then(|()| db.close()).map_err(failed)?;
    drop(db);
    let db = opened().map_err(failed)?;
    (ROUNDS / 2..ROUNDS).try_for_each(|round| put(&db, round)).map_err(failed)?;
    if left == Left::Closed {
        db.close().map_err(failed)?;
        drop(db);
        return files::read(directory.path());
    }
    files::read(directory.path())
}

/// A commit for each keyspace, so that every round leaves several behind.
fn put<E: Engine>(db: &Database<E>, round: u32) -> Result<()> {
    for keyspace in keyspaces() {
        db.transact_with(TransactOptions::from(Durability::Sync), |txn| {
            for number in 0..RECORDS {
                let key = number.to_be_bytes();
                match done(keyspace, number, round) {
                    Done::Left => {}
                    Done::Deleted => txn.delete(keyspace, key)?,
                    Done::Put(content) => {
                        let mut attributes = Attributes::new().user_byte(content.user_byte);
                        if let Some(at) = content.expires_at {
                            attributes = attributes.expires_at(at);
                        }
                        txn.put_with(keyspace, key, &content.value, attributes)?;
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_records_are_new_some_were_others_and_some_are_gone() {
        for keyspace in keyspaces() {
            let all = expected(keyspace);
            let count = |is: fn(&Expected) -> bool| all.iter().filter(|record| is(record)).count();
            assert!(count(|record| record.now.is_some() && record.before.is_empty()) > 20);
            assert!(count(|record| record.now.is_some() && !record.before.is_empty()) > 10);
            assert!(count(|record| record.now.is_none() && !record.before.is_empty()) > 5);
            assert_eq!(count(|record| record.now.is_none() && record.before.is_empty()), 3);
        }
    }
}
