//! Bytes that changed at rest where a read does not ask for them alone.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{KeyRange, Kind, Result};

use super::{at, letters, open, refused};
use crate::subject::Subject;

pub(crate) fn changed_counter_is_corrupt_to_whoever_adds_to_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| txn.add(letters(), "n", 5))?;
    let damage = subject.damage().expect("the case runs only where the engine has the power");
    assert!(damage(db.engine(), letters(), b"n", &mut |value| value[1] ^= 1)?, "there is a record to damage");
    refused(Kind::Corrupt, db.counter(letters(), "n"));
    for direction in [Forward, Reverse] {
        let added = db.transact(|txn| {
            txn.add(letters(), "n", 1)?;
            refused(Kind::Corrupt, txn.counter(letters(), "n"));
            refused(Kind::Corrupt, txn.range(letters(), KeyRange::all(), direction)?.to_vec());
            Ok(())
        });
        refused(Kind::Corrupt, added);
    }
    db.put(letters(), "n", "replaced")
}

pub(crate) fn touch_of_a_changed_record_is_corrupt<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(letters(), "a", "value")?;
    let damage = subject.damage().expect("the case runs only where the engine has the power");
    assert!(damage(db.engine(), letters(), b"a", &mut |value| value[1] ^= 1)?, "there is a record to damage");
    let error = refused(Kind::Corrupt, db.touch(letters(), "a", Some(at(50))));
    assert_eq!(error.key(), Some(b"a".as_slice()));
    refused(Kind::Corrupt, db.get(letters(), "a"));
    Ok(())
}
