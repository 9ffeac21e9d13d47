//! Sessions as text: JSON that can be imported again, and Markdown for people.

use std::fmt::{self, Write as _};
use std::io;
use std::str::FromStr;

use storage_core::Engine;

use super::attachment::Attachment;
use super::error::{Result, SessionError};
use super::listing::SessionInfo;
use super::saving::{Since, check};
use super::session::Session;
use super::store::Sessions;
use crate::rfc3339::format_time;

/// A form in which sessions are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportFormat {
    /// Indented JSON with everything that a session has.
    Json,
    /// Markdown: what was said, with headings.
    Markdown,
}

impl ExportFormat {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportFormat::Json => "json",
            ExportFormat::Markdown => "markdown",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = SessionError;

    /// `UnsupportedFormat` for any other name, `text` and `html` among them.
    fn from_str(name: &str) -> Result<Self> {
        let formats = [ExportFormat::Json, ExportFormat::Markdown];
        let format = formats.into_iter().find(|format| format.as_str() == name);
        format.ok_or_else(|| SessionError::UnsupportedFormat { format: name.to_owned() })
    }
}

impl AsRef<str> for ExportFormat {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<E: Engine> Sessions<E> {
    /// Writes a session to `sink` in a format, given as an [`ExportFormat`] or by its name.
    ///
    /// `NotFound` if there is no such session, whatever the format; `UnsupportedFormat` if there is no such format.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::sessions::{ChatMessage, SessionStore};
    ///
    /// let ann = SessionStore::open(&Database::new(storage_mem::MemEngine::new())?)?.user("ann")?;
    /// let mut session = ann.new_session("Trip to Rome");
    /// session.conversation.messages.push(ChatMessage::user("When is it warm there?"));
    /// ann.create(&session)?;
    ///
    /// let mut text = Vec::new();
    /// ann.export(&session.id, "markdown", &mut text)?;
    /// assert!(String::from_utf8(text)?.contains("### User\n\nWhen is it warm there?\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, id: &str, format: impl AsRef<str>, sink: &mut impl io::Write) -> Result<()> {
        let session = self.get(id)?;
        let text = match format.as_ref().parse()? {
            ExportFormat::Json => session.to_json()?,
            ExportFormat::Markdown => session.to_markdown(),
        };
        Ok(sink.write_all(text.as_bytes())?)
    }

    /// Stores the session of an exported JSON text, with its times, as a new one.
    ///
    /// `InvalidSession` for a text that is none; for the rest as [`create`](Self::create).
    pub fn import(&self, json: &str) -> Result<SessionInfo> {
        let session = Session::from_json(json)?;
        check(&session)?;
        self.write(|writing, txn| match self.find_header(txn, &session.id)? {
            Some(_) => Err(SessionError::AlreadyExists { id: session.id.clone() }),
            None => writing.insert(txn, &session, Since::Then),
        })
    }
}

impl Session {
    /// The session as JSON, indented by two blanks.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| SessionError::InvalidSession { reason: error.to_string() })
    }

    /// The session of a JSON text. `InvalidSession` if it is none; one without a conversation is none.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| SessionError::InvalidSession { reason: error.to_string() })
    }

    /// The session as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        self.write_markdown(&mut text).expect("text can be written to a string");
        text
    }

    fn write_markdown(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "# Session: {}\n", self.name)?;
        writeln!(to, "ID: {}", self.id)?;
        writeln!(to, "Created: {}", format_time(self.created))?;
        writeln!(to, "Updated: {}", format_time(self.updated))?;
        if !self.tags.is_empty() {
            writeln!(to, "Tags: {}", self.tags.join(", "))?;
        }
        let conversation = &self.conversation;
        if !conversation.system_prompt.is_empty() {
            writeln!(to, "\n## System Prompt\n\n{}", conversation.system_prompt)?;
        }
        writeln!(to, "\n## Conversation")?;
        for message in &conversation.messages {
            writeln!(to, "\n### {}\n\n{}", message.role.title(), message.content)?;
            if !message.attachments.is_empty() {
                writeln!(to)?;
            }
            for attachment in &message.attachments {
                writeln!(to, "- {}", told(attachment))?;
            }
        }
        Ok(())
    }
}

fn told(attachment: &Attachment) -> String {
    match &*attachment.mime_type {
        "" => attachment.display_name().to_owned(),
        mime_type => format!("{} ({mime_type})", attachment.display_name()),
    }
}
