//! Records whose bytes were damaged: reported with their session, and in nobody's way.

use storage_core::{Direction, Key, KeyRange, Keyspace};
use storage_stores::sessions::{Result, SearchOptions, SessionError, SessionListing, Sessions};

use super::{USER, assert_agree, assert_refused, create, many, open, records, session, words};
use crate::subject::Subject;

/// Damages a record.
fn damage<S: Subject>(subject: &S, sessions: &Sessions<S::Engine>, keyspace: &str, key: &Key) -> Result<()> {
    let damage = subject.damage().expect("the case needs this power");
    let engine = sessions.store().database().engine();
    let cut = &mut |bytes: &mut Vec<u8>| bytes.truncate(3);
    assert!(damage(engine, Keyspace::new(keyspace)?, key, cut)?, "it is there");
    Ok(())
}

/// The key of the only record of a keyspace that a user has.
fn only<S: Subject>(sessions: &Sessions<S::Engine>, keyspace: &str) -> Result<Key> {
    let snapshot = sessions.store().database().snapshot()?;
    let range = KeyRange::within(&sessions.user())?;
    let mut keys = snapshot.range(Keyspace::new(keyspace)?, &range, Direction::Forward)?.keys()?;
    assert_eq!(keys.len(), 1);
    Ok(keys.remove(0))
}

/// Three sessions, of which the second has a damaged header.
fn damaged<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    let sessions = open(subject)?;
    for id in ["s-1", "s-2", "s-3"] {
        create(&sessions, id, &["one", "two"])?;
    }
    damage(subject, &sessions, "sessions", &Key::of(&(USER, "s-2"))?)?;
    Ok(sessions)
}

pub(crate) fn case_35_unreadable_session_is_reported<S: Subject>(subject: &S) -> Result<()> {
    let sessions = damaged(subject)?;
    let page = sessions.list(&SessionListing::new())?;
    let ids: Vec<_> = page.sessions.iter().map(|info| &*info.id).collect();
    assert_eq!((ids, page.unreadable.len()), (vec!["s-1", "s-3"], 1));
    assert_refused!(Err::<(), _>(&page.unreadable[0]), SessionError::Corrupt { id, .. } if id == "s-2");
    assert_refused!(sessions.get("s-2"), SessionError::Corrupt { id, .. } if id == "s-2");
    assert_refused!(sessions.info("s-2"), SessionError::Corrupt { .. });
    assert_refused!(sessions.append("s-2", &many(1), None), SessionError::Corrupt { .. });
    assert_refused!(sessions.save(&session("s-2", &[])), SessionError::Corrupt { .. });
    assert_refused!(sessions.create(&session("s-2", &[])), SessionError::Corrupt { .. });
    let found = sessions.search("two", &SearchOptions::new())?;
    assert_eq!((found.results.len(), found.unreadable.len()), (2, 1));
    for limit in 1..=3 {
        let (mut count, mut unreadable, mut listing) = (0, 0, SessionListing::new().limit(limit));
        loop {
            let page = sessions.list(&listing)?;
            count += page.sessions.len();
            unreadable += page.unreadable.len();
            let Some(next) = page.next else { break };
            listing = SessionListing::new().limit(limit).after(next);
        }
        assert_eq!((count, unreadable), (2, 1), "pages of {limit}");
    }
    Ok(())
}

pub(crate) fn unreadable_session_can_be_deleted<S: Subject>(subject: &S) -> Result<()> {
    let sessions = damaged(subject)?;
    sessions.delete("s-2")?;
    assert_refused!(sessions.get("s-2"), SessionError::NotFound { .. });
    assert_agree(&sessions)?;
    sessions.branch("s-1", "b", "", 2)?;
    sessions.branch("b", "c", "", 2)?;
    damage(subject, &sessions, "sessions", &Key::of(&(USER, "b"))?)?;
    assert_refused!(sessions.branch_tree("s-1"), SessionError::Corrupt { id, .. } if id == "b");
    sessions.delete("b")?;
    assert_eq!((words(&sessions, "c")?.len(), sessions.get("c")?.parent_id), (2, None));
    assert!(sessions.get("s-1")?.child_ids.is_empty());
    assert_agree(&sessions)?;
    create(&sessions, "s-2", &["anew"])?;
    for id in ["s-1", "s-2", "s-3", "c"] {
        sessions.delete(id)?;
    }
    assert_eq!(records(&sessions)?, [0; 4], "what it shared goes with the last that has it");
    Ok(())
}

pub(crate) fn unreadable_message_is_an_error_of_its_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one", "two"])?;
    let chunk = only::<S>(&sessions, "session_messages")?;
    create(&sessions, "s-2", &["two"])?;
    damage(subject, &sessions, "session_messages", &chunk)?;
    assert_refused!(sessions.get("s-1"), SessionError::Corrupt { id, .. } if id == "s-1");
    assert_eq!(super::listed(&sessions)?, ["s-1", "s-2"], "it is listed, which reads no message");
    let found = sessions.search("two", &SearchOptions::new())?;
    assert_eq!((found.results.len(), found.unreadable.len()), (1, 1));
    assert_refused!(Err::<(), _>(&found.unreadable[0]), SessionError::Corrupt { id, .. } if id == "s-1");
    sessions.append("s-1", &many(1), None)?;
    assert_eq!(sessions.messages_between("s-1", 2, 3)?.len(), 1);
    assert_refused!(sessions.save(&session("s-1", &["one"])), SessionError::Corrupt { id, .. } if id == "s-1");
    sessions.delete("s-1")?;
    sessions.delete("s-2")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn unreadable_attachment_is_no_concern_of_a_search<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["one"]);
    session.conversation.messages[0]
        .attachments
        .push(storage_stores::sessions::Attachment { content: vec![1; 10_000], ..Default::default() });
    sessions.create(&session)?;
    let part = only::<S>(&sessions, "session_blobs")?;
    damage(subject, &sessions, "session_blobs", &part)?;
    assert_refused!(sessions.get("s-1"), SessionError::Corrupt { id, .. } if id == "s-1");
    let found = sessions.search("one", &SearchOptions::new())?;
    assert_eq!((found.results.len(), found.unreadable.len()), (1, 0));
    sessions.append("s-1", &many(1), None)?;
    sessions.delete("s-1")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn unreadable_place_in_the_listing_hides_nothing<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one"])?;
    let entry = only::<S>(&sessions, "session_index")?;
    create(&sessions, "s-2", &["two"])?;
    damage(subject, &sessions, "session_index", &entry)?;
    assert_eq!(super::listed(&sessions)?, ["s-1", "s-2"]);
    assert_eq!(words(&sessions, "s-1")?, ["one"]);
    sessions.append("s-1", &many(1), None)?;
    assert_agree(&sessions)?;
    for id in ["s-1", "s-2"] {
        sessions.delete(id)?;
    }
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}
