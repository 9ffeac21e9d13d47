//! After closing and opening again: everything goes on where it was.

use storage_stores::sessions::{ChatMessage, MergeOptions, Result, SessionError};

use super::{
    USER, assert_agree, assert_refused, create, full, many, message_ids, records, reopen, seconds, timed,
    words,
};
use crate::subject::Subject;

pub(crate) fn sessions_are_there_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    sessions.create(&full("full"))?;
    create(&sessions, "p", &["one", "two"])?;
    sessions.append("p", &many(100), None)?;
    sessions.branch("p", "b", "", 50)?;
    sessions.merge("b", "full", &MergeOptions::continuation())?;
    let before: Vec<_> = ["full", "p", "b"].into_iter().map(|id| sessions.get(id)).collect::<Result<_>>()?;
    sessions.store().close()?;
    assert_refused!(sessions.get("p"), SessionError::Closed);
    let sessions = reopen(subject, &clock)?;
    for session in before {
        assert_eq!(sessions.get(&session.id)?, session);
        sessions.append(&session.id, &many(1), Some(session.version))?;
    }
    assert_agree(&sessions)?;
    for id in ["full", "p", "b"] {
        sessions.delete(id)?;
    }
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn times_and_ids_go_on_though_a_clock_was_set_back<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    clock.set(seconds(100));
    create(&sessions, "s-1", &["one"])?;
    let before = sessions.get("s-1")?;
    sessions.store().close()?;
    clock.set(seconds(10));
    let sessions = reopen(subject, &clock)?;
    sessions.append("s-1", &many(1), None)?;
    let after = sessions.get("s-1")?;
    assert!(after.updated > before.updated && after.version != before.version);
    let ids = message_ids(&sessions, "s-1")?;
    assert!(ids[0] == before.conversation.messages[0].id && ids[0] != ids[1]);
    assert_eq!(words(&sessions, "s-1")?, ["one", "said 0"]);
    assert_agree(&sessions)
}

pub(crate) fn texts_are_found_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    let sessions = sessions.store().clone().with_text_index()?.user(USER)?;
    create(&sessions, "a", &["kept words"])?;
    sessions.store().close()?;
    let sessions = reopen(subject, &clock)?;
    assert_eq!(sessions.find("kept", 10)?.texts.len(), 1);
    sessions.append("a", &[ChatMessage::user("more words")], None)?;
    assert_eq!(sessions.find("words", 10)?.texts.len(), 2);
    Ok(())
}
