//! Finding sessions and messages by their words, through the text index.

use storage_core::{Direction, Durability, Engine, KeyRange, Keyspace};
use storage_stores::sessions::{
    ChatMessage, Findings, MatchKind, Result, Role, SessionError, SessionStore, Sessions,
};

use super::races::race;
use super::{USER, create, many, session, store};
use crate::subject::Subject;

fn open<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    store(subject)?.with_text_index()?.user(USER)
}

fn find<E: Engine>(sessions: &Sessions<E>, query: &str) -> Result<Findings> {
    let found = sessions.find(query, 100)?;
    assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
    assert!(found.texts.windows(2).all(|pair| pair[0].score >= pair[1].score), "the best come first");
    Ok(found)
}

/// The ids of the sessions and the places of the messages, sorted.
fn found<E: Engine>(sessions: &Sessions<E>, query: &str) -> Result<Vec<(String, Option<u64>)>> {
    let texts = find(sessions, query)?.texts;
    let mut places: Vec<_> = texts.into_iter().map(|text| (text.session.id, text.position)).collect();
    places.sort();
    Ok(places)
}

fn places(expected: &[(&str, u64)]) -> Vec<(String, Option<u64>)> {
    expected.iter().map(|(id, position)| ((*id).to_owned(), Some(*position))).collect()
}

pub(crate) fn words_phrases_and_beginnings_are_found<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &["We buy bread.", "And butter, and more butter.", "Bread we buy, ÉCLAIRS too."])?;
    create(&sessions, "b", &["Buying nothing."])?;
    for (query, expected) in [
        ("bread", &[("a", 0), ("a", 2)][..]),
        ("\"buy bread\"", &[("a", 0)]),
        ("buy*", &[("a", 0), ("a", 2), ("b", 0)]),
        ("eclairs bread", &[("a", 2)]),
        ("content:butter", &[("a", 1)]),
        ("name:butter", &[]),
        ("brea", &[]),
    ] {
        assert_eq!(found(&sessions, query)?, places(expected), "{query}");
    }
    let text = find(&sessions, "butter")?.texts.remove(0);
    assert_eq!((text.kind, text.role), (MatchKind::Message, Some(Role::Assistant)));
    assert_eq!(text.content, "And butter, and more butter.");
    assert_eq!(text.snippet.matches.len(), 2, "{:?}", text.snippet);
    Ok(())
}

pub(crate) fn name_prompt_and_tags_are_found<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut own = session("a", &["Nothing of note."]);
    own.name = "Trip to Rome".to_owned();
    own.conversation.system_prompt = "You know every railway.".to_owned();
    own.tags = vec!["travel".to_owned(), "night train".to_owned()];
    sessions.create(&own)?;
    for (query, kind, content) in [
        ("rome", MatchKind::Name, "Trip to Rome"),
        ("railway", MatchKind::SystemPrompt, "You know every railway."),
        ("\"night train\"", MatchKind::Tag, "night train"),
        ("tags:travel", MatchKind::Tag, "travel"),
    ] {
        let found = find(&sessions, query)?;
        let shown: Vec<_> = found.texts.iter().map(|text| (text.kind, text.content.as_str())).collect();
        assert_eq!(shown, [(kind, content)], "{query}");
        assert_eq!((found.texts[0].position, found.texts[0].role, found.total), (None, None, 1));
    }
    assert_eq!(found(&sessions, "\"travel night\"")?, [], "no phrase goes from one tag to the next");
    assert_eq!(found(&sessions, "rome railway")?, [("a".to_owned(), None)], "name and prompt are one");
    own.name = "Trip to Turin".to_owned();
    sessions.update(&own, None)?;
    assert_eq!(found(&sessions, "rome")?, []);
    assert_eq!(found(&sessions, "turin")?.len(), 1);
    Ok(())
}

pub(crate) fn what_is_found_follows_every_change<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &["red", "green", "blue"])?;
    sessions.append("a", &[ChatMessage::user("white")], None)?;
    assert_eq!(found(&sessions, "white")?, places(&[("a", 3)]));
    let mut own = sessions.get("a")?;
    own.conversation.messages[1].content = "yellow".to_owned();
    sessions.update(&own, None)?;
    assert_eq!(found(&sessions, "green")?, []);
    assert_eq!(found(&sessions, "yellow")?, places(&[("a", 1)]));
    own.conversation.messages.remove(0);
    sessions.update(&own, None)?;
    assert_eq!(found(&sessions, "red")?, []);
    assert_eq!(found(&sessions, "blue")?, places(&[("a", 1)]));
    own.conversation.messages.truncate(1);
    sessions.save(&own)?;
    assert_eq!(found(&sessions, "blue")?, []);
    assert_eq!(found(&sessions, "yellow")?, places(&[("a", 0)]));
    sessions.delete("a")?;
    assert_eq!(found(&sessions, "yellow")?, []);
    create(&sessions, "a", &["black"])?;
    assert_eq!(found(&sessions, "black")?, places(&[("a", 0)]));
    create(&sessions, "b", &["black"])?;
    sessions.delete_all()?;
    assert_eq!(found(&sessions, "black")?, []);
    Ok(())
}

pub(crate) fn shared_messages_are_found_in_each_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "parent", &["one", "two", "three"])?;
    sessions.branch("parent", "branch", "Branch", 2)?;
    sessions.append("branch", &[ChatMessage::user("four")], None)?;
    assert_eq!(found(&sessions, "two")?, places(&[("branch", 1), ("parent", 1)]));
    assert_eq!(find(&sessions, "two")?.total, 1);
    assert_eq!(found(&sessions, "three")?, places(&[("parent", 2)]));
    assert_eq!(found(&sessions, "four")?, places(&[("branch", 2)]));
    let mut parent = sessions.get("parent")?;
    parent.conversation.messages.clear();
    sessions.update(&parent, None)?;
    assert_eq!(found(&sessions, "two")?, places(&[("branch", 1)]));
    assert_eq!(found(&sessions, "three")?, []);
    sessions.delete("parent")?;
    assert_eq!(found(&sessions, "one")?, places(&[("branch", 0)]));
    sessions.delete("branch")?;
    assert_eq!(found(&sessions, "one")?, []);
    Ok(())
}

pub(crate) fn users_do_not_find_each_other<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?.with_text_index()?;
    let (ann, bob) = (store.user("ann")?, store.user("bob")?);
    create(&ann, "s", &["secret of ann"])?;
    create(&bob, "s", &["secret of bob"])?;
    for (sessions, own, other) in [(&ann, "ann", "bob"), (&bob, "bob", "ann")] {
        assert_eq!(find(sessions, "secret")?.texts.len(), 1);
        assert_eq!(found(sessions, own)?.len(), 1);
        assert_eq!(found(sessions, other)?, []);
    }
    Ok(())
}

pub(crate) fn index_is_made_of_what_is_there_and_stays<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let sessions = store.user(USER)?;
    create(&sessions, "a", &["written before", "and more"])?;
    sessions.branch("a", "b", "Branch", 1)?;
    let refused = sessions.find("before", 10);
    assert!(matches!(&refused, Err(SessionError::NoTextIndex)), "{refused:?}");
    let indexed = store.with_text_index()?.user(USER)?;
    assert_eq!(found(&indexed, "before")?, places(&[("a", 0), ("b", 0)]));
    let again = SessionStore::open(indexed.store().database())?.user(USER)?;
    create(&again, "c", &["written after"])?;
    assert_eq!(found(&again, "written")?, places(&[("a", 0), ("b", 0), ("c", 0)]));
    let without = again.store().clone().without_text_index()?.user(USER)?;
    assert!(without.find("written", 10).is_err());
    create(&without, "d", &["written without"])?;
    without.delete("a")?;
    let anew = without.store().clone().with_text_index()?.user(USER)?;
    assert_eq!(found(&anew, "written")?, places(&[("b", 0), ("c", 0), ("d", 0)]));
    Ok(())
}

pub(crate) fn many_messages_are_found_among_many_more<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let words = ["alpha", "beta", "gamma", "delta", "epsilon"];
    for session in 0..12_usize {
        let said = |turn: usize| {
            let text = format!("{} said in turn {turn} ", words[(session + turn) % words.len()]);
            ChatMessage::user(text.repeat(6))
        };
        let mut own = super::session(&format!("s{session:02}"), &[]);
        own.conversation.messages = (0..100).map(said).collect();
        sessions.create(&own)?;
    }
    let all = sessions.find("alpha", 1_000)?;
    assert_eq!((all.total, all.texts.len()), (240, 240));
    assert_eq!(sessions.find("alpha", 7)?.texts, all.texts[..7]);
    for session in 0..12_usize {
        if session % 2 == 0 {
            sessions.delete(&format!("s{session:02}"))?;
        }
    }
    let left = sessions.find("alpha", 1_000)?;
    assert_eq!((left.total, left.texts.len()), (120, 120));
    assert_eq!(sessions.find("\"turn 99\"", 1_000)?.total, 6);
    Ok(())
}

pub(crate) fn what_is_no_query_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    for query in ["", "  ", "...", "\"open", "*", "name:"] {
        let refused = sessions.find(query, 10);
        assert!(matches!(&refused, Err(SessionError::InvalidArgument(_))), "{query:?}: {refused:?}");
    }
    Ok(())
}

pub(crate) fn index_is_kept_by_handles_that_were_there_before<S: Subject>(subject: &S) -> Result<()> {
    let before = store(subject)?.user(USER)?;
    create(&before, "a", &["one"])?;
    let maker = SessionStore::open(before.store().database())?.with_text_index()?.user(USER)?;
    before.append("a", &[ChatMessage::user("two")], None)?;
    create(&before, "b", &["three"])?;
    before.branch("b", "c", "Branch", 1)?;
    for sessions in [&before, &maker] {
        assert_eq!(found(sessions, "one")?, places(&[("a", 0)]));
        assert_eq!(found(sessions, "two")?, places(&[("a", 1)]));
        assert_eq!(found(sessions, "three")?, places(&[("b", 0), ("c", 0)]));
    }
    before.delete("a")?;
    assert_eq!(found(&maker, "one")?, []);
    let _ = before.store().clone().without_text_index()?;
    let refused = maker.find("three", 10);
    assert!(matches!(refused, Err(SessionError::NoTextIndex)), "{refused:?}");
    maker.append("b", &[ChatMessage::user("four")], None)?;
    maker.delete("c")?;
    let _ = before.store().clone().with_text_index()?;
    assert_eq!(found(&maker, "three")?, places(&[("b", 0)]));
    assert_eq!(found(&maker, "four")?, places(&[("b", 1)]));
    assert!(maker.store().tending_error().is_none());
    Ok(())
}

pub(crate) fn index_cut_short_is_finished_later<S: Subject>(subject: &S) -> Result<()> {
    let sessions = store(subject)?.user(USER)?;
    for number in 0..40 {
        create(&sessions, &format!("s-{number:02}"), &["said before"])?;
    }
    let db = sessions.store().database().clone();
    let keyspace = Keyspace::new("session_messages")?;
    let chunks = db.snapshot()?.range(keyspace, &KeyRange::all(), Direction::Forward)?.keys()?;
    db.put(keyspace, &chunks[38], "no chunk")?;
    let damaged = match sessions.store().clone().with_text_index() {
        Err(SessionError::Corrupt { id, .. }) => id,
        other => panic!("a session cannot be read: {other:?}"),
    };
    assert!(sessions.get(&damaged).is_err(), "it is named");
    let refused = sessions.find("said", 10);
    assert!(matches!(refused, Err(SessionError::NoTextIndex)), "{refused:?}");
    // What is written meanwhile is indexed, and what is deleted is not.
    let mut others = (0..40).map(|number| format!("s-{number:02}")).filter(|id| *id != damaged);
    let (changed, gone) = (others.next().expect("39 others"), others.next().expect("39 others"));
    sessions.append(&changed, &[ChatMessage::user("said meanwhile")], None)?;
    sessions.delete(&gone)?;
    sessions.delete(&damaged)?;
    let sessions = SessionStore::open(&db)?.with_text_index()?.user(USER)?;
    let all = find(&sessions, "said")?;
    assert_eq!((all.total, all.texts.len()), (39, 39));
    assert_eq!(found(&sessions, "meanwhile")?, places(&[(&changed, 1)]));
    assert_eq!(find(&sessions, "name:session")?.total, 38);
    Ok(())
}

pub(crate) fn index_made_while_others_write_misses_nothing<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?.with_durability(Durability::Deferred);
    let sessions = store.user(USER)?;
    let makers = SessionStore::open(store.database())?.with_durability(Durability::Deferred);
    for number in 0..30 {
        create(&sessions, &format!("s-{number}"), &["said first"])?;
    }
    for result in race(4, |thread| {
        match thread {
            0 => drop(makers.clone().with_text_index()?),
            1 => drop(makers.clone().with_text_index()?.without_text_index()?.with_text_index()?),
            _ => {
                for number in 0..30 {
                    let id = format!("s-{number}");
                    sessions.append(&id, &many(1), None)?;
                    match number % 3 + thread {
                        2 => drop(sessions.branch(&id, &format!("b-{number}"), "", 1)?),
                        3 => drop(sessions.save(&session(&format!("t-{thread}-{number}"), &["said"]))?),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    })? {
        result?;
    }
    // One of the makers dropped what the other one may have been about to finish.
    let sessions = makers.with_text_index()?.user(USER)?;
    let mut expected = Vec::new();
    for id in super::listed(&sessions)? {
        let said = sessions.get(&id)?.conversation.messages.len() as u64;
        expected.extend((0..said).map(|position| (id.clone(), Some(position))));
    }
    expected.sort();
    let texts = sessions.find("content:said", 1_000)?.texts.into_iter();
    let mut places: Vec<_> = texts.map(|text| (text.session.id, text.position)).collect();
    places.sort();
    assert_eq!(places, expected);
    Ok(())
}

pub(crate) fn write_does_not_fail_for_the_order_of_the_index<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &[])?;
    sessions.append("a", &many(900), None)?;
    assert!(!sessions.tend_texts()?, "it is not due yet");
    let db = sessions.store().database().clone();
    let keyspace = Keyspace::new("session_text")?;
    let last = db.snapshot()?.range(keyspace, &KeyRange::all(), Direction::Reverse)?.keys()?.remove(0);
    db.put(keyspace, &last, [0xff])?;
    sessions.append("a", &many(300), None)?;
    assert_eq!(sessions.info("a")?.message_count, 1_200);
    let error = sessions.store().tending_error();
    assert!(matches!(error, Some(SessionError::Corrupt { .. } | SessionError::Storage(_))), "{error:?}");
    assert!(sessions.store().tending_error().is_none(), "it was asked for");
    assert!(sessions.tend_texts().is_err());
    let store = sessions.store().clone().without_text_index()?.with_text_index()?;
    assert_eq!(sessions.find("said", 1)?.total, 1_200);
    sessions.append("a", &many(1), None)?;
    assert!(store.tending_error().is_none());
    Ok(())
}
