//! A small sample: half a year of talk about travels.

use storage::Timestamp;
use storage::stores::sessions::{Role, Session};

use super::{message, session};

/// What is searched for in it unless something else is.
pub const QUERY: &str = "\"night train\"";

/// Sessions of the sample.
const SESSIONS: u64 = 40;
/// When it begins: the first of January of 2024, and how far its sessions are apart: four days and a half.
const BEGAN: u64 = 1_704_067_200;
const APART: u64 = 388_800;

const PLACES: [&str; 8] = ["Rome", "Lisbon", "Vienna", "Oslo", "Kraków", "Zürich", "Athens", "Lyon"];
const ASKED: [&str; 5] = [
    "Is there a night train to",
    "How warm is it in spring in",
    "Where does one eat well in",
    "Which museums are worth a day in",
    "How much does a week cost in",
];
const ANSWERED: [&str; 5] = [
    "The night train leaves at nine in the evening; berths sell out weeks before.",
    "From the middle of April one sits outside, with a jacket in the evening.",
    "Away from the station: two streets further the same bread costs half.",
    "Take the small ones in the morning and the large one when it rains.",
    "Reckon with eighty a day, and less by train than by plane.",
];

/// Its sessions.
pub fn chats() -> Vec<Session> {
    (0..SESSIONS).map(chat).collect()
}

fn chat(number: u64) -> Session {
    let place = PLACES[(number % 8) as usize];
    let turns = 1 + number * 7 % 6;
    let said = (0..turns).flat_map(|turn| {
        let topic = ((number + turn) % 5) as usize;
        let at = BEGAN + number * APART + turn * 120;
        let say = |ordinal: u64, role, content: &str| {
            let time = Timestamp::from_nanos((at + ordinal * 30) * 1_000_000_000);
            message(format!("{}", 2 * turn + ordinal), role, "", content, time)
        };
        let asked = say(0, Role::User, &format!("{} {place}?", ASKED[topic]));
        [asked, say(1, Role::Assistant, ANSWERED[topic])]
    });
    session(&format!("sample-{number}"), &format!("To {place}, {} questions", turns), said.collect())
}
