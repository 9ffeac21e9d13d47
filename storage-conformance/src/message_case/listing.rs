//! Listings of streams and categories.

use storage_core::Engine;
use storage_stores::messages::{MessageError, Messages, Result, StreamListing};

use super::{open, seconds, timed, write, write_all};
use crate::subject::Subject;

fn names<E: Engine>(messages: &Messages<E>, listing: &StreamListing) -> Result<Vec<String>> {
    let page = messages.streams(listing)?;
    assert!(page.unreadable.is_empty());
    Ok(page.streams.into_iter().map(|stream| stream.name).collect())
}

pub(crate) fn case_85_streams_by_name<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    assert!(names(&messages, &StreamListing::new())?.is_empty());
    write_all(&messages, &["order-1", "account-1", "user-1", "Order-1"])?;
    clock.set(seconds(7));
    write_all(&messages, &["order-1", "order-1"])?;
    let page = messages.streams(&StreamListing::new())?;
    let listed: Vec<_> = page
        .streams
        .iter()
        .map(|stream| (&*stream.name, stream.version, stream.messages, stream.last_activity))
        .collect();
    let expected = [
        ("Order-1", 0, 1, seconds(0)),
        ("account-1", 0, 1, seconds(0)),
        ("order-1", 2, 3, seconds(7)),
        ("user-1", 0, 1, seconds(0)),
    ];
    assert_eq!((listed.as_slice(), page.next), (expected.as_slice(), None));
    assert_eq!(messages.stream_info("order-1")?.as_ref(), Some(&page.streams[2]));
    assert_eq!(messages.stream_info("absent-1")?, None);
    Ok(())
}

pub(crate) fn case_86_streams_of_a_prefix_page_by_page<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["account-1", "account-2", "order-1", "user_1-1", "userX1-1", "USER_1-2"])?;
    let prefix = |prefix: &str| names(&messages, &StreamListing::new().prefix(prefix));
    assert_eq!(prefix("account")?, ["account-1", "account-2"]);
    assert_eq!(prefix("account-2")?, ["account-2"]);
    assert_eq!(prefix("user_")?, ["user_1-1"]);
    assert!(prefix("user%")?.is_empty() && prefix("z")?.is_empty());
    let all = prefix("")?;
    assert_eq!(all.len(), 6);
    for limit in 1..=7 {
        let mut found = Vec::new();
        let mut listing = StreamListing::new().limit(limit);
        loop {
            let page = messages.streams(&listing)?;
            found.extend(page.streams.iter().map(|stream| stream.name.clone()));
            match page.next {
                Some(next) => listing = listing.after(next),
                None => break,
            }
        }
        assert_eq!(found, all, "pages of {limit}");
    }
    let behind = StreamListing::new().prefix("account").after("account-1");
    assert_eq!(names(&messages, &behind)?, ["account-2"]);
    let beside = StreamListing::new().prefix("account").after("b");
    assert!(names(&messages, &beside)?.is_empty());
    assert_eq!(names(&messages, &StreamListing::new().prefix("account").after("A"))?.len(), 2);
    Ok(())
}

pub(crate) fn case_88_limits_of_a_listing<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let writes: Vec<_> = (0..1_002)
        .map(|number| storage_stores::messages::StreamWrite::new(format!("a-{number:04}"), super::some(1)))
        .collect();
    messages.write_many(&writes)?;
    let listed = |limit| Ok::<_, MessageError>(names(&messages, &StreamListing::new().limit(limit))?.len());
    assert_eq!((listed(0)?, listed(-1)?, listed(1_001)?, listed(3)?), (100, 100, 1_000, 3));
    assert_eq!(names(&messages, &StreamListing::new())?.len(), 100);
    Ok(())
}

pub(crate) fn case_89_categories_with_their_counts<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert!(messages.categories()?.is_empty());
    let listed = || {
        let categories = messages.categories()?;
        let told = categories.iter().map(|each| format!("{} {} {}", each.name, each.streams, each.messages));
        Ok::<Vec<_>, MessageError>(told.collect())
    };
    write_all(&messages, &["account-1", "account-2", "order-1", "account-1"])?;
    assert_eq!(listed()?, ["account 2 3", "order 1 1"]);
    write_all(&messages, &["user", "user-1", "account:command-1"])?;
    assert_eq!(listed()?, ["account 2 3", "account:command 1 1", "order 1 1", "user 2 2"]);
    write(&messages, "-1")?;
    assert_eq!(listed()?[0], " 1 1");
    Ok(())
}
