//! The cases of the session store, by theme, and the few words in which they are written.

pub(crate) mod appending;
pub(crate) mod attachments;
pub(crate) mod branching;
pub(crate) mod costs;
pub(crate) mod damage;
pub(crate) mod exporting;
pub(crate) mod finding;
pub(crate) mod histories;
pub(crate) mod listing;
pub(crate) mod merging;
pub(crate) mod races;
pub(crate) mod reopening;
pub(crate) mod saving;
pub(crate) mod searching;
pub(crate) mod users;

use std::collections::BTreeSet;

use storage_core::{Database, Direction, Engine, KeyRange, Keyspace, ManualClock};
use storage_stores::sessions::{
    Attachment, AttachmentKind, ChatMessage, JsonMap, Result, Session, SessionListing, SessionStore, Sessions,
};

use crate::case;
use crate::counting::Counting;
use crate::subject::Subject;

pub(crate) use crate::task_case::{assert_refused, seconds};

/// The user of a case that needs one.
pub(crate) const USER: &str = "ann";

/// The keyspaces of the store.
pub(crate) const KEYSPACES: [&str; 4] = ["sessions", "session_messages", "session_blobs", "session_index"];

/// A store on an engine of the subject, with a clock that stands still.
pub(crate) fn store<S: Subject>(subject: &S) -> Result<SessionStore<S::Engine>> {
    SessionStore::open(&case::open(subject)?)
}

/// The sessions of a user of such a store.
pub(crate) fn open<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    store(subject)?.user(USER)
}

/// The same with the clock in hand.
pub(crate) fn timed<S: Subject>(subject: &S) -> Result<(Sessions<S::Engine>, ManualClock)> {
    let (db, clock) = case::timed(subject)?;
    Ok((SessionStore::open(&db)?.user(USER)?, clock))
}

/// The same on an engine that counts.
pub(crate) fn counted<S: Subject>(subject: &S) -> Result<Sessions<Counting<S::Engine>>> {
    SessionStore::open(&case::counted(subject)?)?.user(USER)
}

/// A database with a clock that starts where those of cases do and runs on as the case says.
pub(crate) fn reopen<S: Subject>(subject: &S, clock: &ManualClock) -> Result<Sessions<S::Engine>> {
    let db = Database::with_options(subject.open()?, case::quiet().clock(clock.clone()))?;
    SessionStore::open(&db)?.user(USER)
}

/// A session with messages of these words, said in turns.
pub(crate) fn session(id: &str, words: &[&str]) -> Session {
    let mut session = Session::new(id, format!("Session {id}"));
    session.conversation.messages = messages(words);
    session
}

/// Messages of these words, said in turns.
pub(crate) fn messages(words: &[&str]) -> Vec<ChatMessage> {
    let said = |(number, words): (usize, &&str)| match number % 2 {
        0 => ChatMessage::user(*words),
        _ => ChatMessage::assistant(*words),
    };
    words.iter().enumerate().map(said).collect()
}

/// So many messages: `said 0`, `said 1` and so on.
pub(crate) fn many(count: usize) -> Vec<ChatMessage> {
    (0..count).map(|number| ChatMessage::user(format!("said {number}"))).collect()
}

/// Stores a session with messages of these words.
pub(crate) fn create<E: Engine>(sessions: &Sessions<E>, id: &str, words: &[&str]) -> Result<()> {
    sessions.create(&session(id, words)).map(drop)
}

/// The words of a session.
pub(crate) fn words<E: Engine>(sessions: &Sessions<E>, id: &str) -> Result<Vec<String>> {
    Ok(said(&sessions.get(id)?))
}

/// The words of a session in hand.
pub(crate) fn said(session: &Session) -> Vec<String> {
    session.conversation.messages.iter().map(|message| message.content.clone()).collect()
}

/// The ids of the messages of a session.
pub(crate) fn message_ids<E: Engine>(sessions: &Sessions<E>, id: &str) -> Result<Vec<String>> {
    Ok(sessions.get(id)?.conversation.messages.into_iter().map(|message| message.id).collect())
}

/// The ids of all sessions, in the order of their listing.
#[track_caller]
pub(crate) fn listed<E: Engine>(sessions: &Sessions<E>) -> Result<Vec<String>> {
    let page = sessions.list(&SessionListing::new().limit(10_000))?;
    assert!(page.unreadable.is_empty() && page.next.is_none(), "{page:?}");
    Ok(page.sessions.into_iter().map(|info| info.id).collect())
}

/// A map with JSON of every kind in it.
pub(crate) fn map() -> JsonMap {
    let json = serde_json::json!({
        "custom": "value", "number": -1.5, "large": u64::MAX, "list": [1, null, true, {"deep": "\u{0}é"}],
    });
    json.as_object().expect("it is an object").clone()
}

/// A session with something in every field.
pub(crate) fn full(id: &str) -> Session {
    let mut session = session(id, &["Hello?", "Hello!", ""]);
    session.tags = vec!["test".into(), "example, with a comma".into()];
    session.config = map();
    session.metadata = map();
    session.created = seconds(7);
    session.parent_id = Some("a parent that is not there".into());
    session.branch_point = 2;
    session.branch_name = "a branch".into();
    session.child_ids = vec!["no child".into(), "nor this".into()];
    let conversation = &mut session.conversation;
    conversation.id = "another id".into();
    conversation.model = "gpt-4".into();
    conversation.provider = "openai".into();
    conversation.temperature = 0.25;
    conversation.max_tokens = 4_096;
    conversation.system_prompt = "You are a helpful assistant.".into();
    (conversation.created, conversation.updated) = (seconds(8), seconds(9));
    conversation.metadata = map();
    for (number, message) in conversation.messages.iter_mut().enumerate() {
        message.id = format!("m-{number}");
        message.timestamp = seconds(number as u64 + 1);
        message.metadata = map();
    }
    conversation.messages[2].attachments = vec![
        Attachment {
            id: "at-1".into(),
            kind: AttachmentKind::Image,
            content: (0..=255).collect(),
            file_path: "/tmp/picture.png".into(),
            url: "https://example.org/picture.png".into(),
            name: "picture.png".into(),
            mime_type: "image/png".into(),
            size: 256,
            metadata: map(),
        },
        Attachment { mime_type: "text/plain".into(), ..Attachment::file("", "only a name") },
    ];
    session
}

/// Fails unless everything that the store says of its sessions fits together.
#[track_caller]
pub(crate) fn assert_agree<E: Engine>(sessions: &Sessions<E>) -> Result<()> {
    let page = sessions.list(&SessionListing::new().limit(10_000))?;
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    let place = |info: &storage_stores::sessions::SessionInfo| (!info.updated.as_nanos(), info.id.clone());
    assert!(page.sessions.is_sorted_by_key(place));
    let live: BTreeSet<_> = page.sessions.iter().map(|info| info.id.clone()).collect();
    for info in &page.sessions {
        let session = sessions.get(&info.id)?;
        assert_eq!(sessions.info(&info.id)?, *info);
        assert_eq!(
            (session.updated, session.version, &session.tags),
            (info.updated, info.version, &info.tags)
        );
        assert!(session.updated >= session.created && session.version != 0);
        assert_eq!(session.conversation.messages.len() as u64, info.message_count, "{}", info.id);
        assert_eq!(session.child_ids.len() as u64, info.child_count, "{}", info.id);
        assert_eq!(session.is_branch(), info.is_branch);
        let ids: BTreeSet<_> = session.conversation.messages.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len() as u64, info.message_count, "ids of messages are unique in {}", info.id);
        assert!(!ids.contains(&String::new()));
        let children = sessions.children(&info.id)?;
        assert!(children.iter().all(|child| child.parent_id.as_ref() == Some(&info.id)));
        let claimed = page.sessions.iter().filter(|other| other.parent_id.as_ref() == Some(&info.id));
        let claimed: BTreeSet<_> = claimed.map(|child| child.id.clone()).collect();
        assert_eq!(children.into_iter().map(|child| child.id).collect::<BTreeSet<_>>(), claimed);
        let named: BTreeSet<_> = session.child_ids.into_iter().filter(|child| live.contains(child)).collect();
        assert!(claimed.is_subset(&named), "{}: {claimed:?} of {named:?}", info.id);
    }
    Ok(())
}

/// How many records each keyspace of the store holds.
pub(crate) fn records<E: Engine>(sessions: &Sessions<E>) -> Result<[usize; 4]> {
    let snapshot = sessions.store().database().snapshot()?;
    let mut counts = [0; 4];
    for (count, name) in counts.iter_mut().zip(KEYSPACES) {
        *count = snapshot.range(Keyspace::new(name)?, &KeyRange::all(), Direction::Forward)?.keys()?.len();
    }
    Ok(counts)
}
