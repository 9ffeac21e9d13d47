//! What a person wants to read.

use std::collections::BTreeMap;
use std::io::Write;

use storage::AnyEngine;
use storage::stores::messages::format_time;
use storage::stores::sessions::{FoundText, SessionInfo, SessionListing, Sessions};

use super::{FROM, Outcome};

/// Lines of each table that is printed.
const TOP: usize = 10;
/// Sessions that are read at once.
const PAGE: usize = 500;

/// The sessions by month, and the longest of them.
pub fn sessions(out: &mut impl Write, sessions: &Sessions<AnyEngine>) -> Outcome<()> {
    let mut all = all(sessions)?;
    let mut months: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for session in &all {
        let (sessions, messages) = months.entry(day(session).chars().take(7).collect()).or_default();
        *sessions += 1;
        *messages += session.message_count;
    }
    let most = months.values().map(|(_, messages)| *messages).max().unwrap_or_default();
    writeln!(out, "\nSessions by month ({} in all):", all.len())?;
    for (month, (sessions, messages)) in months {
        let bar = bar(messages, most);
        writeln!(out, "  {month} {sessions:>6} sessions {messages:>8} messages  {bar}")?;
    }
    all.sort_by(|one, other| {
        other.message_count.cmp(&one.message_count).then_with(|| one.created.cmp(&other.created))
    });
    writeln!(out, "\nThe longest:")?;
    for session in all.iter().take(TOP) {
        writeln!(out, "  {:>6} messages  {}  {}", session.message_count, day(session), session.name)?;
    }
    Ok(())
}

fn all(sessions: &Sessions<AnyEngine>) -> Outcome<Vec<SessionInfo>> {
    let mut all = Vec::new();
    let mut listing = SessionListing::new().limit(PAGE);
    loop {
        let page = sessions.list(&listing)?;
        if let Some(damaged) = page.unreadable.into_iter().next() {
            return Err(damaged.into());
        }
        all.extend(page.sessions);
        match page.next {
            Some(next) => listing = listing.after(next),
            None => return Ok(all),
        }
    }
}

/// The messages and names that have the words of a query, the best first.
pub fn hits(out: &mut impl Write, sessions: &Sessions<AnyEngine>, query: &str) -> Outcome<()> {
    let found = sessions.find(query, TOP)?;
    if let Some(damaged) = found.unreadable.into_iter().next() {
        return Err(damaged.into());
    }
    writeln!(out, "\nThe best of {} for {query}:", found.total)?;
    for (number, text) in (1..).zip(&found.texts) {
        writeln!(out, "  {number}. {}, {}: {}", text.session.name, day(&text.session), who(sessions, text)?)?;
        writeln!(out, "     {}", marked(text))?;
    }
    Ok(())
}

/// Who said it, and where.
fn who(sessions: &Sessions<AnyEngine>, text: &FoundText) -> Outcome<String> {
    let (Some(role), Some(position)) = (text.role, text.position) else {
        return Ok("in what it says of itself".to_owned());
    };
    let said = sessions.messages_between(&text.session.id, position, position + 1)?;
    let from = said.first().and_then(|message| message.metadata.get(FROM)?.as_str());
    let by = from.map_or_else(|| role.title().to_owned(), |from| format!("{from} ({})", role.title()));
    Ok(format!("{by}, message {} of {}", position + 1, text.session.message_count))
}

/// The snippet on one line, with brackets around what matches.
fn marked(text: &FoundText) -> String {
    let snippet = &text.snippet;
    let mut marked = String::new();
    let mut at = 0;
    for range in &snippet.matches {
        marked.push_str(&snippet.text[at..range.start]);
        marked.push_str(&format!("[{}]", &snippet.text[range.clone()]));
        at = range.end;
    }
    marked.push_str(&snippet.text[at..]);
    marked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The day on which a session began.
fn day(session: &SessionInfo) -> String {
    format_time(session.created).chars().take(10).collect()
}

fn bar(count: u64, most: u64) -> String {
    "█".repeat(usize::try_from(count * 30 / most.max(1)).unwrap_or(0).max(1))
}
