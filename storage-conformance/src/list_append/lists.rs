//! Lists of numbers in a database, in three forms that lean on different promises.

use storage_core::key::Template;
use storage_core::{
    Attributes, Database, Direction, Engine, Error, Key, KeyRange, Keyspace, Kind, Read, Result, Sequence,
    Snapshot, Transaction,
};

/// How lists are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// A list is one record, which an append reads and writes.
    Whole,
    /// An element is a record behind the last one, which an append finds by a range: new elements are
    /// phantoms.
    Elements,
    /// An element is a record under a number that the commit draws: an append reads nothing.
    Numbered,
}

impl Form {
    /// Every form, each once.
    pub const ALL: [Form; 3] = [Form::Whole, Form::Elements, Form::Numbered];
}

/// The lists of a database.
pub(super) struct Lists<'d, E: Engine> {
    database: &'d Database<E>,
    form: Form,
    lists: Keyspace,
    ends: Keyspace,
}

impl<'d, E: Engine> Lists<'d, E> {
    pub(super) fn new(database: &'d Database<E>, form: Form) -> Result<Self> {
        Ok(Lists { database, form, lists: Keyspace::new("lists")?, ends: Keyspace::new("list_ends")? })
    }

    pub(super) fn database(&self) -> &'d Database<E> {
        self.database
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot<E>> {
        self.database.snapshot()
    }

    /// Whether a transaction does not see what it appended itself.
    pub(super) fn hides_appends(&self) -> bool {
        self.form == Form::Numbered
    }

    /// A list, read past any snapshot; `None` where it is more than one record.
    pub(super) fn get(&self, list: u64) -> Result<Option<Vec<u64>>> {
        if self.form != Form::Whole {
            return Ok(None);
        }
        let found = self.database.get(self.lists, Key::of(&list)?)?;
        found.map_or_else(|| Ok(Vec::new()), |found| numbers(&found)).map(Some)
    }

    /// A list, as a snapshot or a transaction sees it.
    pub(super) fn read(&self, from: &impl Read<Engine = E>, list: u64) -> Result<Vec<u64>> {
        if self.form == Form::Whole {
            let found = from.get_record(self.lists, &Key::of(&list)?)?;
            return found.map_or_else(|| Ok(Vec::new()), |found| numbers(&found));
        }
        let mut values = Vec::new();
        let mut range = from.read_range(self.lists, KeyRange::within(&(list,))?, Direction::Forward)?;
        while let Some(mut entry) = range.next()? {
            values.extend(numbers(entry.value()?)?);
        }
        Ok(values)
    }

    pub(super) fn append(&self, txn: &mut Transaction<'_, E>, list: u64, value: u64) -> Result<()> {
        match self.form {
            Form::Whole => {
                let mut values = self.read(txn, list)?;
                values.push(value);
                let bytes: Vec<u8> = values.into_iter().flat_map(u64::to_le_bytes).collect();
                txn.put(self.lists, Key::of(&list)?, bytes)
            }
            Form::Elements => {
                let mut range = txn.range(self.lists, KeyRange::within(&(list,))?, Direction::Reverse)?;
                let last = match range.next()? {
                    Some(entry) => Key::from(entry.key()).unpack::<(u64, u64)>()?.1 + 1,
                    None => 0,
                };
                drop(range);
                txn.put(self.lists, Key::of(&(list, last))?, value.to_le_bytes())
            }
            Form::Numbered => {
                let number = txn.next(&Sequence::new(self.ends, &Key::of(&list)?)?)?;
                let value = Template::from(value.to_le_bytes().to_vec());
                txn.put_template(self.lists, Template::of(&(list, number)), value, Attributes::new())
            }
        }
    }
}

/// The numbers of a list. Bytes that are none were not written here.
fn numbers(bytes: &[u8]) -> Result<Vec<u64>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    if rest.is_empty() {
        return Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect());
    }
    Err(Error::new(Kind::Internal, format!("a list is {} bytes", bytes.len())))
}
