//! Searching for a piece of text in everything that was said.

use storage_core::Engine;
use storage_stores::sessions::{
    MatchKind, Result, Role, SearchFound, SearchOptions, Session, SessionError, Sessions, snippet,
};

use super::{assert_refused, create, open, session};
use crate::subject::Subject;

fn search<E: Engine>(sessions: &Sessions<E>, query: &str) -> Result<SearchFound> {
    let found = sessions.search(query, &SearchOptions::new())?;
    assert!(found.unreadable.is_empty() && !found.is_cut);
    assert!(found.results.iter().all(|result| !result.matches.is_empty()));
    Ok(found)
}

/// The ids of the sessions in which something stands, sorted.
fn found<E: Engine>(sessions: &Sessions<E>, query: &str) -> Result<Vec<String>> {
    let mut ids: Vec<_> = search(sessions, query)?.results.into_iter().map(|result| result.info.id).collect();
    ids.sort();
    Ok(ids)
}

/// Three tutorials.
fn tutorials<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    let sessions = open(subject)?;
    let texts = [
        ("Python", "How do I use lists?", "Lists are written in brackets."),
        ("Go", "What are interfaces?", "Interfaces name methods."),
        ("JavaScript", "What is a closure?", "A function with its surroundings."),
    ];
    for (language, question, answer) in texts {
        let mut session = session(&language.to_lowercase(), &[question, answer]);
        session.name = format!("{language} Tutorial");
        session.tags = vec!["programming".into(), "tutorial".into()];
        session.conversation.system_prompt = format!("You are a {language} expert.");
        sessions.create(&session)?;
    }
    Ok(sessions)
}

pub(crate) fn case_08_everything_is_looked_through<S: Subject>(subject: &S) -> Result<()> {
    let sessions = tutorials(subject)?;
    for (query, count) in
        [("Python", 1), ("programming", 3), ("interfaces", 1), ("tutorial", 3), ("expert", 3)]
    {
        assert_eq!(found(&sessions, query)?.len(), count, "{query}");
    }
    assert_eq!(found(&sessions, "interfaces")?, ["go"]);
    Ok(())
}

pub(crate) fn case_09_case_does_not_count<S: Subject>(subject: &S) -> Result<()> {
    let sessions = tutorials(subject)?;
    for query in ["python", "PYTHON", "pYtHoN TUTO"] {
        assert_eq!(found(&sessions, query)?, ["python"], "{query}");
    }
    for query in ["nonexistent", "pythontutorial", "Python ", "Python  Tutorial"] {
        let expected: &[&str] = if query == "Python " { &["python"] } else { &[] };
        assert_eq!(found(&sessions, query)?, expected, "{query}");
    }
    assert_refused!(sessions.search("", &SearchOptions::new()), SessionError::InvalidArgument(_));
    Ok(())
}

pub(crate) fn case_10_snippets<S: Subject>(subject: &S) -> Result<()> {
    let texts = [
        (
            "This is a test of the search functionality with some context",
            "search",
            "...test of the search functionality with...",
        ),
        ("Search at the beginning", "Search", "Search at the beginning"),
        ("The query is at the end search", "search", "...at the end search"),
    ];
    let sessions = open(subject)?;
    for (number, (text, query, expected)) in texts.into_iter().enumerate() {
        assert_eq!(snippet(text, query, 10).as_deref(), Some(expected));
        let long = format!("{} {text} {}", "before ".repeat(20), "after ".repeat(20));
        create(&sessions, &format!("s-{number}"), &[&long])?;
        let found = search(&sessions, query)?.results.remove(0).matches.remove(0);
        assert_eq!((&found.content, Some(found.context.clone())), (&long, snippet(&long, query, 50)));
        assert!(found.context.starts_with("...") && found.context.ends_with("..."));
        sessions.delete(&format!("s-{number}"))?;
    }
    Ok(())
}

pub(crate) fn matches_have_one_shape<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["The needle", "no", "needle NEEDLE"]);
    session.name = "A Needle".into();
    session.tags = vec!["needles".into(), "hay".into(), "a needle".into()];
    session.conversation.system_prompt = "Find needles".into();
    session.metadata = serde_json::json!({"needle": "needle"}).as_object().cloned().unwrap_or_default();
    sessions.create(&session)?;
    let results = search(&sessions, "NEEDLE")?.results;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].info, sessions.info("s-1")?);
    let shape = |found: &storage_stores::sessions::SearchMatch| {
        (found.kind, found.role, found.content.clone(), found.position)
    };
    let shapes: Vec<_> = results[0].matches.iter().map(shape).collect();
    let expected = [
        (MatchKind::Name, None, "A Needle".into(), None),
        (MatchKind::SystemPrompt, None, "Find needles".into(), None),
        (MatchKind::Message, Some(Role::User), "The needle".into(), Some(0)),
        (MatchKind::Message, Some(Role::User), "needle NEEDLE".into(), Some(2)),
        (MatchKind::Tag, None, "needles".into(), None),
        (MatchKind::Tag, None, "a needle".into(), None),
    ];
    assert_eq!(shapes, expected);
    assert!(results[0].matches.iter().all(|found| found.context == found.content), "they are short");
    Ok(())
}

pub(crate) fn what_changed_is_found_as_it_is<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "p", &["apple", "pear"])?;
    sessions.branch("p", "b", "", 2)?;
    assert_eq!(found(&sessions, "pear")?, ["b", "p"]);
    let mut parent = sessions.get("p")?;
    parent.conversation.messages[1].content = "plum".into();
    sessions.save(&parent)?;
    assert_eq!((found(&sessions, "pear")?, found(&sessions, "plum")?), (vec!["b".into()], vec!["p".into()]));
    sessions.delete("b")?;
    assert_eq!((found(&sessions, "pear")?, found(&sessions, "apple")?), (vec![], vec!["p".into()]));
    sessions.update(&Session::new("p", "Cherry"), None)?;
    assert_eq!((found(&sessions, "apple")?, found(&sessions, "cherry")?), (vec![], vec!["p".into()]));
    Ok(())
}

pub(crate) fn any_script_is_found<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let long = "\u{130} ".repeat(60);
    let text = format!("{long} ÄRGER und STRASSE, Привет, 漢字 \u{1f600} {long}");
    create(&sessions, "s-1", &[&text])?;
    for query in ["ärger UND", "straSSe", "ПРИВЕТ", "漢字", "\u{1f600}", "i\u{307}"] {
        let found = search(&sessions, query)?.results.remove(0).matches.remove(0);
        assert_eq!(found.content, text);
        assert!(found.context.len() < text.len(), "{query}: {}", found.context);
    }
    assert!(found(&sessions, "ß")?.is_empty());
    Ok(())
}

pub(crate) fn search_ends_at_its_limit<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = super::timed(subject)?;
    for number in 0..130 {
        clock.set(super::seconds(number));
        create(&sessions, &format!("s-{number:03}"), &[if number % 2 == 0 { "even" } else { "odd" }])?;
    }
    let found = sessions.search("even", &SearchOptions::new().limit(3))?;
    let ids: Vec<_> = found.results.iter().map(|result| &*result.info.id).collect();
    assert_eq!((ids, found.is_cut), (vec!["s-128", "s-126", "s-124"], true), "the newest first");
    let all = sessions.search("even", &SearchOptions::new())?;
    assert_eq!((all.results.len(), all.is_cut), (65, false));
    Ok(())
}
