//! Branches: what they take along, what they share, and the tree that they form.

use std::collections::BTreeSet;

use storage_core::Engine;
use storage_stores::sessions::{BRANCH_DEPTH_MAX, BranchTree, ChatMessage, Result, SessionError, Sessions};

use super::{
    assert_agree, assert_refused, create, full, listed, many, map, message_ids, messages, open, records,
    seconds, session, timed, words,
};
use crate::subject::Subject;

/// A tree as text: `a(b(d)c)`.
fn told(tree: &BranchTree) -> String {
    let children: String = tree.children.iter().map(told).collect();
    if children.is_empty() { tree.info.id.clone() } else { format!("{}({children})", tree.info.id) }
}

fn tree<E: Engine>(sessions: &Sessions<E>, id: &str) -> Result<String> {
    Ok(told(&sessions.branch_tree(id)?))
}

pub(crate) fn case_14_branches_begin_with_so_many_messages<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s", &["one", "two", "three"])?;
    for index in [0, 1, 3] {
        let info = sessions.branch("s", &format!("b-{index}"), "branch", index)?;
        assert_eq!(info.message_count, index);
        let expected = &words(&sessions, "s")?[..usize::try_from(index).expect("it is small")];
        assert_eq!(words(&sessions, &info.id)?, expected);
        assert_eq!(sessions.get(&info.id)?.branch_point, index);
    }
    let before = sessions.get("s")?;
    for index in [4, 10, u64::MAX] {
        let error = sessions.branch("s", "b", "branch", index).expect_err("there are three messages");
        assert!(error.to_string().contains("invalid message index for branching"), "{error}");
        assert_refused!(Err::<(), _>(error), SessionError::InvalidArgument(_));
    }
    assert_eq!(sessions.get("s")?, before);
    assert_refused!(sessions.branch("t", "b", "branch", 0), SessionError::NotFound { id } if id == "t");
    assert_refused!(sessions.branch("s", "b-1", "branch", 0), SessionError::AlreadyExists { .. });
    assert_refused!(
        sessions.branch("s", "s", "branch", 0),
        SessionError::InvalidArgument(_) | SessionError::AlreadyExists { .. }
    );
    assert_agree(&sessions)
}

pub(crate) fn case_15_branch_has_what_its_parent_has<S: Subject>(subject: &S) -> Result<()> {
    let (sessions, clock) = timed(subject)?;
    let mut parent = full("p");
    (parent.parent_id, parent.child_ids) = (None, Vec::new());
    sessions.create(&parent)?;
    let before = sessions.get("p")?;
    clock.set(seconds(100));
    sessions.branch("p", "b", "Try again", 2)?;
    let (parent, branch) = (sessions.get("p")?, sessions.get("b")?);
    assert_eq!((&*branch.name, &*branch.branch_name), ("Try again", "Try again"));
    assert_eq!((branch.parent_id.as_deref(), branch.branch_point), (Some("p"), 2));
    assert_eq!((&branch.tags, &branch.config), (&parent.tags, &map()));
    assert!(branch.metadata.is_empty() && branch.child_ids.is_empty());
    let (own, other) = (&branch.conversation, &parent.conversation);
    assert_eq!((&*own.id, &own.model, &own.provider), ("b", &other.model, &other.provider));
    assert_eq!((own.temperature, own.max_tokens), (other.temperature, other.max_tokens));
    assert_eq!((&own.system_prompt, &own.metadata), (&other.system_prompt, &other.metadata));
    for (copy, message) in own.messages.iter().zip(&other.messages) {
        assert_ne!(copy.id, message.id);
        assert_eq!(ChatMessage { id: message.id.clone(), ..copy.clone() }, *message);
    }
    assert_eq!((branch.created, branch.updated, parent.updated), (seconds(100), seconds(100), seconds(100)));
    assert_eq!((parent.child_ids, parent.conversation), (vec!["b".into()], before.conversation));
    let (parent, branch) = (sessions.info("p")?, sessions.info("b")?);
    assert_eq!((parent.child_count, parent.is_branch, parent.parent_id), (1, false, None));
    assert_eq!((branch.child_count, branch.is_branch, branch.parent_id), (0, true, Some("p".into())));
    assert_eq!(branch.branch_name, "Try again");
    assert_agree(&sessions)
}

pub(crate) fn case_16_children_are_added_once<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut parent = session("p", &["one"]);
    parent.add_child("a");
    parent.add_child("b");
    parent.add_child("a");
    sessions.create(&parent)?;
    assert_eq!(sessions.info("p")?.child_count, 2);
    parent.remove_child("a");
    sessions.save(&parent)?;
    assert_eq!(sessions.get("p")?.child_ids, ["b"]);
    let mut child = session("b", &[]);
    child.parent_id = Some("p".into());
    sessions.create(&child)?;
    assert_eq!(sessions.get("p")?.child_ids, ["b"]);
    parent.remove_child("b");
    sessions.save(&parent)?;
    assert_eq!(sessions.get("p")?.child_ids, ["b"], "it is one as long as it says so");
    child.parent_id = None;
    sessions.save(&child)?;
    assert!(sessions.get("p")?.child_ids.is_empty());
    assert_agree(&sessions)
}

pub(crate) fn children_and_parents_come_in_any_order<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    for id in ["c-2", "c-1"] {
        let mut child = session(id, &[]);
        child.parent_id = Some("p".into());
        sessions.create(&child)?;
    }
    create(&sessions, "p", &[])?;
    assert_eq!(sessions.get("p")?.child_ids, ["c-2", "c-1"]);
    let ordered = storage_stores::sessions::Session {
        child_ids: vec!["c-1".into(), "none".into()],
        ..sessions.get("p")?
    };
    sessions.save(&ordered)?;
    assert_eq!(sessions.get("p")?.child_ids, ["c-1", "none", "c-2"]);
    assert_eq!(tree(&sessions, "p")?, "p(c-1c-2)");
    let mut moved = sessions.get("c-1")?;
    moved.parent_id = Some("c-2".into());
    sessions.save(&moved)?;
    assert_eq!(tree(&sessions, "p")?, "p(c-2(c-1))");
    assert_agree(&sessions)
}

pub(crate) fn children_and_trees_are_in_order<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &["one", "two"])?;
    assert!(sessions.children("a")?.is_empty());
    assert_eq!(tree(&sessions, "a")?, "a");
    for (parent, child) in [("a", "z"), ("a", "b"), ("z", "y"), ("a", "m"), ("y", "x"), ("b", "c")] {
        sessions.branch(parent, child, "", 1)?;
    }
    let children = sessions.children("a")?;
    assert_eq!(children.iter().map(|child| &*child.id).collect::<Vec<_>>(), ["z", "b", "m"]);
    assert_eq!(tree(&sessions, "a")?, "a(z(y(x))b(c)m)");
    assert_eq!(tree(&sessions, "z")?, "z(y(x))");
    sessions.delete("b")?;
    assert_eq!(tree(&sessions, "a")?, "a(z(y(x))m)");
    assert_refused!(sessions.children("b"), SessionError::NotFound { .. });
    assert_refused!(sessions.branch_tree("b"), SessionError::NotFound { .. });
    assert_agree(&sessions)
}

pub(crate) fn no_session_is_its_own_ancestor<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &[])?;
    sessions.branch("a", "b", "", 0)?;
    sessions.branch("b", "c", "", 0)?;
    for parent in ["a", "b", "c"] {
        let mut root = sessions.get("a")?;
        root.parent_id = Some(parent.into());
        assert_refused!(sessions.save(&root), SessionError::InvalidArgument(_));
    }
    let mut own = sessions.get("a")?;
    own.child_ids.push("a".into());
    assert_refused!(sessions.save(&own), SessionError::InvalidArgument(_));
    // A cycle over one that is not there yet.
    let mut orphan = session("x", &[]);
    orphan.parent_id = Some("y".into());
    sessions.create(&orphan)?;
    assert_refused!(sessions.branch("x", "y", "", 0), SessionError::InvalidArgument(_));
    assert_eq!(tree(&sessions, "a")?, "a(b(c))");
    assert_agree(&sessions)
}

pub(crate) fn branches_of_branches_have_a_limit<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "d-1", &["root"])?;
    for depth in 1..BRANCH_DEPTH_MAX {
        let child = format!("d-{}", depth + 1);
        sessions.branch(&format!("d-{depth}"), &child, "", depth as u64)?;
        sessions.append(&child, &[ChatMessage::user(format!("at {depth}"))], None)?;
    }
    let last = format!("d-{BRANCH_DEPTH_MAX}");
    assert_refused!(sessions.branch(&last, "deeper", "", 0), SessionError::InvalidArgument(_));
    let found = words(&sessions, &last)?;
    assert_eq!((found.len(), &*found[0], &*found[200]), (BRANCH_DEPTH_MAX, "root", "at 200"));
    assert_eq!(tree(&sessions, "d-1")?.matches('(').count(), BRANCH_DEPTH_MAX - 1);
    let ids: BTreeSet<_> = message_ids(&sessions, &last)?.into_iter().collect();
    assert_eq!(ids.len(), BRANCH_DEPTH_MAX);
    for depth in 1..BRANCH_DEPTH_MAX {
        sessions.delete(&format!("d-{depth}"))?;
    }
    assert_eq!(words(&sessions, &last)?, found, "what it shares outlives those it shared it with");
    sessions.delete(&last)?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn parent_and_branch_do_not_see_each_other<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "p", &["one", "two", "three"])?;
    sessions.branch("p", "b", "", 2)?;
    sessions.append("b", &messages(&["of the branch"]), None)?;
    sessions.append("p", &messages(&["of the parent"]), None)?;
    let mut parent = sessions.get("p")?;
    parent.conversation.messages[0].content = "ONE".into();
    parent.conversation.messages[2].content = "THREE".into();
    sessions.save(&parent)?;
    assert_eq!(words(&sessions, "p")?, ["ONE", "two", "THREE", "of the parent"]);
    assert_eq!(words(&sessions, "b")?, ["one", "two", "of the branch"]);
    let mut branch = sessions.get("b")?;
    branch.conversation.messages.remove(1);
    sessions.save(&branch)?;
    assert_eq!(words(&sessions, "p")?, ["ONE", "two", "THREE", "of the parent"]);
    assert_eq!(words(&sessions, "b")?, ["one", "of the branch"]);
    parent.conversation.messages.clear();
    sessions.save(&parent)?;
    sessions.append("p", &messages(&["anew"]), None)?;
    assert_eq!((words(&sessions, "p")?.len(), words(&sessions, "b")?.len()), (1, 2));
    assert_agree(&sessions)?;
    sessions.delete("b")?;
    sessions.delete("p")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn case_29_saved_branch_has_ids_of_its_own<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "p", &[])?;
    sessions.append("p", &many(134), None)?;
    sessions.branch("p", "b", "", 134)?;
    let branch = sessions.get("b")?;
    sessions.save(&branch)?;
    assert_eq!(sessions.get("b")?.conversation.messages, branch.conversation.messages);
    let mut ids = BTreeSet::new();
    for number in 0..75 {
        let id = format!("b-{number}");
        sessions.branch("p", &id, "", 134)?;
        ids.extend(message_ids(&sessions, &id)?);
    }
    assert_eq!(ids.len(), 75 * 134, "ten thousand copies, while the clock stands still");
    assert_agree(&sessions)
}

pub(crate) fn case_31_children_of_a_deleted_session_are_roots<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "a", &["one", "two"])?;
    sessions.branch("a", "p", "", 2)?;
    sessions.branch("p", "c-1", "", 2)?;
    sessions.branch("p", "c-2", "", 1)?;
    sessions.branch("c-1", "d", "", 1)?;
    let before = [sessions.get("c-1")?, sessions.get("c-2")?];
    let order =
        |listed: Vec<String>| listed.into_iter().filter(|id| id != "a" && id != "p").collect::<Vec<_>>();
    let listed_before = order(listed(&sessions)?);
    sessions.delete("p")?;
    assert!(sessions.get("a")?.child_ids.is_empty());
    for before in before {
        let child = sessions.get(&before.id)?;
        assert_eq!((&child.parent_id, child.branch_point, child.updated), (&None, 0, before.updated));
        assert_eq!(child.conversation, before.conversation);
        assert_ne!(child.version, before.version);
        assert_refused!(sessions.update(&before, Some(before.version)), SessionError::Conflict { .. });
    }
    assert_eq!((tree(&sessions, "c-1")?, tree(&sessions, "c-2")?), ("c-1(d)".into(), "c-2".into()));
    assert_eq!(order(listed(&sessions)?), listed_before, "nobody has changed them");
    create(&sessions, "p", &["another"])?;
    assert_eq!(tree(&sessions, "p")?, "p", "it is another session");
    assert_agree(&sessions)
}

pub(crate) fn what_nobody_shares_goes_with_its_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = super::store(subject)?.with_text_index()?.user(super::USER)?;
    let all: Vec<_> = (0..200).map(|number| ChatMessage::user(format!("secret {number}"))).collect();
    create(&sessions, "parent", &[])?;
    sessions.append("parent", &all, None)?;
    sessions.branch("parent", "branch", "Branch", 70)?;
    let before = records(&sessions)?;
    // What stands behind the branch point is nobody's once the parent dropped it, however it does.
    let mut cut = sessions.get("parent")?;
    cut.conversation.messages.truncate(20);
    sessions.update(&cut, None)?;
    let after = records(&sessions)?;
    assert!(after[1] < before[1], "{before:?} {after:?}");
    assert_eq!(sessions.find("secret", 1)?.total, 70);
    assert_eq!(words(&sessions, "branch")?.len(), 70);
    create(&sessions, "other", &[])?;
    sessions.append("other", &all, None)?;
    sessions.branch("other", "of-other", "Branch", 3)?;
    sessions.delete("other")?;
    assert_eq!(sessions.find("secret", 1)?.total, 73);
    assert_eq!(words(&sessions, "of-other")?, ["secret 0", "secret 1", "secret 2"]);
    for id in ["parent", "branch", "of-other"] {
        sessions.delete(id)?;
    }
    assert_eq!(sessions.find("secret", 1)?.total, 0);
    let _ = sessions.store().clone().without_text_index()?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}
