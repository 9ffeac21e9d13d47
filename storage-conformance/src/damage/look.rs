//! Everything in a damaged store, read and judged.

use storage_core::{
    Database, Direction, Engine, Error, KeyRange, Keyspace, KeyspaceKind, Kind, Result, Snapshot,
};

use crate::crash::Broken;

use super::sample::{Content, Expected, RECORDS, expected, keyspaces, options};

/// A range that returns so many times what was put does not end.
const RETURNS_MAX: usize = 8 * RECORDS as usize;

/// What was read of one state.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Opening it was refused with this; then there is nothing else.
    pub(super) refused: Option<Kind>,
    /// Records that were right wherever they were read.
    pub(super) right: u64,
    /// Records that some read named as damaged, and no read got wrong.
    pub(super) named: u64,
    /// Records that some read could not reach, with an error that names no record.
    pub(super) unread: u64,
    /// Records that some read said not to be there.
    pub(super) missing: u64,
    /// Records that some read showed as they had been before.
    pub(super) stale: u64,
    /// Records that a range returned twice, or out of order.
    pub(super) disordered: u64,
    /// Keyspaces that were not listed.
    pub(super) hidden: u64,
}

impl Seen {
    /// Whether nothing is wrong.
    pub(super) fn is_whole(&self) -> bool {
        self.refused.is_none() && self.named == 0 && self.unread == 0 && self.lost() == 0
    }

    /// What is wrong without an error that says so.
    pub(super) fn lost(&self) -> u64 {
        self.missing + self.stale + self.disordered + self.hidden
    }
}

/// What the reads of one record showed, the worst of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    Right,
    Unread,
    Named,
    Missing,
    Stale,
}

/// Opens a store and reads everything.
pub(super) fn look<E: Engine>(open: impl FnOnce() -> Result<E>) -> Result<Seen, Broken> {
    let db = match open().and_then(|engine| Database::with_options(engine, options())) {
        Ok(db) => db,
        Err(error) => {
            of_kind(&error, &[Kind::Corrupt, Kind::Invalid, Kind::Unavailable])?;
            return Ok(Seen { refused: Some(error.kind()), ..Seen::default() });
        }
    };
    let mut seen = Seen::default();
    for keyspace in keyspaces() {
        let mut reader = Reader::new(&db, keyspace);
        reader.get_each()?;
        for direction in [Direction::Forward, Direction::Reverse] {
            reader.range(direction)?;
        }
        reader.count(&mut seen);
    }
    list(&db, &mut seen)?;
    match db.close() {
        Ok(()) => Ok(seen),
        Err(error) => of_kind(&error, &[Kind::Corrupt, Kind::Unavailable]).map(|()| seen),
    }
}

/// An error of a kind that a damaged store may have.
fn of_kind(error: &Error, kinds: &[Kind]) -> Result<(), Broken> {
    match kinds.contains(&error.kind()) {
        true => Ok(()),
        false => Err(Broken(format!("damage is told as {error:?}"))),
    }
}

/// The keyspaces are those that were written; in others that a damaged name makes, no record may be believed.
fn list<E: Engine>(db: &Database<E>, seen: &mut Seen) -> Result<(), Broken> {
    let listed = match db.engine().keyspaces() {
        Ok(listed) => listed,
        Err(error) => {
            seen.unread += 1;
            return of_kind(&error, &[Kind::Corrupt, Kind::Unavailable]);
        }
    };
    seen.hidden += keyspaces().iter().filter(|keyspace| !listed.contains(keyspace)).count() as u64;
    let is_strange = |listed: &Keyspace| listed.kind() == KeyspaceKind::Data && !keyspaces().contains(listed);
    for stranger in listed.into_iter().filter(is_strange) {
        let mut reader =
            Reader { db, keyspace: stranger, expected: Vec::new(), sights: Vec::new(), disordered: 0 };
        reader.range(Direction::Forward)?;
    }
    Ok(())
}

/// Reads one keyspace.
struct Reader<'a, E: Engine> {
    db: &'a Database<E>,
    keyspace: Keyspace,
    expected: Vec<Expected>,
    /// Of each that is expected, the worst so far.
    sights: Vec<Sight>,
    disordered: u64,
}

impl<'a, E: Engine> Reader<'a, E> {
    fn new(db: &'a Database<E>, keyspace: Keyspace) -> Self {
        let expected = expected(keyspace);
        let sights = vec![Sight::Right; expected.len()];
        Reader { db, keyspace, expected, sights, disordered: 0 }
    }

    fn get_each(&mut self) -> Result<(), Broken> {
        for place in 0..self.expected.len() {
            let key = self.expected[place].key;
            let got = self.db.get(self.keyspace, key).map(|found| {
                found.map(|found| Content {
                    value: found.to_vec(),
                    user_byte: found.user_byte(),
                    expires_at: found.expires_at(),
                })
            });
            let sight = match got {
                Ok(found) => self.judge(place, found)?,
                Err(error) => match self.named(&error)? {
                    Some(named) if named == key => Sight::Named,
                    Some(_) => return Err(self.broken(&key, &format!("another is named: {error:?}"))),
                    None => Sight::Unread,
                },
            };
            self.note(place, sight);
        }
        Ok(())
    }

    fn range(&mut self, direction: Direction) -> Result<(), Broken> {
        let snapshot = match self.db.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.named(&error)?;
                return self.unseen(&vec![false; self.expected.len()], Sight::Unread);
            }
        };
        self.range_of(&snapshot, direction)
    }

    fn range_of(&mut self, snapshot: &Snapshot<E>, direction: Direction) -> Result<(), Broken> {
        let mut seen = vec![false; self.expected.len()];
        let mut range = match snapshot.range(self.keyspace, &KeyRange::all(), direction) {
            Ok(range) => range,
            Err(error) => {
                self.named(&error)?;
                return self.unseen(&seen, Sight::Unread);
            }
        };
        let mut last: Option<Vec<u8>> = None;
        for _ in 0..RETURNS_MAX {
            let (key, found) = match range.next() {
                Ok(None) => return self.unseen(&seen, Sight::Missing),
                Ok(Some(mut entry)) => {
                    let key = entry.key().to_vec();
                    let (user_byte, expires_at) = (entry.user_byte(), entry.expires_at());
                    let value = entry.value().map(<[u8]>::to_vec);
                    (key, value.map(|value| Content { value, user_byte, expires_at }))
                }
                Err(error) => match self.named(&error)? {
                    Some(key) => (key, Err(error)),
                    None => return self.unseen(&seen, Sight::Unread),
                },
            };
            let place = self.expected.iter().position(|expected| expected.key == *key);
            match (place, found) {
                (Some(place), Ok(found)) => {
                    let sight = self.judge(place, Some(found))?;
                    self.note(place, sight);
                }
                (Some(place), Err(error)) => match self.named(&error)? {
                    Some(named) if named == key => self.note(place, Sight::Named),
                    _ => return Err(self.broken(&key, &format!("a value is told as {error:?}"))),
                },
                (None, Ok(_)) => return Err(self.broken(&key, "nobody ever put it, and it is believed")),
                // A key that is damaged itself.
                (None, Err(_)) => {}
            }
            let goes_on = last.as_ref().is_none_or(|last| match direction {
                Direction::Forward => *last < key,
                Direction::Reverse => *last > key,
            });
            self.disordered += u64::from(!goes_on);
            if let Some(place) = place {
                seen[place] = true;
            }
            last = Some(key);
        }
        Err(Broken(format!("a range of {} that does not end", self.keyspace.name())))
    }

    /// What a read returned of the record at a place. What was never put is never returned.
    fn judge(&self, place: usize, found: Option<Content>) -> Result<Sight, Broken> {
        let expected = &self.expected[place];
        match found {
            found if found == expected.now => Ok(Sight::Right),
            None => Ok(Sight::Missing),
            Some(found) if expected.before.contains(&found) => Ok(Sight::Stale),
            Some(found) => Err(self.broken(
                &expected.key,
                &format!(
                    "a wrong value: {} bytes that begin with {:?}, user byte {}, expiry {:?}",
                    found.value.len(),
                    String::from_utf8_lossy(&found.value[..found.value.len().min(40)]),
                    found.user_byte,
                    found.expires_at
                ),
            )),
        }
    }

    /// The key that an error names; `None` for one about more than a record.
    fn named(&self, error: &Error) -> Result<Option<Vec<u8>>, Broken> {
        of_kind(error, &[Kind::Corrupt, Kind::Unavailable])?;
        match error.key() {
            None => Ok(None),
            Some(key) if error.kind() == Kind::Corrupt && error.keyspace() == Some(self.keyspace) => {
                Ok(Some(key.to_vec()))
            }
            Some(key) => Err(self.broken(key, &format!("it is told as {error:?}"))),
        }
    }

    /// What a range did not return.
    fn unseen(&mut self, seen: &[bool], sight: Sight) -> Result<(), Broken> {
        for place in (0..seen.len()).filter(|place| !seen[*place]) {
            if sight == Sight::Unread || self.expected[place].now.is_some() {
                self.note(place, sight);
            }
        }
        Ok(())
    }

    fn note(&mut self, place: usize, sight: Sight) {
        self.sights[place] = self.sights[place].max(sight);
    }

    fn count(&self, seen: &mut Seen) {
        for sight in &self.sights {
            match sight {
                Sight::Right => seen.right += 1,
                Sight::Unread => seen.unread += 1,
                Sight::Named => seen.named += 1,
                Sight::Missing => seen.missing += 1,
                Sight::Stale => seen.stale += 1,
            }
        }
        seen.disordered += self.disordered;
    }

    fn broken(&self, key: &[u8], what: &str) -> Broken {
        Broken(format!("key {} of {}: {what}", key.escape_ascii(), self.keyspace.name()))
    }
}
