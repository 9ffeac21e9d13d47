//! The cases of the message store, by theme, and the few words in which they are written.

pub(crate) mod batches;
pub(crate) mod categories;
pub(crate) mod consumers;
pub(crate) mod content;
pub(crate) mod costs;
pub(crate) mod damage;
pub(crate) mod deletion;
pub(crate) mod groups;
pub(crate) mod histories;
pub(crate) mod last;
pub(crate) mod listing;
pub(crate) mod names;
pub(crate) mod namespaces;
pub(crate) mod races;
pub(crate) mod reopening;
pub(crate) mod retention;
pub(crate) mod streams;
pub(crate) mod subscriptions;
pub(crate) mod summaries;
pub(crate) mod times;
pub(crate) mod transfer;
pub(crate) mod types;
pub(crate) mod writing;

use storage_core::{Database, Engine, ManualClock};
use storage_stores::messages::{
    ExpectedVersion, Json, Message, MessageStore, Messages, NewMessage, Page, Query, Result, Uuid, Written,
};

use crate::case;
use crate::subject::Subject;

pub(crate) use crate::task_case::{assert_refused, seconds};

/// The namespace of a case that needs one.
pub(crate) const NAMESPACE: &str = "test";

/// A store on an engine of the subject, with a clock that stands still.
pub(crate) fn store<S: Subject>(subject: &S) -> Result<MessageStore<S::Engine>> {
    MessageStore::open(&case::open(subject)?)
}

/// A namespace of such a store.
pub(crate) fn open<S: Subject>(subject: &S) -> Result<Messages<S::Engine>> {
    store(subject)?.open_namespace(NAMESPACE)
}

/// The same with the clock in hand.
pub(crate) fn timed<S: Subject>(subject: &S) -> Result<(Messages<S::Engine>, ManualClock)> {
    let (db, clock) = case::timed(subject)?;
    Ok((MessageStore::open(&db)?.open_namespace(NAMESPACE)?, clock))
}

/// The same on an engine that counts.
pub(crate) fn counted<S: Subject>(subject: &S) -> Result<Messages<crate::counting::Counting<S::Engine>>> {
    MessageStore::open(&case::counted(subject)?)?.open_namespace(NAMESPACE)
}

/// A database with a clock that starts where those of cases do and runs on as the case says.
pub(crate) fn reopen<S: Subject>(subject: &S, clock: &ManualClock) -> Result<Messages<S::Engine>> {
    let db = Database::with_options(subject.open()?, case::quiet().clock(clock.clone()))?;
    MessageStore::open(&db)?.open_namespace(NAMESPACE)
}

/// A message of some type with a little data.
pub(crate) fn message() -> NewMessage {
    NewMessage::new("Happened").data(json(r#"{"n":1}"#))
}

/// So many of them.
pub(crate) fn some(count: usize) -> Vec<NewMessage> {
    vec![message(); count]
}

/// JSON that is some.
#[track_caller]
pub(crate) fn json(text: &str) -> Json {
    text.parse().expect("the case writes JSON")
}

/// An id by its number.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Writes a message to a stream at whatever version.
pub(crate) fn write<E: Engine>(messages: &Messages<E>, stream: &str) -> Result<Written> {
    messages.write(stream, message(), ExpectedVersion::Any)
}

/// The same at an expected version.
pub(crate) fn write_at<E: Engine>(messages: &Messages<E>, stream: &str, expected: i64) -> Result<Written> {
    messages.write(stream, message(), expected)
}

/// Writes a message to each of these streams.
pub(crate) fn write_all<E: Engine>(messages: &Messages<E>, streams: &[&str]) -> Result<()> {
    streams.iter().try_for_each(|stream| write(messages, stream).map(drop))
}

/// The messages of a page in which everything can be read: `account-1/0@1`, stream, position and global position.
#[track_caller]
pub(crate) fn told(page: &Page) -> Vec<String> {
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    page.messages.iter().map(tell).collect()
}

/// One message in that form.
pub(crate) fn tell(message: &Message) -> String {
    format!("{}/{}@{}", message.stream, message.position, message.global_position)
}

/// The positions of a page.
#[track_caller]
pub(crate) fn positions(page: &Page) -> Vec<u64> {
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    page.messages.iter().map(|message| message.position).collect()
}

/// The global positions of a page.
#[track_caller]
pub(crate) fn globals(page: &Page) -> Vec<u64> {
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    page.messages.iter().map(|message| message.global_position).collect()
}

/// A number that a query takes.
pub(crate) fn at(position: u64) -> i64 {
    i64::try_from(position).expect("cases write few messages")
}

/// Every message of a category.
pub(crate) fn category<E: Engine>(messages: &Messages<E>, category: &str) -> Result<Vec<String>> {
    Ok(told(&messages.category(category, &Query::new().batch(-1))?))
}

/// Every message of a stream.
pub(crate) fn stream<E: Engine>(messages: &Messages<E>, stream: &str) -> Result<Vec<String>> {
    Ok(told(&messages.stream(stream, &Query::new().batch(-1))?))
}

/// Every message of the namespace.
pub(crate) fn all<E: Engine>(messages: &Messages<E>) -> Result<Vec<String>> {
    Ok(told(&messages.all(&Query::new().batch(-1))?))
}

/// What paging with batches of `batch` finds, following the next positions to the end.
#[track_caller]
pub(crate) fn pages(batch: i64, read: impl Fn(&Query) -> Result<Page>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut query = Query::new().batch(batch);
    loop {
        let page = read(&query)?;
        found.extend(told(&page));
        if page.is_end {
            return Ok(found);
        }
        assert_eq!(
            page.messages.len(),
            usize::try_from(batch).expect("a batch has a limit"),
            "pages fill up"
        );
        query = query.from(at(page.next.expect("forward there is always a next position")));
    }
}

/// Fails unless the counters, the listings, the log, the categories and the ids agree with the streams.
#[track_caller]
pub(crate) fn assert_agree<E: Engine>(messages: &Messages<E>) -> Result<()> {
    let all = messages.all(&Query::new().batch(-1))?;
    assert!(all.unreadable.is_empty(), "{:?}", all.unreadable);
    assert!(all.messages.is_sorted_by(|one, other| one.global_position < other.global_position));
    assert_eq!(messages.message_count()?, all.messages.len() as u64);
    let mut of_streams = 0;
    for info in messages.streams(&storage_stores::messages::StreamListing::new().limit(1000))?.streams {
        let stream = messages.stream(&info.name, &Query::new().batch(-1))?.messages;
        assert_eq!(stream.len() as u64, info.messages, "{}", info.name);
        let expected: Vec<_> =
            all.messages.iter().filter(|found| found.stream == info.name).cloned().collect();
        let mut sorted = expected.clone();
        sorted.sort_by_key(|message| message.position);
        assert_eq!(stream, sorted, "{}", info.name);
        if let Some(last) = stream.last() {
            assert_eq!((last.position, last.time), (info.version, info.last_activity), "{}", info.name);
            for message in &stream {
                let of_type = stream.iter().rfind(|other| other.message_type == message.message_type);
                assert_eq!(messages.last_of_type(&info.name, &message.message_type)?.as_ref(), of_type);
            }
        }
        of_streams += info.messages;
    }
    assert_eq!(of_streams, all.messages.len() as u64);
    let mut of_categories = 0;
    for info in messages.categories()? {
        let page = messages.category(&info.name, &Query::new().batch(-1))?;
        let own =
            |message: &&Message| storage_stores::messages::names::category(&message.stream) == info.name;
        assert_eq!(page.messages, all.messages.iter().filter(own).cloned().collect::<Vec<_>>());
        assert_eq!(page.messages.len() as u64, info.messages, "{}", info.name);
        of_categories += info.messages;
    }
    assert_eq!(of_categories, of_streams);
    for message in &all.messages {
        assert_eq!(messages.get(message.id)?.as_ref(), Some(message));
    }
    Ok(())
}
