//! Chat sessions: messages in order, with attachments and tags, that branch, merge and are exported.
//!
//! A [`SessionStore`] has users; [`Sessions`] are those of one of them in hand, and show nothing of another's. A session
//! that is read comes whole; what is written is compared with what stands, and only the difference is put. Every change
//! gives a session another version and a later time.
//!
//! # What is stored
//! | keyspace | key | value |
//! |---|---|---|
//! | `sessions` | user, id | the session without its messages: the header |
//! | `session_messages` | user, segment, position | up to 64 messages from that position on: a chunk |
//! | `session_blobs` | user, segment, position, attachment, part | content of an attachment that is too long to stand in its message |
//! | `session_index` | user, 0, inverted time, id | the segments of the session: by this it is listed |
//! | | user, 1, parent, number | id of a child |
//! | | user, 2, segment | how many sessions share it, and up to which position |
//! | | user, 3, segment, 0, position | hashes of the ids that came with the messages of a chunk |
//! | | user, 3, segment, 1, hash | the hash of one such id |
//! | | user, 4, segment, id | that the session has a span of the segment, where there is a text index |
//! | | empty, 0 | what there is of a text index: empty if it is finished |
//! | | empty, 1 | how far it is that is being made |
//! | `session_text` | | the text index, a scope for each user |
//!
//! # How messages are shared
//! Messages stand in segments, and a header lists spans of them. Only the session that began a segment writes to it. A
//! branch takes the spans of its parent up to where it branches off, and a merge those of its source, so neither
//! copies a message. The ids of such copies follow from a number in the span and the position, so they are fresh
//! without being stored. What is shared is never changed: who rewrites or drops a message up to which others share
//! begins a new segment there. A segment goes with the last session that has a span of it. Past 32 spans a session's
//! messages are copied into one segment, so that a read costs its messages and a handful of spans, however deep a branch.
//!
//! An append so writes a chunk with the new messages, the header, and moves one entry of the listing.

mod attachment;
mod blobs;
mod branching;
mod conversation;
mod error;
mod exporting;
mod finding;
mod history;
mod ids;
mod indexing;
mod json;
mod layout;
mod listing;
mod merging;
mod reading;
mod removal;
mod saving;
mod searching;
mod session;
mod sharing;
mod snippet;
mod store;
mod stored;
mod texts;

pub use attachment::{Attachment, AttachmentKind};
pub use branching::{BRANCH_DEPTH_MAX, BranchTree};
pub use conversation::{ChatMessage, Conversation, Role};
pub use error::{Result, SessionError};
pub use exporting::ExportFormat;
pub use finding::{Findings, FoundText};
pub use json::{JSON_DEPTH_MAX, JsonMap};
pub use listing::{SessionInfo, SessionListing, SessionPage};
pub use merging::{MergeKind, MergeOptions, Merged};
pub use saving::Appended;
pub use searching::{MatchKind, SearchFound, SearchMatch, SearchOptions, SearchResult};
pub use session::Session;
pub use snippet::snippet;
pub use store::{SESSION_ID_LEN_MAX, SessionStore, Sessions, USER_LEN_MAX};
