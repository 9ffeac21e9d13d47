//! The list of all rows: which sizes and thread counts each workload is measured at, and what each row means.
//!
//! Names that line up with redb's README table: `bulk-load` is its "bulk load", `put` its "individual
//! writes", `put-batch-100` its "batch writes", `get` its "random reads", `range-10` its "random range
//! reads", `delete` its "removals".

pub mod messages;
pub mod sessions;

use super::identity::{Class, Family, Ops, Profile, Spec, Variant};
use crate::measure::process::available_memory;

/// The size at which single operations are measured.
const STANDARD_RECORDS: u64 = 10_000;
/// The size of a value, unless the row is about that.
const STANDARD_VALUE: u64 = 100;
/// Other sizes of values, and the number of records that keeps the data set below 128 MiB.
const OTHER_VALUES: [(u64, u64); 4] = [(16, 10_000), (1 << 10, 10_000), (64 << 10, 1_000), (1 << 20, 100)];
/// The size that only a full run reaches, on a machine with room for it.
const LARGEST: u64 = 10_000_000;
/// The memory that must be free for that: four contestants hold the records at once.
const LARGEST_MEMORY: u64 = 16 << 30;
/// Thread counts of the concurrency rows.
const THREADS: [u32; 4] = [1, 2, 8, 64];
/// Appends of a batch: enough to keep 64 threads busy, divisible among them.
const APPENDS: u64 = 6_400;
/// Tasks, blocks and performers of a batch that fills an empty store, as one doubling of Go's `b.N` would.
const FILL: u64 = 10_000;
/// The same where each write is forced to the disk by itself.
const FORCED_FILL: u64 = 500;
/// Records that fill an empty store on disk in a quick run.
const QUICK_DISK_LOAD: u64 = 10_000;
/// Records of the store that is opened after a kill in a full run, each of this size: more than 1 GiB.
const KILLED_RECORDS: u64 = 1_000_000;
const KILLED_VALUE: u64 = 1 << 10;
/// Records of a store on disk where there are no figures: as many as the longest range.
const SMOKE_RECORDS: u64 = 1_000;
/// Writes of a sustained row, of a kilobyte each: several times what a journal holds before a checkpoint begins.
const SUSTAINED: u64 = 65_536;
/// The same in a quick run, and by how much fewer there are where each is forced to the disk by itself.
const QUICK_SUSTAINED: u64 = 8_192;
const FORCED_PART: u64 = 4;
/// Writes of a burst: fewer than begin a checkpoint.
const BURST: u64 = 1_000;

const SUSTAINED_PUTS: &str = "put-1k-sustained";

fn engine(workload: &'static str) -> Spec {
    Spec {
        family: Family::Engine,
        workload,
        variant: None,
        threads: 1,
        records: STANDARD_RECORDS,
        value_bytes: Some(STANDARD_VALUE),
        ops: Ops::Free,
        sizes_together: false,
    }
}

fn growth(profile: Profile, workload: &'static str) -> impl Iterator<Item = Spec> {
    let sizes: &[u64] = match profile {
        Profile::Full => &[1_000, 10_000, 100_000, 1_000_000, LARGEST],
        Profile::Quick => &[1_000, 10_000, 100_000],
        Profile::Smoke => &[1_000],
    };
    sizes.iter().map(move |&records| Spec { family: Family::Growth, records, ..engine(workload) })
}

/// Rows at several sizes that a quick run has at the standard size only.
fn full_growth(profile: Profile, workload: &'static str) -> impl Iterator<Item = Spec> {
    growth(profile, workload).filter(move |_| profile == Profile::Full)
}

fn concurrency(workload: &'static str) -> impl Iterator<Item = Spec> {
    THREADS.into_iter().map(move |threads| Spec { family: Family::Concurrency, threads, ..engine(workload) })
}

fn value_sizes(profile: Profile, workload: &'static str) -> impl Iterator<Item = Spec> {
    // Where there are no figures, the large values need not fill a disk.
    let part = if profile == Profile::Smoke { 20 } else { 1 };
    OTHER_VALUES.into_iter().map(move |(value_bytes, records)| Spec {
        records: records / part,
        value_bytes: Some(value_bytes),
        ..engine(workload)
    })
}

/// Reads of records that are there.
#[must_use]
pub fn get(profile: Profile) -> Vec<Spec> {
    std::iter::once(engine("get")).chain(value_sizes(profile, "get")).chain(growth(profile, "get")).collect()
}

/// Reads of records that are not there.
#[must_use]
pub fn get_miss() -> Vec<Spec> {
    vec![engine("get-miss")]
}

/// Reads in one snapshot.
#[must_use]
pub fn get_snapshot(profile: Profile) -> Vec<Spec> {
    std::iter::once(engine("get-snapshot")).chain(full_growth(profile, "get-snapshot")).collect()
}

/// Writes over records that are there.
#[must_use]
pub fn put(profile: Profile) -> Vec<Spec> {
    std::iter::once(engine("put"))
        .chain(value_sizes(profile, "put"))
        .chain(concurrency("put"))
        .chain(growth(profile, "put"))
        .collect()
}

/// Writes over records that are there, at the standard size only.
#[must_use]
pub fn standard_put() -> Vec<Spec> {
    vec![engine("put")]
}

/// The same writes by several threads, each committed by itself.
#[must_use]
pub fn one_commit_each() -> Vec<Spec> {
    concurrency("one-commit-each").collect()
}

/// Opening a store that was closed.
#[must_use]
pub fn open(profile: Profile) -> Vec<Spec> {
    growth(profile, "open").map(|spec| Spec { ops: Ops::Fixed(1), ..spec }).collect()
}

/// Opening a store whose process was killed.
#[must_use]
pub fn open_after_kill(profile: Profile) -> Vec<Spec> {
    let mut specs: Vec<Spec> = growth(profile, "open-after-kill").collect();
    if profile == Profile::Full {
        let large = Spec { records: KILLED_RECORDS, ..engine("open-after-kill") };
        specs.push(Spec { value_bytes: Some(KILLED_VALUE), ..large });
    }
    specs.into_iter().map(|spec| Spec { ops: Ops::Fixed(1), ..spec }).collect()
}

/// Hundred writes as one.
#[must_use]
pub fn put_batch(profile: Profile) -> Vec<Spec> {
    std::iter::once(engine("put-batch-100")).chain(full_growth(profile, "put-batch-100")).collect()
}

/// 32 writes as one.
#[must_use]
pub fn put_batch_32() -> Vec<Spec> {
    vec![engine("put-batch-32")]
}

fn many_puts(workload: &'static str, puts: u64) -> Spec {
    Spec { records: puts, value_bytes: Some(1 << 10), ops: Ops::Fixed(puts), ..engine(workload) }
}

/// Writes that go on for so long that what they put off is done between them.
#[must_use]
pub fn put_sustained(profile: Profile) -> Vec<Spec> {
    let puts = match profile {
        Profile::Full => SUSTAINED,
        Profile::Quick | Profile::Smoke => QUICK_SUSTAINED,
    };
    vec![many_puts(SUSTAINED_PUTS, puts)]
}

/// Writes without what they put off.
#[must_use]
pub fn put_burst() -> Vec<Spec> {
    vec![many_puts("put-1k-burst", BURST)]
}

/// Removals.
#[must_use]
pub fn delete() -> Vec<Spec> {
    vec![Spec { ops: Ops::AtMost(STANDARD_RECORDS / 2), ..engine("delete") }]
}

/// Filling an empty store.
#[must_use]
pub fn bulk_load(profile: Profile) -> Vec<Spec> {
    let records = match profile {
        Profile::Full => 1_000_000,
        Profile::Quick | Profile::Smoke => 100_000,
    };
    vec![Spec { records, ops: Ops::Fixed(records), ..engine("bulk-load") }]
}

/// Ranges from a random record on.
#[must_use]
pub fn range(profile: Profile) -> Vec<Spec> {
    ["range-10", "range-100", "range-1000", "range-100-reverse"]
        .into_iter()
        .map(engine)
        .chain(growth(profile, "range-100"))
        .collect()
}

/// The first page of a listing. The sizes are measured against each other, because they ought to cost the
/// same.
#[must_use]
pub fn list_page(profile: Profile) -> Vec<Spec> {
    let together = growth(profile, "list-page").map(|spec| Spec { sizes_together: true, ..spec });
    std::iter::once(engine("list-page")).chain(together).collect()
}

/// Moves between two records.
#[must_use]
pub fn transfer() -> Vec<Spec> {
    concurrency("transfer").collect()
}

/// Appends to one sequence.
#[must_use]
pub fn append() -> Vec<Spec> {
    concurrency("append").map(|spec| Spec { records: APPENDS, ops: Ops::Fixed(APPENDS), ..spec }).collect()
}

fn task(workload: &'static str, variant: Variant, records: u64) -> Spec {
    Spec {
        family: Family::Tasks,
        variant: Some(variant),
        records,
        value_bytes: None,
        ops: Ops::Free,
        ..engine(workload)
    }
}

fn both(workload: &'static str, records: u64) -> Vec<Spec> {
    vec![task(workload, Variant::Faithful, records), task(workload, Variant::Honest, records)]
}

fn fixed(ops: u64, mut specs: Vec<Spec>) -> Vec<Spec> {
    for spec in &mut specs {
        spec.ops = Ops::Fixed(ops);
    }
    specs
}

/// Saves into an empty store.
#[must_use]
pub fn save_task() -> Vec<Spec> {
    fixed(FILL, both("save-task", FILL))
}

/// Reads of single tasks.
#[must_use]
pub fn get_task() -> Vec<Spec> {
    both("get-task", 1_000)
}

/// Lists of a thousand pending tasks.
#[must_use]
pub fn list_pending() -> Vec<Spec> {
    vec![
        task("list-pending-1000", Variant::Faithful, 1_000),
        // Every third of these is completed, so that a thousand are pending.
        task("list-pending-1000", Variant::Honest, 1_500),
    ]
}

/// Two workers that save and list by turns.
#[must_use]
pub fn concurrent_read_write() -> Vec<Spec> {
    [("concurrent-read-write-2000", 2_000), ("concurrent-read-write-10000", 10_000)]
        .into_iter()
        .flat_map(|(workload, size)| {
            // The faithful store grows with every other operation, so its figure holds for this number only.
            let faithful = fixed(size, vec![task(workload, Variant::Faithful, size / 2)]);
            let honest = vec![task(workload, Variant::Honest, size)];
            faithful.into_iter().chain(honest).map(|spec| Spec { threads: 2, ..spec })
        })
        .collect()
}

/// The last processed block.
#[must_use]
pub fn last_block() -> Vec<Spec> {
    vec![
        task("last-processed-block", Variant::Faithful, 1),
        Spec { ops: Ops::Fixed(FILL), ..task("last-processed-block", Variant::Honest, FILL) },
    ]
}

/// Upserts of ten configurations.
#[must_use]
pub fn save_config() -> Vec<Spec> {
    vec![
        task("save-operator-set-config", Variant::Faithful, 10),
        Spec { ops: Ops::AtMost(FILL), ..task("save-operator-set-config", Variant::Honest, 10) },
    ]
}

/// Saves of performers.
#[must_use]
pub fn save_performer() -> Vec<Spec> {
    vec![
        Spec { ops: Ops::Fixed(FILL), ..task("save-performer", Variant::Faithful, FILL) },
        Spec { ops: Ops::AtMost(FILL), ..task("save-performer", Variant::Honest, 100) },
    ]
}

/// Lists of a hundred performers.
#[must_use]
pub fn list_performers() -> Vec<Spec> {
    both("list-performers-100", 100)
}

/// Lists of ten thousand tasks.
#[must_use]
pub fn large_dataset() -> Vec<Spec> {
    vec![
        Spec { ops: Ops::Fixed(100), ..task("large-dataset", Variant::Faithful, 10_000) },
        task("large-dataset", Variant::Honest, 10_000),
    ]
}

/// A row as contestants of a class run it, or why they do not.
///
/// On disk, what takes minutes there is left to a full run, and fewer records fill a store.
pub fn for_class(spec: Spec, class: Class, profile: Profile) -> Result<Spec, &'static str> {
    if spec.records >= LARGEST && available_memory().is_none_or(|bytes| bytes < LARGEST_MEMORY) {
        return Err("10^7 records need 16 GiB of memory that is free");
    }
    if class == Class::Memory {
        return Ok(spec);
    }
    // Where there are no figures, stores need not fill a disk: each record may be a file.
    let records_max = if profile == Profile::Smoke { SMOKE_RECORDS } else { u64::MAX };
    let spec = Spec { records: spec.records.min(records_max), ..spec };
    let faithful = spec.variant == FAITHFUL;
    let quick = profile != Profile::Full;
    match spec.workload {
        "concurrent-read-write-10000" if quick => Err(SLOW),
        "concurrent-read-write-2000" | "large-dataset" if quick && faithful => Err(SLOW),
        "put" if quick && class != Class::PowerLoss && spec.value_bytes != Some(STANDARD_VALUE) => {
            Err("a quick run measures other sizes of values with durable writes only")
        }
        "bulk-load" if quick => {
            Ok(Spec { records: QUICK_DISK_LOAD, ops: Ops::Fixed(QUICK_DISK_LOAD), ..spec })
        }
        SUSTAINED_PUTS if class == Class::PowerLoss => {
            Ok(many_puts(SUSTAINED_PUTS, spec.records / FORCED_PART))
        }
        _ if class == Class::PowerLoss && spec.variant.is_some() && spec.ops == Ops::Fixed(FILL) => {
            let records = spec.records.min(FORCED_FILL);
            Ok(Spec { records, ops: Ops::Fixed(FORCED_FILL), ..spec })
        }
        _ => Ok(spec),
    }
}

/// Why a row is not in a quick run.
const SLOW: &str = "takes minutes on disk; `--full` measures it";

/// What one operation of a row is, for the report.
///
/// `None` for a name that is not in the list.
#[must_use]
pub fn meaning(workload: &str, variant: Option<Variant>) -> Option<&'static str> {
    all_meanings().find(|row| row.0 == workload && row.1 == variant).map(|row| row.2)
}

fn all_meanings() -> impl Iterator<Item = &'static (&'static str, Option<Variant>, &'static str)> {
    MEANINGS.iter().chain(messages::MEANINGS).chain(sessions::MEANINGS)
}

const FAITHFUL: Option<Variant> = Some(Variant::Faithful);
const HONEST: Option<Variant> = Some(Variant::Honest);

const MEANINGS: &[(&str, Option<Variant>, &str)] = &[
    ("get", None, "read a random record that is there; the caller gets a value that it may keep"),
    ("get-miss", None, "look for a key that is not there"),
    ("get-snapshot", None, "read a random record in one snapshot that is held through the batch"),
    ("put", None, "give a random record that is there a new value"),
    (
        "one-commit-each",
        None,
        "the same as `put`, where nothing puts writes of several threads into one commit",
    ),
    ("open", None, "open a store that was closed, and read a record"),
    (
        "open-after-kill",
        None,
        "open a store whose process was killed right after a durable commit, and read a record (the file is in \
         the system's cache)",
    ),
    (
        "put-batch-100",
        None,
        "give 100 random records new values, as one where the contestant can (an operation is the batch)",
    ),
    ("put-batch-32", None, "the same with 32 records"),
    (
        "put-1k-sustained",
        None,
        "give every record a new value of 1 KiB, each once, with all that the writes put off in the time",
    ),
    (
        "put-1k-burst",
        None,
        "give each of 1,000 records a new value of 1 KiB; what these writes put off is not in the time",
    ),
    ("delete", None, "remove a record that is there; at most half of them in a batch"),
    ("bulk-load", None, "fill an empty store, in chunks of 1,000 (an operation is a record)"),
    ("range-10", None, "look at key and value of 10 records from a random one on"),
    ("range-100", None, "look at key and value of 100 records from a random one on"),
    ("range-1000", None, "look at key and value of 1,000 records from a random one on"),
    ("range-100-reverse", None, "look at key and value of 100 records from a random one downwards"),
    ("list-page", None, "look at the first 100 records of the store"),
    (
        "transfer",
        None,
        "read two random records and write both, as one; the sum of all is checked afterwards",
    ),
    (
        "append",
        None,
        "add a record under the next number of one sequence for all threads; gaps are looked for after",
    ),
    ("save-task", FAITHFUL, "make id and task and save it, 10,000 times into an empty store"),
    ("save-task", HONEST, "save a task made beforehand, 10,000 times into an empty store"),
    ("get-task", FAITHFUL, "make the id of the next of 1,000 tasks and get it"),
    (
        "get-task",
        HONEST,
        "get a random one of 1,000 tasks by an id made beforehand and read its id and payload",
    ),
    (
        "list-pending-1000",
        FAITHFUL,
        "list 1,000 pending tasks (every third was asked to complete at once: illegal, so no change)",
    ),
    ("list-pending-1000", HONEST, "list the 1,000 pending among 1,500 tasks and read the id of each"),
    (
        "concurrent-read-write-2000",
        FAITHFUL,
        "two workers, by turns make and save a task and list all: 2,000 operations on an empty store",
    ),
    (
        "concurrent-read-write-2000",
        HONEST,
        "two workers, by turns replace a task (delete, save one made beforehand) and read the ids of 2,000",
    ),
    ("concurrent-read-write-10000", FAITHFUL, "the same as 2000, with 10,000 operations"),
    ("concurrent-read-write-10000", HONEST, "the same as 2000, with 10,000 pending throughout"),
    ("last-processed-block", FAITHFUL, "set the number of one chain's last block"),
    (
        "last-processed-block",
        HONEST,
        "save the record of the next block of one AVS and chain and ask for the last, 10,000 times",
    ),
    (
        "save-operator-set-config",
        FAITHFUL,
        "make the key of one of 10 operator sets and its configuration, and save it",
    ),
    ("save-operator-set-config", HONEST, "save a configuration made beforehand for one of 10 operator sets"),
    (
        "save-performer",
        FAITHFUL,
        "make id and state of a new performer and save it, 10,000 times into an empty store",
    ),
    ("save-performer", HONEST, "save a new state made beforehand of one of 100 performers"),
    ("list-performers-100", FAITHFUL, "list 100 performers"),
    (
        "list-performers-100",
        HONEST,
        "list 100 performers with two environment variables each and read id, status and variables",
    ),
    (
        "large-dataset",
        FAITHFUL,
        "list 10,000 pending tasks, 100 times, with the saving of tasks and configurations in the time",
    ),
    (
        "large-dataset",
        HONEST,
        "list 10,000 pending tasks and read the id of each, with the saving outside the time",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn all(profile: Profile) -> Vec<Spec> {
        [
            get(profile),
            get_miss(),
            get_snapshot(profile),
            put(profile),
            one_commit_each(),
            open(profile),
            open_after_kill(profile),
            put_batch(profile),
            put_batch_32(),
            put_sustained(profile),
            put_burst(),
            delete(),
            bulk_load(profile),
            range(profile),
            list_page(profile),
            transfer(),
            append(),
            save_task(),
            get_task(),
            list_pending(),
            concurrent_read_write(),
            last_block(),
            save_config(),
            save_performer(),
            list_performers(),
            large_dataset(),
            messages::write(profile),
            messages::writers(),
            messages::one_commit_each(),
            messages::read(profile),
            messages::filters(),
            sessions::save(),
            sessions::workflow(),
            sessions::append(profile),
            sessions::append_indexed(profile),
            sessions::load(),
            sessions::list(),
            sessions::search(),
            sessions::find(profile),
        ]
        .concat()
    }

    #[test]
    fn every_row_has_a_meaning_and_every_meaning_a_row() {
        let rows = all(Profile::Full);
        for row in &rows {
            assert!(meaning(row.workload, row.variant).is_some(), "{} {:?}", row.workload, row.variant);
        }
        for (workload, variant, _) in all_meanings() {
            assert!(
                rows.iter().any(|row| row.workload == *workload && row.variant == *variant),
                "{workload}"
            );
        }
    }

    #[test]
    fn every_row_is_listed_once() {
        let rows = all(Profile::Full);
        for (at, row) in rows.iter().enumerate() {
            assert!(!rows[at + 1..].contains(row), "{row:?}");
        }
    }

    #[test]
    fn quick_stays_within_a_hundred_thousand_records() {
        assert!(all(Profile::Quick).iter().all(|row| row.records <= 100_000));
        assert!(all(Profile::Full).iter().any(|row| row.records == 1_000_000));
    }

    #[test]
    fn fixed_operations_divide_among_the_threads() {
        for row in all(Profile::Full) {
            if let Ops::Fixed(ops) = row.ops {
                assert_eq!(ops % u64::from(row.threads), 0, "{row:?}");
            }
        }
    }
}
