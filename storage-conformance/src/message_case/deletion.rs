//! Deleting streams and their beginnings.

use storage_stores::messages::{ExpectedVersion, NewMessage, Result, StreamListing};

use super::{
    all, assert_agree, category, id, message, open, positions, some, stream, write, write_all, write_at,
};
use crate::subject::Subject;

pub(crate) fn deleted_stream_is_found_nowhere<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "a-2", "a-10"])?;
    messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?;
    assert_eq!(messages.delete_stream("a-1")?, 2);
    assert_eq!(all(&messages)?, ["a-2/0@2", "a-10/0@3"]);
    assert_eq!(category(&messages, "a")?.len(), 2);
    assert!(stream(&messages, "a-1")?.is_empty());
    assert_eq!((messages.version("a-1")?, messages.last("a-1")?, messages.get(id(1))?), (None, None, None));
    assert_eq!(messages.last_of_type("a-1", "Happened")?, None);
    assert_eq!((messages.message_count()?, messages.streams(&StreamListing::new())?.streams.len()), (2, 2));
    assert_eq!(messages.delete_stream("a-1")?, 0);
    assert_eq!(messages.delete_stream("absent")?, 0);
    // Its positions begin anew, global ones do not.
    let written = messages.write("a-1", message().id(id(1)), ExpectedVersion::NO_STREAM)?;
    assert_eq!((written.position, written.global_position, written.is_duplicate), (0, 5, false));
    assert_agree(&messages)
}

pub(crate) fn last_stream_of_a_category_takes_it_along<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "b-1"])?;
    messages.delete_stream("a-1")?;
    assert_eq!(messages.categories()?.iter().map(|each| &*each.name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(messages.info()?.streams, 1);
    write(&messages, "a-2")?;
    assert_eq!(messages.categories()?.len(), 2);
    assert_agree(&messages)
}

pub(crate) fn truncated_stream_keeps_its_version<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(10), ExpectedVersion::Any)?;
    write(&messages, "a-2")?;
    assert_eq!(messages.truncate_stream("a-1", 7)?, 7);
    assert_eq!(positions(&messages.stream("a-1", &Default::default())?), [7, 8, 9]);
    assert_eq!(category(&messages, "a")?, ["a-1/7@8", "a-1/8@9", "a-1/9@10", "a-2/0@11"]);
    assert_eq!((messages.truncate_stream("a-1", 7)?, messages.truncate_stream("absent", 7)?), (0, 0));
    assert_eq!((messages.version("a-1")?, messages.message_count()?), (Some(9), 4));
    assert_agree(&messages)?;
    assert_eq!(messages.truncate_stream("a-1", u64::MAX)?, 3);
    assert_eq!((messages.version("a-1")?, messages.last("a-1")?), (Some(9), None));
    assert_eq!(write_at(&messages, "a-1", 9)?.position, 10);
    assert_eq!(messages.stream_info("a-1")?.map(|info| (info.version, info.messages)), Some((10, 1)));
    assert_agree(&messages)
}

pub(crate) fn types_of_deleted_messages_are_forgotten<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..40 {
        messages.write("a-1", NewMessage::new(format!("T{number}")), ExpectedVersion::Any)?;
    }
    messages.truncate_stream("a-1", 30)?;
    for number in 0..40 {
        let last = messages.last_of_type("a-1", &format!("T{number}"))?.map(|last| last.position);
        assert_eq!(last, (number >= 30).then_some(number));
    }
    messages.truncate_stream("a-1", 40)?;
    assert_eq!(messages.last_of_type("a-1", "T39")?, None);
    messages.write("a-1", NewMessage::new("T3"), ExpectedVersion::Any)?;
    assert_eq!(messages.last_of_type("a-1", "T3")?.map(|last| last.position), Some(40));
    assert_agree(&messages)
}

pub(crate) fn deleting_and_writing_at_once_agree<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    crate::case::together(4, |thread| {
        let result: Result<()> = (0..20).try_for_each(|round| match thread {
            0 => messages.delete_stream("a-1").map(drop),
            1 => messages.truncate_stream("a-1", round).map(drop),
            _ => write(&messages, "a-1").map(drop),
        });
        result.map_err(super::races::inner)
    })?;
    assert_agree(&messages)
}
