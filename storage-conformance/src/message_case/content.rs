//! What a message holds comes back as it went in, within limits.

use std::time::Duration;

use storage_core::Database;
use storage_stores::messages::{
    ExpectedVersion, Json, MESSAGE_LEN_MAX, MessageError, MessageStore, NewMessage, Query, Result,
};

use super::{NAMESPACE, assert_refused, json, message, open, seconds, store, stream, timed, write};
use crate::case;
use crate::subject::Subject;

/// What data and metadata come back as.
fn round_trip<S: Subject>(subject: &S, message: NewMessage) -> Result<(Option<Json>, Option<Json>)> {
    let messages = store(subject)?.open_namespace(NAMESPACE)?;
    let stream = format!("a-{}", messages.message_count()?);
    messages.write(&stream, message, ExpectedVersion::NO_STREAM)?;
    let read = messages.last(&stream)?.expect("it was just written");
    Ok((read.data, read.metadata))
}

pub(crate) fn case_24_metadata_comes_back<S: Subject>(subject: &S) -> Result<()> {
    let metadata = json(r#"{"correlationStreamName":"wf-1","user":{"id":7}}"#);
    let messages = open(subject)?;
    let given = [
        (message().metadata(metadata.clone()), Some(metadata)),
        (message(), None),
        (message().metadata(json("null")), None),
    ];
    for (message, expected) in given {
        messages.write("a-1", message, ExpectedVersion::Any)?;
        assert_eq!(messages.last("a-1")?.expect("it was just written").metadata, expected);
    }
    let refused = messages.write("a-1", message().metadata(json("[1]")), ExpectedVersion::Any);
    assert_refused!(refused, MessageError::InvalidData { .. });
    Ok(())
}

pub(crate) fn case_25_empty_and_absent_are_two_things<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let given = [
        (NewMessage::new("T").data(json("{}")).metadata(json("{}")), (Some(json("{}")), Some(json("{}")))),
        (NewMessage::new("T"), (None, None)),
        (NewMessage::new("T").data(json("null")), (None, None)),
    ];
    for (message, expected) in given {
        messages.write("a-1", message, ExpectedVersion::Any)?;
        let read = messages.last("a-1")?.expect("it was just written");
        assert_eq!((read.data, read.metadata), expected);
    }
    Ok(())
}

pub(crate) fn case_26_data_comes_back_whole<S: Subject>(subject: &S) -> Result<()> {
    let text = r#"{"object":{"in":{"in":[1,"two",true,null,{"three":[]}]}},"no":null,"empty":"","zero":0,
        "less":-100,"pi":3.14159,"yes":true,"text":"zażółć 你好 🦀 \" \\ \n \u00e9"}"#;
    for given in [text, "[1,[2]]", "5", r#""text""#, "false"] {
        let message = NewMessage::new("T").data(json(given)).metadata(json(text));
        let (data, metadata) = round_trip(subject, message)?;
        assert_eq!(data.as_ref().map(Json::as_str), Some(given));
        assert_eq!(metadata.as_ref().map(Json::as_str), Some(text));
    }
    Ok(())
}

pub(crate) fn case_27_numbers_and_keys_come_back_as_text<S: Subject>(subject: &S) -> Result<()> {
    let text = "  {\"z\": 9007199254740993, \"a\": 12345678901234567890123, \"m\":1.10, \"a\":1e999 }\n";
    let (data, _) = round_trip(subject, NewMessage::new("T").data(json(text)))?;
    assert_eq!(data.as_ref().map(Json::as_str), Some(text));
    Ok(())
}

pub(crate) fn case_28_nul_in_a_string_is_kept<S: Subject>(subject: &S) -> Result<()> {
    let text = r#"{"nul":"a\u0000b"}"#;
    let (data, _) = round_trip(subject, NewMessage::new("T").data(json(text)))?;
    assert_eq!(data.as_ref().map(Json::as_str), Some(text));
    for not_json in ["", "{", "{'a':1}", "nul", "{} {}", "\u{0}"] {
        assert_refused!(Json::parse(not_json), MessageError::InvalidData { .. });
    }
    Ok(())
}

pub(crate) fn case_29_large_messages_up_to_the_limit<S: Subject>(subject: &S) -> Result<()> {
    let store = MessageStore::open(&case::open(subject)?)?.with_message_len_max(200_000);
    let messages = store.open_namespace(NAMESPACE)?;
    let of_len = |len: usize| NewMessage::new("T").data(json(&format!("\"{}\"", "x".repeat(len - 3))));
    for len in [100_000, 200_000] {
        messages.write("a-1", of_len(len), ExpectedVersion::Any)?;
        let read = messages.last("a-1")?.expect("it was just written");
        assert_eq!(read.data.map(|data| data.as_str().len()), Some(len - 1));
    }
    assert_refused!(
        messages.write("a-1", of_len(200_001), ExpectedVersion::Any),
        MessageError::TooLarge { len: 200_001, limit: 200_000, .. }
    );
    assert_eq!((messages.version("a-1")?, messages.message_count()?), (Some(1), 2));
    Ok(())
}

pub(crate) fn largest_message_is_kept<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let text = format!("\"{}\"", "x".repeat(MESSAGE_LEN_MAX - 3));
    let message = NewMessage::new("T").data(Json::parse(text)?);
    let stream = format!("a-{}", "s".repeat(1022));
    messages.write(&stream, message, ExpectedVersion::Any)?;
    let read = messages.stream(&stream, &Query::new())?.messages;
    assert_eq!(read[0].data.as_ref().map(|data| data.as_str().len()), Some(MESSAGE_LEN_MAX - 1));
    Ok(())
}

pub(crate) fn case_30_times_are_fine_and_never_decrease<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    let mut times = Vec::new();
    for step in [0, 5, 5] {
        clock.advance(Duration::from_millis(step));
        times.push(write(&messages, "a-1")?.time);
    }
    assert_eq!(times, [0, 5, 10].map(|millis| seconds(0).after(Duration::from_millis(millis))));
    clock.set(seconds(0));
    times.push(write(&messages, "b-1")?.time);
    let read = messages.all(&Query::new())?.messages;
    assert_eq!(read.iter().map(|message| message.time).collect::<Vec<_>>(), times);
    assert!(times.is_sorted());
    Ok(())
}

pub(crate) fn case_30_time_is_the_clocks<S: Subject>(subject: &S) -> Result<()> {
    let db = Database::new(subject.open()?)?;
    let messages = MessageStore::open(&db)?.open_namespace(NAMESPACE)?;
    let before = db.now();
    let written = write(&messages, "a-1")?;
    assert!(before <= written.time && written.time <= db.now());
    assert_eq!(messages.last("a-1")?.map(|last| last.time), Some(written.time));
    Ok(())
}

pub(crate) fn case_31_names_that_streams_can_have<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let names = [
        "a",
        "stream-with-many-dashes",
        "stream123",
        "UPPERCASE",
        "test-stream_123.abc",
        "with space-and/slash",
        "-x",
        "-",
    ];
    for name in names {
        write(&messages, name)?;
        assert_eq!(stream(&messages, name)?.len(), 1, "{name}");
    }
    write(&messages, &"x".repeat(1024))?;
    for (name, what) in [("", "is empty"), ("a\0b", "holds a NUL")] {
        assert_refused!(
            write(&messages, name),
            MessageError::InvalidStreamName { reason, .. } if reason == what
        );
    }
    let long = "x".repeat(1025);
    assert_refused!(write(&messages, &long), MessageError::TooLarge { len: 1025, limit: 1024, .. });
    Ok(())
}

pub(crate) fn case_32_types_that_messages_can_have<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let write = |name: &str| messages.write("a-1", NewMessage::new(name), ExpectedVersion::Any);
    let long = "x".repeat(1000);
    for name in ["with spaces", "тип 你好", "T", &long] {
        write(name)?;
        assert_eq!(messages.last("a-1")?.map(|last| last.message_type).as_deref(), Some(name));
    }
    for name in ["", "a\0"] {
        assert_refused!(write(name), MessageError::InvalidType { .. });
    }
    assert_refused!(write(&format!("{long}x")), MessageError::TooLarge { len: 1001, limit: 1000, .. });
    assert_eq!(messages.message_count()?, 4);
    Ok(())
}

pub(crate) fn case_33_unknown_namespaces_are_not_found<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    assert_refused!(
        store.namespace("absent"),
        MessageError::NamespaceNotFound { name } if name == "absent"
    );
    let messages = store.open_namespace("gone")?;
    store.delete_namespace("gone")?;
    assert_refused!(write(&messages, "a-1"), MessageError::NamespaceNotFound { .. });
    assert_refused!(messages.stream("a-1", &Query::new()), MessageError::NamespaceNotFound { .. });
    Ok(())
}
