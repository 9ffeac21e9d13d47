//! A mailbox: mails, each behind a line that begins with `From `, made into a session for each thread.
//!
//! A mail belongs to the thread of any mail that its `References` or `In-Reply-To` name, whichever comes first; one that
//! names none, and whose subject begins with `Re:`, to the last thread with the rest of it. Who begins a thread is its
//! user, everyone else answers. Of a mail in parts the first plain text is taken. A mail that is there twice counts once.

mod decoding;

use std::collections::{BTreeSet, HashMap};

use storage::Timestamp;
use storage::stores::messages::parse_time;
use storage::stores::sessions::{Role, Session};

use super::{Problem, Wrong, message, session};
use decoding::Head;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

struct Mail {
    id: String,
    /// The mails that it names as those before it, the first of the thread first.
    before: Vec<String>,
    subject: String,
    from: String,
    time: Timestamp,
    body: String,
}

/// The sessions of the lines of a mailbox.
pub fn chats(lines: &[Vec<u8>]) -> Result<Vec<Session>, Wrong> {
    let is_begin = |at: usize| {
        lines[at].starts_with(b"From ") && (at == 0 || lines[at - 1].iter().all(u8::is_ascii_whitespace))
    };
    let begins: Vec<usize> = (0..lines.len()).filter(|at| is_begin(*at)).collect();
    let mut threads = Threads::default();
    for (number, begin) in begins.iter().enumerate() {
        let end = begins.get(number + 1).copied().unwrap_or(lines.len());
        threads.add(Mail::of(begin + 1, &lines[begin + 1..end])?);
    }
    Ok(threads.into_sessions())
}

impl Mail {
    /// The mail behind the line of this number.
    fn of(line: usize, lines: &[Vec<u8>]) -> Result<Self, Wrong> {
        let (head, len) = Head::of(lines).map_err(|(at, text)| (line + 1 + at, Problem::Header(text)))?;
        let needed = |name| head.get(name).ok_or((line, Problem::Missing(name)));
        let date = needed("Date")?;
        let wrong = || (line + 1 + head.line("Date").unwrap_or(0), Problem::Time(date.to_owned()));
        let mut before = ids(head.get("References").unwrap_or_default());
        for id in ids(head.get("In-Reply-To").unwrap_or_default()) {
            if !before.contains(&id) {
                before.push(id);
            }
        }
        let id = ids(head.get("Message-ID").unwrap_or_default()).into_iter().next();
        Ok(Mail {
            id: id.unwrap_or_else(|| format!("line-{line}")),
            before,
            subject: decoding::words(head.get("Subject").unwrap_or_default()),
            from: decoding::words(needed("From")?),
            time: time(date).ok_or_else(wrong)?,
            body: head.body(&lines[len..]),
        })
    }

    /// The subject without what an answer puts before it, in small letters, and whether there was any of that.
    fn topic(&self) -> (String, bool) {
        let mut topic = self.subject.trim();
        let mut is_answer = false;
        while let Some((start, rest)) = topic.split_once(':')
            && ["re", "aw", "fwd", "fw", "sv"].contains(&start.trim().to_lowercase().as_str())
        {
            (topic, is_answer) = (rest.trim(), true);
        }
        (topic.to_lowercase(), is_answer)
    }
}

/// The ids in a header: what stands between angle brackets.
fn ids(header: &str) -> Vec<String> {
    let parts = header.split('<').skip(1).filter_map(|part| part.split_once('>'));
    parts.map(|(id, _)| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}

/// The time of a mail's date, such as `Mon, 5 Feb 2024 10:20:30 +0100 (CET)`. A zone that is a name is taken as UTC.
fn time(date: &str) -> Option<Timestamp> {
    let date = date.split_once(',').map_or(date, |(_, date)| date);
    let mut parts = date.split_whitespace();
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let zone = match parts.next().and_then(|zone| zone.split_at_checked(3)) {
        Some((hours, minutes)) if hours.starts_with(['+', '-']) => format!("{hours}:{minutes}"),
        _ => "Z".to_owned(),
    };
    let seconds = if time.len() == 5 { ":00" } else { "" };
    parse_time(&format!("{year}-{month:02}-{day:0>2}T{time}{seconds}{zone}"))
}

/// Mails by thread.
#[derive(Default)]
struct Threads {
    /// Those that were found to be a part of another one are empty.
    threads: Vec<Thread>,
    /// The thread of a mail that is there, or that one names.
    by_id: HashMap<String, usize>,
    /// The last thread about something.
    by_topic: HashMap<String, usize>,
}

#[derive(Default)]
struct Thread {
    /// The first mail, as far as it is known.
    root: String,
    ids: BTreeSet<String>,
    mails: Vec<Mail>,
}

impl Threads {
    fn add(&mut self, mail: Mail) {
        let (topic, is_answer) = mail.topic();
        let named: Vec<&String> = mail.before.iter().chain([&mail.id]).collect();
        let mut known: Vec<usize> = named.iter().filter_map(|id| self.by_id.get(*id).copied()).collect();
        if known.is_empty() && mail.before.is_empty() && is_answer {
            known.extend(self.by_topic.get(&topic));
        }
        known.sort_unstable();
        known.dedup();
        let thread = match known.split_first() {
            Some((first, others)) => {
                others.iter().for_each(|other| self.join(*first, *other));
                *first
            }
            None => {
                let root = named.first().map_or_else(String::new, |root| (*root).clone());
                self.threads.push(Thread { root, ..Thread::default() });
                self.threads.len() - 1
            }
        };
        self.by_id.extend(named.into_iter().map(|id| (id.clone(), thread)));
        self.by_topic.insert(topic, thread);
        let of = &mut self.threads[thread];
        if of.ids.insert(mail.id.clone()) {
            of.mails.push(mail);
        }
    }

    /// Takes the mails of one thread into another.
    fn join(&mut self, into: usize, from: usize) {
        let Thread { ids, mails, .. } = std::mem::take(&mut self.threads[from]);
        self.threads[into].ids.extend(ids);
        self.threads[into].mails.extend(mails);
        for thread in self.by_id.values_mut().chain(self.by_topic.values_mut()) {
            if *thread == from {
                *thread = into;
            }
        }
    }

    fn into_sessions(self) -> Vec<Session> {
        self.threads.into_iter().filter(|thread| !thread.mails.is_empty()).map(Thread::into_session).collect()
    }
}

impl Thread {
    fn into_session(mut self) -> Session {
        self.mails.sort_by_key(|mail| mail.time);
        let asks = self.mails[0].from.clone();
        let name = self.mails[0].subject.clone();
        let said = self.mails.into_iter().map(|mail| {
            let role = if mail.from == asks { Role::User } else { Role::Assistant };
            message(mail.id, role, display(&mail.from), mail.body.trim(), mail.time)
        });
        session(&format!("mail-{}", self.root), &name, said.collect())
    }
}

/// The name in a sender, or the address of one that has none.
fn display(from: &str) -> &str {
    let (name, address) = from.split_once('<').unwrap_or((from, ""));
    let name = name.trim().trim_matches('"');
    if name.is_empty() { address.trim_end_matches('>') } else { name }
}
