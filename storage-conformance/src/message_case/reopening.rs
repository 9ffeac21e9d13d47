//! After closing and opening again: everything goes on where it was.

use std::time::Duration;

use storage_stores::messages::{ExpectedVersion, MessageError, Query, Result};

use super::{all, assert_agree, assert_refused, id, message, positions, reopen, seconds, some, timed, write};
use crate::subject::Subject;

pub(crate) fn case_109_what_was_acknowledged_is_there<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for number in 0..20 {
        messages.write_batch(&format!("a-{}", number % 3), some(5), ExpectedVersion::Any)?;
    }
    let before = all(&messages)?;
    messages.store().close()?;
    let messages = reopen(subject, &clock)?;
    assert_eq!(all(&messages)?, before);
    for number in 0..3 {
        let page = messages.stream(&format!("a-{number}"), &Query::new())?;
        assert_eq!(positions(&page), (0..page.messages.len() as u64).collect::<Vec<_>>());
    }
    assert_eq!(write(&messages, "a-0")?.global_position, 101);
    assert_agree(&messages)
}

pub(crate) fn case_110_counters_versions_and_ids_go_on<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    messages.write("a-1", message().id(id(1)), ExpectedVersion::NO_STREAM)?;
    write(&messages, "a-1")?;
    messages.store().close()?;
    assert_refused!(write(&messages, "a-1"), MessageError::Closed);
    assert_refused!(messages.all(&Query::new()), MessageError::Closed);
    let messages = reopen(subject, &clock)?;
    assert_eq!((messages.version("a-1")?, messages.message_count()?), (Some(1), 2));
    assert!(messages.write("a-1", message().id(id(1)), ExpectedVersion::Any)?.is_duplicate);
    assert_refused!(
        messages.write("a-2", message().id(id(1)), ExpectedVersion::Any),
        MessageError::DuplicateId { .. }
    );
    let written = messages.write("a-1", message(), 1)?;
    assert_eq!((written.position, written.global_position), (2, 3));
    let fresh = messages.store().open_namespace("fresh")?;
    assert_eq!(write(&fresh, "a-1")?.global_position, 1);
    assert_eq!(messages.message_count()?, 3);
    Ok(())
}

pub(crate) fn case_30_times_never_decrease_though_a_clock_was_set_back<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    clock.set(seconds(100));
    write(&messages, "a-1")?;
    messages.store().close()?;
    clock.set(seconds(10));
    let messages = reopen(subject, &clock)?;
    assert_eq!(write(&messages, "b-1")?.time, seconds(100));
    clock.set(seconds(100).after(Duration::from_nanos(1)));
    assert_eq!(write(&messages, "a-1")?.time, seconds(100).after(Duration::from_nanos(1)));
    let read = messages.all(&Query::new())?.messages;
    assert!(read.is_sorted_by_key(|message| message.time));
    assert_eq!(messages.stream_info("b-1")?.map(|info| info.last_activity), Some(seconds(100)));
    Ok(())
}
