//! Namespaces: apart from each other, created, listed, cleared and deleted.

use storage_stores::messages::{
    ExpectedVersion, MessageError, NamespaceInfo, NewNamespace, Query, Result, StreamListing,
};

use super::{all, assert_agree, assert_refused, category, json, seconds, some, store, write, write_all};
use crate::case;
use crate::subject::Subject;

pub(crate) fn case_81_namespaces_are_apart<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let (one, other) = (store.open_namespace("one")?, store.open_namespace("other")?);
    write(&one, "a-1")?;
    let written = write(&other, "a-1")?;
    assert_eq!((written.position, written.global_position), (0, 1));
    write_all(&other, &["a-2", "b-1"])?;
    assert_eq!((all(&one)?.len(), all(&other)?.len()), (1, 3));
    assert_eq!((category(&one, "a")?.len(), category(&other, "a")?.len()), (1, 2));
    assert_eq!((one.version("a-2")?, other.version("a-2")?), (None, Some(0)));
    assert_eq!((one.categories()?.len(), other.categories()?.len()), (1, 2));
    let listing = StreamListing::new();
    assert_eq!((one.streams(&listing)?.streams.len(), other.streams(&listing)?.streams.len()), (1, 3));
    for size in [1, 2, 3] {
        let count = |messages: &storage_stores::messages::Messages<_>| -> Result<usize> {
            (0..size)
                .map(|at| Ok(messages.category("a", &Query::new().consumer_group(at, size))?.messages.len()))
                .sum()
        };
        assert_eq!((count(&one)?, count(&other)?), (1, 2));
    }
    assert_agree(&one)?;
    assert_agree(&other)
}

pub(crate) fn case_82_namespaces_come_and_go<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let messages = store.create_namespace("shop", &NewNamespace::new())?;
    assert_refused!(
        store.create_namespace("shop", &NewNamespace::new()),
        MessageError::NamespaceExists { name } if name == "shop"
    );
    assert_refused!(store.namespace_info("absent"), MessageError::NamespaceNotFound { .. });
    assert_refused!(store.delete_namespace("absent"), MessageError::NamespaceNotFound { .. });
    assert_refused!(store.clear_namespace("absent"), MessageError::NamespaceNotFound { .. });
    write_all(&messages, &["a-1", "b-1"])?;
    assert_eq!(store.delete_namespace("shop")?, 2);
    assert_refused!(write(&messages, "a-1"), MessageError::NamespaceNotFound { .. });
    assert_refused!(messages.message_count(), MessageError::NamespaceNotFound { .. });
    assert_refused!(messages.last("a-1"), MessageError::NamespaceNotFound { .. });
    assert_refused!(store.delete_namespace("shop"), MessageError::NamespaceNotFound { .. });
    store.create_namespace("shop", &NewNamespace::new())?;
    assert!(all(&messages)?.is_empty() && messages.categories()?.is_empty());
    assert_eq!(write(&messages, "a-1")?.global_position, 1);
    assert_agree(&messages)
}

pub(crate) fn namespaces_of_any_name<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let names = ["a-b", "a_b", "../x", "_metadata", "a?b", "A", "名", "a b"];
    for name in names {
        write(&store.create_namespace(name, &NewNamespace::new())?, "a-1")?;
    }
    let mut sorted = names;
    sorted.sort_unstable();
    let listed = store.namespaces()?;
    assert_eq!(listed.iter().map(|info| &*info.name).collect::<Vec<_>>(), sorted);
    assert!(listed.iter().all(|info| info.messages == 1));
    assert_refused!(store.open_namespace(""), MessageError::InvalidOptions(_));
    assert_refused!(store.open_namespace(&"x".repeat(257)), MessageError::TooLarge { limit: 256, .. });
    Ok(())
}

pub(crate) fn case_84_counts_of_a_namespace<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = case::timed(subject)?;
    let store = storage_stores::messages::MessageStore::open(&db)?;
    let described = NewNamespace::new().description("all orders").metadata(json(r#"{"team":"a"}"#));
    let messages = store.create_namespace("shop", &described)?;
    let other = store.open_namespace("other")?;
    assert_eq!(messages.message_count()?, 0);
    let empty = messages.info()?;
    assert_eq!((empty.messages, empty.streams, empty.last_activity), (0, 0, None));
    clock.set(seconds(5));
    messages.write_batch("a-1", some(3), ExpectedVersion::Any)?;
    write_all(&messages, &["a-2", "b"])?;
    write(&other, "a-1")?;
    let NamespaceInfo {
        name,
        description,
        metadata,
        created_at,
        messages: count,
        streams,
        last_activity,
        ..
    } = messages.info()?;
    assert_eq!((&*name, &*description, metadata), ("shop", "all orders", Some(json(r#"{"team":"a"}"#))));
    assert_eq!((created_at, count, streams, last_activity), (seconds(0), 5, 3, Some(seconds(5))));
    assert_eq!((messages.message_count()?, other.message_count()?), (5, 1));
    assert_eq!(store.delete_namespace("shop")?, 5);
    assert_eq!(other.message_count()?, 1);
    Ok(())
}

pub(crate) fn case_101_cleared_namespace_begins_anew<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let described = NewNamespace::new().description("kept");
    let messages = store.create_namespace("shop", &described)?;
    let other = store.open_namespace("other")?;
    write_all(&messages, &["a-1", "a-1", "b-1"])?;
    write(&other, "a-1")?;
    assert_eq!(store.clear_namespace("shop")?, 3);
    assert!(all(&messages)?.is_empty());
    assert_eq!((messages.message_count()?, messages.version("a-1")?), (0, None));
    assert_eq!(&*messages.info()?.description, "kept");
    assert_eq!(store.clear_namespace("shop")?, 0);
    let written = write(&messages, "a-1")?;
    assert_eq!((written.position, written.global_position), (0, 1));
    assert_eq!(all(&other)?, ["a-1/0@1"]);
    assert_agree(&messages)
}
