//! The rows of the session store.

use super::super::identity::{Family, Ops, Profile, Spec, Variant};
use super::{FAITHFUL, HONEST, engine};

/// Saves of new sessions, by the turns that they have.
const SAVES: [(&str, u64); 3] = [("save-10", 10), ("save-50", 50), ("save-100", 100)];
/// A load of one.
const LOAD: &str = "load-50";
/// Lists of all, by how many there are.
const LISTS: [(&str, u64); 3] = [("list-10", 10), ("list-50", 50), ("list-100", 100)];
/// A search for a piece of text.
const SEARCH: &str = "search-20";
/// The life of one session.
const WORKFLOW: &str = "workflow";
/// One more message of a long session.
pub const APPEND: &str = "append-1-to-100";
/// The same, where its words are indexed.
pub const APPEND_INDEXED: &str = "append-indexed";
/// The best messages with a word that one in a hundred has.
pub const FIND: &str = "find-10";
/// The same with a word that every second has.
pub const FIND_COMMON: &str = "find-10-common";

/// Turns that a batch of saves writes, so that sessions of every size fill as much memory.
const SAVED_TURNS: u64 = 40_000;
/// Sessions that stand beside those of an honest row.
const BESIDE: u64 = 100;
/// Sessions that are appended to, and how many messages each gets in a batch.
const APPENDED_TO: u64 = 200;
const APPENDED_EACH: u64 = 10;
/// Messages that are searched.
const SEARCHED: u64 = 100_000;

fn session(workload: &'static str, variant: Option<Variant>, records: u64) -> Spec {
    Spec { family: Family::Sessions, variant, records, value_bytes: None, ..engine(workload) }
}

/// The turns of the sessions that a row saves, loads or lists, as its name has them.
#[must_use]
pub fn turns(workload: &str) -> Option<u64> {
    let listed = LISTS.map(|(name, _)| (name, 10));
    SAVES.into_iter().chain([(LOAD, 50)]).chain(listed).find(|row| row.0 == workload).map(|row| row.1)
}

/// Whether a row's sessions have a text index.
#[must_use]
pub fn is_indexed(workload: &str) -> bool {
    [APPEND_INDEXED, FIND, FIND_COMMON].contains(&workload)
}

/// Saves of sessions with new ids.
#[must_use]
pub fn save() -> Vec<Spec> {
    let both = SAVES.map(|(name, turns)| {
        let most = SAVED_TURNS / turns;
        [session(name, FAITHFUL, most), session(name, HONEST, BESIDE)]
            .map(|spec| Spec { ops: Ops::AtMost(most), ..spec })
    });
    both.concat()
}

/// Sessions from their beginning to their end.
#[must_use]
pub fn workflow() -> Vec<Spec> {
    vec![session(WORKFLOW, FAITHFUL, 1), session(WORKFLOW, HONEST, BESIDE)]
}

/// Appends of single messages.
#[must_use]
pub fn append(profile: Profile) -> Vec<Spec> {
    vec![append_as(APPEND, profile)]
}

/// The same where their words are indexed.
#[must_use]
pub fn append_indexed(profile: Profile) -> Vec<Spec> {
    vec![append_as(APPEND_INDEXED, profile)]
}

fn append_as(workload: &'static str, profile: Profile) -> Spec {
    let sessions = if profile == Profile::Smoke { APPENDED_TO / 20 } else { APPENDED_TO };
    Spec { ops: Ops::AtMost(sessions * APPENDED_EACH), ..session(workload, None, sessions) }
}

/// Loads of whole sessions.
#[must_use]
pub fn load() -> Vec<Spec> {
    vec![session(LOAD, FAITHFUL, 1), session(LOAD, HONEST, BESIDE)]
}

/// Lists of all sessions.
#[must_use]
pub fn list() -> Vec<Spec> {
    LISTS.map(|(name, records)| [session(name, FAITHFUL, records), session(name, HONEST, records)]).concat()
}

/// Searches for a piece of text.
#[must_use]
pub fn search() -> Vec<Spec> {
    vec![session(SEARCH, FAITHFUL, 20), session(SEARCH, HONEST, 20)]
}

/// Searches for words, by rank.
#[must_use]
pub fn find(profile: Profile) -> Vec<Spec> {
    let messages = match profile {
        Profile::Full => SEARCHED,
        Profile::Quick => SEARCHED / 10,
        Profile::Smoke => SEARCHED / 100,
    };
    vec![session(FIND, None, messages), session(FIND_COMMON, None, messages)]
}

const SAVE_FAITHFUL: &str = "save a session made beforehand into a store that began empty: of 10, 50, 100 turns, which \
                             are 14, 67, 134 messages, 4, 17, 34 of them with an attachment";
const SAVE_HONEST: &str =
    "save a session made beforehand, of exactly 10, 50 or 100 messages, beside 100 others";
const LIST_FAITHFUL: &str = "list all sessions, each of 14 messages";
const LIST_HONEST: &str =
    "list all sessions, each of 67 messages, and read id and number of messages of each";

/// What one operation of a row is.
pub(super) const MEANINGS: &[(&str, Option<Variant>, &str)] = &[
    ("save-10", FAITHFUL, SAVE_FAITHFUL),
    ("save-10", HONEST, SAVE_HONEST),
    ("save-50", FAITHFUL, SAVE_FAITHFUL),
    ("save-50", HONEST, SAVE_HONEST),
    ("save-100", FAITHFUL, SAVE_FAITHFUL),
    ("save-100", HONEST, SAVE_HONEST),
    (LOAD, FAITHFUL, "load the one session, which has 67 messages"),
    (LOAD, HONEST, "load a random one of 100 sessions of 50 messages, and look at each message"),
    ("list-10", FAITHFUL, LIST_FAITHFUL),
    ("list-10", HONEST, LIST_HONEST),
    ("list-50", FAITHFUL, LIST_FAITHFUL),
    ("list-50", HONEST, LIST_HONEST),
    ("list-100", FAITHFUL, LIST_FAITHFUL),
    ("list-100", HONEST, LIST_HONEST),
    (SEARCH, FAITHFUL, "find a piece of text in 10 of 20 sessions, which have 2 or 4 messages"),
    (SEARCH, HONEST, "the same in sessions of 67 or 69 messages"),
    (
        WORKFLOW,
        FAITHFUL,
        "a new session with two messages: save, load, one message more, save, list, search, delete; it is alone",
    ),
    (WORKFLOW, HONEST, "the same beside 100 sessions of 14 messages"),
    (
        APPEND,
        None,
        "put one message behind those of one of 200 sessions that have 134 on average (129 before a batch, 139 at \
         most after it); a port saves the session whole",
    ),
    (APPEND_INDEXED, None, "the same where a text index has the words of all messages"),
    (
        FIND,
        None,
        "find the ten best of the messages that have a word, which one in a hundred has, with a snippet of each",
    ),
    (FIND_COMMON, None, "the same with a word that every second message has"),
];
