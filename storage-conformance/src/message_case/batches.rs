//! Batches: to one stream and to several, all or nothing.

use storage_stores::messages::{ExpectedVersion, MessageError, Query, Result, StreamWrite};

use super::{all, assert_agree, assert_refused, id, message, open, some, stream, write};
use crate::subject::Subject;

pub(crate) fn case_34_batch_stands_in_its_order<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let done = messages.write_batch("a-1", some(2), ExpectedVersion::NO_STREAM)?;
    assert_eq!(done.version, Some(1));
    let places: Vec<_> =
        done.messages.iter().map(|written| (written.position, written.global_position)).collect();
    assert_eq!(places, [(0, 1), (1, 2)]);
    let read = messages.stream("a-1", &Query::new())?.messages;
    assert_eq!(
        read.iter().map(|message| message.id).collect::<Vec<_>>(),
        done.messages.iter().map(|written| written.id).collect::<Vec<_>>()
    );
    assert_agree(&messages)
}

pub(crate) fn case_35_batch_expects_a_version<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    assert_refused!(
        messages.write_batch("a-1", some(2), 1),
        MessageError::VersionConflict { expected: 1, actual: 0, .. }
    );
    assert_eq!(messages.version("a-1")?, Some(0));
    assert_eq!(messages.write_batch("a-1", some(2), 0)?.version, Some(2));
    Ok(())
}

pub(crate) fn case_36_batch_is_all_or_nothing<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?;
    for batch in [
        vec![message().id(id(2)), message().id(id(1))],
        vec![message(), message().id(id(1))],
        vec![message().id(id(3)), message().id(id(3))],
    ] {
        let refused = messages.write_batch("a-1", batch, ExpectedVersion::Any);
        assert_refused!(refused, MessageError::DuplicateId { .. });
    }
    assert_eq!(all(&messages)?, ["a-1/0@1"]);
    assert_eq!(messages.get(id(2))?, None);
    let writes = [
        StreamWrite::new("b-1", some(2)).expecting(ExpectedVersion::NO_STREAM),
        StreamWrite::new("a-1", some(1)).expecting(7),
    ];
    assert_refused!(
        messages.write_many(&writes),
        MessageError::VersionConflict { expected: 7, actual: 0, .. }
    );
    assert_eq!(messages.version("b-1")?, None);
    assert_eq!(write(&messages, "b-1")?.global_position, 2, "nothing was burnt");
    assert_agree(&messages)
}

pub(crate) fn case_37_empty_batch_only_looks<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let done = messages.write_batch("a-1", vec![], ExpectedVersion::Any)?;
    assert_eq!((done.messages.len(), done.version), (0, None));
    write(&messages, "a-1")?;
    assert_eq!(messages.write_batch("a-1", vec![], 0)?.version, Some(0));
    assert_refused!(messages.write_batch("a-1", vec![], 3), MessageError::VersionConflict { .. });
    assert!(messages.write_many(&[])?.is_empty());
    assert_eq!(write(&messages, "a-1")?.global_position, 2);
    Ok(())
}

pub(crate) fn write_to_several_streams_keeps_the_order_given<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "b-1")?;
    let writes = [
        StreamWrite::new("a-1", some(2)).expecting(-1),
        StreamWrite::new("b-1", some(1)).expecting(0),
        StreamWrite::new("a-1", some(1)).expecting(1),
        StreamWrite::new("c-1", vec![]).expecting(-1),
        StreamWrite::new("b-1", vec![]),
    ];
    let done = messages.write_many(&writes)?;
    assert_eq!(all(&messages)?, ["b-1/0@1", "a-1/0@2", "a-1/1@3", "b-1/1@4", "a-1/2@5"]);
    let versions: Vec<_> = done.iter().map(|appended| appended.version).collect();
    assert_eq!(versions, [Some(1), Some(1), Some(2), None, Some(1)]);
    let globals: Vec<Vec<u64>> = done
        .iter()
        .map(|appended| appended.messages.iter().map(|written| written.global_position).collect())
        .collect();
    assert_eq!(globals, [vec![2, 3], vec![4], vec![5], vec![], vec![]]);
    assert_agree(&messages)
}

pub(crate) fn check_alone_refuses_the_whole_write<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "lock-1")?;
    let writes = [StreamWrite::new("a-1", some(1)), StreamWrite::new("lock-1", vec![]).expecting(-1)];
    assert_refused!(messages.write_many(&writes), MessageError::VersionConflict { .. });
    assert!(stream(&messages, "a-1")?.is_empty());
    Ok(())
}

pub(crate) fn repeated_batch_is_the_same_batch<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let batch = || vec![message().id(id(1)), message().id(id(2))];
    let first = messages.write_batch("a-1", batch(), ExpectedVersion::NO_STREAM)?;
    let again = messages.write_batch("a-1", batch(), ExpectedVersion::NO_STREAM)?;
    assert!(again.messages.iter().all(|written| written.is_duplicate));
    let places = |appended: &storage_stores::messages::Appended| -> Vec<_> {
        appended.messages.iter().map(|written| (written.position, written.global_position)).collect()
    };
    assert_eq!((places(&again), again.version), (places(&first), Some(1)));
    // Half of it is not the same one.
    let half = messages.write_batch("a-1", vec![message().id(id(2)), message().id(id(3))], 1);
    assert_refused!(half, MessageError::DuplicateId { .. });
    let many = [
        StreamWrite::new("b-1", vec![message().id(id(4))]),
        StreamWrite::new("c-1", vec![message().id(id(5))]),
    ];
    messages.write_many(&many)?;
    let again = messages.write_many(&many)?;
    assert_eq!((again[0].messages[0].global_position, again[1].messages[0].global_position), (3, 4));
    assert_eq!(messages.message_count()?, 4);
    assert_agree(&messages)
}
