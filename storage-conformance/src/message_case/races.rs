//! Many at once: positions without gaps, one winner, and readers that miss nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::{Engine, Error, Kind};
use storage_stores::messages::{
    ExpectedVersion, ImportOptions, Message, MessageError, Messages, NewMessage, Query, Result, Retention,
    names,
};

use super::{assert_agree, assert_refused, at, message, open, positions, some, store, write};
use crate::case::together;
use crate::subject::Subject;

/// An error of the store in a thread whose errors are the layer's.
pub(crate) fn inner(error: MessageError) -> Error {
    match error {
        MessageError::Storage(error) => error,
        error => Error::new(Kind::Internal, "the message store failed").caused_by(error),
    }
}

/// What each of `count` threads that begin together came to.
fn race<T: Send>(count: usize, task: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<Result<T>>> {
    crate::task_case::race(count, task).map_err(|error| match error {
        storage_stores::tasks::TaskError::Storage(error) => error.into(),
        error => panic!("a race of threads failed: {error}"),
    })
}

pub(crate) fn case_102_writers_of_a_hundred_streams<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let written = race(10, |thread| {
        (0..10).map(|number| write(&messages, &format!("a-{thread}{number}"))).collect::<Result<Vec<_>>>()
    })?;
    let written = written.into_iter().collect::<Result<Vec<_>>>()?.concat();
    assert!(written.iter().all(|written| written.position == 0));
    let mut globals: Vec<_> = written.iter().map(|written| written.global_position).collect();
    globals.sort_unstable();
    assert_eq!(globals, (1..=100).collect::<Vec<_>>());
    let statistics = messages.store().database().statistics();
    assert_eq!(statistics.conflicts, 0, "writers of different streams do not conflict");
    assert_agree(&messages)
}

pub(crate) fn case_103_one_of_ten_gets_the_expected_version<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    let results = race(10, |_| messages.write("a-1", message(), 0))?;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for refused in results.into_iter().filter(Result::is_err) {
        assert_refused!(refused, MessageError::VersionConflict { expected: 0, actual: 1, .. });
    }
    assert_eq!(messages.message_count()?, 2);
    Ok(())
}

pub(crate) fn case_104_ten_writers_of_one_stream<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let written = race(10, |_| write(&messages, "a-1"))?.into_iter().collect::<Result<Vec<_>>>()?;
    let mut positions: Vec<_> = written.iter().map(|written| written.position).collect();
    positions.sort_unstable();
    assert_eq!(positions, (0..10).collect::<Vec<_>>());
    assert_agree(&messages)
}

pub(crate) fn case_105_fifty_writers_of_ten_streams<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let results = race(50, |thread| {
        (0..3).try_for_each(|number| write(&messages, &format!("a-{}", (thread * 3 + number) % 10)).map(drop))
    })?;
    results.into_iter().collect::<Result<()>>()?;
    for number in 0..10 {
        let page = messages.stream(&format!("a-{number}"), &Query::new())?;
        assert_eq!(positions(&page), (0..15).collect::<Vec<_>>());
    }
    assert_agree(&messages)
}

pub(crate) fn case_106_readers_of_versions_then_write<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    let results = race(10, |_| {
        let version = messages.version("a-1")?.expect("it has one");
        messages.write("a-1", message(), at(version))
    })?;
    let won = results.iter().filter(|result| result.is_ok()).count() as u64;
    assert!(won >= 1);
    for refused in results.into_iter().filter(Result::is_err) {
        assert_refused!(refused, MessageError::VersionConflict { .. });
    }
    assert_eq!(messages.message_count()?, 1 + won);
    Ok(())
}

pub(crate) fn case_107_writers_of_two_namespaces<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let both = [store.open_namespace("one")?, store.open_namespace("other")?];
    let results = race(8, |thread| {
        (0..10).try_for_each(|number| write(&both[thread % 2], &format!("a-{number}-{thread}")).map(drop))
    })?;
    results.into_iter().collect::<Result<()>>()?;
    for messages in &both {
        assert_eq!(messages.message_count()?, 40);
        assert_agree(messages)?;
    }
    Ok(())
}

/// The writers, and the messages that each of them writes in so many batches.
const WRITERS: usize = 8;
const BATCHES: usize = 25;
const BATCH_LEN: usize = 100;

/// Follows a log from its beginning until `count` messages were seen, and fails on one that is missed or seen twice.
fn follow<E: Engine>(messages: &Messages<E>, category: Option<&str>, count: usize) -> Result<()> {
    let mut next = 1;
    let mut seen = 0;
    while seen < count {
        let query = Query::new().from(at(next));
        let page = match category {
            Some(category) => messages.category(category, &query)?,
            None => messages.all(&query)?,
        };
        for message in &page.messages {
            match category {
                Some(category) => assert_eq!(names::category(&message.stream), category),
                None => {
                    assert_eq!(message.global_position, seen as u64 + 1, "none is missed, none comes twice");
                }
            }
            assert!(message.global_position >= next);
            next = message.global_position + 1;
            seen += 1;
        }
    }
    assert_eq!(seen, count);
    Ok(())
}

pub(crate) fn case_108_reader_with_a_checkpoint_misses_nothing<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let done = AtomicUsize::new(0);
    together(WRITERS + 2, |thread| {
        let result = match thread {
            0 => follow(&messages, None, WRITERS * BATCHES * BATCH_LEN),
            1 => follow(&messages, Some("c0"), BATCHES * BATCH_LEN),
            _ => (0..BATCHES).try_for_each(|_| {
                let stream = format!("c{}-1", thread - 2);
                messages.write_batch(&stream, some(BATCH_LEN), ExpectedVersion::Any).map(drop)
            }),
        };
        done.fetch_add(1, Ordering::SeqCst);
        result.map_err(inner)
    })?;
    assert_eq!(done.into_inner(), WRITERS + 2);
    assert_eq!(messages.message_count()?, (WRITERS * BATCHES * BATCH_LEN) as u64);
    Ok(())
}

pub(crate) fn one_of_many_repeats_writes<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let results =
        race(10, |_| messages.write("a-1", message().id(super::id(1)), ExpectedVersion::NO_STREAM))?;
    let written = results.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(written.iter().filter(|written| !written.is_duplicate).count(), 1);
    assert!(written.iter().all(|written| (written.position, written.global_position) == (0, 1)));
    assert_eq!(messages.message_count()?, 1);
    Ok(())
}

/// Reads on from a checkpoint until `is_over` was true before a read that found nothing. Returns what was read.
fn follow_until<E: Engine>(
    messages: &Messages<E>,
    category: Option<&str>,
    is_over: impl Fn() -> bool,
) -> Result<Vec<Message>> {
    let (mut found, mut next) = (Vec::<Message>::new(), 0);
    loop {
        let was_over = is_over();
        let query = Query::new().from(next).batch(7);
        let page = match category {
            Some(category) => messages.category(category, &query)?,
            None => messages.all(&query)?,
        };
        if page.messages.is_empty() && was_over {
            return Ok(found);
        }
        next = at(page.next.expect("forward there is always a next position"));
        found.extend(page.messages);
        assert!(found.is_sorted_by(|one, other| one.global_position < other.global_position));
        assert!(found.is_sorted_by_key(|message| message.time), "times do not step back");
    }
}

pub(crate) fn deletions_imports_and_writes_at_once_are_read_once<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: usize = 25;
    let messages = open(subject)?;
    let busy = AtomicUsize::new(4);
    let read = race(6, |thread| {
        let is_over = || busy.load(Ordering::SeqCst) == 0;
        let work = |round: usize| -> Result<()> {
            let stream = format!("c{}-{}", round % 2, round % 3);
            match thread {
                0 | 1 => {
                    let message = |number: usize| {
                        let id = super::id(((thread * ROUNDS + round) * 3 + number + 1) as u128);
                        NewMessage::new(format!("T{}", number + round % 20)).id(id)
                    };
                    let batch: Vec<_> = (0..3).map(message).collect();
                    let first = messages.write_batch(&stream, batch.clone(), ExpectedVersion::Any)?;
                    let at =
                        |appended: &storage_stores::messages::Appended| appended.messages[0].global_position;
                    match messages.write_batch(&stream, batch, ExpectedVersion::NO_STREAM) {
                        Ok(again) => assert!(at(&again) >= at(&first)),
                        // Some of it was deleted meanwhile: it is no repetition any more.
                        Err(MessageError::DuplicateId { .. } | MessageError::VersionConflict { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                2 if round % 5 == 4 => drop(messages.delete_stream(&stream)?),
                2 => drop(messages.retain_category("c0", &Retention::new().newest(5))?),
                _ => {
                    let id = super::id(10_000 + round as u128);
                    let time = messages.store().database().now();
                    let recorded = Message::recorded(id, stream, "Imported", 0, 0, time);
                    let options = ImportOptions::new().renumber().skip_existing();
                    assert_eq!(messages.import(std::slice::from_ref(&recorded), &options)?.imported, 1);
                }
            }
            Ok(())
        };
        match thread {
            4 => follow_until(&messages, None, is_over),
            5 => follow_until(&messages, Some("c1"), is_over),
            _ => {
                let done = (0..ROUNDS).try_for_each(work);
                busy.fetch_sub(1, Ordering::SeqCst);
                done.map(|()| Vec::new())
            }
        }
    })?;
    let read = read.into_iter().collect::<Result<Vec<_>>>()?;
    let left = messages.all(&Query::new().batch(-1))?.messages;
    for message in &left {
        assert!(read[4].contains(message), "{message:?} was missed");
        let of_category = names::category(&message.stream) == "c1";
        assert_eq!(read[5].contains(message), of_category, "{message:?} was missed");
    }
    assert_agree(&messages)
}
