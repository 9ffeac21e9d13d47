//! Chats as sessions that are searched by their words:
//! `cargo run -p storage --example import_chats [URL] [--file FILE] [--query WORDS]`.
//!
//! A file is a mailbox (mbox, a session for each thread) or JSON lines (see `jsonl.rs` for their shape). Run again on the
//! same store, only new messages are added. Without a file it is a small sample, without a URL in memory. A query is
//! words, beginnings of words (`rail*`) and phrases (`"night train"`).

mod jsonl;
mod mbox;
mod print;
mod sample;

use std::collections::HashSet;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use storage::stores::sessions::{ChatMessage, Role, Session, SessionError, SessionStore, Sessions};
use storage::{AnyEngine, Durability, Timestamp};
use thiserror::Error;

const USAGE: &str = "usage: import_chats [URL] [--file FILE] [--query WORDS]";

/// Whose sessions they become.
const USER: &str = "import";
/// Where a message says from whom it is.
pub const FROM: &str = "from";

/// Why nothing more was imported or found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The arguments are wrong.
    #[error("{0}\n{USAGE}")]
    Usage(String),
    /// A file cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a file is not what it has to be. Nothing of the file was imported.
    #[error("{}, line {line}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: Problem,
    },
    /// The store did not do what it was told.
    #[error("{0}")]
    Session(#[from] SessionError),
    /// The same of what is below it.
    #[error("{0}")]
    Storage(#[from] storage::Error),
    /// What is printed could not be.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is neither.
    #[error("the file begins neither with `From ` as a mailbox does, nor with `{{` as JSON lines do")]
    UnknownFormat,
    /// The line is no JSON, or none of the shape.
    #[error("not a message in JSON: {0}")]
    Json(String),
    /// Something that a message needs is empty or not there.
    #[error("a message without `{0}`")]
    Missing(&'static str),
    /// There is no such role.
    #[error("`{0}` is no role: a message is said by `user`, `assistant` or `system`")]
    Role(String),
    /// A time cannot be read.
    #[error("`{0}` is no time")]
    Time(String),
    /// Two messages of a session share an id.
    #[error("the message id `{0}` is there twice in the session")]
    Twice(String),
    /// A line of a mail's head has no name.
    #[error("`{0}` is no header of a mail: it has no colon")]
    Header(String),
}

/// A line that is wrong, from 1, and what is.
pub type Wrong = (usize, Problem);

type Outcome<T> = Result<T, ImportError>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Imports and searches, and prints what came of it.
pub fn run(arguments: &[String], out: &mut impl Write) -> Outcome<()> {
    let Arguments { url, file, query } = Arguments::parse(arguments)?;
    let chats = match &file {
        Some(file) => read(file)?,
        None => sample::chats(),
    };
    let database = storage::open(&url)?;
    let store = SessionStore::open(&database)?.with_text_index()?;

    let begun = Instant::now();
    let sessions = store.clone().with_durability(Durability::Deferred).user(USER)?;
    let imported = import(&chats, &sessions)?;
    database.sync()?;
    let from = file.map_or_else(|| "the sample".to_owned(), |file| file.display().to_string());
    writeln!(
        out,
        "{} of {} messages in {} sessions of {from} are new in {url} ({} ms)",
        imported,
        chats.iter().map(|chat| chat.conversation.messages.len()).sum::<usize>(),
        chats.len(),
        begun.elapsed().as_millis()
    )?;
    print::sessions(out, &sessions)?;
    if let Some(query) = query {
        print::hits(out, &sessions, &query)?;
    }
    store.close()?;
    Ok(())
}

struct Arguments {
    url: String,
    file: Option<PathBuf>,
    query: Option<String>,
}

impl Arguments {
    fn parse(given: &[String]) -> Outcome<Self> {
        let mut arguments = Arguments { url: String::new(), file: None, query: None };
        let mut given = given.iter();
        while let Some(argument) = given.next() {
            let mut value =
                || given.next().ok_or_else(|| ImportError::Usage(format!("{argument} needs a value")));
            match argument.as_str() {
                "--file" => arguments.file = Some(value()?.into()),
                "--query" => arguments.query = Some(value()?.clone()),
                url if arguments.url.is_empty() && !url.starts_with('-') => {
                    url.clone_into(&mut arguments.url);
                }
                other => return Err(ImportError::Usage(format!("what is `{other}`?"))),
            }
        }
        if arguments.url.is_empty() {
            "mem:".clone_into(&mut arguments.url);
        }
        if arguments.file.is_none() && arguments.query.is_none() {
            arguments.query = Some(sample::QUERY.to_owned());
        }
        Ok(arguments)
    }
}

/// The sessions of a file. What it is shows in how it begins.
fn read(file: &Path) -> Outcome<Vec<Session>> {
    let unreadable = |source| ImportError::File { file: file.to_owned(), source };
    let mut reader = BufReader::new(File::open(file).map_err(unreadable)?);
    let start = reader.fill_buf().map_err(unreadable)?;
    let is_mailbox = start.starts_with(b"From ");
    let is_json = start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let lines = reader.split(b'\n').collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    let read = match (is_mailbox, is_json) {
        (true, _) => mbox::chats(&lines),
        (_, true) => jsonl::chats(&lines),
        _ => Err((1, Problem::UnknownFormat)),
    };
    read.map_err(|(line, problem)| ImportError::Malformed { file: file.to_owned(), line, problem })
}

/// Writes the messages that are not there yet. Returns how many there were.
fn import(chats: &[Session], sessions: &Sessions<AnyEngine>) -> Outcome<usize> {
    let progress = io::stderr().is_terminal();
    let mut imported = 0;
    for (number, chat) in chats.iter().enumerate() {
        if progress && number % 20 == 0 {
            eprint!("\rsession {} of {}", number + 1, chats.len());
        } else if !progress && number > 0 && number % 1_000 == 0 {
            eprintln!("session {} of {}", number + 1, chats.len());
        }
        imported += match sessions.get(&chat.id) {
            Ok(stored) => append_new(sessions, &stored, chat)?,
            Err(SessionError::NotFound { .. }) => {
                sessions.create(chat)?;
                chat.conversation.messages.len()
            }
            Err(error) => return Err(error.into()),
        };
    }
    if progress {
        eprint!("\r\x1b[K");
    }
    Ok(imported)
}

fn append_new(sessions: &Sessions<AnyEngine>, stored: &Session, chat: &Session) -> Outcome<usize> {
    let ids: HashSet<&str> = stored.conversation.messages.iter().map(|message| &*message.id).collect();
    let messages = chat.conversation.messages.iter();
    let new: Vec<ChatMessage> = messages.filter(|message| !ids.contains(&*message.id)).cloned().collect();
    // Messages that are read come in the order in which they were said, and go behind those that are there.
    sessions.append(&chat.id, &new, Some(stored.version))?;
    Ok(new.len())
}

/// A session of the messages that were said in it, in any order.
pub fn session(id: &str, name: &str, mut messages: Vec<ChatMessage>) -> Session {
    messages.sort_by_key(|message| message.timestamp);
    let mut session = Session::new(id, name);
    session.created = messages.first().map_or(Timestamp::default(), |first| first.timestamp);
    session.conversation.created = session.created;
    session.conversation.messages = messages;
    session
}

/// A message, and from whom it is.
pub fn message(id: String, role: Role, from: &str, content: &str, time: Timestamp) -> ChatMessage {
    let mut message = ChatMessage::new(role, content).with_id(id);
    message.timestamp = time;
    if !from.is_empty() {
        message.metadata.insert(FROM.to_owned(), from.into());
    }
    message
}
