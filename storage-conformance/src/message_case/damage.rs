//! Records whose bytes were damaged: reported with their place, and in nobody's way.

use storage_core::{Key, Keyspace};
use storage_stores::messages::{Grouping, MessageError, Messages, Page, Query, Result};

use super::{NAMESPACE, at, open, tell, write, write_all};
use crate::subject::Subject;
use crate::task_case::assert_refused;

/// The number of the namespace of a case: the first of its store.
const NUMBER: u64 = 1;

/// The parts of the index that cases damage.
const CATEGORY: u8 = 5;
const HEAD: u8 = 7;

fn damage<S: Subject>(
    subject: &S,
    messages: &Messages<S::Engine>,
    keyspace: &str,
    key: storage_core::Result<Key>,
) -> Result<()> {
    let damage = subject.damage().expect("the case needs this power");
    let engine = messages.store().database().engine();
    assert!(damage(engine, Keyspace::new(keyspace)?, &key?, &mut |bytes| bytes.truncate(3))?, "it is there");
    Ok(())
}

/// Three messages each in two streams of one category, of which the fourth is damaged.
fn damaged<S: Subject>(subject: &S) -> Result<Messages<S::Engine>> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "a-2", "a-1", "a-2", "a-1", "a-2"])?;
    damage(subject, &messages, "messages", Key::of(&(NUMBER, "a-2", 1_u64)))?;
    Ok(messages)
}

/// What a page shows, and how many it reports.
fn shown(page: &Page) -> (Vec<String>, usize) {
    for error in &page.unreadable {
        assert_refused!(Err::<(), _>(error), MessageError::Corrupt { .. });
    }
    (page.messages.iter().map(tell).collect(), page.unreadable.len())
}

pub(crate) fn unreadable_message_is_reported_and_others_are_read<S: Subject>(subject: &S) -> Result<()> {
    let messages = damaged(subject)?;
    let whole = ["a-1/0@1", "a-2/0@2", "a-1/1@3", "a-1/2@5", "a-2/2@6"].map(str::to_owned).to_vec();
    for page in [messages.category("a", &Query::new())?, messages.all(&Query::new())?] {
        assert_eq!(shown(&page), (whole.clone(), 1));
    }
    let page = messages.stream("a-2", &Query::new())?;
    assert_eq!(shown(&page), (vec!["a-2/0@2".to_owned(), "a-2/2@6".to_owned()], 1));
    assert_refused!(
        Err::<(), _>(&page.unreadable[0]),
        MessageError::Corrupt { place, .. } if place.contains("a-2") && place.contains('1')
    );
    for batch in 1..=6 {
        let (mut found, mut reported, mut query) = (Vec::new(), 0, Query::new().batch(batch));
        loop {
            let page = messages.category("a", &query)?;
            let (told, unreadable) = shown(&page);
            assert!(told.len() + unreadable <= batch.unsigned_abs() as usize);
            found.extend(told);
            reported += unreadable;
            if page.is_end {
                break;
            }
            query = query.from(at(page.next.expect("forward there is always a next position")));
        }
        assert_eq!((&found, reported), (&whole, 1), "batches of {batch}");
    }
    assert_eq!(messages.message_count()?, 6, "it has not vanished");
    assert_eq!(write(&messages, "a-2")?.position, 3);
    Ok(())
}

pub(crate) fn unreadable_last_message_and_head_are_errors<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "a-2"])?;
    damage(subject, &messages, "messages", Key::of(&(NUMBER, "a-1", 0_u64)))?;
    assert_refused!(messages.last("a-1"), MessageError::Corrupt { .. });
    assert_eq!((messages.version("a-1")?, write(&messages, "a-1")?.position), (Some(0), 1));
    damage(subject, &messages, "message_index", Key::of(&(NUMBER, HEAD, "a-2")))?;
    assert_refused!(messages.version("a-2"), MessageError::Corrupt { .. });
    assert_refused!(write(&messages, "a-2"), MessageError::Corrupt { .. });
    let page = messages.streams(&storage_stores::messages::StreamListing::new())?;
    assert_eq!((page.streams.len(), page.unreadable.len()), (1, 1));
    assert_eq!(write(&messages, "a-3")?.position, 0);
    Ok(())
}

pub(crate) fn unreadable_entries_are_reported<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "a-2", "a-3"])?;
    damage(subject, &messages, "message_index", Key::of(&(NUMBER, CATEGORY, "a", 2_u64)))?;
    let page = messages.category("a", &Query::new())?;
    assert_eq!(shown(&page), (vec!["a-1/0@1".to_owned(), "a-3/0@3".to_owned()], 1));
    assert_eq!(messages.stream("a-2", &Query::new())?.messages.len(), 1);
    assert_eq!(messages.all(&Query::new())?.messages.len(), 3);
    damage(subject, &messages, "message_namespaces", Key::of(NAMESPACE))?;
    assert_refused!(messages.all(&Query::new()), MessageError::Corrupt { .. });
    Ok(())
}

pub(crate) fn unreadable_messages_can_be_deleted<S: Subject>(subject: &S) -> Result<()> {
    let messages = damaged(subject)?;
    assert_eq!(messages.truncate_stream("a-2", 2)?, 2);
    super::assert_agree(&messages)?;
    assert_eq!(super::all(&messages)?, ["a-1/0@1", "a-1/1@3", "a-1/2@5", "a-2/2@6"]);
    damage(subject, &messages, "messages", Key::of(&(NUMBER, "a-1", 0_u64)))?;
    damage(subject, &messages, "message_index", Key::of(&(NUMBER, HEAD, "a-1")))?;
    assert_eq!(messages.delete_stream("a-1")?, 3);
    assert_eq!(super::all(&messages)?, ["a-2/2@6"]);
    assert_eq!(write(&messages, "a-1")?.position, 0);
    super::assert_agree(&messages)
}

pub(crate) fn unreadable_message_is_told_once_by_a_subscription<S: Subject>(subject: &S) -> Result<()> {
    let messages = damaged(subject)?;
    let mut followed = messages.subscribe_category("a", &Query::new().batch(4))?;
    let (mut found, mut unreadable) = (Vec::new(), 0);
    loop {
        match followed.try_next() {
            Ok(Some(message)) => found.push(tell(&message)),
            Ok(None) => break,
            Err(error) => {
                assert_refused!(Err::<(), _>(error), MessageError::Corrupt { .. });
                unreadable += 1;
            }
        }
    }
    assert_eq!((found.len(), unreadable), (5, 1));
    Ok(())
}

pub(crate) fn unreadable_message_amid_its_stream_is_reported<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    messages.write_batch("a-1", super::some(10), -1)?;
    damage(subject, &messages, "messages", Key::of(&(NUMBER, "a-1", 4_u64)))?;
    for query in [Query::new(), Query::new().backwards()] {
        let (told, unreadable) = shown(&messages.category("a", &query)?);
        assert_eq!((told.len(), unreadable), (9, 1), "{told:?}");
        assert!(!told.contains(&"a-1/4@5".to_owned()));
    }
    Ok(())
}

pub(crate) fn unreadable_messages_are_not_counted<S: Subject>(subject: &S) -> Result<()> {
    let messages = damaged(subject)?;
    let by_type = messages.summary(Grouping::Type)?;
    assert_eq!((by_type.messages, by_type.unreadable.len()), (5, 1));
    assert_refused!(Err::<(), _>(&by_type.unreadable[0]), MessageError::Corrupt { .. });
    // Counts that are kept know of it.
    assert_eq!(messages.summary(Grouping::Stream)?.messages, 6);
    damage(subject, &messages, "message_index", Key::of(&(NUMBER, HEAD, "a-1")))?;
    let by_stream = messages.summary(Grouping::Stream)?;
    assert_eq!((by_stream.messages, by_stream.unreadable.len()), (3, 1));
    Ok(())
}
