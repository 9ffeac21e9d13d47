//! A session in hand: a value that knows no store.

use serde::{Deserialize, Serialize};
use storage_core::Timestamp;

use super::conversation::Conversation;
use super::json::{self, JsonMap, is_default, non_empty, or_default};

/// A chat session as it is read and saved. Nothing that is done to it reaches the store before it is saved.
///
/// Its JSON is that of an export; what is empty is left out there, and read as empty where it is missing or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id, unique for its user: up to 512 bytes of any text.
    pub id: String,
    /// What it is called.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What was said.
    pub conversation: Conversation,
    /// Settings of the application.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "JsonMap::is_empty")]
    pub config: JsonMap,
    /// When it was created. Zero stands for the time of the first save.
    #[serde(default, with = "json::time")]
    pub created: Timestamp,
    /// When it was last changed. The store sets it, later with every change.
    #[serde(default, with = "json::time")]
    pub updated: Timestamp,
    /// Words by which it is found, each once.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Anything else.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// The session that it branched off; `None` for a root.
    #[serde(default, deserialize_with = "non_empty", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// How many messages it took from the parent.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub branch_point: u64,
    /// What the branch is called.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub branch_name: String,
    /// The sessions that branched off it, in order, each once.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub child_ids: Vec<String>,
    /// The version that was read; 0 for one that was never stored. Another one for every change, in no order.
    #[serde(skip)]
    pub version: u64,
}

impl Session {
    /// An empty session of an id that the caller chose.
    /// [`Sessions::new_session`](super::Sessions::new_session) makes one with a fresh id and the time.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        let id = id.into();
        let conversation = Conversation { id: id.clone(), ..Conversation::default() };
        Session { id, name: name.into(), conversation, ..Session::default() }
    }

    /// Whether it branched off another one.
    pub fn is_branch(&self) -> bool {
        self.parent_id.is_some()
    }

    /// Adds a tag, unless it is there.
    pub fn add_tag(&mut self, tag: impl Into<String>) {
        add(&mut self.tags, tag.into());
    }

    /// Removes a tag, if it is there.
    pub fn remove_tag(&mut self, tag: &str) {
        self.tags.retain(|other| other != tag);
    }

    /// Adds a child, unless it is there.
    pub fn add_child(&mut self, id: impl Into<String>) {
        add(&mut self.child_ids, id.into());
    }

    /// Removes a child, if it is there. Saved, a session keeps those children that say it is their parent.
    pub fn remove_child(&mut self, id: &str) {
        self.child_ids.retain(|other| other != id);
    }
}

fn add(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}
