//! Merging: continuation, rebase and picking, into the target or into a branch of it.

use std::collections::BTreeSet;

use storage_core::Engine;
use storage_stores::sessions::{
    Attachment, ChatMessage, MergeKind, MergeOptions, Result, Session, SessionError, Sessions,
};

use super::{assert_agree, assert_refused, create, many, message_ids, open, records, session, words};
use crate::subject::Subject;

/// A target of three messages and a source of two, in hand.
fn pair<S: Subject>(subject: &S) -> Result<Sessions<S::Engine>> {
    let sessions = open(subject)?;
    create(&sessions, "t", &["t0", "t1", "t2"])?;
    create(&sessions, "s", &["s0", "s1"])?;
    Ok(sessions)
}

fn merge<E: Engine>(
    sessions: &Sessions<E>,
    target: &str,
    source: &str,
    options: &MergeOptions,
) -> Result<u64> {
    let merged = sessions.merge(target, source, options)?;
    assert_eq!((&*merged.session_id, &merged.new_branch_id), (target, &None));
    assert_eq!(merged.version, sessions.info(target)?.version);
    Ok(merged.merged_count)
}

pub(crate) fn case_17_continuation_is_put_behind<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "t", &["t0", "t1"])?;
    create(&sessions, "s", &["s0", "s1"])?;
    let source = sessions.get("s")?;
    let before = sessions.get("t")?;
    assert_eq!(merge(&sessions, "t", "s", &MergeOptions::continuation().at(1))?, 2);
    assert_eq!(words(&sessions, "t")?, ["t0", "t1", "s0", "s1"]);
    let after = sessions.get("t")?;
    assert!(after.updated > before.updated && after.conversation.updated == after.updated);
    assert_eq!(merge(&sessions, "t", "s", &MergeOptions::continuation())?, 2);
    assert_eq!(words(&sessions, "t")?, ["t0", "t1", "s0", "s1", "s0", "s1"]);
    assert_eq!(sessions.get("s")?, source, "the source stays as it is");
    assert_eq!(after.conversation.messages[..2], before.conversation.messages);
    assert_agree(&sessions)
}

pub(crate) fn continuation_of_a_branch_repeats_nothing<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    sessions.branch("t", "b", "", 2)?;
    sessions.append("b", &many(2), None)?;
    sessions.branch("t", "sibling", "", 1)?;
    assert_eq!(merge(&sessions, "t", "b", &MergeOptions::continuation())?, 2);
    assert_eq!(words(&sessions, "t")?, ["t0", "t1", "t2", "said 0", "said 1"]);
    assert_eq!(merge(&sessions, "sibling", "b", &MergeOptions::continuation())?, 4);
    assert_eq!(words(&sessions, "sibling")?, ["t0", "t0", "t1", "said 0", "said 1"]);
    assert_eq!(merge(&sessions, "b", "t", &MergeOptions::continuation())?, 5);
    assert_eq!(words(&sessions, "b")?.len(), 9);
    assert_agree(&sessions)
}

pub(crate) fn case_18_rebase_cuts_at_the_merge_point<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    sessions.branch("t", "keeps", "", 3)?;
    let ids = message_ids(&sessions, "t")?;
    assert_eq!(merge(&sessions, "t", "s", &MergeOptions::rebase(2))?, 2);
    assert_eq!(words(&sessions, "t")?, ["t0", "t1", "s0", "s1"]);
    assert_eq!(message_ids(&sessions, "t")?[..2], ids[..2]);
    for merge_point in [0, 4, 99] {
        let before = words(&sessions, "t")?;
        assert_eq!(merge(&sessions, "t", "s", &MergeOptions::rebase(merge_point))?, 2);
        assert_eq!(words(&sessions, "t")?, [before, vec!["s0".into(), "s1".into()]].concat());
        merge(&sessions, "t", "s", &MergeOptions::rebase(2))?;
    }
    assert_eq!(merge(&sessions, "t", "keeps", &MergeOptions::rebase(1))?, 3, "the prefix is repeated");
    assert_eq!(words(&sessions, "t")?, ["t0", "t0", "t1", "t2"]);
    assert_eq!(words(&sessions, "keeps")?, ["t0", "t1", "t2"]);
    assert_agree(&sessions)
}

pub(crate) fn case_19_merge_into_a_branch<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut target = session("t", &["t0", "t1", "t2"]);
    target.tags = vec!["tag".into()];
    target.config = super::map();
    target.metadata = super::map();
    sessions.create(&target)?;
    create(&sessions, "s", &["s0", "s1"])?;
    let before = sessions.get("t")?;
    let merged = sessions.merge("t", "s", &MergeOptions::rebase(2).into_branch("Merged branch"))?;
    assert_eq!(merged.new_branch_id.as_ref(), Some(&merged.session_id));
    assert_eq!(merged.merged_count, 2);
    let branch = sessions.get(&merged.session_id)?;
    assert_eq!((&*branch.name, &*branch.branch_name), ("Merged branch", "Merged branch"));
    assert_eq!((branch.parent_id.as_deref(), branch.branch_point), (Some("t"), 2));
    assert_eq!((&branch.tags, &branch.config), (&target.tags, &target.config));
    assert_eq!(words(&sessions, &merged.session_id)?, ["t0", "t1", "s0", "s1"]);
    let said = |name: &str| branch.metadata.get(name).cloned().unwrap_or_default();
    assert_eq!((said("merge_source"), said("merge_target")), ("s".into(), "t".into()));
    assert_eq!(said("merge_type"), 1);
    assert!(said("merge_date").as_str().is_some_and(|date| date.ends_with('Z')));
    assert_eq!(branch.metadata.len(), 4);
    let target = sessions.get("t")?;
    assert_eq!(target.child_ids, std::slice::from_ref(&merged.session_id));
    assert_eq!(target.conversation, before.conversation);
    let copies = [message_ids(&sessions, "t")?, message_ids(&sessions, &merged.session_id)?].concat();
    assert_eq!(copies.iter().collect::<BTreeSet<_>>().len(), copies.len());
    let unnamed = sessions.merge("t", "s", &MergeOptions::continuation().at(99).into_branch(""))?;
    let unnamed = sessions.get(&unnamed.session_id)?;
    assert_eq!((&*unnamed.name, unnamed.branch_point), ("Merge of Session s into Session t", 3));
    assert_eq!(unnamed.conversation.messages.len(), 5);
    assert_agree(&sessions)
}

pub(crate) fn case_20_what_cannot_be_merged<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    let options = MergeOptions::continuation();
    let error = sessions.merge("t", "t", &options).expect_err("it is one session");
    assert_eq!(error.to_string(), "cannot merge session with itself");
    assert_refused!(Err::<(), _>(error), SessionError::InvalidArgument(_));
    assert_refused!(sessions.merge("x", "y", &options), SessionError::NotFound { id } if id == "x");
    assert_refused!(sessions.merge("t", "y", &options), SessionError::NotFound { id } if id == "y");
    assert_refused!(
        sessions.merge("t", "y", &options.into_branch("b")),
        SessionError::NotFound { id } if id == "y"
    );
    assert_refused!(Session::from_json(r#"{"id": "none"}"#), SessionError::InvalidSession { .. });
    assert_refused!(MergeKind::try_from(3), SessionError::UnsupportedMerge { kind: 3 });
    assert_eq!(MergeKind::try_from(2)?, MergeKind::CherryPick);
    assert_eq!(words(&sessions, "t")?, ["t0", "t1", "t2"]);
    sessions.branch("t", "b", "", 1)?;
    assert_eq!(merge(&sessions, "b", "t", &MergeOptions::continuation())?, 3);
    assert_agree(&sessions)
}

pub(crate) fn case_22_messages_are_picked_in_the_order_asked<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    let mut source = session("m", &["one", "two", "three"]);
    for (number, message) in (1..).zip(&mut source.conversation.messages) {
        message.id = format!("m{number}");
        message.timestamp = super::seconds(number);
        message.metadata = super::map();
        let content = vec![7; if number == 3 { 300_000 } else { 3 }];
        message.attachments.push(Attachment { content, ..Attachment::file("a", "a") });
    }
    sessions.create(&source)?;
    assert_eq!(merge(&sessions, "t", "m", &MergeOptions::cherry_pick(["m3", "zz", "m1", "m1"]))?, 3);
    let found = sessions.get("t")?.conversation.messages;
    assert_eq!(words(&sessions, "t")?[3..], ["three", "one", "one"]);
    for (copy, number) in found[3..].iter().zip([2, 0, 0]) {
        let picked = source.conversation.messages[number].clone();
        assert!(ChatMessage { id: picked.id.clone(), ..copy.clone() } == picked);
        assert_ne!(copy.id, picked.id);
    }
    assert_eq!(merge(&sessions, "t", "m", &MergeOptions::cherry_pick(["zz"]))?, 0);
    let merged = sessions.merge("t", "m", &MergeOptions::cherry_pick(["m2"]).into_branch("b"))?;
    assert_eq!(words(&sessions, &merged.session_id)?.len(), 7);
    assert_agree(&sessions)
}

pub(crate) fn merged_messages_are_shared_safely<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    merge(&sessions, "t", "s", &MergeOptions::continuation())?;
    merge(&sessions, "s", "t", &MergeOptions::continuation())?;
    merge(&sessions, "t", "s", &MergeOptions::continuation())?;
    let expected = words(&sessions, "t")?;
    assert_eq!(expected.len(), 12);
    let mut source = sessions.get("s")?;
    source.conversation.messages[0].content = "changed".into();
    source.conversation.messages.truncate(1);
    sessions.save(&source)?;
    assert_eq!(words(&sessions, "t")?, expected);
    let mut target = sessions.get("t")?;
    target.conversation.messages[0].content = "changed too".into();
    sessions.save(&target)?;
    assert_eq!(words(&sessions, "t")?[1..], expected[1..], "copies of its own messages stay");
    assert_eq!(words(&sessions, "s")?, ["changed"]);
    assert_agree(&sessions)?;
    sessions.delete("s")?;
    assert_eq!(words(&sessions, "t")?[1..], expected[1..]);
    sessions.delete("t")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn sessions_merged_again_and_again_stay_whole<S: Subject>(subject: &S) -> Result<()> {
    let sessions = pair(subject)?;
    let (mut target, mut source) = (words(&sessions, "t")?, words(&sessions, "s")?);
    for round in 0..8 {
        merge(&sessions, "t", "s", &MergeOptions::continuation())?;
        target.extend(source.clone());
        let more = format!("round {round}");
        sessions.append("t", &[ChatMessage::user(&*more)], None)?;
        target.push(more);
        merge(&sessions, "s", "t", &MergeOptions::continuation())?;
        source.extend(target.clone());
        assert_eq!((words(&sessions, "t")?, words(&sessions, "s")?), (target.clone(), source.clone()));
    }
    let before = message_ids(&sessions, "s")?;
    sessions.append("s", &many(1), None)?;
    assert_eq!(message_ids(&sessions, "s")?[..before.len()], before, "ids stay as they are");
    assert_agree(&sessions)
}
