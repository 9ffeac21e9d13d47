//! What the rows of the session store save: as a table's programs make it, from numbers alone.

use storage_core::Timestamp;
use storage_stores::sessions::{Attachment, ChatMessage, Role, Session};

/// What is searched for in texts.
pub const NEEDLE: &str = "golang";
/// What is searched for by a whole life of a session.
pub const GREETING: &str = "Hello";
/// The word that one in a hundred messages has.
pub const RARE: &str = "perihelion";
/// The word that every second message has.
pub const COMMON: &str = "the";

/// Messages of each session that is searched by its words.
const SEARCHED_LEN: u64 = 100;
/// Words of each of its messages, and how many there are in all.
const WORDS: u64 = 30;
const VOCABULARY: u64 = 20_000;

/// When the first message was said, and how long the next one took.
const BEGAN: u64 = 1_700_000_000_000_000_000;
const PAUSE: u64 = 1_000_000_000;

const ASKED: &str = "This is a test user message with some content that simulates a realistic conversation. It includes \
                     enough text to be meaningful for the benchmarking purposes while not being excessively long. \
                     Message number ";
const ANSWERED: &str = "This is a test assistant response that provides a detailed answer to the user's question. It \
                        contains enough content to simulate a realistic response that an AI assistant might give in a \
                        longer exchange. Answer ";
const WITH_FILE: &str = "Here's a file";

/// Who gives out the ids of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// The program, before it saves.
    Program,
    /// The store.
    Store,
}

/// The id of the session of a number.
#[must_use]
pub fn id(number: u64) -> String {
    format!("bench-session-{number}")
}

/// A session without messages.
#[must_use]
pub fn empty(number: u64) -> Session {
    let mut session = Session::new(id(number), format!("Benchmark Session {number}"));
    let began = Timestamp::from_nanos(BEGAN);
    (session.created, session.updated) = (began, began);
    (session.conversation.created, session.conversation.updated) = (began, began);
    "test-model".clone_into(&mut session.conversation.model);
    session
}

/// A session of so many turns: a third of them comes with a second message that has a file.
#[must_use]
pub fn of_turns(number: u64, turns: u64, ids: Ids) -> Session {
    let mut session = empty(number);
    for turn in 0..turns {
        say(&mut session, spoken(turn), ids);
        if turn.is_multiple_of(3) {
            say(&mut session, with_file(turn), ids);
        }
    }
    session
}

/// A session of so many messages, the first of those that turns have.
#[must_use]
pub fn of_messages(number: u64, messages: u64, ids: Ids) -> Session {
    let mut session = of_turns(number, messages, ids);
    session.conversation.messages.truncate(messages as usize);
    session
}

/// What the user, or the assistant, says in a turn.
#[must_use]
pub fn spoken(turn: u64) -> ChatMessage {
    match turn.is_multiple_of(2) {
        true => ChatMessage::user(format!("{ASKED}{}", turn % 10)),
        false => ChatMessage::assistant(format!("{ANSWERED}{}", turn % 10)),
    }
}

fn with_file(turn: u64) -> ChatMessage {
    let file = Attachment {
        file_path: "test.txt".to_owned(),
        content: b"test content".to_vec(),
        ..Attachment::file(format!("attachment-{turn}"), "")
    };
    ChatMessage::user(WITH_FILE).with_attachment(file)
}

fn say(session: &mut Session, mut message: ChatMessage, ids: Ids) {
    let messages = &mut session.conversation.messages;
    let position = messages.len() as u64;
    message.timestamp = Timestamp::from_nanos(BEGAN + position * PAUSE);
    if ids == Ids::Program {
        message.id = format!("msg-{}-{position}", session.id);
    }
    messages.push(message);
}

/// A session of so many turns in a store that is searched: every second one has two messages with the text.
#[must_use]
pub fn searched(number: u64, turns: u64) -> Session {
    let mut session = match turns {
        0 => empty(number),
        turns => of_turns(number, turns, Ids::Program),
    };
    if turns == 0 {
        say(&mut session, ChatMessage::user("How do I write a test?"), Ids::Program);
        say(&mut session, ChatMessage::assistant("Begin with what must hold."), Ids::Program);
    }
    if number.is_multiple_of(2) {
        say(&mut session, ChatMessage::user("Tell me about golang programming"), Ids::Program);
        say(&mut session, ChatMessage::assistant("Golang is a compiled language."), Ids::Program);
    }
    session
}

/// How a session begins whose whole life is measured.
#[must_use]
pub fn greeting(number: u64) -> Session {
    let mut session = empty(number);
    say(&mut session, ChatMessage::user("Hello, how are you?"), Ids::Program);
    say(&mut session, ChatMessage::assistant("I'm doing well, thank you!"), Ids::Program);
    session
}

/// Sessions that have so many messages in all, of words as frequent as they are in a language: the word of rank `n` about
/// one `n`th as often as the first.
pub fn of_words(seed: u64, messages: u64) -> impl Iterator<Item = Session> {
    let sessions = messages.div_ceil(SEARCHED_LEN);
    (0..sessions).map(move |number| {
        let mut session = empty(number);
        let all = number * SEARCHED_LEN..((number + 1) * SEARCHED_LEN).min(messages);
        for message in all {
            let role = if message.is_multiple_of(2) { Role::User } else { Role::Assistant };
            say(&mut session, ChatMessage::new(role, text(seed, message)), Ids::Store);
        }
        session
    })
}

fn text(seed: u64, message: u64) -> String {
    let mut text = String::new();
    // Of different lengths, so that ranks differ.
    let words = WORDS / 2 + message * 7 % WORDS;
    for word in 0..words {
        text.push_str(&word_of(rank(crate::workload::keys::mixed(seed ^ (message << 8) ^ word))));
        text.push(' ');
    }
    if message.is_multiple_of(2) {
        text.push_str(COMMON);
        text.push(' ');
    }
    if message % 100 == 37 {
        text.push_str(RARE);
    }
    text
}

/// A rank that comes up the less often the higher it is: the exponent is uniform.
fn rank(random: u64) -> u64 {
    let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
    ((VOCABULARY as f64).powf(uniform) as u64).min(VOCABULARY)
}

/// The word of a rank: the higher, the longer.
fn word_of(mut rank: u64) -> String {
    const SYLLABLES: [&str; 16] =
        ["ka", "lo", "mi", "nu", "re", "sa", "to", "vi", "be", "du", "fa", "go", "hi", "jo", "le", "ma"];
    let mut word = String::new();
    while rank > 0 {
        word.push_str(SYLLABLES[(rank % 16) as usize]);
        rank /= 16;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_as_many_messages_as_the_table_s_programs_make_of_them() {
        for (turns, messages, files) in [(10, 14, 4), (50, 67, 17), (100, 134, 34)] {
            let session = of_turns(1, turns, Ids::Program);
            let said = &session.conversation.messages;
            assert_eq!(said.len(), messages);
            assert_eq!(said.iter().filter(|message| !message.attachments.is_empty()).count(), files);
            let ids: std::collections::BTreeSet<_> = said.iter().map(|message| &message.id).collect();
            assert_eq!(ids.len(), messages);
            assert_eq!(of_messages(1, turns, Ids::Store).conversation.messages.len() as u64, turns);
        }
        for (turn, len) in [(0, 208), (1, 212)] {
            assert_eq!(spoken(turn).content.len(), len);
        }
    }

    #[test]
    fn words_are_as_frequent_as_they_are_said_to_be() {
        let texts: Vec<String> = of_words(1, 1_050)
            .flat_map(|session| session.conversation.messages)
            .map(|message| message.content)
            .collect();
        assert_eq!(texts.len(), 1_050);
        let having = |word| texts.iter().filter(|text| text.split(' ').any(|other| other == word)).count();
        assert_eq!((having(RARE), having(COMMON)), (11, 525));
        let words: std::collections::BTreeSet<_> = texts.iter().flat_map(|text| text.split(' ')).collect();
        assert!(words.len() > 1_000, "{}", words.len());
    }
}
