//! Creating, reading, saving, updating and deleting one session.

use std::collections::BTreeSet;
use std::time::Duration;

use storage_stores::sessions::{Attachment, ChatMessage, JSON_DEPTH_MAX, Result, Session, SessionError};

use super::{
    assert_agree, assert_refused, create, full, listed, many, message_ids, messages, open, records, said,
    seconds, session, timed, words,
};
use crate::subject::Subject;

pub(crate) fn case_01_new_session_is_not_stored<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    clock.set(seconds(50));
    let session = sessions.new_session("Test Session");
    assert!(!session.id.is_empty() && session.conversation.id == session.id);
    assert_eq!((&*session.name, session.version), ("Test Session", 0));
    assert_eq!((session.created, session.updated), (seconds(50), seconds(50)));
    assert!(session.conversation.messages.is_empty() && session.config.is_empty());
    assert!(listed(&sessions)?.is_empty());
    Ok(())
}

pub(crate) fn case_02_session_comes_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["Hello", "Hi there"]);
    session.tags = vec!["test".into(), "example".into()];
    session.conversation.model = "gpt-4".into();
    session.conversation.system_prompt = "You are a test assistant".into();
    sessions.create(&session)?;
    let found = sessions.get("s-1")?;
    assert_eq!((&found.tags, &found.name), (&session.tags, &session.name));
    assert_eq!(found.conversation.model, "gpt-4");
    assert_eq!(found.conversation.system_prompt, "You are a test assistant");
    assert_eq!(said(&found), ["Hello", "Hi there"]);
    assert_agree(&sessions)
}

pub(crate) fn case_03_missing_session_is_named<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let error = sessions.get("non-existent").expect_err("there is none");
    assert!(error.to_string().contains("non-existent"), "{error}");
    assert_refused!(Err::<(), _>(error), SessionError::NotFound { id } if id == "non-existent");
    assert_refused!(sessions.info("non-existent"), SessionError::NotFound { .. });
    Ok(())
}

pub(crate) fn case_06_update_replaces_every_field<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &[]);
    session.tags = vec!["original".into()];
    sessions.create(&session)?;
    let mut changed = sessions.get("s-1")?;
    changed.name = "Another name".into();
    changed.tags = vec!["updated".into(), "modified".into()];
    changed.conversation.messages.push(ChatMessage::user("New"));
    sessions.update(&changed, None)?;
    let found = sessions.get("s-1")?;
    assert_eq!((&*found.name, &found.tags), ("Another name", &changed.tags));
    assert_eq!(said(&found), ["New"]);
    let mut other = full("s-1");
    other.parent_id = None;
    sessions.update(&other, None)?;
    let found = sessions.get("s-1")?;
    assert_eq!(found, Session { updated: found.updated, version: found.version, ..other });
    assert_agree(&sessions)
}

pub(crate) fn case_07_deleted_session_is_gone<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["Hello"])?;
    sessions.delete("s-1")?;
    assert_refused!(sessions.get("s-1"), SessionError::NotFound { .. });
    assert_refused!(sessions.delete("s-1"), SessionError::NotFound { .. });
    assert_refused!(sessions.delete("non-existent"), SessionError::NotFound { .. });
    assert!(listed(&sessions)?.is_empty());
    Ok(())
}

pub(crate) fn case_13_made_ids_are_distinct_and_well_formed<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let ids: BTreeSet<_> = (0..100).map(|_| sessions.new_session("any").id).collect();
    assert_eq!(ids.len(), 100);
    for id in &ids {
        let parts: Vec<_> = id.split('-').collect();
        let lens: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lens, [8, 6, 9, 8], "{id}");
        let decimal = parts[..3].iter().all(|part| part.bytes().all(|digit| digit.is_ascii_digit()));
        let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        assert!(decimal && parts[3].bytes().all(hexadecimal), "{id}");
    }
    let nanos: BTreeSet<_> = ids.iter().map(|id| &id[16..25]).collect();
    assert_eq!(nanos.len(), 100, "nanoseconds are real");
    let other = sessions.store().user("bob")?.new_id();
    assert!(!ids.contains(&other));
    Ok(())
}

pub(crate) fn case_25_create_and_update_are_two_things<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["old"])?;
    let before = sessions.get("s-1")?;
    assert_refused!(
        sessions.create(&session("s-1", &["new"])),
        SessionError::AlreadyExists { id } if id == "s-1"
    );
    assert_eq!(sessions.get("s-1")?, before);
    assert_refused!(sessions.update(&session("s-2", &["new"]), None), SessionError::NotFound { .. });
    assert_eq!(listed(&sessions)?, ["s-1"]);
    sessions.save(&session("s-2", &["new"]))?;
    sessions.save(&session("s-1", &["newer"]))?;
    assert_eq!(
        (words(&sessions, "s-1")?, words(&sessions, "s-2")?),
        (vec!["newer".into()], vec!["new".into()])
    );
    assert_agree(&sessions)
}

pub(crate) fn case_26_every_field_comes_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let session = full("s-1");
    let info = sessions.create(&session)?;
    let expected = Session { updated: info.updated, version: info.version, ..session };
    assert_eq!(sessions.get("s-1")?, expected);
    sessions.save(&expected)?;
    let found = sessions.get("s-1")?;
    assert_eq!(found, Session { updated: found.updated, version: found.version, ..expected });
    assert_agree(&sessions)
}

pub(crate) fn empty_fields_come_back_empty<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = Session::new("s-1", "");
    session.parent_id = Some(String::new());
    session.conversation.messages.push(ChatMessage::user(""));
    sessions.create(&session)?;
    let found = sessions.get("s-1")?;
    assert!(found.name.is_empty() && found.tags.is_empty() && found.child_ids.is_empty());
    assert!(found.config.is_empty() && found.metadata.is_empty());
    assert_eq!((found.parent_id, found.branch_point), (None, 0));
    assert_eq!(found.conversation.messages.len(), 1, "a message need not be valid");
    assert!(!found.conversation.messages[0].id.is_empty() && !found.conversation.messages[0].is_valid());
    Ok(())
}

pub(crate) fn tags_and_children_are_sets<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = Session::new("s-1", "");
    for tag in ["b", "a", "b"] {
        session.add_tag(tag);
        session.add_child(tag);
    }
    assert_eq!((&session.tags, &session.child_ids), (&vec!["b".into(), "a".into()], &session.tags));
    session.remove_tag("x");
    session.tags.push("a".into());
    session.child_ids.push("b".into());
    sessions.create(&session)?;
    let found = sessions.get("s-1")?;
    assert_eq!((found.tags, found.child_ids), (vec!["b".into(), "a".into()], vec!["b".into(), "a".into()]));
    assert_agree(&sessions)
}

pub(crate) fn case_30_deleted_session_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    sessions.create(&Session { child_ids: vec!["x".into()], ..full("s-1") })?;
    sessions.append("s-1", &many(100), None)?;
    sessions.delete("s-1")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    assert!(sessions.search("said", &Default::default())?.results.is_empty());
    create(&sessions, "s-1", &["alone"])?;
    assert_eq!(words(&sessions, "s-1")?, ["alone"]);
    assert_eq!(sessions.search("said", &Default::default())?.results, []);
    assert_agree(&sessions)
}

pub(crate) fn case_33_ids_of_any_kind<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let long = "é".repeat(256);
    let ids = [
        "../evil",
        "a/b",
        "con",
        "C:\\x",
        "nul\0inside",
        "\u{ff}\u{ff}",
        " ",
        "a",
        "a\0",
        &"x".repeat(300),
        &long,
    ];
    for id in ids {
        create(&sessions, id, &[id])?;
    }
    for id in ids {
        assert_eq!(words(&sessions, id)?, [id]);
        sessions.append(id, &messages(&["more"]), None)?;
        sessions.branch(id, &format!("{}b", &id[..id.floor(200)]), "branch", 1)?;
    }
    assert_agree(&sessions)?;
    for id in ["", &"x".repeat(513)] {
        assert_refused!(sessions.create(&session(id, &[])), SessionError::InvalidArgument(_));
        assert_refused!(sessions.save(&session(id, &[])), SessionError::InvalidArgument(_));
        assert_refused!(sessions.get(id), SessionError::InvalidArgument(_));
        assert_refused!(sessions.delete(id), SessionError::InvalidArgument(_));
        assert_refused!(sessions.append(id, &[], None), SessionError::InvalidArgument(_));
        assert_refused!(sessions.branch("a", id, "", 0), SessionError::InvalidArgument(_));
    }
    Ok(())
}

/// Cutting ids where characters end.
trait Floor {
    fn floor(&self, len: usize) -> usize;
}

impl Floor for str {
    fn floor(&self, len: usize) -> usize {
        (0..=len.min(self.len())).rfind(|len| self.is_char_boundary(*len)).unwrap_or_default()
    }
}

pub(crate) fn case_40_what_is_read_is_ones_own<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let session = session("s-1", &["Hello"]);
    let before = session.clone();
    sessions.create(&session)?;
    sessions.save(&session)?;
    assert_eq!(session, before, "what is given is not changed");
    let mut first = sessions.get("s-1")?;
    let second = sessions.get("s-1")?;
    first.name = "changed".into();
    first.conversation.messages.clear();
    assert_eq!(sessions.get("s-1")?, second);
    Ok(())
}

pub(crate) fn case_42_closed_store_is_closed<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["Hello"])?;
    sessions.store().close()?;
    assert_refused!(sessions.get("s-1"), SessionError::Closed);
    assert_refused!(sessions.save(&session("s-1", &[])), SessionError::Closed);
    assert_refused!(sessions.list(&Default::default()), SessionError::Closed);
    assert_refused!(sessions.search("x", &Default::default()), SessionError::Closed);
    sessions.store().close()?;
    sessions.store().close()
}

pub(crate) fn times_are_stamped_and_always_later<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    clock.set(seconds(10));
    let first = sessions.create(&session("s-1", &[]))?;
    assert_eq!((first.created, first.updated), (seconds(10), seconds(10)));
    let second = sessions.save(&session("s-1", &[]))?;
    assert_eq!(second.updated, seconds(10).after(Duration::from_nanos(1)), "though the clock stands still");
    assert_ne!(second.version, first.version);
    clock.set(seconds(20));
    let third = sessions.append("s-1", &messages(&["Hello"]), None)?.info;
    assert_eq!((third.created, third.updated), (seconds(10), seconds(20)));
    let found = sessions.get("s-1")?;
    assert_eq!((found.updated, found.version), (third.updated, third.version));
    assert_eq!(found.conversation.messages[0].timestamp, seconds(20));
    assert_eq!(found.conversation.updated, seconds(20));
    let early = Session { created: seconds(30), ..session("s-2", &[]) };
    assert_eq!(sessions.create(&early)?.updated, seconds(30), "no session changes before it was created");
    Ok(())
}

pub(crate) fn messages_without_ids_get_them_once<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    let fresh = session("s-1", &["one", "two", "three"]);
    sessions.create(&fresh)?;
    let before = sessions.get("s-1")?.conversation.messages;
    clock.set(seconds(100));
    sessions.save(&fresh)?;
    assert_eq!(sessions.get("s-1")?.conversation.messages, before, "they are the same messages");
    let mut changed = fresh;
    changed.conversation.messages[1].content = "TWO".into();
    changed.conversation.messages.insert(0, ChatMessage::user("zero"));
    sessions.save(&changed)?;
    assert_eq!(words(&sessions, "s-1")?, ["zero", "one", "TWO", "three"]);
    assert_agree(&sessions)
}

pub(crate) fn messages_are_moved_removed_and_put_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    sessions.create(&Session { conversation: Default::default(), ..session("s-1", &[]) })?;
    sessions.append("s-1", &many(150), None)?;
    let whole = sessions.get("s-1")?;
    let mut changed = whole.clone();
    changed.conversation.messages.reverse();
    sessions.save(&changed)?;
    assert_eq!(sessions.get("s-1")?.conversation.messages, changed.conversation.messages);
    changed.conversation.messages.retain(|message| message.content.ends_with('7'));
    sessions.save(&changed)?;
    assert_eq!(sessions.get("s-1")?.conversation.messages, changed.conversation.messages);
    sessions.append("s-1", &many(2), None)?;
    assert_agree(&sessions)?;
    sessions.save(&whole)?;
    assert_eq!(sessions.get("s-1")?.conversation.messages, whole.conversation.messages);
    sessions.save(&Session::new("s-1", ""))?;
    assert!(message_ids(&sessions, "s-1")?.is_empty());
    sessions.delete("s-1")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn arguments_are_checked_before_anything_is_written<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut twice = session("s-1", &["one", "two"]);
    for message in &mut twice.conversation.messages {
        message.id = "m".into();
    }
    assert_refused!(sessions.create(&twice), SessionError::DuplicateMessageId { id } if id == "m");
    let mut hot = session("s-1", &[]);
    hot.conversation.temperature = f64::NAN;
    assert_refused!(sessions.create(&hot), SessionError::InvalidArgument(_));
    create(&sessions, "s-1", &["one"])?;
    let mut forged = sessions.get("s-1")?;
    let id = forged.conversation.messages[0].id.clone();
    forged.conversation.messages.push(ChatMessage::user("x").with_id(id.replace("-0", "-1")));
    assert_refused!(sessions.save(&forged), SessionError::InvalidArgument(_));
    assert_refused!(sessions.save(&twice), SessionError::DuplicateMessageId { .. });
    assert_eq!(words(&sessions, "s-1")?, ["one"]);
    assert_agree(&sessions)
}

pub(crate) fn parts_of_a_session_are_read_by_their_places<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &[])?;
    for part in many(200).chunks(70) {
        sessions.append("s-1", part, None)?;
    }
    sessions.branch("s-1", "s-2", "", 150)?;
    sessions.append("s-2", &messages(&["last"]), None)?;
    let whole = sessions.get("s-2")?.conversation.messages;
    for (from, to) in [(0, 151), (0, 1), (69, 71), (100, 150), (149, 151), (150, 500), (151, 200), (7, 7)] {
        let part = sessions.messages_between("s-2", from, to)?;
        let to = whole.len().min(to as usize);
        assert_eq!(part, whole[from as usize..to], "{from}..{to}");
    }
    assert_refused!(sessions.messages_between("s-3", 0, 1), SessionError::NotFound { .. });
    Ok(())
}

pub(crate) fn maps_of_any_numbers_and_depth_come_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let nested =
        |depth: usize| (1..depth).fold(serde_json::json!({}), |map, _| serde_json::json!({ "m": map }));
    let map = |value: serde_json::Value| value.as_object().expect("it is an object").clone();
    let mut state = 1_u64;
    let floats: Vec<f64> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from_bits(state)
    })
    .filter(|float| float.is_finite())
    .take(1_000)
    .collect();
    let mut own = session("s-1", &["one"]);
    own.config = map(nested(JSON_DEPTH_MAX));
    own.metadata.insert("floats".into(), floats.clone().into());
    own.metadata.insert(
        "ends".into(),
        serde_json::json!([u64::MAX, i64::MIN, 5e-324, 1.797_693_134_862_315_7e308, -0.0]),
    );
    own.conversation.messages[0].metadata = map(nested(JSON_DEPTH_MAX));
    own.conversation.temperature = floats[0];
    sessions.create(&own)?;
    let found = sessions.get("s-1")?;
    assert_eq!((&found.config, &found.conversation.messages[0].metadata), (&own.config, &own.config));
    assert_eq!(found.metadata, own.metadata);
    let again = Session::from_json(&found.to_json()?)?;
    assert_eq!((again.config, again.metadata), (own.config.clone(), own.metadata.clone()));
    assert_eq!(again.conversation.temperature.to_bits(), floats[0].to_bits());
    for field in 0..4 {
        let mut deep = session("s-2", &["one"]);
        let too_deep = map(nested(JSON_DEPTH_MAX + 1));
        let message = &mut deep.conversation.messages[0];
        match field {
            0 => deep.config = too_deep,
            1 => message.metadata = too_deep,
            2 => {
                let attachment = Attachment { metadata: too_deep, ..Attachment::file("a", "a") };
                message.attachments.push(attachment);
            }
            _ => deep.conversation.metadata = too_deep,
        }
        assert_refused!(sessions.create(&deep), SessionError::InvalidArgument(_));
        assert_refused!(sessions.get("s-2"), SessionError::NotFound { .. });
    }
    Ok(())
}
