//! Reading by time.

use storage_core::Engine;
use storage_stores::messages::{MessageError, Messages, Query, Result};

use super::{assert_refused, globals, seconds, timed, write, write_all};
use crate::subject::Subject;

/// Messages at the seconds 0, 10, 10, 20, 30, alternating between two streams of two categories.
fn timeline<S: Subject>(subject: &S) -> Result<Messages<S::Engine>> {
    let (messages, clock) = timed(subject)?;
    for (second, stream) in [(0, "a-1"), (10, "b-1"), (10, "a-1"), (20, "b-1"), (30, "a-1")] {
        clock.set(seconds(second));
        write(&messages, stream)?;
    }
    Ok(messages)
}

fn all<E: Engine>(messages: &Messages<E>, query: &Query) -> Result<Vec<u64>> {
    Ok(globals(&messages.all(query)?))
}

pub(crate) fn since_is_inclusive_and_until_exclusive<S: Subject>(subject: &S) -> Result<()> {
    let messages = timeline(subject)?;
    let since = |second| Query::new().since(seconds(second));
    assert_eq!(all(&messages, &since(0))?, [1, 2, 3, 4, 5]);
    assert_eq!(all(&messages, &since(10))?, [2, 3, 4, 5]);
    assert_eq!(all(&messages, &since(11))?, [4, 5]);
    assert!(all(&messages, &since(31))?.is_empty());
    assert_eq!(all(&messages, &since(10).until(seconds(20)))?, [2, 3]);
    assert_eq!(all(&messages, &Query::new().until(seconds(10)))?, [1]);
    assert!(all(&messages, &Query::new().until(seconds(0)))?.is_empty());
    assert!(all(&messages, &since(20).until(seconds(20)))?.is_empty());
    assert_eq!(globals(&messages.category("a", &since(5))?), [3, 5]);
    assert_eq!(globals(&messages.stream("b-1", &since(11))?), [4]);
    assert!(messages.stream("absent-1", &since(0))?.messages.is_empty());
    Ok(())
}

pub(crate) fn times_and_positions_hold_together<S: Subject>(subject: &S) -> Result<()> {
    let messages = timeline(subject)?;
    let query = Query::new().since(seconds(10));
    assert_eq!(all(&messages, &query.clone().from(4))?, [4, 5]);
    assert_eq!(all(&messages, &query.clone().batch(2))?, [2, 3]);
    let page = messages.all(&query.clone().batch(2))?;
    assert_eq!(page.next, Some(4));
    assert_eq!(all(&messages, &query.clone().backwards())?, [5, 4, 3, 2]);
    assert_eq!(all(&messages, &query.clone().backwards().until(seconds(30)))?, [4, 3, 2]);
    assert_eq!(all(&messages, &query.backwards().from(3))?, [3, 2]);
    Ok(())
}

pub(crate) fn many_messages_are_read_by_time<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for second in 0..100 {
        clock.set(seconds(second));
        write_all(&messages, &["a-1", "b-1"])?;
    }
    for second in [0, 1, 37, 50, 98, 99] {
        let query = Query::new().since(seconds(second)).until(seconds(second + 1));
        assert_eq!(all(&messages, &query)?, [second * 2 + 1, second * 2 + 2]);
        assert_eq!(globals(&messages.category("b", &query)?), [second * 2 + 2]);
        assert_eq!(globals(&messages.stream("a-1", &query)?), [second * 2 + 1]);
    }
    assert_refused!(messages.all(&Query::new().since(seconds(1)).batch(0)), MessageError::InvalidOptions(_));
    Ok(())
}

pub(crate) fn pages_without_a_message_in_time_say_where_to_go_on<S: Subject>(subject: &S) -> Result<()> {
    let messages = timeline(subject)?;
    let later = Query::new().since(seconds(100));
    let page = messages.all(&later)?;
    assert_eq!((page.messages.len(), page.next, page.is_end), (0, Some(0), true));
    assert_eq!(messages.stream("a-1", &later.clone().from(2))?.next, Some(2));
    for ended in [later.clone(), later.from(4), Query::new().until(seconds(0)).from(4)] {
        let page = messages.category("a", &ended.backwards())?;
        assert_eq!((page.messages.len(), page.next, page.is_end), (0, None, true), "there is nothing before");
    }
    Ok(())
}
