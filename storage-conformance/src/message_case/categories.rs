//! Reading a category, and everything.

use storage_stores::messages::{ExpectedVersion, MessageError, Query, Result};

use super::{
    all, assert_refused, at, category, globals, message, open, pages, some, stream, told, write, write_all,
};
use crate::subject::Subject;

pub(crate) fn case_49_category_is_read_in_global_order<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for _ in 0..2 {
        write_all(&messages, &["account-2", "other-1", "account-1", "account-3"])?;
    }
    assert_eq!(
        category(&messages, "account")?,
        [
            "account-2/0@1",
            "account-1/0@3",
            "account-3/0@4",
            "account-2/1@5",
            "account-1/1@7",
            "account-3/1@8"
        ]
    );
    Ok(())
}

pub(crate) fn case_50_categories_are_apart<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..9 {
        write(&messages, &format!("account-{number}"))?;
        if number % 3 == 0 {
            write(&messages, &format!("user-{number}"))?;
        }
    }
    assert_eq!((category(&messages, "account")?.len(), category(&messages, "user")?.len()), (9, 3));
    Ok(())
}

pub(crate) fn case_51_batches_of_a_category<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..13 {
        messages.write_batch(&format!("account-{number}"), some(77), ExpectedVersion::Any)?;
    }
    assert_eq!(globals(&messages.category("account", &Query::new().batch(2))?), [1, 2]);
    assert_eq!(messages.category("account", &Query::new().batch(-1))?.messages.len(), 1_001);
    assert_eq!(messages.category("account", &Query::new())?.messages.len(), 1_000);
    Ok(())
}

pub(crate) fn case_52_category_from_a_position<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "b-1", "a-2", "b-2", "a-3"])?;
    let read = |from| Ok::<_, MessageError>(globals(&messages.category("a", &Query::new().from(from))?));
    assert_eq!(read(3)?, [3, 5]);
    assert_eq!(read(4)?, [5]);
    for from in [1, 0, -1, i64::MIN] {
        assert_eq!(read(from)?, [1, 3, 5]);
    }
    assert!(read(6)?.is_empty() && read(i64::MAX)?.is_empty());
    Ok(())
}

pub(crate) fn case_53_absent_category_is_empty<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "a-1")?;
    let page = messages.category("absent", &Query::new())?;
    assert!(told(&page).is_empty() && page.is_end);
    Ok(())
}

pub(crate) fn case_54_category_is_the_whole_word<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["account-1", "account:command-1", "accounts-1", "Account-1", "accoun-1"])?;
    assert_eq!(category(&messages, "account")?, ["account-1/0@1"]);
    assert_eq!(category(&messages, "account:command")?, ["account:command-1/0@2"]);
    Ok(())
}

pub(crate) fn case_55_bare_stream_is_in_its_category<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["account", "account-1"])?;
    assert_eq!(category(&messages, "account")?, ["account/0@1", "account-1/0@2"]);
    Ok(())
}

pub(crate) fn case_56_stream_name_is_no_category<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "account-1")?;
    assert_refused!(
        messages.category("account-1", &Query::new()),
        MessageError::NotACategory { name } if name == "account-1"
    );
    Ok(())
}

pub(crate) fn case_57_all_reads_everything<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "b-1", "c", "-x", "a-1"])?;
    let correlated = message().metadata(super::json(r#"{"correlationStreamName":"wf-1"}"#));
    messages.write("d-1", correlated, ExpectedVersion::Any)?;
    assert_eq!(all(&messages)?, ["a-1/0@1", "b-1/0@2", "c/0@3", "-x/0@4", "a-1/1@5", "d-1/0@6"]);
    assert_eq!(globals(&messages.all(&Query::new().from(3).batch(2))?), [3, 4]);
    assert_eq!(globals(&messages.all(&Query::new().correlation("wf"))?), [6]);
    let members: Vec<_> = (0..2)
        .map(|member| Ok(globals(&messages.all(&Query::new().consumer_group(member, 2))?)))
        .collect::<Result<_>>()?;
    let mut both = members.concat();
    both.sort_unstable();
    assert_eq!(both, [1, 2, 4, 5, 6], "all but the one without a cardinal id");
    // The empty category is one like any other.
    assert_eq!(category(&messages, "")?, ["-x/0@4"]);
    Ok(())
}

pub(crate) fn case_58_pages_cover_a_category_once<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..50 {
        write(&messages, &format!("account-{}", number % 5))?;
        write(&messages, "other-1")?;
    }
    let whole = category(&messages, "account")?;
    assert_eq!(whole.len(), 50);
    for batch in [1, 7, 50, 51] {
        assert_eq!(pages(batch, |query| messages.category("account", query))?, whole, "batches of {batch}");
        assert_eq!(pages(batch, |query| messages.all(query))?, all(&messages)?, "batches of {batch}");
    }
    Ok(())
}

pub(crate) fn case_59_messages_name_their_streams<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["account-1", "account-2+x"])?;
    let read = messages.category("account", &Query::new())?.messages;
    let streams: Vec<_> = read.iter().map(|message| &*message.stream).collect();
    assert_eq!(streams, ["account-1", "account-2+x"]);
    Ok(())
}

pub(crate) fn category_and_everything_are_read_backwards<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "b-1", "a-2", "b-2", "a-3"])?;
    let query = || Query::new().backwards();
    assert_eq!(globals(&messages.category("a", &query())?), [5, 3, 1]);
    assert_eq!(globals(&messages.category("a", &query().from(4).batch(1))?), [3]);
    assert_eq!(globals(&messages.all(&query())?), [5, 4, 3, 2, 1]);
    let first = messages.all(&query().batch(2))?;
    let next = first.next.expect("three are left");
    assert_eq!(globals(&messages.all(&query().from(at(next)))?), [3, 2, 1]);
    assert_eq!(messages.category("a", &query())?.next, None);
    Ok(())
}

pub(crate) fn names_that_begin_alike_are_apart<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let names =
        ["a-1", "a-10", "a-1+2", "a:b-1", "a\u{1}-1", "a", "a-", "ab-1", "a-1\u{ff}", "a-\u{15}\u{1}"];
    write_all(&messages, &names)?;
    write_all(&messages, &names)?;
    for name in names {
        assert_eq!(stream(&messages, name)?.len(), 2, "{name:?}");
    }
    assert_eq!(category(&messages, "a")?.len(), 2 * 7);
    super::assert_agree(&messages)
}
