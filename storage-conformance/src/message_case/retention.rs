//! Retention: by number and by age.

use std::time::Duration;

use storage_stores::messages::{ExpectedVersion, MessageError, Query, Result, Retention};

use super::{
    assert_agree, assert_refused, category, open, positions, seconds, some, timed, write, write_all,
};
use crate::subject::Subject;

pub(crate) fn newest_messages_of_a_stream_are_kept<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(10), ExpectedVersion::Any)?;
    let retain = |newest| messages.retain_stream("a-1", &Retention::new().newest(newest));
    assert_eq!((retain(10)?, retain(4)?, retain(4)?), (0, 6, 0));
    assert_eq!(positions(&messages.stream("a-1", &Query::new())?), [6, 7, 8, 9]);
    write(&messages, "a-1")?;
    assert_eq!(retain(4)?, 1);
    assert_eq!((retain(0)?, messages.version("a-1")?), (4, Some(10)));
    assert_eq!(messages.retain_stream("absent", &Retention::new().newest(0))?, 0);
    assert_agree(&messages)
}

pub(crate) fn young_messages_of_a_stream_are_kept<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for second in [0, 10, 20, 30] {
        clock.set(seconds(second));
        write(&messages, "a-1")?;
    }
    let retain =
        |age| messages.retain_stream("a-1", &Retention::new().younger_than(Duration::from_secs(age)));
    assert_eq!(retain(31)?, 0);
    assert_eq!(retain(20)?, 2, "at its age a message goes");
    assert_eq!(positions(&messages.stream("a-1", &Query::new())?), [2, 3]);
    clock.set(seconds(45));
    let both = Retention::new().younger_than(Duration::from_secs(20)).newest(5);
    assert_eq!(messages.retain_stream("a-1", &both)?, 1);
    assert_eq!(messages.retain_stream("a-1", &Retention::new())?, 0);
    assert_agree(&messages)
}

pub(crate) fn streams_of_a_category_are_retained_each<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for _ in 0..3 {
        write_all(&messages, &["a-1", "a", "a-2", "b-1", "a:x-1", "ab-1"])?;
    }
    write(&messages, "a-1")?;
    assert_eq!(messages.retain_category("a", &Retention::new().newest(2))?, 2 + 1 + 1);
    assert_eq!(category(&messages, "a")?.len(), 6);
    assert_eq!((category(&messages, "b")?.len(), category(&messages, "a:x")?.len()), (3, 3));
    clock.set(seconds(60));
    write(&messages, "a-2")?;
    assert_eq!(messages.retain_category("a", &Retention::new().younger_than(Duration::from_secs(60)))?, 6);
    assert_eq!(category(&messages, "a")?, ["a-2/3@20"]);
    assert_refused!(messages.retain_category("a-1", &Retention::new()), MessageError::NotACategory { .. });
    assert_agree(&messages)
}

pub(crate) fn long_streams_are_retained_in_parts<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(2_500), ExpectedVersion::Any)?;
    assert_eq!(messages.retain_stream("a-1", &Retention::new().newest(100))?, 2_400);
    let page = messages.stream("a-1", &Query::new())?;
    assert_eq!(positions(&page), (2_400..2_500).collect::<Vec<_>>());
    assert_eq!(messages.message_count()?, 100);
    Ok(())
}
