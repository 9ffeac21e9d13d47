//! An event store: streams of messages, in categories, in the order of their commits, as Message DB keeps them.
//!
//! A [`MessageStore`] has namespaces; [`Messages`] is one of them in hand. A message is written at the end of a stream,
//! if the stream is at the version that the writer expects, and gets the next global position of its namespace. Global
//! positions are drawn by the commit: they follow its order without a gap, no reader sees one before a smaller one, and
//! writers of different streams do not conflict.
//!
//! # What is stored
//! | keyspace | key | value |
//! |---|---|---|
//! | `message_namespaces` | name | number, description, times |
//! | `messages` | number, stream, position | the message |
//! | `message_index` | number, 0 | counter: the last global position |
//! | | number, 1 | counter: global positions up to that at which no message stands |
//! | | number, 2, category | counter: its streams |
//! | | number, 3, category | counter: its messages |
//! | | number, 4, global position | key of the message, hashes of its type and cardinal id, correlation |
//! | | number, 5, category, global position | the same |
//! | | number, 6, id | key of the message |
//! | | number, 7, stream | its head: version, count, time, the last positions of sixteen types |
//! | | number, 8, stream, type | the last position of a type that the head has no place for |
//! | | number, 9, consumer | the position that it has stored |
//! | | number, 10, group | its size |
//! | | number, 10, group, member | its lease and its position |
//!
//! So an append writes the message once, three small entries, the head, and two counters; the first of a stream a third
//! one. Keys are tuples, so no name can be taken for the beginning of another.

mod consumers;
mod error;
mod fetching;
mod importing;
mod json;
mod layout;
mod lines;
mod listing;
mod message;
pub mod names;
mod namespace;
mod query;
mod reading;
mod removal;
mod store;
mod subscription;
mod summary;
mod timing;
mod writing;

pub use uuid::Uuid;

pub use crate::rfc3339::{format_time, parse_time};
pub use consumers::{MemberInfo, MemberLease};
pub use error::{MessageError, Result};
pub use importing::{ImportOptions, Imported};
pub use json::Json;
pub use lines::{Export, Exported, ImportFailed, ImportProgress};
pub use listing::{CategoryInfo, StreamInfo, StreamListing, Streams};
pub use message::{
    MESSAGE_LEN_MAX, MESSAGE_TYPE_LEN_MAX, Message, NewMessage, STREAM_NAME_LEN_MAX, parse_id,
};
pub use namespace::Messages;
pub use query::{BATCH_DEFAULT, Query};
pub use reading::Page;
pub use removal::Retention;
pub use store::{MessageStore, Mode, NamespaceInfo, NewNamespace};
pub use subscription::Subscription;
pub use summary::{Grouping, Summary, SummaryRow};
pub use writing::{Appended, ExpectedVersion, StreamWrite, Written};
