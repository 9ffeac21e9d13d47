//! Writing one message: positions, expected versions, ids.

use std::collections::HashSet;

use storage_core::Engine;
use storage_stores::messages::{
    ExpectedVersion, MessageError, MessageStore, Messages, Mode, NewMessage, Query, Result, Uuid, parse_id,
};

use super::{
    NAMESPACE, all, assert_agree, assert_refused, id, json, message, open, store, stream, write, write_at,
};
use crate::case;
use crate::subject::Subject;

fn strict<S: Subject>(subject: &S) -> Result<Messages<S::Engine>> {
    MessageStore::open(&case::open(subject)?)?.with_mode(Mode::MessageDb).open_namespace(NAMESPACE)
}

pub(crate) fn case_08_positions_and_global_positions<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for (name, position, global_position) in [("a-1", 0, 1), ("a-1", 1, 2), ("b-1", 0, 3)] {
        let written = write(&messages, name)?;
        assert_eq!((written.position, written.global_position), (position, global_position));
        assert!(!written.is_duplicate);
    }
    assert_agree(&messages)
}

pub(crate) fn case_09_positions_count_up<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let written: Vec<_> = (0..5).map(|_| write(&messages, "a-1")).collect::<Result<_>>()?;
    assert_eq!(written.iter().map(|written| written.position).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(written.is_sorted_by(|one, other| one.global_position < other.global_position));
    Ok(())
}

pub(crate) fn case_10_no_stream_is_expected_once<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(write_at(&messages, "a-1", -1)?.position, 0);
    let refused = write_at(&messages, "a-1", -1);
    assert_refused!(&refused, MessageError::VersionConflict { stream, expected: -1, actual: 0 } if stream == "a-1");
    let text = refused.expect_err("it was refused").to_string();
    assert_eq!(text, "Wrong expected version: -1 (Stream: a-1, Stream Version: 0)");
    assert_eq!((messages.version("a-1")?, messages.message_count()?), (Some(0), 1));
    Ok(())
}

pub(crate) fn case_11_version_of_an_absent_stream_is_no_version<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_refused!(
        write_at(&messages, "a-1", 0),
        MessageError::VersionConflict { expected: 0, actual: -1, .. }
    );
    assert_eq!(messages.version("a-1")?, None);
    assert!(stream(&messages, "a-1")?.is_empty());
    Ok(())
}

pub(crate) fn case_12_expected_version_is_the_last_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    assert_refused!(
        write_at(&messages, "a-1", 1),
        MessageError::VersionConflict { expected: 1, actual: 0, .. }
    );
    assert_eq!(stream(&messages, "a-1")?, ["a-1/0@1"]);
    assert_eq!(write_at(&messages, "a-1", 0)?.position, 1);
    Ok(())
}

pub(crate) fn case_13_expected_version_of_a_longer_stream<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    write(&messages, "a-1")?;
    assert_refused!(
        write_at(&messages, "a-1", 5),
        MessageError::VersionConflict { expected: 5, actual: 1, .. }
    );
    assert_eq!(write_at(&messages, "a-1", 1)?.position, 2);
    assert_refused!(
        write_at(&messages, "a-1", 5),
        MessageError::VersionConflict { expected: 5, actual: 2, .. }
    );
    Ok(())
}

pub(crate) fn case_14_other_expected_versions_are_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for actual in [-1, 0, 1] {
        for expected in [-2, i64::MIN, i64::MAX, 5] {
            assert_refused!(
                write_at(&messages, "a-1", expected),
                MessageError::VersionConflict { actual: found, .. } if found == actual
            );
        }
        write(&messages, "a-1")?;
    }
    Ok(())
}

pub(crate) fn case_15_conflicts_burn_no_global_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(write(&messages, "a-1")?.global_position, 1);
    for _ in 0..3 {
        assert_refused!(write_at(&messages, "a-1", -1), MessageError::VersionConflict { .. });
    }
    assert_eq!(write(&messages, "a-2")?.global_position, 2);
    Ok(())
}

pub(crate) fn case_16_ids_in_any_spelling<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let canonical = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let spellings = [
        canonical.to_owned(),
        canonical.to_uppercase(),
        format!("{{{canonical}}}"),
        canonical.replace('-', ""),
    ];
    for spelling in spellings {
        let id = parse_id(&spelling)?;
        let written = messages.write("a-1", message().id(id), ExpectedVersion::Any)?;
        assert_eq!(written.id.to_string(), canonical, "{spelling}");
    }
    let read = messages.stream("a-1", &Query::new())?.messages;
    assert_eq!(read.len(), 1, "they are one id");
    assert_eq!(read[0].id.to_string(), canonical);
    Ok(())
}

pub(crate) fn case_17_made_ids_are_unique<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let written = messages.write_batch("a-1", super::some(10_000), ExpectedVersion::Any)?.messages;
    let ids: HashSet<Uuid> = written.iter().map(|written| written.id).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(ids.iter().all(|id| !id.is_nil() && id.get_version_num() == 7));
    Ok(())
}

pub(crate) fn made_ids_come_from_where_the_store_is_told<S: Subject>(subject: &S) -> Result<()> {
    let store = MessageStore::open(&case::open(subject)?)?.with_ids(|time| id(u128::from(time.as_nanos())));
    let messages = store.open_namespace(NAMESPACE)?;
    let written = write(&messages, "a-1")?;
    assert_eq!(written.id, id(u128::from(case::START)));
    assert_refused!(write(&messages, "a-2"), MessageError::DuplicateId { .. });
    Ok(())
}

pub(crate) fn case_18_malformed_ids_are_refused<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for text in ["not-a-uuid", "", "urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99"] {
        assert_refused!(parse_id(text), MessageError::InvalidId { text: found } if found == text);
    }
    assert_eq!(messages.message_count()?, 0);
    Ok(())
}

pub(crate) fn case_19_repeated_write_is_the_same_message<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let first = messages.write("a-1", message().id(id(1)), ExpectedVersion::NO_STREAM)?;
    write(&messages, "a-1")?;
    for expected in [ExpectedVersion::Any, ExpectedVersion::NO_STREAM, ExpectedVersion::At(77)] {
        let again = messages.write("a-1", message().id(id(1)), expected)?;
        assert!(again.is_duplicate && !first.is_duplicate);
        assert_eq!((again.position, again.global_position, again.time), (0, 1, first.time));
    }
    assert_eq!(messages.message_count()?, 2);
    assert_agree(&messages)
}

pub(crate) fn case_19_strict_mode_refuses_a_repeated_id<S: Subject>(subject: &S) -> Result<()> {
    let messages = strict(subject)?;
    messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?;
    for expected in [ExpectedVersion::Any, ExpectedVersion::At(0)] {
        let again = messages.write("a-1", message().id(id(1)), expected);
        assert_refused!(again, MessageError::DuplicateId { id: found } if found == id(1));
    }
    // The version is looked at first.
    let again = messages.write("a-1", message().id(id(1)), ExpectedVersion::At(7));
    assert_refused!(again, MessageError::VersionConflict { .. });
    assert_eq!(all(&messages)?, ["a-1/0@1"]);
    Ok(())
}

fn taken<E: Engine>(messages: &Messages<E>) -> Result<()> {
    messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?;
    let elsewhere = messages.write("a-2", message().id(id(1)), ExpectedVersion::Any);
    assert_refused!(elsewhere, MessageError::DuplicateId { .. });
    assert_eq!(messages.version("a-2")?, None);
    assert_eq!(all(messages)?, ["a-1/0@1"]);
    assert_agree(messages)
}

pub(crate) fn case_20_id_of_another_stream_is_taken<S: Subject>(subject: &S) -> Result<()> {
    taken(&open(subject)?)?;
    taken(&strict(subject)?.store().open_namespace("strict")?)
}

pub(crate) fn case_20_id_with_other_content_is_taken<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?;
    let others = [
        NewMessage::new("Other").data(json(r#"{"n":1}"#)),
        NewMessage::new("Happened").data(json(r#"{"n":2}"#)),
        NewMessage::new("Happened"),
    ];
    for other in others {
        let refused = messages.write("a-1", other.id(id(1)), ExpectedVersion::Any);
        assert_refused!(refused, MessageError::DuplicateId { .. });
    }
    assert_eq!(messages.message_count()?, 1);
    Ok(())
}

pub(crate) fn case_20_ids_of_namespaces_are_their_own<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    for name in ["one", "other"] {
        let written =
            store.open_namespace(name)?.write("a-1", message().id(id(1)), ExpectedVersion::NO_STREAM)?;
        assert_eq!((written.global_position, written.is_duplicate), (1, false));
    }
    Ok(())
}

pub(crate) fn case_23_bare_name_is_a_stream<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(write(&messages, "account")?.position, 0);
    assert_eq!(messages.version("account")?, Some(0));
    assert_eq!(messages.last("account")?.map(|last| last.stream).as_deref(), Some("account"));
    Ok(())
}
