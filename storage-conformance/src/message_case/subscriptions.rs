//! Subscriptions: what is there and what comes, once and in order.

use std::time::Duration;

use storage_core::Engine;
use storage_stores::messages::{ExpectedVersion, MessageError, Messages, Query, Result, Subscription, names};

use super::{assert_refused, at, open, some, tell, write, write_all};
use crate::case::together;
use crate::subject::Subject;

/// Longer than any case waits for what comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is there now.
fn now<E: Engine>(subscription: &mut Subscription<E>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    while let Some(message) = subscription.try_next()? {
        found.push(tell(&message));
    }
    Ok(found)
}

pub(crate) fn case_111_stream_is_followed<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let mut followed = messages.subscribe_stream("a-1", &Query::new())?;
    assert!(now(&mut followed)?.is_empty());
    write_all(&messages, &["a-1", "a-2", "a-10"])?;
    assert_eq!(now(&mut followed)?, ["a-1/0@1"]);
    assert_eq!(followed.position(), 1);
    write(&messages, "a-1")?;
    assert_eq!(followed.next_within(PATIENCE)?.as_ref().map(tell).as_deref(), Some("a-1/1@4"));
    assert_eq!(followed.next_within(Duration::ZERO)?, None);
    Ok(())
}

pub(crate) fn case_112_category_and_everything_are_followed<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let elsewhere = messages.store().open_namespace("elsewhere")?;
    let mut of_category = messages.subscribe_category("a", &Query::new())?;
    let mut of_all = messages.subscribe_all(&Query::new())?;
    write_all(&messages, &["a-1", "b-1", "a:x-1", "a"])?;
    write_all(&elsewhere, &["a-1", "a-1", "a-9"])?;
    assert_eq!(now(&mut of_category)?, ["a-1/0@1", "a/0@4"]);
    assert_eq!(now(&mut of_all)?, ["a-1/0@1", "b-1/0@2", "a:x-1/0@3", "a/0@4"]);
    assert_eq!((of_category.position(), of_all.position()), (5, 5));
    Ok(())
}

pub(crate) fn case_113_subscription_begins_at_a_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(5), ExpectedVersion::Any)?;
    let mut followed = messages.subscribe_stream("a-1", &Query::new().from(3))?;
    assert_eq!(now(&mut followed)?, ["a-1/3@4", "a-1/4@5"]);
    write(&messages, "a-1")?;
    assert_eq!(now(&mut followed)?, ["a-1/5@6"]);
    let mut later = messages.subscribe_category("a", &Query::new().from(8))?;
    assert_eq!(later.position(), 8);
    messages.write_batch("a-1", some(3), ExpectedVersion::Any)?;
    assert_eq!(now(&mut later)?, ["a-1/7@8", "a-1/8@9"]);
    Ok(())
}

pub(crate) fn case_114_members_divide_what_comes<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let group = |member| messages.subscribe_category("a", &Query::new().consumer_group(member, 2));
    let (mut first, mut second) = (group(0)?, group(1)?);
    for _ in 0..2 {
        write_all(&messages, &["a-1", "a-2", "a-3", "a-4"])?;
        let mut both = now(&mut first)?;
        both.extend(now(&mut second)?);
        assert_eq!(both.len(), 4);
        both.sort_unstable();
        both.dedup();
        assert_eq!(both.len(), 4, "disjoint and complete");
    }
    Ok(())
}

pub(crate) fn case_75_members_of_reads_and_subscriptions_are_the_same<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let query = |member| Query::new().consumer_group(member, 3);
    let mut followed: Vec<_> =
        (0..3).map(|member| messages.subscribe_category("account", &query(member))).collect::<Result<_>>()?;
    for number in 1..=30 {
        let stream = format!("account-{number}");
        write(&messages, &stream)?;
        for (member, followed) in (0..).zip(&mut followed) {
            let found = now(followed)?;
            assert_eq!(!found.is_empty(), names::member(&stream, 3) == Some(member), "{stream}");
        }
    }
    let expected: [&[u64]; 3] = [
        &[1, 4, 5, 12, 14, 15, 16, 18, 22, 23, 26, 28],
        &[2, 8, 9, 10, 13, 17, 20, 25, 27],
        &[3, 6, 7, 11, 19, 21, 24, 29, 30],
    ];
    for (member, expected) in (0..).zip(expected) {
        assert_eq!(super::globals(&messages.category("account", &query(member))?), expected);
    }
    Ok(())
}

pub(crate) fn case_115_subscriptions_have_no_end<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for query in [Query::new().backwards(), Query::new().until(super::seconds(1)), Query::new().batch(0)] {
        assert_refused!(messages.subscribe_all(&query), MessageError::InvalidOptions(_));
        assert_refused!(messages.subscribe_stream("a-1", &query), MessageError::InvalidOptions(_));
        assert_refused!(messages.subscribe_category("a", &query), MessageError::InvalidOptions(_));
    }
    assert_refused!(messages.subscribe_category("a-1", &Query::new()), MessageError::NotACategory { .. });
    let group = Query::new().consumer_group(2, 2);
    assert_refused!(messages.subscribe_all(&group), MessageError::InvalidConsumerGroup { .. });
    assert_refused!(
        messages.subscribe_stream("a-1", &Query::new().correlation("x")),
        MessageError::InvalidOptions(_)
    );
    Ok(())
}

/// Takes `count` messages of a subscription, and checks that none is missed and none comes twice.
fn follow<E: Engine>(messages: &Messages<E>, count: u64) -> Result<()> {
    let mut followed = messages.subscribe_all(&Query::new().batch(37))?;
    for expected in 1..=count {
        let found = followed.next_within(PATIENCE)?.expect("more are written");
        assert_eq!(found.global_position, expected);
    }
    assert_eq!(followed.position(), count + 1);
    Ok(())
}

pub(crate) fn case_116_nothing_is_lost_between_what_is_there_and_what_comes<S: Subject>(
    subject: &S,
) -> Result<()> {
    let messages = open(subject)?;
    for _ in 0..5 {
        messages.write_batch("a-1", some(1_000), ExpectedVersion::Any)?;
    }
    let mut existing = messages.subscribe_category("a", &Query::new())?;
    assert_eq!(now(&mut existing)?.len(), 5_000);
    together(4, |thread| {
        let result = match thread {
            0 | 1 => follow(&messages, 5_200),
            _ => (0..100).try_for_each(|number| write(&messages, &format!("b{thread}-{number}")).map(drop)),
        };
        result.map_err(super::races::inner)
    })?;
    Ok(())
}

pub(crate) fn case_117_slow_subscriber_sees_the_newest_in_the_end<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let mut slow = messages.subscribe_all(&Query::new())?;
    // More than a watch keeps events for, written while nobody takes them.
    for _ in 0..6 {
        messages.write_batch("a-1", some(1_000), ExpectedVersion::Any)?;
    }
    let found = now(&mut slow)?;
    assert_eq!((found.len(), found.last().map(String::as_str)), (6_000, Some("a-1/5999@6000")));
    write(&messages, "a-2")?;
    assert_eq!(now(&mut slow)?, ["a-2/0@6001"]);
    Ok(())
}

pub(crate) fn subscription_is_resumed_from_its_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", some(3), ExpectedVersion::Any)?;
    let mut first = messages.subscribe_category("a", &Query::new())?;
    first.try_next()?;
    first.try_next()?;
    messages.store_position("reader", first.position())?;
    drop(first);
    write_all(&messages, &["b-1", "a-2"])?;
    let position = messages.position("reader")?.expect("it was stored");
    let mut second = messages.subscribe_category("a", &Query::new().from(at(position)))?;
    assert_eq!(now(&mut second)?, ["a-1/2@3", "a-2/0@5"]);
    Ok(())
}

pub(crate) fn subscription_ends_with_its_namespace_and_its_store<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let other = messages.store().open_namespace("other")?;
    let mut of_gone = other.subscribe_all(&Query::new())?;
    let mut of_cleared = messages.subscribe_all(&Query::new())?;
    write_all(&messages, &["a-1", "a-2"])?;
    assert_eq!(now(&mut of_cleared)?.len(), 2);
    messages.store().delete_namespace("other")?;
    assert_refused!(of_gone.next(), MessageError::NamespaceNotFound { .. });
    messages.store().clear_namespace(messages.name())?;
    write(&messages, "b-1")?;
    assert_eq!(of_cleared.next_within(PATIENCE)?.as_ref().map(tell).as_deref(), Some("b-1/0@1"));
    messages.store().close()?;
    assert_refused!(of_cleared.next(), MessageError::Closed);
    Ok(())
}

pub(crate) fn stream_begun_again_is_followed_from_where_one_is<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "a-1"])?;
    let mut stream = messages.subscribe_stream("a-1", &Query::new())?;
    let mut category = messages.subscribe_category("a", &Query::new())?;
    for subscription in [&mut stream, &mut category] {
        while subscription.try_next()?.is_some() {}
    }
    assert_eq!((stream.position(), category.position()), (2, 3));
    messages.delete_stream("a-1")?;
    write_all(&messages, &["a-1", "a-1", "a-1"])?;
    assert_eq!(stream.try_next()?.map(|message| message.position), Some(2), "behind its position");
    for expected in 0..3 {
        assert_eq!(category.try_next()?.map(|message| message.position), Some(expected), "all of them");
    }
    assert_eq!((stream.try_next()?, category.try_next()?), (None, None));
    Ok(())
}
