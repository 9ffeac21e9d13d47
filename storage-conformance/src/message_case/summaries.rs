//! Counts of messages by stream, category and type.

use storage_core::Engine;
use storage_stores::messages::{ExpectedVersion, Grouping, Messages, NewMessage, Result, Summary};

use super::open;
use crate::subject::Subject;

const ALL: [Grouping; 7] = [
    Grouping::Stream,
    Grouping::Category,
    Grouping::Type,
    Grouping::StreamAndType,
    Grouping::TypeAndStream,
    Grouping::CategoryAndType,
    Grouping::TypeAndCategory,
];

/// The rows of a summary: `account-1 Opened 1`, what is told apart as stream, category and type in that order.
fn told(summary: &Summary) -> Vec<String> {
    assert!(summary.unreadable.is_empty(), "{:?}", summary.unreadable);
    let mut told = Vec::new();
    for row in &summary.rows {
        let names = [&row.stream, &row.category, &row.message_type].into_iter().flatten();
        let names: Vec<&str> = names.map(String::as_str).collect();
        told.push(format!("{} {}", names.join(" "), row.messages));
    }
    told
}

fn fill<E: Engine>(messages: &Messages<E>) -> Result<()> {
    for (stream, message_type) in [
        ("account-1", "Opened"),
        ("account-2", "Opened"),
        ("account-1", "Deposited"),
        ("account-1", "Deposited"),
        ("account:command-1", "Deposit"),
        ("account", "Opened"),
        ("other-1", "Opened"),
        ("other-1", "Ünïcode"),
    ] {
        messages.write(stream, NewMessage::new(message_type), ExpectedVersion::Any)?;
    }
    Ok(())
}

pub(crate) fn messages_are_counted_by_each_grouping<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    fill(&messages)?;
    let by = |by| Ok::<_, storage_stores::messages::MessageError>(told(&messages.summary(by)?));
    assert_eq!(
        by(Grouping::Stream)?,
        ["account 1", "account-1 3", "account-2 1", "account:command-1 1", "other-1 2"]
    );
    assert_eq!(by(Grouping::Category)?, ["account 5", "account:command 1", "other 2"]);
    assert_eq!(by(Grouping::Type)?, ["Deposit 1", "Deposited 2", "Opened 4", "Ünïcode 1"]);
    let by_stream = [
        "account Opened 1",
        "account-1 Deposited 2",
        "account-1 Opened 1",
        "account-2 Opened 1",
        "account:command-1 Deposit 1",
        "other-1 Opened 1",
        "other-1 Ünïcode 1",
    ];
    assert_eq!(by(Grouping::StreamAndType)?, by_stream);
    let by_category = [
        "account Deposited 2",
        "account Opened 3",
        "account:command Deposit 1",
        "other Opened 1",
        "other Ünïcode 1",
    ];
    assert_eq!(by(Grouping::CategoryAndType)?, by_category);
    let mut streams: Vec<String> = by(Grouping::TypeAndStream)?;
    assert_eq!(streams[..2], ["account:command-1 Deposit 1", "account-1 Deposited 2"]);
    streams.sort();
    assert_eq!(streams, by_stream);
    let mut categories: Vec<String> = by(Grouping::TypeAndCategory)?;
    assert_eq!(categories[2..4], ["account Opened 3", "other Opened 1"]);
    categories.sort();
    assert_eq!(categories, by_category);
    Ok(())
}

pub(crate) fn percentages_are_of_the_whole_namespace<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for by in ALL {
        let empty = messages.summary(by)?;
        assert!(empty.rows.is_empty() && empty.messages == 0 && empty.unreadable.is_empty());
    }
    fill(&messages)?;
    messages.store().open_namespace("beside")?.write("a-1", NewMessage::new("T"), ExpectedVersion::Any)?;
    for by in ALL {
        let summary = messages.summary(by)?;
        assert_eq!(summary.messages, 8, "{by:?}");
        let percent: f64 = summary.rows.iter().map(|row| row.percent).sum();
        assert!((percent - 100.0).abs() < 1e-9, "{by:?}: {percent}");
    }
    let of_account = messages.summary(Grouping::Category)?.rows.remove(0);
    assert!((of_account.percent - 62.5).abs() < 1e-9, "{of_account:?}");
    Ok(())
}

pub(crate) fn deleted_messages_are_not_counted<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    fill(&messages)?;
    messages.delete_stream("other-1")?;
    messages.truncate_stream("account-1", 2)?;
    for by in ALL {
        assert_eq!(messages.summary(by)?.messages, 4, "{by:?}");
    }
    messages.truncate_stream("account-1", 3)?;
    let streams = told(&messages.summary(Grouping::Stream)?);
    assert_eq!(streams, ["account 1", "account-2 1", "account:command-1 1"]);
    Ok(())
}
