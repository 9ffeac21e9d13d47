//! Reading a stream.

use storage_stores::messages::{
    ExpectedVersion, MessageError, MessageStore, Mode, NewMessage, Page, Query, Result,
};

use super::{
    NAMESPACE, assert_refused, at, globals, json, message, open, pages, positions, seconds, some, timed,
    told, write, write_all,
};
use crate::case;
use crate::subject::Subject;

pub(crate) fn case_38_absent_stream_is_empty<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let page = messages.stream("a-1", &Query::new())?;
    assert!(told(&page).is_empty() && page.is_end);
    Ok(())
}

pub(crate) fn case_39_every_field_comes_back<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    let mut ids = Vec::new();
    for number in 0..3 {
        clock.set(seconds(number));
        let data = json(&format!("{{\"n\":{number}}}"));
        let message = NewMessage::new(format!("T{number}")).data(data).metadata(json(r#"{"m":1}"#));
        ids.push(messages.write("a-1", message, ExpectedVersion::Any)?.id);
    }
    let page = messages.stream("a-1", &Query::new())?;
    assert_eq!((positions(&page), globals(&page)), (vec![0, 1, 2], vec![1, 2, 3]));
    for (number, found) in page.messages.iter().enumerate() {
        assert_eq!((found.id, &*found.stream), (ids[number], "a-1"));
        assert_eq!(found.message_type, format!("T{number}"));
        assert_eq!(found.data, Some(json(&format!("{{\"n\":{number}}}"))));
        assert_eq!(found.metadata, Some(json(r#"{"m":1}"#)));
        assert_eq!(found.time, seconds(number as u64));
    }
    Ok(())
}

pub(crate) fn case_40_position_and_batch<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(10), ExpectedVersion::Any)?;
    let read = |from, batch| {
        Ok::<_, MessageError>(positions(&messages.stream("a-1", &Query::new().from(from).batch(batch))?))
    };
    assert_eq!(positions(&messages.stream("a-1", &Query::new().from(5))?), [5, 6, 7, 8, 9]);
    assert_eq!(read(5, 3)?, [5, 6, 7]);
    assert_eq!(read(8, 3)?, [8, 9]);
    assert!(read(100, 3)?.is_empty());
    assert_eq!(pages(3, |query| messages.stream("a-1", query))?.len(), 10);
    Ok(())
}

pub(crate) fn case_41_negative_position_is_the_beginning<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(3), ExpectedVersion::Any)?;
    assert_eq!(positions(&messages.stream("a-1", &Query::new().from(-5))?), [0, 1, 2]);
    Ok(())
}

pub(crate) fn case_42_batches_of_any_size<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("three-1", some(3), ExpectedVersion::Any)?;
    messages.write_batch("hundred-1", some(100), ExpectedVersion::Any)?;
    let read = |stream: &str, batch| {
        Ok::<_, MessageError>(positions(&messages.stream(stream, &Query::new().batch(batch))?))
    };
    assert_eq!(read("three-1", 2)?, [0, 1]);
    assert_eq!(read("three-1", -1)?, [0, 1, 2]);
    assert_eq!(read("hundred-1", -1)?.len(), 100);
    assert_eq!(read("hundred-1", 10)?, (0..10).collect::<Vec<_>>());
    assert_eq!(read("hundred-1", i64::MAX)?.len(), 100);
    Ok(())
}

pub(crate) fn case_43_default_batch_is_a_thousand<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(1_001), ExpectedVersion::Any)?;
    assert_eq!(messages.stream("a-1", &Query::new())?.messages.len(), 1_000);
    assert_eq!(messages.stream("a-1", &Query::new().batch(-1))?.messages.len(), 1_001);
    assert_eq!(messages.category("a", &Query::new())?.messages.len(), 1_000);
    assert_eq!(messages.all(&Query::new())?.messages.len(), 1_000);
    for _ in 0..19 {
        messages.write_batch("a-1", some(1_000), ExpectedVersion::Any)?;
    }
    assert_eq!(messages.stream("a-1", &Query::new().batch(-1))?.messages.len(), 20_001);
    Ok(())
}

pub(crate) fn case_44_batches_of_no_size_are_invalid<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for batch in [0, -2, i64::MIN] {
        let query = Query::new().batch(batch);
        assert_refused!(messages.stream("a-1", &query), MessageError::InvalidOptions(_));
        assert_refused!(messages.category("a", &query), MessageError::InvalidOptions(_));
        assert_refused!(messages.all(&query), MessageError::InvalidOptions(_));
    }
    Ok(())
}

pub(crate) fn case_45_stream_from_a_global_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let mut written = Vec::new();
    for _ in 0..10 {
        written.push(write(&messages, "a-1")?.global_position);
        write(&messages, "b-1")?;
    }
    let query = Query::new().global_position(at(written[4]));
    let page = messages.stream("a-1", &query)?;
    assert_eq!((page.messages.len(), positions(&page)), (6, vec![4, 5, 6, 7, 8, 9]));
    assert!(globals(&page).iter().all(|position| *position >= written[4]));
    // Both conditions hold, and the batch fills up behind them.
    assert_eq!(positions(&messages.stream("a-1", &query.clone().from(7))?), [7, 8, 9]);
    assert_eq!(positions(&messages.stream("a-1", &query.batch(2))?), [4, 5]);
    assert_eq!(messages.category("a", &Query::new().global_position(at(written[8])))?.messages.len(), 2);
    Ok(())
}

pub(crate) fn case_46_bare_name_is_read_as_a_stream<S: Subject>(subject: &S) -> Result<()> {
    let store = MessageStore::open(&case::open(subject)?)?;
    let messages = store.open_namespace(NAMESPACE)?;
    write_all(&messages, &["account", "account-1"])?;
    assert_eq!(told(&messages.stream("account", &Query::new())?), ["account/0@1"]);
    let strict = store.with_mode(Mode::MessageDb).open_namespace(NAMESPACE)?;
    assert_refused!(
        strict.stream("account", &Query::new()),
        MessageError::NotAStreamName { name } if name == "account"
    );
    assert_eq!(told(&strict.stream("account-1", &Query::new())?), ["account-1/0@2"]);
    assert_eq!(strict.last("account")?.map(|last| last.position), Some(0));
    Ok(())
}

pub(crate) fn case_48_readers_see_a_gapless_beginning<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let seen = case::together(2, |thread| {
        if thread == 0 {
            for _ in 0..100 {
                let batch = some(10);
                messages.write_batch("a-1", batch, ExpectedVersion::Any).map_err(super::races::inner)?;
            }
            return Ok(1_000);
        }
        let mut seen = 0;
        while seen < 1_000 {
            let page = messages.stream("a-1", &Query::new().batch(-1)).map_err(super::races::inner)?;
            assert_eq!(positions(&page), (0..page.messages.len() as u64).collect::<Vec<_>>());
            assert!(page.messages.len() >= seen && page.messages.len() % 10 == 0);
            seen = page.messages.len();
        }
        Ok(seen)
    })?;
    assert_eq!(seen, [1_000, 1_000]);
    Ok(())
}

pub(crate) fn stream_is_read_backwards<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(7), ExpectedVersion::Any)?;
    let read = |query: Query| messages.stream("a-1", &query.backwards());
    assert_eq!(positions(&read(Query::new())?), [6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(positions(&read(Query::new().from(3))?), [3, 2, 1, 0]);
    assert_eq!(positions(&read(Query::new().from(100).batch(2))?), [6, 5]);
    assert_eq!(positions(&read(Query::new().from(-1))?), [0]);
    let mut found = Vec::new();
    let mut query = Query::new().batch(3);
    loop {
        let page: Page = read(query.clone())?;
        found.extend(positions(&page));
        match page.next {
            Some(next) => query = query.from(at(next)),
            None => break,
        }
    }
    assert_eq!(found, [6, 5, 4, 3, 2, 1, 0]);
    assert!(read(Query::new().batch(7))?.next.is_none(), "the first message was passed");
    Ok(())
}

pub(crate) fn next_position_is_where_a_reader_goes_on<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let empty = messages.stream("a-1", &Query::new().from(4))?;
    assert_eq!((empty.next, empty.is_end), (Some(4), true));
    messages.write_batch("a-1", some(3), ExpectedVersion::Any)?;
    let page = messages.stream("a-1", &Query::new())?;
    assert_eq!((page.next, page.is_end), (Some(3), true));
    let full = messages.stream("a-1", &Query::new().batch(3))?;
    assert_eq!((full.next, full.is_end), (Some(3), false), "whether more follow was not looked at");
    messages.write("a-1", message(), ExpectedVersion::Any)?;
    assert_eq!(positions(&messages.stream("a-1", &Query::new().from(3))?), [3]);
    Ok(())
}

pub(crate) fn stream_has_no_members_and_no_correlation<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for query in [Query::new().consumer_group(0, 1), Query::new().correlation("wf")] {
        assert_refused!(messages.stream("a-1", &query), MessageError::InvalidOptions(_));
    }
    Ok(())
}
