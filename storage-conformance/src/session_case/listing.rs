//! Listing sessions, page by page, and purging those that nobody touched.

use std::time::Duration;

use storage_stores::sessions::{Result, SessionError, SessionListing};

use super::{
    assert_agree, assert_refused, create, full, listed, many, open, records, seconds, session, timed,
};
use crate::subject::Subject;

pub(crate) fn case_04_all_sessions_are_listed<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    assert!(listed(&sessions)?.is_empty());
    for number in 1..=3 {
        clock.set(seconds(number));
        create(&sessions, &format!("s-{number}"), &[])?;
    }
    let page = sessions.list(&SessionListing::new())?;
    let rows: Vec<_> = page.sessions.iter().map(|info| (&*info.id, &*info.name, info.created)).collect();
    let expected = [
        ("s-3", "Session s-3", seconds(3)),
        ("s-2", "Session s-2", seconds(2)),
        ("s-1", "Session s-1", seconds(1)),
    ];
    assert_eq!(rows, expected);
    assert!(page.next.is_none() && page.unreadable.is_empty());
    Ok(())
}

pub(crate) fn case_05_last_changed_comes_first<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    create(&sessions, "s1", &[])?;
    clock.advance(Duration::from_millis(10));
    create(&sessions, "s2", &[])?;
    assert_eq!(listed(&sessions)?, ["s2", "s1"]);
    clock.advance(Duration::from_millis(10));
    sessions.append("s1", &many(1), None)?;
    assert_eq!(listed(&sessions)?, ["s1", "s2"]);
    create(&sessions, "s0", &[])?;
    create(&sessions, "s9", &[])?;
    assert_eq!(listed(&sessions)?, ["s0", "s1", "s9", "s2"], "by id where they changed at once");
    Ok(())
}

pub(crate) fn rows_say_what_sessions_say<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    sessions.create(&full("s-1"))?;
    let (info, session) = (sessions.info("s-1")?, sessions.get("s-1")?);
    assert_eq!((&info.name, info.message_count, info.child_count), (&session.name, 3, 2));
    assert_eq!((&*info.model, &*info.provider, &info.tags), ("gpt-4", "openai", &session.tags));
    assert_eq!((&info.parent_id, &info.branch_name), (&session.parent_id, &session.branch_name));
    assert!(info.is_branch);
    assert_eq!(sessions.list(&SessionListing::new())?.sessions, [info]);
    Ok(())
}

pub(crate) fn pages_cover_all_sessions_once<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    for number in 0..25 {
        clock.set(seconds(number / 3));
        create(&sessions, &format!("s-{number}-x"), &[])?;
    }
    let all = listed(&sessions)?;
    for limit in [1, 2, 5, 24, 25, 26] {
        let (mut found, mut listing) = (Vec::new(), SessionListing::new().limit(limit));
        loop {
            let page = sessions.list(&listing)?;
            assert!(page.sessions.len() <= limit);
            found.extend(page.sessions.into_iter().map(|info| info.id));
            let Some(next) = page.next else { break };
            assert_eq!(found.len() % limit, 0, "pages are full");
            listing = SessionListing::new().limit(limit).after(next);
        }
        assert_eq!(found, all, "pages of {limit}");
    }
    for cursor in ["", "x", "-", "12", "x-s"] {
        assert_refused!(
            sessions.list(&SessionListing::new().after(cursor)),
            SessionError::InvalidArgument(_)
        );
    }
    Ok(())
}

pub(crate) fn limit_of_a_page_is_a_hundred<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    for number in 0..101 {
        create(&sessions, &format!("s-{number:03}"), &[])?;
    }
    let page = sessions.list(&SessionListing::new())?;
    assert_eq!((page.sessions.len(), &*page.sessions[99].id), (100, "s-099"));
    let rest = sessions.list(&SessionListing::new().after(page.next.expect("there is one more")))?;
    assert_eq!((rest.sessions.len(), rest.next), (1, None));
    Ok(())
}

pub(crate) fn untouched_sessions_are_purged<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    for number in 0..250 {
        create(&sessions, &format!("old-{number}"), &["x"])?;
    }
    create(&sessions, "parent", &["one", "two"])?;
    sessions.branch("parent", "branch", "", 2)?;
    clock.set(seconds(100));
    sessions.append("branch", &many(1), None)?;
    create(&sessions, "new", &["y"])?;
    assert_eq!(sessions.purge(seconds(0))?, 0);
    assert_eq!(sessions.purge(seconds(100))?, 251);
    assert_eq!(listed(&sessions)?, ["branch", "new"]);
    assert_eq!(super::words(&sessions, "branch")?, ["one", "two", "said 0"]);
    assert_agree(&sessions)?;
    assert_eq!(sessions.purge(seconds(101))?, 2);
    assert_eq!(records(&sessions)?, [0; 4]);
    sessions.create(&session("again", &[])).map(drop)
}
