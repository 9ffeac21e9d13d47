//! What reads and writes cost, counted where they reach the engine.

use storage_core::Engine;
use storage_stores::sessions::{ChatMessage, MergeOptions, Result, SessionListing, Sessions};

use super::{counted, create, many};
use crate::counting::{Counting, Counts};
use crate::subject::Subject;

fn cost<E: Engine, T>(sessions: &Sessions<Counting<E>>, call: impl FnOnce() -> Result<T>) -> Result<Counts> {
    let engine = sessions.store().database().engine();
    engine.reset();
    call()?;
    Ok(engine.counts())
}

/// A session of 134 messages of two hundred characters, in hand.
fn long<S: Subject>(subject: &S) -> Result<Sessions<Counting<S::Engine>>> {
    let sessions = counted(subject)?;
    create(&sessions, "p", &[])?;
    let said: Vec<_> = (0..134).map(|number| ChatMessage::user(format!("{number:0200}"))).collect();
    sessions.append("p", &said, None)?;
    Ok(sessions)
}

pub(crate) fn append_writes_the_message_and_little_else<S: Subject>(subject: &S) -> Result<()> {
    let sessions = long(subject)?;
    let first = cost(&sessions, || sessions.append("p", &many(1), None))?;
    // The message, the header, and the place in the listing, taken from one and put at another.
    assert_eq!((first.commits, first.writes, first.range_deletes), (1, 4, 0), "{first:?}");
    assert!(first.bytes_written < 1_000 && first.entries == 0, "{first:?}");
    for _ in 0..10 {
        sessions.append("p", &many(100), None)?;
    }
    let late = cost(&sessions, || sessions.append("p", &many(1), None))?;
    assert_eq!((late.writes, late.reads()), (first.writes, first.reads()), "{late:?}");
    assert!(late.bytes_written < first.bytes_written + 32, "{late:?}");
    let named = cost(&sessions, || sessions.append("p", &[ChatMessage::user("x").with_id("m")], None))?;
    assert!(named.writes == 5 && named.bytes_read < 2_000, "its id is noted too: {named:?}");
    Ok(())
}

pub(crate) fn saving_writes_what_changed<S: Subject>(subject: &S) -> Result<()> {
    let sessions = long(subject)?;
    let mut session = sessions.get("p")?;
    let same = cost(&sessions, || sessions.save(&session))?;
    assert!(same.writes == 3 && same.bytes_written < 1_000, "{same:?}");
    session.conversation.messages.push(ChatMessage::user("one more"));
    let more = cost(&sessions, || sessions.save(&session))?;
    assert!(more.writes == 4 && more.bytes_written < 1_500, "{more:?}");
    let mut session = sessions.get("p")?;
    session.conversation.messages[70].content = "another".into();
    let changed = cost(&sessions, || sessions.save(&session))?;
    assert!(changed.writes == 4 && changed.bytes_written < 20_000, "one chunk: {changed:?}");
    session.name = "another name".into();
    let renamed = cost(&sessions, || sessions.save(&session))?;
    assert!(renamed.writes == 3 && renamed.bytes_written < 1_000, "{renamed:?}");
    Ok(())
}

pub(crate) fn branch_and_merge_copy_no_message<S: Subject>(subject: &S) -> Result<()> {
    let sessions = long(subject)?;
    let branch = cost(&sessions, || sessions.branch("p", "b", "", 134))?;
    assert!(branch.writes <= 8 && branch.bytes_written < 2_000 && branch.range_deletes == 0, "{branch:?}");
    assert!(branch.bytes_read < 2_000, "{branch:?}");
    create(&sessions, "t", &["one"])?;
    let merge = cost(&sessions, || sessions.merge("t", "b", &MergeOptions::continuation()))?;
    assert!(merge.writes <= 8 && merge.bytes_written < 2_000, "{merge:?}");
    assert_eq!(sessions.info("t")?.message_count, 135);
    Ok(())
}

pub(crate) fn reading_takes_few_records<S: Subject>(subject: &S) -> Result<()> {
    let sessions = long(subject)?;
    let get = cost(&sessions, || sessions.get("p"))?;
    assert!(get.ranges == 1 && get.values <= 5, "a header and three chunks: {get:?}");
    sessions.branch("p", "b", "", 100)?;
    sessions.append("b", &many(10), None)?;
    let branch = cost(&sessions, || sessions.get("b"))?;
    assert!(branch.ranges == 2 && branch.values <= 5, "two spans: {branch:?}");
    let info = cost(&sessions, || sessions.info("p"))?;
    assert!(info.ranges == 0 && info.values == 1, "{info:?}");
    let part = cost(&sessions, || sessions.messages_between("p", 130, 134))?;
    assert!(part.values <= 2, "{part:?}");
    Ok(())
}

pub(crate) fn list_costs_its_page<S: Subject>(subject: &S) -> Result<()> {
    let sessions = counted(subject)?;
    let page = |limit| cost(&sessions, || sessions.list(&SessionListing::new().limit(limit)));
    for number in 0..30 {
        create(&sessions, &format!("s-{number:03}"), &["word"; 20])?;
    }
    let few = page(10)?;
    assert!(few.entries <= 11 && few.values <= 10, "{few:?}");
    for number in 30..300 {
        create(&sessions, &format!("s-{number:03}"), &["word"; 20])?;
    }
    let many = page(10)?;
    assert_eq!((many.entries, many.values, many.reads()), (few.entries, few.values, few.reads()), "{many:?}");
    assert!(many.bytes_read < 10 * 1_000, "no message is read: {many:?}");
    Ok(())
}
