//! The last message of a stream, of a type, and its version.

use storage_core::Engine;
use storage_stores::messages::{ExpectedVersion, Messages, NewMessage, Result};

use super::{open, some, write};
use crate::subject::Subject;

fn write_types<E: Engine>(messages: &Messages<E>, types: &[&str]) -> Result<()> {
    types
        .iter()
        .try_for_each(|name| messages.write("a-1", NewMessage::new(*name), ExpectedVersion::Any).map(drop))
}

fn last<E: Engine>(messages: &Messages<E>, message_type: &str) -> Result<Option<u64>> {
    Ok(messages.last_of_type("a-1", message_type)?.map(|last| last.position))
}

pub(crate) fn case_76_last_of_a_stream<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(messages.last("a-1")?, None);
    messages.write_batch("a-1", some(5), ExpectedVersion::Any)?;
    write(&messages, "a-2")?;
    let last = messages.last("a-1")?.expect("it has five");
    assert_eq!((last.position, last.global_position), (4, 5));
    Ok(())
}

pub(crate) fn case_77_last_of_a_type<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(last(&messages, "A")?, None);
    write_types(&messages, &["A", "B", "A", "B", "A"])?;
    assert_eq!(
        (last(&messages, "B")?, last(&messages, "A")?, last(&messages, "C")?),
        (Some(3), Some(4), None)
    );
    Ok(())
}

pub(crate) fn case_78_last_and_last_of_a_type_differ<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_types(&messages, &["T", "T", "Other"])?;
    assert_eq!(messages.last("a-1")?.map(|last| last.position), Some(2));
    assert_eq!((last(&messages, "T")?, last(&messages, "")?), (Some(1), None));
    Ok(())
}

pub(crate) fn case_79_version_is_the_last_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(messages.version("a-1")?, None);
    write(&messages, "a-1")?;
    assert_eq!(messages.version("a-1")?, Some(0));
    messages.write_batch("a-1", some(4), ExpectedVersion::Any)?;
    assert_eq!(messages.version("a-1")?, Some(4));
    assert_eq!(messages.last("a-1")?.map(|last| last.position), Some(4));
    Ok(())
}

pub(crate) fn streams_of_many_types<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for round in 0..3_u64 {
        for number in 0..40_u64 {
            messages.write("a-1", NewMessage::new(format!("T{number}")), ExpectedVersion::Any)?;
            // One that comes again and again, among those that come seldom.
            messages.write("a-1", NewMessage::new("Often"), ExpectedVersion::Any)?;
            assert_eq!(last(&messages, &format!("T{number}"))?, Some(round * 80 + number * 2));
        }
    }
    for number in 0..40 {
        assert_eq!(last(&messages, &format!("T{number}"))?, Some(160 + number * 2));
    }
    assert_eq!((last(&messages, "Often")?, last(&messages, "T40")?), (Some(239), None));
    Ok(())
}

pub(crate) fn many_types_of_the_longest_names<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let stream = format!("a-{}", "s".repeat(1_022));
    let name = |number: u64| format!("{number:02}{}", "t".repeat(998));
    for number in 0..20 {
        messages.write(&stream, NewMessage::new(name(number)), ExpectedVersion::Any)?;
    }
    for number in 0..20 {
        let last = messages.last_of_type(&stream, &name(number))?;
        assert_eq!(last.map(|last| last.position), Some(number));
    }
    Ok(())
}
