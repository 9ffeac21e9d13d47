//! Sessions as text, and back.

use storage_core::Engine;
use storage_stores::sessions::{
    Attachment, ChatMessage, ExportFormat, Result, Session, SessionError, Sessions,
};

use super::{assert_agree, assert_refused, create, full, open, session};
use crate::subject::Subject;

fn export<E: Engine>(sessions: &Sessions<E>, id: &str, format: &str) -> Result<String> {
    let mut text = Vec::new();
    sessions.export(id, format, &mut text)?;
    Ok(String::from_utf8(text).expect("an export is UTF-8"))
}

pub(crate) fn case_11_exports_hold_the_session<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["Hello there", "General"]);
    session.name = "Export Test".into();
    sessions.create(&session)?;
    let json: serde_json::Value =
        serde_json::from_str(&export(&sessions, "s-1", "json")?).expect("it is JSON");
    assert_eq!((&json["id"], &json["name"]), (&"s-1".into(), &"Export Test".into()));
    let markdown = export(&sessions, "s-1", ExportFormat::Markdown.as_str())?;
    for text in ["# Session: Export Test", "Hello there", "General", "### User", "### Assistant"] {
        assert!(markdown.contains(text), "{text} in {markdown}");
    }
    for format in ["invalid", "text", "html", "JSON", ""] {
        let error = export(&sessions, "s-1", format).expect_err("there is no such format");
        assert_eq!(error.to_string(), format!("unsupported export format: {format}"));
        assert_refused!(Err::<(), _>(error), SessionError::UnsupportedFormat { .. });
        assert_refused!(export(&sessions, "s-2", format), SessionError::NotFound { .. });
    }
    Ok(())
}

pub(crate) fn json_has_the_fields_of_the_format<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = Session::new("s-1", "");
    session.conversation.messages.push(ChatMessage::user("Hello").with_id("m-1"));
    sessions.create(&session)?;
    let text = export(&sessions, "s-1", "json")?;
    let updated = storage_stores::messages::format_time(sessions.info("s-1")?.updated);
    let expected = format!(
        r#"{{
  "id": "s-1",
  "conversation": {{
    "id": "s-1",
    "messages": [
      {{
        "id": "m-1",
        "role": "user",
        "content": "Hello",
        "timestamp": "{updated}"
      }}
    ],
    "model": "",
    "provider": "",
    "temperature": 0.7,
    "max_tokens": 0,
    "created": "{updated}",
    "updated": "{updated}"
  }},
  "created": "{updated}",
  "updated": "{updated}"
}}"#
    );
    assert_eq!(text, expected);
    sessions.create(&full("s-2"))?;
    let json: serde_json::Value =
        serde_json::from_str(&export(&sessions, "s-2", "json")?).expect("it is JSON");
    let attachment = &json["conversation"]["messages"][2]["attachments"][0];
    assert_eq!((&attachment["type"], &attachment["mime_type"]), (&"image".into(), &"image/png".into()));
    assert!(attachment["content"].as_str().is_some_and(|content| content.starts_with("AAECAwQF")));
    for name in ["config", "tags", "metadata", "parent_id", "branch_point", "branch_name", "child_ids"] {
        assert!(!json[name].is_null(), "{name}");
    }
    Ok(())
}

pub(crate) fn markdown_is_as_people_read_it<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    let mut session = session("s-1", &["Look at this", "Fine"]);
    session.name = "Pictures".into();
    session.tags = vec!["a".into(), "b".into()];
    session.created = super::seconds(0);
    session.conversation.system_prompt = "Be kind.".into();
    session.conversation.messages[0].attachments = vec![
        Attachment { mime_type: "image/png".into(), ..Attachment::file("at-1", "cat.png") },
        Attachment { url: "https://example.org".into(), ..Attachment::default() },
    ];
    sessions.create(&session)?;
    let info = sessions.info("s-1")?;
    let time = storage_stores::messages::format_time;
    let expected = format!(
        "# Session: Pictures\n\nID: s-1\nCreated: {}\nUpdated: {}\nTags: a, b\n\n## System Prompt\n\nBe kind.\n\n\
         ## Conversation\n\n### User\n\nLook at this\n\n- cat.png (image/png)\n- https://example.org\n\n\
         ### Assistant\n\nFine\n",
        time(info.created),
        time(info.updated)
    );
    assert_eq!(export(&sessions, "s-1", "markdown")?, expected);
    Ok(())
}

pub(crate) fn exported_json_is_imported_again<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    sessions.create(&full("s-1"))?;
    let before = sessions.get("s-1")?;
    let text = export(&sessions, "s-1", "json")?;
    assert_refused!(sessions.import(&text), SessionError::AlreadyExists { .. });
    let other = sessions.store().user("bob")?;
    let info = other.import(&text)?;
    assert_eq!(info.updated, before.updated, "times are taken over");
    assert_eq!(other.get("s-1")?, Session { version: info.version, ..before });
    assert_eq!(export(&other, "s-1", "json")?, text);
    let bare = r#"{"id": "bare", "tags": null, "config": null, "conversation": {"messages": null}}"#;
    other.import(bare)?;
    assert_eq!(other.get("bare")?.conversation.temperature.to_string(), "0.7");
    for text in ["", "{}", "[]", r#"{"id": 5}"#, r#"{"id": "x"}"#, r#"{"id": "x", "conversation": null}"#] {
        assert_refused!(other.import(text), SessionError::InvalidSession { .. });
    }
    let nameless = r#"{"id": "", "conversation": {}}"#;
    assert_refused!(other.import(nameless), SessionError::InvalidArgument(_));
    assert_agree(&other)
}

pub(crate) fn copies_of_a_branch_are_exported_whole<S: Subject>(subject: &S) -> Result<()> {
    let sessions = open(subject)?;
    create(&sessions, "p", &["one", "two"])?;
    sessions.branch("p", "b", "", 2)?;
    sessions.append("b", &super::many(2), None)?;
    let text = export(&sessions, "b", "json")?;
    let before = sessions.get("b")?;
    sessions.delete("p")?;
    sessions.delete("b")?;
    sessions.import(&text)?;
    let after = sessions.get("b")?;
    assert_eq!(after.conversation, before.conversation);
    sessions.append("b", &super::many(1), None)?;
    assert_agree(&sessions)
}
