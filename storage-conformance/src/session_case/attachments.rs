//! Attachments, small and large.

use storage_stores::sessions::{Attachment, AttachmentKind, ChatMessage, Result, SessionError};

use super::{assert_agree, assert_refused, create, open, records, session};
use crate::subject::Subject;

/// Content of a length, every part of which is another.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at.wrapping_mul(at >> 8) % 251).expect("it is below 251")).collect()
}

fn attached(name: &str, len: usize) -> ChatMessage {
    let attachment = Attachment { content: content(len), ..Attachment::file(name, name) };
    ChatMessage::user(name).with_attachment(attachment)
}

pub(crate) fn case_12_attachments_come_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &[]);
    let attachment = Attachment { mime_type: "text/plain".into(), ..Attachment::file("", "document.txt") };
    session.conversation.messages =
        vec![ChatMessage::user("Here").with_attachment(attachment.clone()), ChatMessage::assistant("Thanks")];
    sessions.create(&session)?;
    let messages = sessions.get("s-1")?.conversation.messages;
    assert_eq!((&messages[0].attachments[..], messages[1].attachments.len()), (&[attachment][..], 0));
    Ok(())
}

pub(crate) fn attachments_of_any_length_come_back<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &[])?;
    let lens = [0, 1, 4_096, 4_097, 262_144, 262_145, 1_000_000];
    for len in lens {
        sessions.append("s-1", &[attached(&len.to_string(), len)], None)?;
    }
    let mut several = attached("several", 10_000);
    several.attachments.extend([5_000, 3, 300_000].map(|len| Attachment {
        kind: AttachmentKind::Image,
        content: content(len),
        ..Attachment::default()
    }));
    sessions.append("s-1", &[several.clone()], None)?;
    let found = sessions.get("s-1")?.conversation.messages;
    for (message, len) in found.iter().zip(lens) {
        assert!(message.attachments[0].content == content(len), "{len} bytes");
    }
    assert!(found[lens.len()].attachments == several.attachments);
    sessions.delete("s-1")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn changed_attachments_are_replaced<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one"])?;
    sessions.append("s-1", &[attached("a", 600_000), attached("b", 500_000), attached("c", 10)], None)?;
    sessions.branch("s-1", "s-2", "", 4)?;
    let before = sessions.get("s-1")?.conversation.messages;
    for (number, len) in [(1, 5_000), (2, 3), (3, 400_000), (1, 700_000)] {
        let mut session = sessions.get("s-1")?;
        session.conversation.messages[number].attachments[0].content = content(len);
        sessions.save(&session)?;
        assert!(sessions.get("s-1")?.conversation.messages == session.conversation.messages);
    }
    let branch = sessions.get("s-2")?.conversation.messages;
    assert!(branch.iter().zip(&before).all(|(copy, own)| copy.attachments == own.attachments));
    assert_agree(&sessions)?;
    sessions.delete("s-1")?;
    assert!(sessions.get("s-2")?.conversation.messages == branch);
    sessions.delete("s-2")?;
    assert_eq!(records(&sessions)?, [0; 4]);
    Ok(())
}

pub(crate) fn message_past_the_limit_is_too_large<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "s-1", &["one"])?;
    let before = sessions.get("s-1")?;
    let long = ChatMessage::user("x".repeat(storage_core::limits::VALUE_LEN_MAX));
    assert_refused!(sessions.append("s-1", &[long], None), SessionError::TooLarge { .. });
    assert_eq!(sessions.get("s-1")?, before);
    let large = "y".repeat(4 << 20);
    sessions.append("s-1", &[ChatMessage::user(large.clone()), ChatMessage::user("small")], None)?;
    assert!(sessions.get("s-1")?.conversation.messages[1].content == large);
    assert_agree(&sessions)
}
