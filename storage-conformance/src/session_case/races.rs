//! Many at once: nothing gets lost, and everyone sees whole sessions.

use storage_core::{Durability, Engine};
use storage_stores::sessions::{ChatMessage, MergeOptions, Result, SessionError, SessionStore, Sessions};

use super::{USER, assert_agree, create, many, words};
use crate::case;
use crate::subject::Subject;

/// Sessions whose changes are not synced each: what they are durable for is not the point here.
fn deferred<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    SessionStore::open(&case::open(subject)?)?.with_durability(Durability::Deferred).user(USER)
}

/// What each of `count` threads that begin together came to.
pub(crate) fn race<T: Send>(
    count: usize,
    task: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<Result<T>>> {
    crate::task_case::race(count, task).map_err(|error| match error {
        storage_stores::tasks::TaskError::Storage(error) => error.into(),
        error => panic!("a race of threads failed: {error}"),
    })
}

fn all<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    results.into_iter().collect()
}

pub(crate) fn case_36_readers_see_whole_sessions<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    create(&sessions, "s-1", &[])?;
    all(race(3, |thread| match thread {
        0 => (0..20).try_for_each(|number| {
            let mut session = sessions.get("s-1")?;
            session.name = format!("{number}");
            session.conversation.messages.push(ChatMessage::user(format!("{number}")));
            sessions.update(&session, None).map(drop)
        }),
        1 => {
            let mut seen = 0;
            (0..20).try_for_each(|_| {
                let session = sessions.get("s-1")?;
                let said = super::said(&session);
                assert_eq!(said, (0..said.len()).map(|number| number.to_string()).collect::<Vec<_>>());
                assert!(said.len() >= seen, "nothing that was seen goes away");
                assert!(said.is_empty() || session.name == said[said.len() - 1]);
                seen = said.len();
                Ok(())
            })
        }
        _ => (0..20).try_for_each(|_| {
            let page = sessions.list(&Default::default())?;
            assert!(page.sessions.len() == 1 && page.unreadable.is_empty());
            Ok(())
        }),
    })?)?;
    assert_eq!(words(&sessions, "s-1")?.len(), 20);
    assert_agree(&sessions)
}

pub(crate) fn case_38_eight_writers_append_to_one_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    create(&sessions, "s-1", &[])?;
    all(race(8, |writer| {
        (0..100).try_for_each(|number| {
            let message = ChatMessage::user(format!("{writer} {number}"));
            sessions.append("s-1", &[message], None).map(drop)
        })
    })?)?;
    let found = words(&sessions, "s-1")?;
    assert_eq!(found.len(), 800);
    for writer in 0..8 {
        let own: Vec<_> = found.iter().filter(|said| said.starts_with(&format!("{writer} "))).collect();
        let expected: Vec<_> = (0..100).map(|number| format!("{writer} {number}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>(), "each in its order");
    }
    assert_agree(&sessions)
}

pub(crate) fn one_of_many_creates_a_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    let results = race(8, |thread| create(&sessions, "s-1", &[&thread.to_string()]))?;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let refused = results.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|error| matches!(error, SessionError::AlreadyExists { .. })));
    assert_agree(&sessions)
}

pub(crate) fn one_of_many_updates_a_version<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    create(&sessions, "s-1", &[])?;
    let before = sessions.get("s-1")?;
    let results = race(8, |thread| {
        let mut session = before.clone();
        session.conversation.messages.push(ChatMessage::user(thread.to_string()));
        sessions.update(&session, Some(before.version))
    })?;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let refused = results.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|error| matches!(error, SessionError::Conflict { .. })));
    assert_eq!(words(&sessions, "s-1")?.len(), 1);
    Ok(())
}

/// What can be refused where others were faster.
fn allowed(result: Result<impl Sized>) -> Result<()> {
    match result {
        Ok(_) | Err(SessionError::NotFound { .. } | SessionError::AlreadyExists { .. }) => Ok(()),
        Err(SessionError::InvalidArgument(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Branches, appends, merges and deletes, of sessions that the other threads change too.
fn work<E: Engine>(sessions: &Sessions<E>, thread: usize) -> Result<()> {
    for round in 0..15 {
        let own = format!("b-{}", (thread + round) % 5);
        allowed(sessions.branch("p", &own, "", round as u64))?;
        allowed(sessions.append(&own, &many(2), None))?;
        allowed(sessions.append("p", &many(1), None))?;
        match (thread + round) % 3 {
            0 => allowed(sessions.merge("p", &own, &MergeOptions::continuation()))?,
            1 => allowed(sessions.delete(&own))?,
            _ => allowed(sessions.merge(&own, "p", &MergeOptions::rebase(1)))?,
        }
    }
    Ok(())
}

pub(crate) fn branches_merges_and_deletes_at_once_agree<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    create(&sessions, "p", &["first"])?;
    all(race(4, |thread| work(&sessions, thread))?)?;
    assert_eq!(words(&sessions, "p")?[0], "first");
    assert_agree(&sessions)?;
    for id in super::listed(&sessions)? {
        sessions.delete(&id)?;
    }
    assert_eq!(super::records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn index_of_branches_merges_and_deletes_at_once_agrees<S: Subject>(subject: &S) -> Result<()> {
    let sessions = deferred(subject)?;
    create(&sessions, "p", &["said first"])?;
    all(race(4, |thread| match thread {
        0 => sessions.store().clone().with_text_index().map(drop),
        _ => work(&sessions, thread),
    })?)?;
    let found = sessions.find("content:said", 100_000)?;
    assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
    let mut found: Vec<_> =
        found.texts.into_iter().map(|text| (text.session.id, text.position, text.content)).collect();
    found.sort();
    let mut expected = Vec::new();
    for id in super::listed(&sessions)? {
        let words = words(&sessions, &id)?;
        expected.extend((0..).zip(words).map(|(position, said)| (id.clone(), Some(position), said)));
    }
    expected.sort();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "each place, with what is said there");
    for id in super::listed(&sessions)? {
        sessions.delete(&id)?;
    }
    assert_eq!(sessions.find("content:said", 1)?.total, 0);
    Ok(())
}
