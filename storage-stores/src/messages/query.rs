//! What a read asks for.

use storage_core::{Direction, Timestamp};

use super::error::{MessageError, Result};
use super::layout::{Placed, type_hash};
use super::names;

/// So many messages are read unless a query says otherwise.
pub const BATCH_DEFAULT: i64 = 1000;

/// Which messages of a stream, a category or a namespace are read. All conditions hold together.
///
/// Positions are those of the stream where a stream is read, and global ones otherwise. As in Message DB, a position
/// below 0 is 0, and a batch of -1 has no limit.
///
/// ```
/// use storage_stores::messages::Query;
///
/// let page = Query::new().from(100).batch(50);
/// let last_ten = Query::new().backwards().batch(10);
/// let mine = Query::new().consumer_group(2, 8).correlation("transfer");
/// let money = Query::new().types(["Deposited", "Withdrawn"]);
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    from: Option<i64>,
    batch: i64,
    direction: Direction,
    global_position: Option<i64>,
    correlation: Option<String>,
    /// Each with its hash.
    types: Option<Vec<(u32, String)>>,
    member: Option<i64>,
    size: Option<i64>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Query {
    /// From the beginning, up to a thousand messages.
    pub fn new() -> Self {
        Query {
            from: None,
            batch: BATCH_DEFAULT,
            direction: Direction::Forward,
            global_position: None,
            correlation: None,
            types: None,
            member: None,
            size: None,
            since: None,
            until: None,
        }
    }

    /// From a position on, itself included; backwards, from it down.
    #[must_use]
    pub fn from(mut self, position: i64) -> Self {
        self.from = Some(position);
        self
    }

    /// Up to so many messages; -1 for all of them. Anything else below 1 is `InvalidOptions`.
    ///
    /// A batch is filled with messages that match, however far apart they are.
    #[must_use]
    pub fn batch(mut self, messages: i64) -> Self {
        self.batch = messages;
        self
    }

    /// From the last message, or the position given, down to the first.
    #[must_use]
    pub fn backwards(mut self) -> Self {
        self.direction = Direction::Reverse;
        self
    }

    /// Only messages at this global position or behind it. Of use where a stream is read.
    #[must_use]
    pub fn global_position(mut self, position: i64) -> Self {
        self.global_position = Some(position);
        self
    }

    /// Only messages whose metadata name a stream of this category as `correlationStreamName`.
    ///
    /// `CorrelationMustBeCategory` where it has a dash. A stream cannot be read so.
    #[must_use]
    pub fn correlation(mut self, category: impl Into<String>) -> Self {
        self.correlation = Some(category.into());
        self
    }

    /// Only messages of one of these types, compared as bytes. `InvalidOptions` where there is none.
    ///
    /// What a category or a namespace has of other types is passed over without being read.
    #[must_use]
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        let types = types.into_iter().map(Into::into);
        self.types = Some(types.map(|name: String| (type_hash(&name), name)).collect());
        self
    }

    /// Only messages that go to one member of a consumer group, by [`names::member`]. Members count from 0.
    ///
    /// `InvalidConsumerGroup` for a member that a group of that size does not have. A stream cannot be read so.
    #[must_use]
    pub fn consumer_group(self, member: i64, size: i64) -> Self {
        self.consumer_group_member(member).consumer_group_size(size)
    }

    /// The member alone, for options that come from elsewhere. Without a size it is `InvalidConsumerGroup`.
    #[must_use]
    pub fn consumer_group_member(mut self, member: i64) -> Self {
        self.member = Some(member);
        self
    }

    /// The size alone, for options that come from elsewhere. Without a member it is `InvalidConsumerGroup`.
    #[must_use]
    pub fn consumer_group_size(mut self, size: i64) -> Self {
        self.size = Some(size);
        self
    }

    /// Only messages written at this time or later.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Only messages written before this time.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// The query with every option checked.
    pub(super) fn check(&self) -> Result<Checked<'_>> {
        let limit = match self.batch {
            -1 => usize::MAX,
            batch if batch >= 1 => usize::try_from(batch).unwrap_or(usize::MAX),
            batch => {
                let message = format!("a batch has {batch} messages, smallest is 1; -1 is without limit");
                return Err(MessageError::InvalidOptions(message));
            }
        };
        if let Some(correlation) = self.correlation.as_ref().filter(|name| !names::is_category(name)) {
            return Err(MessageError::CorrelationMustBeCategory { name: correlation.clone() });
        }
        if self.types.as_ref().is_some_and(Vec::is_empty) {
            return Err(MessageError::InvalidOptions("of no type there is no message".into()));
        }
        Ok(Checked {
            from: self.from.map(|from| u64::try_from(from).unwrap_or(0)),
            limit,
            direction: self.direction,
            filter: Filter {
                least_global: self.global_position.map_or(0, |at| u64::try_from(at).unwrap_or(0)),
                correlation: self.correlation.as_deref(),
                types: self.types.as_deref(),
                group: check_group(self.member, self.size)?,
            },
            since: self.since,
            until: self.until,
        })
    }
}

impl Default for Query {
    fn default() -> Self {
        Query::new()
    }
}

fn check_group(member: Option<i64>, size: Option<i64>) -> Result<Option<Group>> {
    let invalid = |reason| Err(MessageError::InvalidConsumerGroup { reason });
    let (member, size) = match (member, size) {
        (None, None) => return Ok(None),
        (Some(member), Some(size)) => (member, size),
        _ => return invalid("Consumer group member and size must be specified"),
    };
    if size < 1 {
        return invalid("Consumer group size must not be less than 1");
    }
    if member < 0 {
        return invalid("Consumer group member must not be less than 0");
    }
    if member >= size {
        return invalid("Consumer group member must be less than the group size");
    }
    Ok(Some(Group { member: member.unsigned_abs(), size: size.unsigned_abs() }))
}

/// A query that can be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked<'q> {
    pub(super) from: Option<u64>,
    pub(super) limit: usize,
    pub(super) direction: Direction,
    pub(super) filter: Filter<'q>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

/// What decides whether a message is read, apart from its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'q> {
    pub(super) least_global: u64,
    pub(super) correlation: Option<&'q str>,
    /// Each with its hash.
    types: Option<&'q [(u32, String)]>,
    pub(super) group: Option<Group>,
}

/// A member of a consumer group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    member: u64,
    size: u64,
}

impl Filter<'_> {
    /// Whether it lets a message pass of which the log says this. One of another type may pass, by its hash.
    pub(super) fn passes(&self, placed: &Placed<'_>) -> bool {
        let in_group = self
            .group
            .is_none_or(|group| placed.cardinal_hash.is_some_and(|hash| hash % group.size == group.member));
        let of_type = |types: &[(u32, String)]| types.iter().any(|(hash, _)| *hash == placed.type_hash);
        in_group
            && self.correlation.is_none_or(|wanted| placed.correlation == Some(wanted))
            && self.types.is_none_or(of_type)
    }

    /// Whether a message of this type is asked for.
    pub(super) fn has_type(&self, message_type: &str) -> bool {
        self.types.is_none_or(|types| types.iter().any(|(_, name)| name == message_type))
    }
}
