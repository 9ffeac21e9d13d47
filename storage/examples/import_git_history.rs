//! The history of a git repository as an event store, and a consumer group that counts what happened in it:
//! `cargo run -p storage --example import_git_history [URL] [--repository DIR] [--members N]`.
//!
//! Each commit is a message in the stream of its author and one in the stream of every file that it changed, written
//! together, under ids that come from the commit: run again on the same store, only new commits are added. Then the
//! members of a group divide the streams among them, each on a lease. A member keeps what it has counted in a stream of
//! its own, with the position up to which it has, and goes on from there the next time. Without a URL it is in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use storage::stores::messages::{
    ExpectedVersion, Grouping, Json, MemberLease, MessageStore, Messages, NewMessage, Query,
    STREAM_NAME_LEN_MAX, StreamWrite, Uuid,
};
use storage::{AnyEngine, Durability};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: import_git_history [URL] [--repository DIR] [--members N]";

/// A message of an author's stream, and one of a file's.
const COMMITTED: &str = "Committed";
const CHANGED: &str = "Changed";
/// A part of what a member has counted.
const COUNTED: &str = "Counted";

const GROUP: &str = "statistics";
/// How long a member may say nothing before another one gets its place.
const LEASE: Duration = Duration::from_secs(30);
const PAGE: i64 = 500;
/// Authors or files in one part of what a member has counted.
const PART: usize = 1_000;
/// Lines of each table that is printed.
const TOP: usize = 10;

/// What begins a commit in the output of git, and what parts its fields.
const COMMIT: char = '\x1e';
const FIELD: char = '\x1f';

#[derive(Debug, Serialize, Deserialize)]
struct Committed {
    commit: String,
    name: String,
    subject: String,
    /// Of the author's day, from 0 to 23.
    hour: usize,
    added: u64,
    deleted: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Changed {
    commit: String,
    author: String,
    /// Lines; none of a file that is no text.
    added: Option<u64>,
    deleted: Option<u64>,
}

/// A commit as git prints it.
struct Commit {
    email: String,
    what: Committed,
    files: Vec<(String, Changed)>,
}

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

/// Imports and counts, and prints what came of it.
pub fn run(arguments: &[String], out: &mut impl Write) -> Outcome<()> {
    let Arguments { url, repository, members } = Arguments::parse(arguments)?;
    let history = History::of(&repository)?;
    let database = storage::open(&url)?;
    let store = MessageStore::open(&database)?;
    let git = store.open_namespace("git")?;

    let begun = Instant::now();
    let imported = import(&history, &store.clone().with_durability(Durability::Deferred))?;
    database.sync()?;
    writeln!(
        out,
        "{} of {} commits of {} are new in {url}, with {} changes of files ({} ms)",
        imported.commits,
        history.commits,
        history.place.display(),
        imported.changes,
        begun.elapsed().as_millis()
    )?;
    if history.is_shallow {
        writeln!(out, "The clone is shallow: its history begins where it was cut.")?;
    }
    if imported.left_out > 0 {
        writeln!(out, "{} changes of files with names that are too long were left out.", imported.left_out)?;
    }

    let begun = Instant::now();
    let counted = count(&git, members)?;
    print_members(out, &git, &counted, begun.elapsed())?;
    print_statistics(out, &counted)?;
    store.close()?;
    Ok(())
}

struct Arguments {
    url: String,
    repository: PathBuf,
    members: u64,
}

impl Arguments {
    fn parse(given: &[String]) -> Outcome<Self> {
        let mut arguments = Arguments { url: String::new(), repository: PathBuf::from("."), members: 3 };
        let mut given = given.iter();
        while let Some(argument) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--repository" => arguments.repository = value()?.into(),
                "--members" => {
                    let members = value()?.parse().ok().filter(|members| (1..=64).contains(members));
                    arguments.members = members.ok_or("a group has 1 to 64 members")?;
                }
                url if arguments.url.is_empty() && !url.starts_with('-') => {
                    url.clone_into(&mut arguments.url);
                }
                other => return Err(format!("what is `{other}`?\n{USAGE}").into()),
            }
        }
        if arguments.url.is_empty() {
            "mem:".clone_into(&mut arguments.url);
        }
        Ok(arguments)
    }
}

/// The history of a repository.
struct History {
    place: PathBuf,
    commits: u64,
    is_shallow: bool,
}

impl History {
    fn of(repository: &Path) -> Outcome<Self> {
        let answer = |arguments: &[&str], otherwise: &str| -> Outcome<String> {
            let asked = git(repository).args(arguments).output();
            let answer =
                asked.map_err(|error| format!("git, which reads the history, cannot be run: {error}"))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            match answer.status.success() {
                true => Ok(text(&answer.stdout)),
                false => {
                    let place = repository.display();
                    Err(format!("{place} {otherwise} (git says: {})", text(&answer.stderr)).into())
                }
            }
        };
        let nowhere = "is in no git repository: run this in one, or name one with --repository";
        let git_dir = answer(&["rev-parse", "--absolute-git-dir"], nowhere)?;
        // A bare repository has no other place.
        let place = answer(&["rev-parse", "--show-toplevel"], "has no files").unwrap_or(git_dir);
        Ok(History {
            commits: answer(&["rev-list", "--count", "HEAD"], "has no commit yet")?.parse()?,
            is_shallow: answer(&["rev-parse", "--is-shallow-repository"], "cannot be read")? == "true",
            place: place.into(),
        })
    }

    /// Shows `visit` every commit, the oldest first.
    fn read(&self, mut visit: impl FnMut(Commit) -> Outcome<()>) -> Outcome<()> {
        let format = ["%H", "%aE", "%aN", "%ad", "%s"].join("\x1f");
        let mut log = git(&self.place)
            .args(["-c", "core.quotePath=false", "log", "--reverse", "--numstat", "--no-renames"])
            .arg(format!("--format={COMMIT}{format}"))
            .arg("--date=format:%H")
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = log.stdout.take().ok_or("git prints nothing")?;
        let mut commit: Option<Commit> = None;
        for line in BufReader::new(lines).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            match line.strip_prefix(COMMIT) {
                Some(begin) => {
                    if let Some(whole) = commit.replace(begun(begin)?) {
                        visit(whole)?;
                    }
                }
                None => {
                    if let (Some(commit), false) = (&mut commit, line.is_empty()) {
                        commit.change(&line)?;
                    }
                }
            }
        }
        if let Some(last) = commit {
            visit(last)?;
        }
        match log.wait()?.success() {
            true => Ok(()),
            false => Err("git log ended with an error".into()),
        }
    }
}

fn git(repository: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).stdin(Stdio::null());
    git
}

/// A commit of which git has printed the first line.
fn begun(line: &str) -> Outcome<Commit> {
    let fields: Vec<&str> = line.splitn(5, FIELD).collect();
    let [commit, email, name, hour, subject] = fields[..] else {
        return Err(format!("git log prints a commit as {line:?}").into());
    };
    let what = Committed {
        commit: commit.to_owned(),
        name: name.to_owned(),
        subject: subject.to_owned(),
        hour: hour.parse::<usize>()?.min(23),
        added: 0,
        deleted: 0,
    };
    Ok(Commit { email: email.to_owned(), what, files: Vec::new() })
}

impl Commit {
    /// Takes one line about a file: lines added, lines deleted, its name. Dashes stand for what is no text.
    fn change(&mut self, line: &str) -> Outcome<()> {
        let fields: Vec<&str> = line.splitn(3, '\t').collect();
        let [added, deleted, file] = fields[..] else {
            return Err(format!("git log prints a change as {line:?}").into());
        };
        let (added, deleted) = (added.parse().ok(), deleted.parse().ok());
        self.what.added += added.unwrap_or(0);
        self.what.deleted += deleted.unwrap_or(0);
        let change = Changed { commit: self.what.commit.clone(), author: self.email.clone(), added, deleted };
        self.files.push((file.to_owned(), change));
        Ok(())
    }

    /// The id of its message in the stream of its author: the same whenever it is imported.
    fn id(&self) -> Outcome<Uuid> {
        let start = self.what.commit.get(..32).ok_or("a commit has a shorter name than git gives")?;
        Ok(Uuid::from_u128(u128::from_str_radix(start, 16)?))
    }

    fn writes(&self) -> Outcome<Vec<StreamWrite>> {
        let id = self.id()?;
        let author = format!("author-{}", self.email);
        let committed = NewMessage::new(COMMITTED).id(id).data(Json::of(&self.what)?);
        let by = Json::of(&BTreeMap::from([("correlationStreamName", &author)]))?;
        let mut writes = vec![StreamWrite::new(author, vec![committed])];
        for (file, change) in &self.files {
            let stream = file_stream(file);
            if stream.len() <= STREAM_NAME_LEN_MAX {
                let change = NewMessage::new(CHANGED).id(id_of_change(id, file)).data(Json::of(change)?);
                writes.push(StreamWrite::new(stream, vec![change.metadata(by.clone())]));
            }
        }
        Ok(writes)
    }
}

fn file_stream(file: &str) -> String {
    format!("file-{file}")
}

/// An id from those of a commit and a file: FNV-1a in 128 bits.
fn id_of_change(commit: Uuid, file: &str) -> Uuid {
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul((1 << 88) + 0x13B);
    Uuid::from_u128(file.bytes().fold(commit.as_u128(), step))
}

/// What an import came to.
#[derive(Default)]
struct Imported {
    commits: u64,
    changes: u64,
    left_out: u64,
}

/// Writes every commit that is not there yet, each in one transaction.
fn import(history: &History, store: &MessageStore<AnyEngine>) -> Outcome<Imported> {
    let git = store.namespace("git")?;
    let progress = io::stderr().is_terminal();
    let (mut imported, mut read) = (Imported::default(), 0_u64);
    history.read(|commit| {
        read += 1;
        if progress && read.is_multiple_of(50) {
            eprint!("\rcommit {read} of {}", history.commits);
        } else if !progress && read.is_multiple_of(5_000) {
            eprintln!("commit {read} of {}", history.commits);
        }
        if git.get(commit.id()?)?.is_some() {
            return Ok(());
        }
        let writes = commit.writes()?;
        git.write_many(&writes)?;
        imported.commits += 1;
        imported.changes += writes.len() as u64 - 1;
        imported.left_out += (commit.files.len() + 1 - writes.len()) as u64;
        Ok(())
    })?;
    if progress {
        eprint!("\r\x1b[K");
    }
    Ok(imported)
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Author {
    name: String,
    commits: u64,
    added: u64,
    deleted: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct File {
    changes: u64,
    lines: u64,
    authors: BTreeSet<String>,
}

/// What was counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Statistics {
    /// Up to which global position.
    position: u64,
    authors: BTreeMap<String, Author>,
    files: BTreeMap<String, File>,
    hours: [u64; 24],
}

/// What one member of the group did.
struct Member {
    lease: MemberLease,
    /// Messages that it had counted at earlier times.
    began_behind: u64,
    messages: u64,
    pages: u64,
    statistics: Statistics,
}

/// Takes every place of the group, and lets a thread at each count what comes to it.
fn count(git: &Messages<AnyEngine>, members: u64) -> Outcome<Vec<Member>> {
    // All of them before any is left: a place that was left is the first to be taken again.
    let leases = (0..members).map(|worker| {
        let lease = git.join_group(GROUP, members, &format!("worker-{worker}"), LEASE)?;
        lease.ok_or_else(|| "all places of the group are taken by others".into())
    });
    let leases: Vec<MemberLease> = leases.collect::<Outcome<_>>()?;
    thread::scope(|scope| {
        let counting: Vec<_> =
            leases.into_iter().map(|lease| scope.spawn(move || count_at(git, lease))).collect();
        let counted = counting.into_iter().map(|member| member.join().expect("a member does not panic"));
        let mut counted = counted.collect::<Outcome<Vec<Member>>>()?;
        counted.sort_by_key(|member| member.lease.member);
        Ok(counted)
    })
}

fn count_at(git: &Messages<AnyEngine>, mut lease: MemberLease) -> Outcome<Member> {
    let stream = format!("{GROUP}-{}-of-{}", lease.member, lease.size);
    let mut statistics = Statistics::stored(git, &stream)?;
    let (began_behind, mut messages, mut pages) = (statistics.position, 0, 0);
    loop {
        let next = i64::try_from(statistics.position)? + 1;
        let query = lease.query().types([COMMITTED, CHANGED]).from(next).batch(PAGE);
        let page = git.all(&query)?;
        if let Some(damaged) = page.unreadable.into_iter().next() {
            return Err(damaged.into());
        }
        for message in &page.messages {
            let data = message.data.as_ref().ok_or("a message has no data")?;
            let (category, id) = message.stream.split_once('-').ok_or("a stream has no id")?;
            match category {
                "author" => statistics.committed(id, data.to()?),
                _ => statistics.changed(id, data.to()?),
            }
        }
        messages += page.messages.len() as u64;
        pages += 1;
        statistics.position = page.next.map_or(statistics.position, |next| next.saturating_sub(1));
        lease = git.renew_member(&lease, LEASE)?;
        if page.is_end {
            break;
        }
    }
    if messages > 0 {
        statistics.store(git, &stream)?;
    }
    lease = git.advance_member(&lease, statistics.position)?;
    git.leave_group(&lease)?;
    Ok(Member { lease, began_behind, messages, pages, statistics })
}

impl Statistics {
    fn committed(&mut self, email: &str, commit: Committed) {
        let author = self.authors.entry(email.to_owned()).or_default();
        author.name = commit.name;
        author.commits += 1;
        author.added += commit.added;
        author.deleted += commit.deleted;
        self.hours[commit.hour.min(23)] += 1;
    }

    fn changed(&mut self, name: &str, change: Changed) {
        let file = self.files.entry(name.to_owned()).or_default();
        file.changes += 1;
        file.lines += change.added.unwrap_or(0) + change.deleted.unwrap_or(0);
        file.authors.insert(change.author);
    }

    /// What a member has counted at earlier times: the parts with the highest position.
    fn stored(git: &Messages<AnyEngine>, stream: &str) -> Outcome<Self> {
        let mut stored = Statistics::default();
        for message in git.stream(stream, &Query::new().batch(-1))?.messages {
            let part: Statistics = message.data.as_ref().ok_or("a part has no data")?.to()?;
            if part.position > stored.position {
                stored = Statistics { position: part.position, ..Statistics::default() };
            }
            stored.add(part);
        }
        Ok(stored)
    }

    /// Replaces what was stored, in parts that are no larger than a message may be.
    fn store(&self, git: &Messages<AnyEngine>, stream: &str) -> Outcome<()> {
        let part = |authors, files| Statistics { position: self.position, authors, files, hours: [0; 24] };
        let mut parts = vec![Statistics { hours: self.hours, ..part(BTreeMap::new(), BTreeMap::new()) }];
        for authors in Vec::from_iter(&self.authors).chunks(PART) {
            parts.push(part(owned(authors), BTreeMap::new()));
        }
        for files in Vec::from_iter(&self.files).chunks(PART) {
            parts.push(part(BTreeMap::new(), owned(files)));
        }
        let mut batch = Vec::with_capacity(parts.len());
        for part in &parts {
            batch.push(NewMessage::new(COUNTED).data(Json::of(part)?));
        }
        let written = git.write_batch(stream, batch, ExpectedVersion::Any)?;
        let first = written.messages.first().ok_or("there is at least one part")?;
        git.truncate_stream(stream, first.position)?;
        Ok(())
    }

    /// Adds what another has counted: no author and no file is counted by two.
    fn add(&mut self, other: Statistics) {
        self.authors.extend(other.authors);
        self.files.extend(other.files);
        self.hours.iter_mut().zip(other.hours).for_each(|(sum, count)| *sum += count);
    }
}

fn owned<T: Clone>(entries: &[(&String, &T)]) -> BTreeMap<String, T> {
    entries.iter().map(|(name, value)| ((*name).clone(), (*value).clone())).collect()
}

fn print_members(
    out: &mut impl Write,
    git: &Messages<AnyEngine>,
    members: &[Member],
    took: Duration,
) -> Outcome<()> {
    let by_type = git.summary(Grouping::Type)?;
    let of_type = by_type.rows.iter().map(|row| {
        let name = row.message_type.as_deref().unwrap_or_default();
        format!("{} {name} ({:.0} %)", row.messages, row.percent)
    });
    writeln!(out, "Messages: {}", of_type.collect::<Vec<_>>().join(", "))?;
    writeln!(out, "\nThe group `{GROUP}` caught up in {} ms:", took.as_millis())?;
    for Member { lease, began_behind, messages, pages, statistics } in members {
        writeln!(
            out,
            "  place {} of {}, {}: {messages} messages in {pages} pages, from position {began_behind} to {}; it keeps {} \
             authors and {} files",
            lease.member,
            lease.size,
            lease.worker,
            statistics.position,
            statistics.authors.len(),
            statistics.files.len()
        )?;
    }
    Ok(())
}

fn print_statistics(out: &mut impl Write, members: &[Member]) -> Outcome<()> {
    let mut all = Statistics::default();
    members.iter().for_each(|member| all.add(member.statistics.clone()));
    let mut authors = Vec::from_iter(all.authors.values());
    authors.sort_by_key(|author| std::cmp::Reverse(author.commits));
    let most = authors.first().map_or(0, |author| author.commits);
    writeln!(out, "\nTop authors ({} in all):", authors.len())?;
    for Author { name, commits, added, deleted } in authors.into_iter().take(TOP) {
        let lines = format!("+{added} -{deleted}");
        writeln!(out, "  {name:<28.28} {commits:>6} commits {lines:>18}  {}", bar(*commits, most))?;
    }
    let mut files = Vec::from_iter(&all.files);
    files.sort_by_key(|(_, file)| std::cmp::Reverse((file.changes, file.lines)));
    writeln!(out, "\nMost changed files ({} in all):", files.len())?;
    for (name, File { changes, lines, authors }) in files.into_iter().take(TOP) {
        writeln!(out, "  {changes:>5} times, {lines:>6} lines, {:>2} authors  {name}", authors.len())?;
    }
    let busiest = all.hours.iter().max().copied().unwrap_or_default();
    writeln!(out, "\nCommits by the hour of the author's day:")?;
    for (hour, commits) in all.hours.iter().enumerate().filter(|(_, commits)| **commits > 0) {
        writeln!(out, "  {hour:02}:00 {commits:>6}  {}", bar(*commits, busiest))?;
    }
    Ok(())
}

fn bar(count: u64, most: u64) -> String {
    "█".repeat(usize::try_from(count * 30 / most.max(1)).unwrap_or(0).max(1))
}
