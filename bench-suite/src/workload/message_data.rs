//! What the rows of the message store write: as a table's programs make it, from numbers alone.

use serde_json::{Map, Value};

/// The data of a message, as a program has it before it writes and after it has read.
pub type Data = Map<String, Value>;

/// The category that a faithful row reads, and to which every row writes.
pub const ACCOUNT: &str = "account";
/// Categories of the store that an honest row reads.
pub const CATEGORIES: u64 = 10;
/// Streams of each of them.
pub const STREAMS: u64 = 10;

/// Categories that stand beside the one that a growth row reads, and streams of all of them.
const OTHER_CATEGORIES: u64 = 97;
const OTHER_STREAMS: u64 = 10_000;
/// Streams of the one that it reads, and its messages.
const SPARSE_STREAMS: u64 = 10;
/// How many messages a growth row's category has.
pub const SPARSE: u64 = 100;

/// A message about to be written.
#[derive(Clone, Debug)]
pub struct Made {
    /// The stream.
    pub stream: String,
    /// Its type.
    pub message_type: &'static str,
    /// What it says.
    pub data: Data,
    /// With which stream it is correlated.
    pub correlation: Option<&'static str>,
}

fn made(stream: String, message_type: &'static str, data: Data) -> Made {
    Made { stream, message_type, data, correlation: None }
}

fn with(name: &str, value: impl Into<Value>) -> Data {
    Data::from_iter([(name.to_owned(), value.into())])
}

/// The name of a stream of a category.
#[must_use]
pub fn stream(category: &str, id: u64) -> String {
    format!("{category}-{id}")
}

/// The message with which the stream of this number begins.
#[must_use]
pub fn created(number: u64) -> Made {
    let mut data = with("accountId", number);
    data.insert("name".to_owned(), "Test Account".into());
    made(stream(ACCOUNT, number), "AccountCreated", data)
}

/// One more message of a stream.
#[must_use]
pub fn event(stream: String, sequence: u64) -> Made {
    made(stream, "AccountEvent", with("sequence", sequence))
}

/// One more message of a stream, with data of about so many bytes.
#[must_use]
pub fn large(stream: String, sequence: u64, bytes: u64) -> Made {
    let text = format!("{sequence:08}").repeat(bytes.div_ceil(8) as usize);
    made(stream, "AccountEvent", with("text", text))
}

/// The category of a number in the honest store.
#[must_use]
pub fn category(number: u64) -> String {
    format!("{ACCOUNT}{}", number % CATEGORIES)
}

/// The stream of a number in the honest store.
#[must_use]
pub fn honest_stream(number: u64) -> String {
    stream(&category(number), (number / CATEGORIES) % STREAMS)
}

/// The honest store: its streams are written by turns, and one in a hundred messages of the first category is
/// correlated with a transfer.
pub fn honest(records: u64) -> impl Iterator<Item = Made> {
    (0..records).map(|number| Made {
        correlation: Some(if number.is_multiple_of(100 * CATEGORIES) { "transfer-1" } else { "deposit-1" }),
        ..event(honest_stream(number), number)
    })
}

/// The store of a growth row: a hundred messages of one category, far apart among so many others.
pub fn sparse(others: u64) -> impl Iterator<Item = Made> {
    let apart = (others / SPARSE).max(1);
    (0..others).flat_map(move |number| {
        let other = stream(&format!("other{}", number % OTHER_CATEGORIES), number % OTHER_STREAMS);
        let rare = number / apart;
        let is_due = number.is_multiple_of(apart) && rare < SPARSE;
        let rare = is_due.then(|| event(stream(ACCOUNT, rare % SPARSE_STREAMS), rare / SPARSE_STREAMS));
        rare.into_iter().chain([event(other, number)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_category_has_its_messages_whatever_stands_beside() {
        for others in [1_000, 12_345] {
            let all: Vec<Made> = sparse(others).collect();
            let rare: Vec<&Made> = all.iter().filter(|made| made.stream.starts_with("account-")).collect();
            assert_eq!((rare.len() as u64, all.len() as u64), (SPARSE, others + SPARSE));
            assert_eq!((&*rare[0].stream, &*rare[99].stream), ("account-0", "account-9"));
        }
    }

    #[test]
    fn an_honest_store_has_streams_of_equal_length() {
        let mut lens = std::collections::BTreeMap::new();
        honest(10_000).for_each(|made| *lens.entry(made.stream).or_insert(0) += 1);
        assert_eq!((lens.len(), lens.values().all(|&len| len == 100)), (100, true));
    }
}
