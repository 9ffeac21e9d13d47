//! The rows of the message store.

use super::super::identity::{Family, Ops, Profile, Spec, Variant};
use super::{FAITHFUL, FILL, HONEST, STANDARD_RECORDS, concurrency, engine, growth};

/// A new message, at the end of a stream.
pub const WRITE: &str = "write-message";
/// The same by several threads, of which only one writes at a time.
pub const WRITE_ALONE: &str = "write-message-one-commit-each";
/// Ten messages of a stream.
pub const STREAM: &str = "stream-10";
/// A hundred of a category.
pub const CATEGORY: &str = "category-100";
/// A hundred of a category, as a member of a group of eight sees it.
pub const GROUP: &str = "category-100-group-of-8";
/// The hundred of a category that are correlated with another, one in a hundred.
pub const CORRELATED: &str = "category-10-correlated";
/// The first hundred streams.
pub const STREAMS: &str = "list-streams-100";

/// Messages that are there when several threads write.
const WRITTEN_BEFORE: u64 = 1_000;
/// Sizes of a message's data other than those of the table.
const DATA_BYTES: [u64; 2] = [1 << 10, 64 << 10];

/// Larger stores than this take minutes to fill with messages.
const GROWN_MAX: u64 = 1_000_000;

fn message(workload: &'static str, variant: Option<Variant>, records: u64) -> Spec {
    let family = Family::Messages;
    Spec { family, variant, records, value_bytes: None, ..engine(workload) }
}

/// Single writes.
#[must_use]
pub fn write(profile: Profile) -> Vec<Spec> {
    let faithful = Spec { ops: Ops::Fixed(FILL), ..message(WRITE, FAITHFUL, FILL) };
    let honest = message(WRITE, HONEST, STANDARD_RECORDS);
    let large = DATA_BYTES.map(|bytes| Spec {
        value_bytes: Some(bytes),
        ops: Ops::AtMost(FILL / 10),
        ..message(WRITE, None, WRITTEN_BEFORE)
    });
    let growing = grown(profile, WRITE);
    let mut specs = vec![faithful];
    specs.extend([honest].into_iter().chain(growing).map(|spec| Spec { ops: Ops::AtMost(FILL), ..spec }));
    specs.extend(large);
    specs
}

/// Several threads, each with a stream of its own.
#[must_use]
pub fn writers() -> Vec<Spec> {
    concurrency(WRITE).map(few_before).collect()
}

/// The same, where only one of them writes at a time.
#[must_use]
pub fn one_commit_each() -> Vec<Spec> {
    concurrency(WRITE_ALONE).map(few_before).collect()
}

/// Pages of a stream and of a category.
#[must_use]
pub fn read(profile: Profile) -> Vec<Spec> {
    let pages = |workload| grown(profile, workload);
    let mut specs: Vec<Spec> = [STREAM, CATEGORY]
        .into_iter()
        .flat_map(|workload| [message(workload, FAITHFUL, 100), message(workload, HONEST, STANDARD_RECORDS)])
        .collect();
    // The sizes of ours are measured against each other: they ought to cost the same.
    specs.extend(pages(STREAM).chain(pages(CATEGORY)).map(|spec| Spec { sizes_together: true, ..spec }));
    specs
}

/// Pages that leave messages out.
#[must_use]
pub fn filters() -> Vec<Spec> {
    [GROUP, CORRELATED, STREAMS].map(|workload| message(workload, None, STANDARD_RECORDS)).to_vec()
}

fn grown(profile: Profile, workload: &'static str) -> impl Iterator<Item = Spec> {
    growth(profile, workload).filter(|spec| spec.records <= GROWN_MAX).map(without_size)
}

/// What a message's data has depends on the row.
fn without_size(mut spec: Spec) -> Spec {
    spec.value_bytes = None;
    spec
}

fn few_before(spec: Spec) -> Spec {
    let mut spec = without_size(spec);
    spec.records = WRITTEN_BEFORE;
    spec
}

/// What one operation of a row is.
pub(super) const MEANINGS: &[(&str, Option<Variant>, &str)] = &[
    (
        WRITE,
        FAITHFUL,
        "make a message and write it to a new stream, 10,000 times into an empty store (500 where each is forced to \
         the disk)",
    ),
    (WRITE, HONEST, "write a message made beforehand to one of 100 streams that are there"),
    (
        WRITE,
        None,
        "write a message made beforehand to a stream that is there; each thread has one of its own",
    ),
    (
        WRITE_ALONE,
        None,
        "the same as `write-message`, where only one thread writes at a time, so that each write is a commit",
    ),
    (STREAM, FAITHFUL, "read the first 10 messages of the one stream, which has 100"),
    (
        STREAM,
        HONEST,
        "read 10 messages of one of 100 streams, from a random one on, and look into the data of each",
    ),
    (STREAM, None, "read the 10 messages of a stream, among so many of others"),
    (
        CATEGORY,
        FAITHFUL,
        "read the 100 messages of the one category, which has 10 streams: all that there is",
    ),
    (
        CATEGORY,
        HONEST,
        "read 100 of the 1,000 messages of one of 10 categories, and look into the data of each",
    ),
    (CATEGORY, None, "read the 100 messages of a category that stand far apart among so many of others"),
    (GROUP, None, "read 100 messages of a category that go to one member of a consumer group of 8"),
    (
        CORRELATED,
        None,
        "read the 10 of a category's 1,000 messages that are correlated with another category",
    ),
    (STREAMS, None, "list the first 100 streams, with version and time of each"),
];
