//! Users, who never see or change one another's sessions.

use storage_stores::sessions::{MergeOptions, Result, SessionError};

use super::{assert_agree, assert_refused, create, listed, many, records, store, words};
use crate::subject::Subject;

pub(crate) fn case_28_users_are_apart<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let (ann, bob) = (store.user("ann")?, store.user("bob")?);
    create(&ann, "both", &["of ann"])?;
    create(&bob, "both", &["of bob"])?;
    create(&bob, "bobs", &["secret"])?;
    assert_eq!((words(&ann, "both")?, words(&bob, "both")?), (vec!["of ann".into()], vec!["of bob".into()]));
    assert_eq!((listed(&ann)?.len(), listed(&bob)?.len()), (1, 2));
    assert_refused!(ann.get("bobs"), SessionError::NotFound { .. });
    assert_refused!(ann.delete("bobs"), SessionError::NotFound { .. });
    assert_refused!(ann.append("bobs", &many(1), None), SessionError::NotFound { .. });
    assert_refused!(ann.branch("bobs", "x", "", 0), SessionError::NotFound { .. });
    assert_refused!(ann.merge("both", "bobs", &MergeOptions::continuation()), SessionError::NotFound { .. });
    assert!(ann.search("secret", &Default::default())?.results.is_empty());
    ann.delete("both")?;
    assert_eq!((words(&bob, "both")?, words(&bob, "bobs")?), (vec!["of bob".into()], vec!["secret".into()]));
    assert_agree(&ann)?;
    assert_agree(&bob)?;
    bob.delete("both")?;
    bob.delete("bobs")?;
    assert_eq!(records(&ann)?, [0; 4]);
    Ok(())
}

pub(crate) fn users_of_any_name<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let long = "u".repeat(256);
    let users = ["a", "a\0", "a\0b", "a/b", "..", "\u{ff}", " ", &long];
    for user in users {
        let sessions = store.user(user)?;
        create(&sessions, "s", &[user])?;
        create(&sessions, "b", &[])?;
    }
    for user in users {
        let sessions = store.user(user)?;
        assert_eq!((sessions.user(), words(&sessions, "s")?), (user, vec![user.to_owned()]));
        assert_eq!(listed(&sessions)?, ["b", "s"]);
    }
    for user in ["", &"u".repeat(257)] {
        assert_refused!(store.user(user), SessionError::InvalidArgument(_));
    }
    Ok(())
}

pub(crate) fn all_sessions_of_a_user_are_deleted<S: Subject>(subject: &S) -> Result<()> {
    let store = store(subject)?;
    let (ann, other) = (store.user("ann")?, store.user("ann\0")?);
    for sessions in [&ann, &other] {
        sessions.create(&super::full("s"))?;
        create(sessions, "p", &["one", "two"])?;
        sessions.branch("p", "b", "", 1)?;
    }
    assert_eq!(ann.delete_all()?, 3);
    assert!(listed(&ann)?.is_empty() && ann.delete_all()? == 0);
    assert_eq!((listed(&other)?.len(), words(&other, "b")?), (3, vec!["one".into()]));
    assert_agree(&other)?;
    assert_eq!(other.delete_all()?, 3);
    assert_eq!(records(&ann)?, [0; 4]);
    Ok(())
}

pub(crate) fn longest_names_fit_together<S: Subject>(subject: &S) -> Result<()> {
    let sessions = store(subject)?.user(&"\0".repeat(256))?;
    let (parent, child) = ("\0".repeat(512), format!("{}x", "\0".repeat(511)));
    create(&sessions, &parent, &["one"])?;
    sessions.branch(&parent, &child, "", 1)?;
    assert_eq!(words(&sessions, &child)?, ["one"]);
    let page = sessions.list(&storage_stores::sessions::SessionListing::new().limit(1))?;
    let next = page.next.expect("there are two");
    let rest = sessions.list(&storage_stores::sessions::SessionListing::new().after(next))?;
    assert_eq!(rest.sessions.len(), 1);
    assert_agree(&sessions)
}
