//! Appending messages, and the versions by which writers notice each other.

use storage_stores::sessions::{ChatMessage, Result, SessionError};

use super::{assert_agree, assert_refused, create, many, message_ids, messages, open, session, words};
use crate::subject::Subject;

pub(crate) fn appended_messages_stand_behind_the_others<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one"])?;
    let appended = sessions.append("s-1", &messages(&["two", "three"]), None)?;
    assert_eq!((appended.index, appended.info.message_count, appended.ids.len()), (1, 3, 2));
    assert_eq!(words(&sessions, "s-1")?, ["one", "two", "three"]);
    assert_eq!(message_ids(&sessions, "s-1")?[1..], appended.ids);
    assert_refused!(sessions.append("s-2", &many(1), None), SessionError::NotFound { .. });
    let before = sessions.get("s-1")?;
    let nothing = sessions.append("s-1", &[], None)?;
    assert_eq!((nothing.index, nothing.info.version), (3, before.version));
    assert_eq!(sessions.get("s-1")?, before);
    assert_agree(&sessions)
}

pub(crate) fn appended_ids_are_unique<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["one", "two"]);
    session.conversation.messages[0].id = "m-1".into();
    sessions.create(&session)?;
    let made = message_ids(&sessions, "s-1")?[1].clone();
    let given = |id: &str| vec![ChatMessage::user("more").with_id(id)];
    for id in ["m-1", &made] {
        assert_refused!(
            sessions.append("s-1", &given(id), None),
            SessionError::DuplicateMessageId { id: taken } if taken == id
        );
    }
    assert_refused!(
        sessions.append("s-1", &[given("m-2"), given("m-2")].concat(), None),
        SessionError::DuplicateMessageId { .. }
    );
    assert_eq!(sessions.append("s-1", &given("m-2"), None)?.ids, ["m-2"]);
    assert_refused!(sessions.append("s-1", &given("m-2"), None), SessionError::DuplicateMessageId { .. });
    let bulk: Vec<_> = (0..100).flat_map(|number| given(&format!("bulk-{number}"))).collect();
    sessions.append("s-1", &bulk, None)?;
    assert_refused!(sessions.append("s-1", &given("bulk-77"), None), SessionError::DuplicateMessageId { .. });
    sessions.branch("s-1", "s-2", "", 50)?;
    let copied = message_ids(&sessions, "s-2")?[20].clone();
    assert_refused!(sessions.append("s-2", &given(&copied), None), SessionError::DuplicateMessageId { .. });
    sessions.append("s-2", &given("bulk-77"), None)?;
    sessions.append("s-1", &given(&copied), None)?;
    assert_eq!(words(&sessions, "s-1")?.len(), 104);
    assert_agree(&sessions)
}

pub(crate) fn id_of_a_removed_message_is_free_again<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &[])?;
    let messages: Vec<_> =
        (0..20).map(|number| ChatMessage::user("x").with_id(format!("m-{number}"))).collect();
    sessions.append("s-1", &messages, None)?;
    let mut session = sessions.get("s-1")?;
    let removed = session.conversation.messages.remove(3);
    sessions.save(&session)?;
    assert_eq!(sessions.append("s-1", &[removed], None)?.ids, ["m-3"]);
    assert_agree(&sessions)
}

pub(crate) fn versions_are_expected<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let first = sessions.create(&session("s-1", &["one"]))?.version;
    let second = sessions.append("s-1", &many(1), Some(first))?.info.version;
    assert_refused!(
        sessions.append("s-1", &many(1), Some(first)),
        SessionError::Conflict { id, expected, found } if id == "s-1" && (expected, found) == (first, second)
    );
    let session = sessions.get("s-1")?;
    assert_eq!(session.version, second);
    assert_refused!(sessions.update(&session, Some(first)), SessionError::Conflict { .. });
    let third = sessions.update(&session, Some(second))?.version;
    assert!(third != second && third != first);
    sessions.delete("s-1")?;
    create(&sessions, "s-1", &["one"])?;
    assert_refused!(sessions.append("s-1", &many(1), Some(first)), SessionError::Conflict { .. });
    assert_eq!(words(&sessions, "s-1")?, ["one"], "another session of the same id has other versions");
    Ok(())
}

pub(crate) fn case_37_two_writers_lose_nothing<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one"])?;
    let (mut first, mut second) = (sessions.get("s-1")?, sessions.get("s-1")?);
    first.conversation.messages.push(ChatMessage::user("of the first"));
    second.conversation.messages.push(ChatMessage::user("of the second"));
    sessions.update(&first, Some(first.version))?;
    assert_refused!(sessions.update(&second, Some(second.version)), SessionError::Conflict { .. });
    let mut again = sessions.get("s-1")?;
    again.conversation.messages.push(ChatMessage::user("of the second"));
    sessions.update(&again, Some(again.version))?;
    assert_eq!(words(&sessions, "s-1")?, ["one", "of the first", "of the second"]);
    assert_agree(&sessions)
}
