//! The list of goals.

use super::{Bound, Goal, Percentile, Place, Probe, Who};
use crate::workload::{Class, Family, Variant};

const fn in_memory(engine: &'static str, mode: Option<&'static str>) -> Who {
    Who { engine, mode, class: Class::Memory }
}

const MEM: Who = in_memory("mem", None);
const MEM_ANY: Who = in_memory("mem", Some("any"));
const MEM_READ_WRITE: Who = in_memory("mem", Some("read-write"));
const DASHMAP: Who = in_memory("bare-dashmap", None);
const PORT: Who = in_memory("port-tasks-memory", None);

const REDB: Who = Who { engine: "redb", mode: None, class: Class::PowerLoss };
const REDB_DEFERRED: Who = Who { class: Class::None, ..REDB };
const REDB_QUICK_REPAIR: Who = Who { mode: Some("quick-repair"), ..REDB };
const REDB_JOURNAL: Who = Who { mode: Some("journal"), ..REDB };
const BARE_REDB: Who = Who { engine: "bare-redb", ..REDB };
const BARE_REDB_DEFERRED: Who = Who { class: Class::None, ..BARE_REDB };
const SQLITE: Who = Who { engine: "sqlite", mode: None, class: Class::PowerLoss };
const BARE_RUSQLITE: Who = Who { engine: "bare-rusqlite", ..SQLITE };

const SQLITE_MEMORY: Who = in_memory("sqlite-memory", None);
const MESSAGES_PORT: Who = Who { engine: "port-messages-sqlite", ..SQLITE };
const SESSIONS_PORT: Who = Who { engine: "port-sessions-sqlite", ..SQLITE };
const SESSIONS_PORT_FILES: Who = Who { engine: "port-sessions-files", ..FS_DEFERRED };
const MESSAGES_PORT_MEMORY: Who = Who { class: Class::Memory, ..MESSAGES_PORT };

const FS: Who = Who { engine: "fs", mode: None, class: Class::PowerLoss };
const FS_DEFERRED: Who = Who { class: Class::ProcessCrash, ..FS };
const FS_FILES: Who = Who { mode: Some("files"), ..FS_DEFERRED };
const FS_FILES_UNCACHED: Who = Who { mode: Some("files-uncached"), ..FS_DEFERRED };
const BARE_LOG: Who = Who { engine: "bare-log", ..FS };
const BARE_FILES: Who = Who { engine: "bare-files", ..FS_DEFERRED };

const fn growth(workload: &'static str, records: u64) -> Place {
    Place { family: Family::Growth, workload, variant: None, threads: 1, records: Some(records) }
}

const fn tasks(workload: &'static str, threads: u32) -> Place {
    Place { family: Family::Tasks, workload, variant: Some(Variant::Faithful), threads, records: None }
}

const fn messages(workload: &'static str) -> Place {
    Place { family: Family::Messages, workload, variant: Some(Variant::Faithful), threads: 1, records: None }
}

const fn sessions(workload: &'static str, variant: Option<Variant>) -> Place {
    Place { family: Family::Sessions, workload, variant, threads: 1, records: None }
}

const fn ratio(at_most: f64) -> Bound {
    Bound::Ratio { against: DASHMAP, at_most }
}

const fn port(at_most: f64) -> Bound {
    Bound::Ratio { against: PORT, at_most }
}

const fn original(figure_ns: f64) -> Bound {
    Bound::Original { figure_ns, scaled_by: Probe::Cpu, at_most: 1.0 }
}

const fn concurrency(workload: &'static str, threads: u32) -> Place {
    Place { family: Family::Concurrency, workload, variant: None, threads, records: None }
}

const fn engine(workload: &'static str, records: Option<u64>) -> Place {
    Place { family: Family::Engine, workload, variant: None, threads: 1, records }
}

const fn goal(id: &'static str, wording: &'static str, place: Place, bound: Bound) -> Goal {
    Goal { id, wording, place, ours: MEM, bound }
}

/// A read through redb, beside the bare library at the same size.
const fn read(id: &'static str, workload: &'static str, records: u64, at_most: f64) -> Goal {
    let wording = "reads at most 1.05 x bare redb from 10^5 records on, 1.15 x below, at every size";
    let bound = Bound::Ratio { against: BARE_REDB, at_most };
    Goal { id, wording, place: growth(workload, records), ours: REDB, bound }
}

/// A durable write through redb, beside the bare library at the same size.
const fn durable(id: &'static str, workload: &'static str, records: u64) -> Goal {
    let wording = "durable single put and batch of 100 at most 1.10 x bare redb, at every size";
    let bound = Bound::Ratio { against: BARE_REDB, at_most: 1.10 };
    Goal { id, wording, place: growth(workload, records), ours: REDB, bound }
}

/// A durable write through redb with a journal, its checkpoints included, beside the bare library at the same size.
const fn journalled(id: &'static str, workload: &'static str, records: u64, at_most: f64) -> Goal {
    let wording = "with a journal, checkpoints included: durable batches of 32 and 100 at most 0.5 x bare redb, single put below 1 x";
    let bound = Bound::Ratio { against: BARE_REDB, at_most };
    Goal { id, wording, place: growth(workload, records), ours: REDB_JOURNAL, bound }
}

/// The longest that a checkpoint holds up a durable write through redb with a journal.
const fn stall(id: &'static str, place: Place) -> Goal {
    let wording = "with a journal: no checkpoint stall over 20 ms at the 99.9th percentile";
    let bound = Bound::Latency { percentile: Percentile::P999, at_most: 20e6 };
    Goal { id, wording, place, ours: REDB_JOURNAL, bound }
}

/// A durable put through plain files in lines, checkpoints included, beside the bare log at the same size.
const fn lines_put(id: &'static str, records: u64) -> Goal {
    let wording = "fs in lines: single durable put at most 1.3 x a bare preallocated append and fdatasync";
    let bound = Bound::Ratio { against: BARE_LOG, at_most: 1.3 };
    Goal { id, wording, place: growth("put", records), ours: FS, bound }
}

/// A read of a record in a file of its own, opened each time, beside bare files.
const fn files_get(id: &'static str, records: u64) -> Goal {
    let wording = "fs in files: reading a record at most 1.3 x open, read and close";
    let bound = Bound::Ratio { against: BARE_FILES, at_most: 1.3 };
    Goal { id, wording, place: growth("get", records), ours: FS_FILES_UNCACHED, bound }
}

/// Opening plain files.
const fn fs_open(id: &'static str, workload: &'static str, ours: Who, at_most: f64) -> Goal {
    let wording =
        "opening fs with 10^5 records: under one second after a clean close, under three after a kill";
    Goal { id, wording, place: growth(workload, 100_000), ours, bound: Bound::Ns { at_most } }
}

/// A deferred put through redb, beside the bare library at the same size.
const fn deferred(id: &'static str, records: u64) -> Goal {
    let wording = "deferred put at most 1.4 x bare redb, at every size";
    let bound = Bound::Ratio { against: BARE_REDB_DEFERRED, at_most: 1.4 };
    Goal { id, wording, place: growth("put", records), ours: REDB_DEFERRED, bound }
}

/// Single durable puts of several writers, beside the bare library with a commit each.
const fn writers(id: &'static str, wording: &'static str, threads: u32, at_most: f64) -> Goal {
    let bound = Bound::Beside { workload: "one-commit-each", against: BARE_REDB, at_most };
    Goal { id, wording, place: concurrency("put", threads), ours: REDB, bound }
}

/// A read through SQLite, beside the bare library at the same size.
const fn sqlite_read(id: &'static str, workload: &'static str, records: u64) -> Goal {
    let wording = "get and range of 100 at most 1.08 x bare rusqlite, at every size";
    let bound = Bound::Ratio { against: BARE_RUSQLITE, at_most: 1.08 };
    Goal { id, wording, place: growth(workload, records), ours: SQLITE, bound }
}

/// A durable write through SQLite, beside the bare library at the same size.
const fn sqlite_write(id: &'static str, workload: &'static str, records: u64) -> Goal {
    let wording = "durable single put and batch of 100 at most 1.10 x bare rusqlite, at every size";
    let bound = Bound::Ratio { against: BARE_RUSQLITE, at_most: 1.10 };
    Goal { id, wording, place: growth(workload, records), ours: SQLITE, bound }
}

/// A row of the task store on redb, beside the figure of the original on Badger.
const fn badger(
    id: &'static str,
    wording: &'static str,
    workload: &'static str,
    scaled_by: Probe,
    figure_us: f64,
    at_most: f64,
) -> Goal {
    let bound = Bound::Original { figure_ns: figure_us * 1_000.0, scaled_by, at_most };
    Goal { id, wording, place: tasks(workload, 1), ours: REDB, bound }
}

/// Writing a message, beside the port or the original.
const fn message_write(id: &'static str, wording: &'static str, ours: Who, bound: Bound) -> Goal {
    Goal { id, wording, place: messages("write-message"), ours, bound }
}

/// The same beside the original's figure on its machine.
const fn message_original(figure_us: f64, at_most: f64) -> Bound {
    Bound::Original { figure_ns: figure_us * 1_000.0, scaled_by: Probe::Cpu, at_most }
}

/// Reading messages, beside the port in the same class.
const fn message_read(id: &'static str, workload: &'static str, ours: Who, at_most: f64) -> Goal {
    let wording =
        "a stream of 10 at least 5 x the port on each embedded engine, a category of 100 at least 4 x (warm)";
    let against = match ours.class {
        Class::Memory => MESSAGES_PORT_MEMORY,
        _ => MESSAGES_PORT,
    };
    Goal { id, wording, place: messages(workload), ours, bound: Bound::Ratio { against, at_most } }
}

/// A page of a category among many messages of others, beside the same among few.
const fn message_page(id: &'static str, ours: Who) -> Goal {
    let wording =
        "a category page costs what it returns: 10^6 messages in other categories change it by less than 2 x";
    let bound = Bound::Size { records: 1_000, at_most: 2.0 };
    Goal { id, wording, place: growth("category-100", 1_000_000), ours, bound }
}

/// Many writers of messages, beside the same with one commit each. A conflict fails the run.
const fn message_writers(id: &'static str, ours: Who, at_most: f64) -> Goal {
    let wording = "64 concurrent durable writers of messages into distinct streams: at least 6 x one commit each on \
                   redb and 10 x on fs, without conflicts";
    let bound = Bound::Beside { workload: "write-message-one-commit-each", against: ours, at_most };
    Goal { id, wording, place: concurrency("write-message", 64), ours, bound }
}

/// A row of the session store, beside the port in the same class.
const fn session(
    id: &'static str,
    wording: &'static str,
    workload: &'static str,
    ours: Who,
    times: f64,
) -> Goal {
    let against = match ours.class {
        Class::PowerLoss => SESSIONS_PORT,
        _ => SESSIONS_PORT_FILES,
    };
    let place = sessions(workload, Some(Variant::Faithful));
    Goal { id, wording, place, ours, bound: Bound::Ratio { against, at_most: 1.0 / times } }
}

/// An append to a session, beside the port in the same class, which saves it whole.
const fn session_append(id: &'static str, ours: Who) -> Goal {
    let wording = "appending one message to a session of 134 at least 20 x faster than saving it whole";
    Goal { place: sessions("append-1-to-100", None), ..session(id, wording, "append-1-to-100", ours, 20.0) }
}

/// A ranked search among many messages.
const fn session_find(id: &'static str, workload: &'static str, ours: Who) -> Goal {
    let wording = "search over 10^5 messages: first ten hits under 5 ms on each embedded engine";
    let place = Place { records: Some(100_000), ..sessions(workload, None) };
    Goal { id, wording, place, ours, bound: Bound::Ns { at_most: 5e6 } }
}

const GET: &str = "get at most 1.8 x a bare DashMap get (default hasher, Arc clone)";
const PUT: &str = "put at most 8 x a bare DashMap put";
const HOLDS: &str = "the ratios to the bare structures hold at every size";
const PAGE: &str = "a first page of a listing costs the same at each size";
const ORIGINAL: &str = "at least as fast as the original's figure, scaled by the CPU probe";
const SAVES: &str = "saves and lists at most 3 x the port";
const BADGER_GET: &str = "tasks on redb: get at least 3 x faster than on Badger, scaled by the CPU probe";
const BADGER_LIST: &str = "tasks on redb: lists at least 4 x faster than on Badger, scaled by the CPU probe";
const BADGER_SAVE: &str = "tasks on redb: durable saves no slower than on Badger, scaled by the fsync probe";
const MESSAGE_MEMORY: &str = "write message on SQLite in memory: no slower than the port, and at least 2 x faster than the \
                              original, scaled by the CPU probe";
const MESSAGE_FILE: &str = "write message on a SQLite file, durable: at least 1.2 x the port";
const MESSAGE_LINES: &str = "write message on fs in lines, in class process-crash: under the figure on Pebble, scaled by the CPU probe";
const SESSION_SAVE: &str =
    "session saves on fs deferred at least 3 x the port, on SQLite durable at least 4 x";
const SESSION_LOAD: &str = "a load of a session at least 3 x the port";
const SESSION_LIST: &str = "a list of 100 sessions on fs at least 20 x the port";
const GETS: &str = "gets at most 1.5 x the port";

/// How much more the same may cost: a page that never leaves the cache still has a taller tree above it.
const THE_SAME: f64 = 1.25;

/// The goals.
///
/// The originals' concurrent rows were published as wall time / operations with two workers; here a time is
/// wall time x threads / operations, so those figures are doubled.
pub const GOALS: &[Goal] = &[
    goal("get-10k", GET, growth("get", 10_000), ratio(1.8)),
    goal(
        "get-1m",
        "get at most 1.3 x a bare DashMap get at 10^6 records",
        growth("get", 1_000_000),
        ratio(1.3),
    ),
    goal("put-10k", PUT, growth("put", 10_000), ratio(8.0)),
    goal(
        "range-1m",
        "a range of 100 at 10^6 records under 30 us on a 2-core guest",
        growth("range-100", 1_000_000),
        Bound::Ns { at_most: 30_000.0 },
    ),
    Goal {
        id: "any-engine",
        wording: "a get through AnyEngine at most 30 ns more",
        place: growth("get", 10_000),
        ours: MEM_ANY,
        bound: Bound::MoreNs { against: MEM, at_most: 30.0 },
    },
    goal("get-1k", HOLDS, growth("get", 1_000), ratio(1.8)),
    goal("get-100k", HOLDS, growth("get", 100_000), ratio(1.8)),
    goal("put-1k", HOLDS, growth("put", 1_000), ratio(8.0)),
    goal("put-100k", HOLDS, growth("put", 100_000), ratio(8.0)),
    goal("put-1m", HOLDS, growth("put", 1_000_000), ratio(8.0)),
    goal("page-10k", PAGE, growth("list-page", 10_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal("page-100k", PAGE, growth("list-page", 100_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal("page-1m", PAGE, growth("list-page", 1_000_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal(
        "append-64",
        "64 threads appending to one sequence (gaps fail the run): 5 x the rate of read-and-write ones",
        concurrency("append", 64),
        Bound::Ratio { against: MEM_READ_WRITE, at_most: 0.2 },
    ),
    goal("save-task", ORIGINAL, tasks("save-task", 1), original(1_860.0)),
    goal("get-task", ORIGINAL, tasks("get-task", 1), original(84.0)),
    goal("list-pending", ORIGINAL, tasks("list-pending-1000", 1), original(18_500.0)),
    goal("concurrent-2000", ORIGINAL, tasks("concurrent-read-write-2000", 2), original(2.0 * 8_400.0)),
    goal("concurrent-10000", ORIGINAL, tasks("concurrent-read-write-10000", 2), original(2.0 * 46_000.0)),
    goal("save-config", ORIGINAL, tasks("save-operator-set-config", 1), original(355.0)),
    goal("save-performer", ORIGINAL, tasks("save-performer", 1), original(1_450.0)),
    goal("list-performers", ORIGINAL, tasks("list-performers-100", 1), original(12_200.0)),
    goal("save-task-port", SAVES, tasks("save-task", 1), port(3.0)),
    goal("get-task-port", GETS, tasks("get-task", 1), port(1.5)),
    goal("list-pending-port", SAVES, tasks("list-pending-1000", 1), port(3.0)),
    goal("concurrent-2000-port", SAVES, tasks("concurrent-read-write-2000", 2), port(3.0)),
    goal("concurrent-10000-port", SAVES, tasks("concurrent-read-write-10000", 2), port(3.0)),
    goal("save-config-port", SAVES, tasks("save-operator-set-config", 1), port(3.0)),
    goal("save-performer-port", SAVES, tasks("save-performer", 1), port(3.0)),
    goal("list-performers-port", SAVES, tasks("list-performers-100", 1), port(3.0)),
    goal("large-dataset-port", SAVES, tasks("large-dataset", 1), port(3.0)),
    read("redb-get-1k", "get", 1_000, 1.15),
    read("redb-get-10k", "get", 10_000, 1.15),
    read("redb-get-100k", "get", 100_000, 1.05),
    read("redb-get-1m", "get", 1_000_000, 1.05),
    read("redb-snapshot-get-1k", "get-snapshot", 1_000, 1.15),
    read("redb-snapshot-get-10k", "get-snapshot", 10_000, 1.15),
    read("redb-snapshot-get-100k", "get-snapshot", 100_000, 1.05),
    read("redb-snapshot-get-1m", "get-snapshot", 1_000_000, 1.05),
    read("redb-range-1k", "range-100", 1_000, 1.15),
    read("redb-range-10k", "range-100", 10_000, 1.15),
    read("redb-range-100k", "range-100", 100_000, 1.05),
    read("redb-range-1m", "range-100", 1_000_000, 1.05),
    durable("redb-put-1k", "put", 1_000),
    durable("redb-put-10k", "put", 10_000),
    durable("redb-put-100k", "put", 100_000),
    durable("redb-put-1m", "put", 1_000_000),
    durable("redb-batch-1k", "put-batch-100", 1_000),
    durable("redb-batch-10k", "put-batch-100", 10_000),
    durable("redb-batch-100k", "put-batch-100", 100_000),
    durable("redb-batch-1m", "put-batch-100", 1_000_000),
    journalled("redb-journal-put-10k", "put", 10_000, 1.0),
    journalled("redb-journal-put-100k", "put", 100_000, 1.0),
    journalled("redb-journal-batch-10k", "put-batch-100", 10_000, 0.5),
    journalled("redb-journal-batch-100k", "put-batch-100", 100_000, 0.5),
    Goal {
        place: engine("put-batch-32", None),
        ..journalled("redb-journal-batch-32", "put-batch-32", 10_000, 0.5)
    },
    Goal {
        id: "redb-journal-put-p50",
        wording: "with a journal: single durable put at most 0.8 x bare redb at the median",
        place: growth("put", 100_000),
        ours: REDB_JOURNAL,
        bound: Bound::LatencyRatio { percentile: Percentile::P50, against: BARE_REDB, at_most: 0.8 },
    },
    stall("redb-journal-stall", engine("put-1k-sustained", None)),
    stall("redb-journal-stall-batch", growth("put-batch-100", 100_000)),
    deferred("redb-deferred-1k", 1_000),
    deferred("redb-deferred-10k", 10_000),
    deferred("redb-deferred-100k", 100_000),
    deferred("redb-deferred-1m", 1_000_000),
    writers(
        "redb-writers-64",
        "64 writers of single durable puts: at least 6 x bare redb with one commit each",
        64,
        1.0 / 6.0,
    ),
    writers("redb-writers-1", "one writer of single durable puts: no loss beyond 5 %", 1, 1.05),
    Goal {
        id: "redb-open-1g",
        wording: "opening 1 GiB after a kill: under one second where quick repair was used",
        place: Place {
            family: Family::Engine,
            workload: "open-after-kill",
            variant: None,
            threads: 1,
            records: Some(1_000_000),
        },
        ours: REDB_QUICK_REPAIR,
        bound: Bound::Ns { at_most: 1e9 },
    },
    badger("redb-get-task", BADGER_GET, "get-task", Probe::Cpu, 5.7, 1.0 / 3.0),
    badger("redb-list-pending", BADGER_LIST, "list-pending-1000", Probe::Cpu, 5_800.0, 1.0 / 4.0),
    badger("redb-list-performers", BADGER_LIST, "list-performers-100", Probe::Cpu, 427.0, 1.0 / 4.0),
    badger("redb-save-task", BADGER_SAVE, "save-task", Probe::Fsync, 281.0, 1.0),
    badger("redb-last-block", BADGER_SAVE, "last-processed-block", Probe::Fsync, 309.0, 1.0),
    sqlite_read("sqlite-get-1k", "get", 1_000),
    sqlite_read("sqlite-get-10k", "get", 10_000),
    sqlite_read("sqlite-get-100k", "get", 100_000),
    sqlite_read("sqlite-get-1m", "get", 1_000_000),
    sqlite_read("sqlite-range-1k", "range-100", 1_000),
    sqlite_read("sqlite-range-10k", "range-100", 10_000),
    sqlite_read("sqlite-range-100k", "range-100", 100_000),
    sqlite_read("sqlite-range-1m", "range-100", 1_000_000),
    sqlite_write("sqlite-put-1k", "put", 1_000),
    sqlite_write("sqlite-put-10k", "put", 10_000),
    sqlite_write("sqlite-put-100k", "put", 100_000),
    sqlite_write("sqlite-put-1m", "put", 1_000_000),
    sqlite_write("sqlite-batch-1k", "put-batch-100", 1_000),
    sqlite_write("sqlite-batch-10k", "put-batch-100", 10_000),
    sqlite_write("sqlite-batch-100k", "put-batch-100", 100_000),
    sqlite_write("sqlite-batch-1m", "put-batch-100", 1_000_000),
    Goal {
        id: "sqlite-writers-64",
        wording: "64 writers of single durable puts: at least 4 x bare rusqlite with one commit each",
        place: concurrency("put", 64),
        ours: SQLITE,
        bound: Bound::Beside { workload: "one-commit-each", against: BARE_RUSQLITE, at_most: 0.25 },
    },
    lines_put("fs-put-10k", 10_000),
    lines_put("fs-put-100k", 100_000),
    Goal {
        id: "fs-writers-64",
        wording: "fs in lines: 64 durable writers at least 15 x a bare log with one fsync each",
        place: concurrency("put", 64),
        ours: FS,
        bound: Bound::Beside { workload: "one-commit-each", against: BARE_LOG, at_most: 1.0 / 15.0 },
    },
    Goal {
        id: "fs-deferred",
        wording: "fs in lines: a deferred put of 1 KiB within 15 us, sustained",
        place: engine("put-1k-sustained", None),
        ours: FS_DEFERRED,
        bound: Bound::Ns { at_most: 15_000.0 },
    },
    Goal {
        id: "fs-files-sustained",
        wording: "fs in files: sustained puts at most 1.3 x a bare temporary file and rename",
        place: engine("put-1k-sustained", None),
        ours: FS_FILES,
        bound: Bound::Ratio { against: BARE_FILES, at_most: 1.3 },
    },
    files_get("fs-files-get-10k", 10_000),
    files_get("fs-files-get-100k", 100_000),
    Goal {
        id: "fs-files-get-kept",
        wording: "fs in files: reading a record that is in memory far faster than open, read and close (0.2 x)",
        place: growth("get", 10_000),
        ours: FS_FILES,
        bound: Bound::Ratio { against: BARE_FILES, at_most: 0.2 },
    },
    fs_open("fs-open", "open", FS, 1e9),
    fs_open("fs-open-after-kill", "open-after-kill", FS, 3e9),
    fs_open("fs-open-files", "open", Who { mode: Some("files"), ..FS }, 1e9),
    fs_open("fs-open-files-after-kill", "open-after-kill", Who { mode: Some("files"), ..FS }, 3e9),
    message_write(
        "messages-write-sqlite-memory",
        MESSAGE_MEMORY,
        SQLITE_MEMORY,
        Bound::Ratio { against: MESSAGES_PORT_MEMORY, at_most: 1.0 },
    ),
    message_write(
        "messages-write-sqlite-memory-original",
        MESSAGE_MEMORY,
        SQLITE_MEMORY,
        message_original(27.8, 0.5),
    ),
    message_write(
        "messages-write-sqlite",
        MESSAGE_FILE,
        SQLITE,
        Bound::Ratio { against: MESSAGES_PORT, at_most: 1.0 / 1.2 },
    ),
    message_write("messages-write-fs", MESSAGE_LINES, FS_DEFERRED, message_original(10.5, 1.0)),
    message_read("messages-stream-mem", "stream-10", MEM, 0.2),
    message_read("messages-stream-sqlite-memory", "stream-10", SQLITE_MEMORY, 0.2),
    message_read("messages-stream-sqlite", "stream-10", SQLITE, 0.2),
    message_read("messages-stream-redb", "stream-10", REDB, 0.2),
    message_read("messages-stream-fs", "stream-10", FS, 0.2),
    message_read("messages-category-mem", "category-100", MEM, 0.25),
    message_read("messages-category-sqlite-memory", "category-100", SQLITE_MEMORY, 0.25),
    message_read("messages-category-sqlite", "category-100", SQLITE, 0.25),
    message_read("messages-category-redb", "category-100", REDB, 0.25),
    message_read("messages-category-fs", "category-100", FS, 0.25),
    message_page("messages-page-mem", MEM),
    message_page("messages-page-sqlite-memory", SQLITE_MEMORY),
    message_page("messages-page-sqlite", SQLITE),
    message_page("messages-page-redb", REDB),
    message_page("messages-page-fs", FS),
    message_writers("messages-writers-redb", REDB, 1.0 / 6.0),
    message_writers("messages-writers-fs", FS, 1.0 / 10.0),
    session("sessions-save-10-fs", SESSION_SAVE, "save-10", FS_DEFERRED, 3.0),
    session("sessions-save-50-fs", SESSION_SAVE, "save-50", FS_DEFERRED, 3.0),
    session("sessions-save-100-fs", SESSION_SAVE, "save-100", FS_DEFERRED, 3.0),
    session("sessions-save-10-sqlite", SESSION_SAVE, "save-10", SQLITE, 4.0),
    session("sessions-save-50-sqlite", SESSION_SAVE, "save-50", SQLITE, 4.0),
    session("sessions-save-100-sqlite", SESSION_SAVE, "save-100", SQLITE, 4.0),
    session("sessions-load-fs", SESSION_LOAD, "load-50", FS_DEFERRED, 3.0),
    session("sessions-load-sqlite", SESSION_LOAD, "load-50", SQLITE, 3.0),
    session("sessions-list-fs", SESSION_LIST, "list-100", FS_DEFERRED, 20.0),
    session_append("sessions-append-fs", FS_DEFERRED),
    session_append("sessions-append-sqlite", SQLITE),
    session_find("sessions-find-mem", "find-10", MEM),
    session_find("sessions-find-sqlite-memory", "find-10", SQLITE_MEMORY),
    session_find("sessions-find-sqlite", "find-10", SQLITE),
    session_find("sessions-find-redb", "find-10", REDB),
    session_find("sessions-find-fs", "find-10", FS),
    session_find("sessions-find-common-mem", "find-10-common", MEM),
    session_find("sessions-find-common-sqlite-memory", "find-10-common", SQLITE_MEMORY),
    session_find("sessions-find-common-sqlite", "find-10-common", SQLITE),
    session_find("sessions-find-common-redb", "find-10-common", REDB),
    session_find("sessions-find-common-fs", "find-10-common", FS),
];
