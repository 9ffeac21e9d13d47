//! A table with an index of every kind, for the cases about indexes.

use serde::{Deserialize, Serialize};
use storage_core::key::FromTuple;
use storage_core::{
    Attributes, Codec, Database, Direction, Engine, Index, Key, KeyRange, Keyspace, Result, Table,
};

/// A record of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) city: String,
    pub(crate) email: String,
    pub(crate) age: u32,
    pub(crate) tags: Vec<String>,
}

/// The table: by city, by email (unique), by age with the whole record in the index, by each tag.
pub(crate) struct People {
    pub(crate) table: Table<u64, Person>,
    pub(crate) by_city: Index<u64, Person, String>,
    pub(crate) by_email: Index<u64, Person, String>,
    pub(crate) by_age: Index<u64, Person, u32>,
    pub(crate) by_tag: Index<u64, Person, String>,
}

/// A person whose email is made of the name.
pub(crate) fn person(city: &str, name: &str, age: u32) -> Person {
    Person { city: city.into(), email: format!("{name}@example.org"), age, tags: Vec::new() }
}

impl People {
    pub(crate) fn open<E: Engine>(db: &Database<E>) -> Result<Self> {
        let by_city = Index::on("by_city", |_, person: &Person| person.city.clone());
        let by_email = Index::on("by_email", |_, person: &Person| person.email.clone()).unique();
        let by_age = Index::on("by_age", |_, person: &Person| person.age).covering();
        let by_tag = Index::each("by_tag", |_, person: &Person, emit| {
            person.tags.iter().for_each(|tag| emit.entry(tag));
        });
        let table = Table::define("people")
            .codec(Codec::Json)
            .index(&by_city)
            .index(&by_email)
            .index(&by_age)
            .index(&by_tag)
            .open(db)?;
        Ok(People { table, by_city, by_email, by_age, by_tag })
    }

    pub(crate) fn put<E: Engine>(&self, db: &Database<E>, key: u64, person: &Person) -> Result<()> {
        db.transact(|txn| self.table.put(txn, &key, person)).map(drop)
    }

    pub(crate) fn put_until<E: Engine>(
        &self,
        db: &Database<E>,
        key: u64,
        person: &Person,
        expires_at: storage_core::Timestamp,
    ) -> Result<()> {
        let attributes = Attributes::new().expires_at(expires_at);
        db.transact(|txn| self.table.put_with(txn, &key, person, attributes)).map(drop)
    }

    pub(crate) fn delete<E: Engine>(&self, db: &Database<E>, key: u64) -> Result<()> {
        db.transact(|txn| self.table.delete(txn, &key)).map(drop)
    }

    /// The keys of the records in the order of an index.
    pub(crate) fn by<E: Engine, F: FromTuple>(
        &self,
        db: &Database<E>,
        index: &Index<u64, Person, F>,
        range: KeyRange,
    ) -> Result<Vec<u64>> {
        let snapshot = db.snapshot()?;
        let records = self.table.range_by(index, &snapshot, range.clone(), Direction::Forward)?.to_vec()?;
        let keys: Vec<u64> = records.iter().map(|(key, _)| *key).collect();
        let mut reversed = self.table.range_by(index, &snapshot, range, Direction::Reverse)?.to_vec()?;
        reversed.reverse();
        assert_eq!(reversed, records, "the index in reverse is not its mirror");
        for (key, person) in records {
            assert_eq!(self.table.get(&snapshot, &key)?, Some(person), "the index shows another record");
        }
        Ok(keys)
    }

    /// Asserts that every index holds what follows from the records, and nothing else.
    #[track_caller]
    pub(crate) fn is_consistent<E: Engine>(&self, db: &Database<E>) -> Result<()> {
        let snapshot = db.snapshot()?;
        let records = self.table.range(&snapshot, KeyRange::all(), Direction::Forward)?.to_vec()?;
        let mut expected = [const { Vec::new() }; 4];
        for (key, person) in &records {
            let primary = Key::of(key)?;
            let ending = |fields: &Key| -> Key { [fields.as_slice(), &primary].concat().into() };
            expected[0].push(ending(&Key::of(&person.city)?));
            expected[1].push(Key::of(&person.email)?);
            expected[2].push(ending(&Key::of(&person.age)?));
            for tag in &person.tags {
                expected[3].push(ending(&Key::of(tag)?));
            }
        }
        for (index, expected) in ["by_city", "by_email", "by_age", "by_tag"].into_iter().zip(&mut expected) {
            expected.sort_unstable();
            expected.dedup();
            let entries = self.entries(index)?;
            let found = snapshot.range(entries, &KeyRange::all(), Direction::Forward)?.keys()?;
            assert_eq!(&found, expected, "the entries of {index}");
        }
        Ok(())
    }

    /// The keyspace of an index's entries.
    pub(crate) fn entries(&self, index: &str) -> Result<Keyspace> {
        self.table.keyspace().derived(index)
    }
}
