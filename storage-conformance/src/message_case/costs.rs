//! What reads and writes cost, counted where they reach the engine.

use storage_core::Engine;
use storage_stores::messages::{ExpectedVersion, Messages, NewMessage, Query, Result, StreamWrite};

use super::{at, counted, json, message, some, write};
use crate::counting::{Counting, Counts};
use crate::subject::Subject;

fn cost<E: Engine, T>(messages: &Messages<Counting<E>>, call: impl FnOnce() -> Result<T>) -> Result<Counts> {
    let engine = messages.store().database().engine();
    engine.reset();
    call()?;
    Ok(engine.counts())
}

/// So many thousand messages of other streams and another category around those that a case reads.
fn surround<E: Engine>(messages: &Messages<E>, thousands: u64) -> Result<()> {
    for number in 0..thousands {
        messages.write_batch(&format!("common-{number}"), some(1_000), ExpectedVersion::Any)?;
    }
    Ok(())
}

pub(crate) fn case_60_sparse_category_costs_what_it_returns<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    let rare = |messages: &Messages<_>| -> Result<()> {
        (0..100).try_for_each(|number| write(messages, &format!("rare-{number}")).map(drop))
    };
    rare(&messages)?;
    let query = Query::new().batch(100);
    let alone = cost(&messages, || messages.category("rare", &query))?;
    surround(&messages, 60)?;
    rare(&messages)?;
    let first = cost(&messages, || messages.category("rare", &query))?;
    assert_eq!(first, alone, "60,000 messages of another category change nothing");
    // A hundred entries, a hundred messages, and the namespace.
    assert!(first.values <= 201 && first.entries <= 101, "{first:?}");
    let behind = query.clone().from(at(60_101));
    let second = cost(&messages, || messages.category("rare", &behind))?;
    assert!(second.values <= 201 && second.entries <= 101, "{second:?}");
    let backwards = cost(&messages, || messages.category("rare", &query.backwards()))?;
    assert!(backwards.values <= 201 && backwards.entries <= 101, "{backwards:?}");
    let by_time = Query::new().batch(10).since(super::seconds(0));
    let by_time = cost(&messages, || messages.category("rare", &by_time))?;
    assert!(by_time.values <= 100, "a time is found by halving: {by_time:?}");
    Ok(())
}

pub(crate) fn case_80_last_of_a_rare_type_in_a_long_stream<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    messages.write("a-1", NewMessage::new("Rare"), ExpectedVersion::Any)?;
    for _ in 0..20 {
        messages.write_batch("a-1", some(1_000), ExpectedVersion::Any)?;
    }
    let found = cost(&messages, || {
        let last = messages.last_of_type("a-1", "Rare")?;
        assert_eq!(last.map(|last| last.position), Some(0));
        Ok(())
    })?;
    assert!(found.values <= 4 && found.entries == 0, "{found:?}");
    let version = cost(&messages, || messages.version("a-1"))?;
    assert!(version.values <= 2 && version.entries == 0, "{version:?}");
    let last = cost(&messages, || messages.last("a-1"))?;
    assert!(last.values <= 3 && last.entries == 0, "{last:?}");
    Ok(())
}

pub(crate) fn append_writes_few_small_records<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    write(&messages, "warm-1")?;
    let body = format!("\"{}\"", "x".repeat(10_000));
    let message = || NewMessage::new("Happened").data(json(&body));
    let first = cost(&messages, || messages.write("a-1", message(), ExpectedVersion::NO_STREAM))?;
    // The message, log, category, id, head, and counters: global position, messages and streams of the category.
    assert_eq!((first.commits, first.writes, first.range_deletes), (1, 8, 0), "{first:?}");
    assert!(first.bytes_written < 10_000 + 600, "the message is written once: {first:?}");
    let second = cost(&messages, || messages.write("a-1", message(), 0))?;
    assert_eq!((second.commits, second.writes), (1, 7), "{second:?}");
    messages.write_batch("a-1", some(2_000), ExpectedVersion::Any)?;
    surround(&messages, 3)?;
    let late = cost(&messages, || messages.write("a-1", message(), ExpectedVersion::Any))?;
    assert_eq!((late.writes, late.reads(), late.entries), (second.writes, second.reads(), 0), "{late:?}");
    assert!(late.bytes_written < second.bytes_written + 64 && late.bytes_read < 1_000, "{late:?}");
    Ok(())
}

pub(crate) fn stream_page_is_one_range<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    messages.write_batch("a-1", some(1_000), ExpectedVersion::Any)?;
    let page = cost(&messages, || messages.stream("a-1", &Query::new().from(500).batch(10)))?;
    assert_eq!((page.ranges, page.entries, page.values), (1, 10, 11), "{page:?}");
    let backwards = cost(&messages, || messages.stream("a-1", &Query::new().backwards().batch(10)))?;
    assert_eq!((backwards.ranges, backwards.entries, backwards.values), (1, 10, 11), "{backwards:?}");
    Ok(())
}

pub(crate) fn category_page_walks_along_its_streams<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    let mut due = Vec::new();
    for position in 0..40 {
        for stream in ["a-1", "b-1", "a-2", "a-3"] {
            let written = write(&messages, stream)?;
            if stream.starts_with('a') {
                due.push(format!("{stream}/{position}@{}", written.global_position));
            }
        }
    }
    let read = |query: &Query| {
        let mut told = Vec::new();
        let counts = cost(&messages, || {
            told = super::told(&messages.category("a", query)?);
            Ok(())
        })?;
        Ok::<_, storage_stores::messages::MessageError>((told, counts))
    };
    let (told, counts) = read(&Query::new())?;
    assert_eq!(told, due);
    // The entries, and each of three streams.
    assert_eq!((counts.ranges, counts.values), (4, 241), "{counts:?}");
    due.reverse();
    let (told, counts) = read(&Query::new().backwards().batch(60))?;
    assert_eq!(told, due[..60]);
    assert_eq!((counts.ranges, counts.values), (4, 121), "{counts:?}");
    Ok(())
}

pub(crate) fn filters_read_no_messages_that_they_drop<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    let writes: Vec<_> = (0..1_000)
        .map(|number| {
            let metadata = if number % 100 == 0 { r#"{"correlationStreamName":"wf-1"}"# } else { "{}" };
            StreamWrite::new(format!("a-{number}"), vec![message().metadata(json(metadata))])
        })
        .collect();
    messages.write_many(&writes)?;
    let all = Query::new().batch(-1);
    let correlated = cost(&messages, || messages.category("a", &all.clone().correlation("wf")))?;
    assert_eq!((correlated.entries, correlated.values), (1_000, 1_011), "{correlated:?}");
    let member = cost(&messages, || messages.all(&all.clone().consumer_group(0, 10)))?;
    assert_eq!(member.entries, 1_000);
    assert!(member.values < 1_200, "{member:?}");
    Ok(())
}
