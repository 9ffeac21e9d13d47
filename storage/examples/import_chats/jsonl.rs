//! JSON lines: one object a line, a message each.
//!
//! | field | what it is |
//! |---|---|
//! | `session` (or `session_id`, `conversation`, `conversation_id`) | the id of the session |
//! | `role` | `user` (or `human`), `assistant` or `system` |
//! | `content` | the words, if none an empty string |
//! | `timestamp` (or `time`, `created_at`) | RFC 3339, or seconds since 1970 |
//! | `id`, optional | the id of the message; without one it is its number in the session |
//! | `title`, optional | what the session is called: the first that is given |
//! | `from`, optional | who said it |
//!
//! Sessions may be mixed, and in any order. Other fields are passed over, as are empty lines.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use storage::Timestamp;
use storage::stores::messages::parse_time;
use storage::stores::sessions::{ChatMessage, Role, Session};

use super::{Problem, Wrong, message, session};

/// So many characters of the first message name a session that has no title.
const NAME_LEN: usize = 60;

#[derive(Deserialize)]
struct Line {
    #[serde(default, alias = "session_id", alias = "conversation", alias = "conversation_id")]
    session: String,
    #[serde(default)]
    role: String,
    content: Option<String>,
    #[serde(default, alias = "time", alias = "created_at")]
    timestamp: Value,
    #[serde(default)]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    from: String,
}

#[derive(Default)]
struct Chat {
    title: String,
    ids: HashSet<String>,
    messages: Vec<ChatMessage>,
}

/// The sessions of JSON lines.
pub fn chats(lines: &[Vec<u8>]) -> Result<Vec<Session>, Wrong> {
    let mut chats: BTreeMap<String, Chat> = BTreeMap::new();
    for (number, line) in (1..).zip(lines) {
        if !line.iter().all(u8::is_ascii_whitespace) {
            take(line, &mut chats).map_err(|problem| (number, problem))?;
        }
    }
    Ok(chats.into_iter().map(|(id, chat)| chat.into_session(&id)).collect())
}

fn take(line: &[u8], chats: &mut BTreeMap<String, Chat>) -> Result<(), Problem> {
    let line: Line = serde_json::from_slice(line).map_err(|error| Problem::Json(error.to_string()))?;
    let needed = [("session", &line.session), ("role", &line.role)];
    if let Some((name, _)) = needed.into_iter().find(|(_, text)| text.is_empty()) {
        return Err(Problem::Missing(name));
    }
    let content = line.content.ok_or(Problem::Missing("content"))?;
    let (role, time) = (role(&line.role)?, time(&line.timestamp)?);
    let chat = chats.entry(line.session).or_default();
    let id = if line.id.is_empty() { chat.messages.len().to_string() } else { line.id };
    if !chat.ids.insert(id.clone()) {
        return Err(Problem::Twice(id));
    }
    if chat.title.is_empty() {
        chat.title = line.title;
    }
    chat.messages.push(message(id, role, &line.from, &content, time));
    Ok(())
}

impl Chat {
    fn into_session(self, id: &str) -> Session {
        let mut session = session(id, &self.title, self.messages);
        if session.name.is_empty() {
            let first = session.conversation.messages.first();
            let words = first.and_then(|first| first.content.lines().next()).unwrap_or_default();
            session.name = words.chars().take(NAME_LEN).collect();
        }
        session
    }
}

fn role(name: &str) -> Result<Role, Problem> {
    match name.to_ascii_lowercase().as_str() {
        "user" | "human" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(Problem::Role(name.to_owned())),
    }
}

fn time(value: &Value) -> Result<Timestamp, Problem> {
    let time = match value {
        Value::Null => return Err(Problem::Missing("timestamp")),
        Value::String(text) => parse_time(text),
        // To the microsecond: what a number with a point has.
        Value::Number(seconds) => seconds
            .as_f64()
            .filter(|seconds| (0.0..1e10).contains(seconds))
            .map(|seconds| Timestamp::from_nanos((seconds * 1e6).round() as u64 * 1_000)),
        _ => None,
    };
    time.ok_or_else(|| Problem::Time(value.to_string()))
}
