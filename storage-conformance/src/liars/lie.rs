//! What each liar does wrong, which case must say so, and whether the model and list-append histories do.

/// One way in which an engine is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lie {
    /// Half of the writes of a batch take place.
    HalfOfABatch,
    /// The two halves of a batch can be seen one after the other.
    BatchInTwoSteps,
    /// Deletes do nothing.
    LostDelete,
    /// Range deletes do nothing.
    LostRangeDelete,
    /// Range deletes take the key at their end along.
    RangeDeleteTakesItsEnd,
    /// Range deletes come after the writes of their batch.
    RangeDeletesLast,
    /// A put over a record whose value is as long changes nothing.
    StickyValue,
    /// Values end after 4,096 bytes.
    CutValues,
    /// The keyspaces of an application are one.
    OneKeyspace,
    /// One of the keyspaces that hold records is not listed.
    HidesAKeyspace,
    /// Keys end at their first NUL.
    KeysEndAtNul,
    /// Keys that differ in case are one.
    KeysFoldCase,
    /// Expiries are not stored.
    NoExpiry,
    /// The byte beside the value is not stored.
    NoUserByte,
    /// Reads of single keys are one commit behind.
    StaleGet,
    /// An empty value reads as none.
    EmptyIsAbsent,
    /// Several records come in the order of their keys.
    ManyInKeyOrder,
    /// A key that is asked for twice is answered once.
    ManyWithoutRepeats,
    /// Neighbours in a range come in the wrong order.
    SwappedNeighbours,
    /// Bytes above 127 sort before the others.
    SignedOrder,
    /// A range holds its end.
    RangeWithItsEnd,
    /// A range does not hold its start.
    RangeWithoutItsStart,
    /// A range that is read from its end holds its end and not its start.
    MirroredBounds,
    /// A range that is read from its end comes from its start.
    ReverseIsForward,
    /// A range without an end stops before the byte 255.
    OpenRangeStopsAt255,
    /// A range skips a record after one whose value was read.
    SkipsAfterValue,
    /// A range returns every fourth record twice, as if at the edge of a page.
    RepeatsAtPages,
    /// A range that has ended begins anew.
    WrapsAround,
    /// A snapshot shows what is newest.
    MovingSnapshot,
    /// A snapshot is pinned by its first read.
    LazySnapshot,
    /// A snapshot is one commit behind.
    StaleSnapshot,
    /// The snapshot of a transaction is one commit behind.
    StaleTransaction,
    /// Ranges are one commit behind.
    StaleRange,
    /// Some records of a snapshot are one commit behind the others.
    TornSnapshot,
    /// A commit takes place when the next call comes that changes anything.
    AcknowledgedBeforeVisible,
    /// Every fifth commit takes place and is said not to have.
    DeniedCommit,
    /// Every fifth commit takes place, can be seen for a while, and is taken back.
    RevokedCommit,
    /// Every third commit does not take place if it is deferred.
    LostCommit,
    /// Neither `sync` nor `close` makes a deferred commit durable.
    SyncDoesNothing,
    /// Opening again loses the last commit.
    ReopenForgetsTheLast,
}

/// What is said of a lie.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Liar {
    /// What is wrong.
    pub lie: Lie,
    /// The name of the case that must fail.
    pub caught_by: &'static str,
    /// Whether the model finds it.
    pub model: Finds,
    /// Whether histories of list appends find it.
    pub list_append: Finds,
}

/// Whether a harness finds a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finds {
    /// It must.
    Must,
    /// It may not, for this reason.
    Exempt(&'static str),
}

use Finds::{Exempt, Must};

const NO_CONCURRENCY: Finds = Exempt("the commits of its histories run one at a time");
const NO_SUCH_DATA: Finds = Exempt("its values are short, as its key space is small");
const NOT_ASKED: Finds = Exempt("no transaction of it does that");
const NOT_ISOLATION: Finds = Exempt("it concerns what is stored, not who sees it when");

const fn liar(lie: Lie, caught_by: &'static str, model: Finds, list_append: Finds) -> Liar {
    Liar { lie, caught_by, model, list_append }
}

/// Every liar, each lie once.
pub const LIARS: &[Liar] = &[
    liar(Lie::HalfOfABatch, "one_commit_spans_keyspaces", Must, Must),
    liar(Lie::BatchInTwoSteps, "commits_are_seen_whole_or_not_at_all", NO_CONCURRENCY, Must),
    liar(Lie::LostDelete, "delete_removes_the_record", Must, NOT_ASKED),
    liar(Lie::LostRangeDelete, "put_before_a_range_delete_goes", Must, NOT_ASKED),
    liar(Lie::RangeDeleteTakesItsEnd, "range_delete_takes_its_start_and_not_its_end", Must, NOT_ASKED),
    liar(Lie::RangeDeletesLast, "put_after_a_range_delete_stays", Must, NOT_ASKED),
    liar(Lie::StickyValue, "put_is_seen_by_other_handles_and_threads", Must, NOT_ISOLATION),
    liar(Lie::CutValues, "large_values_come_back_whole", NO_SUCH_DATA, NOT_ISOLATION),
    liar(Lie::OneKeyspace, "keyspaces_are_independent", Must, NOT_ISOLATION),
    liar(
        Lie::HidesAKeyspace,
        "engine_lists_every_keyspace_that_holds_a_record",
        Exempt("no step of it asks for the keyspaces"),
        NOT_ASKED,
    ),
    liar(Lie::KeysEndAtNul, "keys_that_start_alike_are_distinct", Must, NOT_ISOLATION),
    liar(Lie::KeysFoldCase, "keys_that_differ_in_case_are_distinct", Must, NOT_ISOLATION),
    liar(Lie::NoExpiry, "record_is_gone_at_its_expiry", Must, NOT_ISOLATION),
    liar(Lie::NoUserByte, "user_byte_is_kept_beside_the_value", Must, NOT_ISOLATION),
    liar(Lie::StaleGet, "put_value_reads_back", Must, Must),
    liar(Lie::EmptyIsAbsent, "empty_value_is_not_absence", Must, NOT_ISOLATION),
    liar(Lie::ManyInKeyOrder, "get_many_answers_in_the_order_asked", Must, NOT_ASKED),
    liar(Lie::ManyWithoutRepeats, "get_many_answers_in_the_order_asked", Must, NOT_ASKED),
    liar(Lie::SwappedNeighbours, "forward_range_is_in_byte_order", Must, NOT_ISOLATION),
    liar(Lie::SignedOrder, "forward_range_is_in_byte_order", Must, NOT_ISOLATION),
    liar(Lie::RangeWithItsEnd, "range_holds_its_start_and_not_its_end", Must, NOT_ISOLATION),
    liar(Lie::RangeWithoutItsStart, "range_holds_its_start_and_not_its_end", Must, NOT_ISOLATION),
    liar(Lie::MirroredBounds, "reverse_prefix_stops_at_the_prefix", Must, NOT_ISOLATION),
    liar(Lie::ReverseIsForward, "reverse_range_is_the_mirror", Must, NOT_ISOLATION),
    liar(Lie::OpenRangeStopsAt255, "prefix_of_0xff_reaches_the_end", Must, NOT_ISOLATION),
    liar(Lie::SkipsAfterValue, "value_of_a_range_can_be_read_twice_or_never", Must, NOT_ISOLATION),
    liar(Lie::RepeatsAtPages, "ten_thousand_records_come_in_order", Must, NOT_ISOLATION),
    liar(
        Lie::WrapsAround,
        "engine_cursors_stand_where_they_were_moved",
        Exempt("a database never moves a cursor past its end"),
        NOT_ISOLATION,
    ),
    liar(Lie::MovingSnapshot, "snapshot_keeps_a_value_over_puts", Must, Must),
    liar(Lie::LazySnapshot, "snapshot_is_pinned_when_taken", Must, Exempt("its transactions read at once")),
    liar(Lie::StaleSnapshot, "later_reads_never_go_back", Must, Must),
    liar(Lie::StaleTransaction, "no_lost_update", Must, Must),
    liar(Lie::StaleRange, "range_is_empty_once_everything_was_deleted", Must, Must),
    liar(Lie::TornSnapshot, "no_read_skew", Must, Must),
    liar(Lie::AcknowledgedBeforeVisible, "put_value_reads_back", Must, Must),
    liar(Lie::DeniedCommit, "put_after_delete_reads_back", Must, Must),
    liar(Lie::RevokedCommit, "put_after_delete_reads_back", Must, Must),
    liar(Lie::LostCommit, "durabilities_mix_in_commit_order", Must, Must),
    liar(Lie::SyncDoesNothing, "deferred_commits_survive_a_clean_close", Must, NOT_ISOLATION),
    liar(Lie::ReopenForgetsTheLast, "records_survive_reopening", Must, NOT_ISOLATION),
];
