//! Steps and answers as lines that people read, and from which nothing is left out.

use std::fmt::{self, Display, Formatter};

use super::Told;
use super::answer::{Answer, Event, Found, Shown};
use super::step::{
    Action, Beside, Bounds, Bytes, End, Level, Limit, Listing, Look, Order, Place, Put, Span, Step, Values,
    Write,
};

/// A run of equal bytes of this length or more is shown by its byte and its length.
const RUN_LEN_MIN: usize = 8;

/// The line of a step: its number, the call, the answer, and what watches were told.
pub(super) fn line(number: usize, step: &Step, answer: &Answer, told: &Told) -> String {
    let mut line = format!("{} {answer}", call(number, step));
    for (keyspace, events) in told.iter().enumerate().filter(|(_, events)| !events.is_empty()) {
        line += &format!(" | watch {keyspace}: {}", joined(events, ", "));
    }
    line
}

/// The part of the line that is the same whatever was answered.
pub(super) fn call(number: usize, step: &Step) -> String {
    format!("{number} {step} =>")
}

fn joined<T: Display>(parts: impl IntoIterator<Item = T>, separator: &str) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(separator)
}

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for run in self.0.chunk_by(|one, next| one == next) {
            // A brace begins a run, so one that stands for itself is escaped.
            let byte = match run[0] {
                brace @ (b'{' | b'}') => format!("\\x{brace:02x}"),
                byte => byte.escape_ascii().to_string(),
            };
            if run.len() < RUN_LEN_MIN {
                f.write_str(&byte.repeat(run.len()))?;
            } else {
                write!(f, "{{{} of {byte}}}", run.len())?;
            }
        }
        f.write_str("\"")
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.keyspace, self.key)
    }
}

impl Display for Beside {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.expires_at {
            write!(f, " until {at}")?;
        }
        if self.user_byte != 0 {
            write!(f, " byte {}", self.user_byte)?;
        }
        Ok(())
    }
}

impl Display for Put {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "put {} = {}{}", self.place, self.value, self.beside)
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.keyspace)?;
        match &self.bounds {
            Bounds::All => f.write_str("all"),
            Bounds::Prefix(prefix) => write!(f, "{prefix}.."),
            Bounds::Between(first, last) => {
                match first {
                    Limit::None => f.write_str("(start"),
                    Limit::With(key) => write!(f, "[{key}"),
                    Limit::Without(key) => write!(f, "({key}"),
                }?;
                match last {
                    Limit::None => f.write_str(", end)"),
                    Limit::With(key) => write!(f, ", {key}]"),
                    Limit::Without(key) => write!(f, ", {key})"),
                }
            }
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Forward => "",
            Order::Reverse => " in reverse",
        })
    }
}

impl Display for Listing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Listing::ByKey => "key",
            Listing::ByGroup => "group",
        })
    }
}

impl Display for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Values::Every => "",
            Values::None => ", no values",
            Values::EveryOther => ", every other value",
        })
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Sync => "",
            Level::Deferred => " (deferred)",
        })
    }
}

impl Display for Look {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Look::Get(place) => write!(f, "get {place}"),
            Look::GetMany { keyspace, keys } => write!(f, "get {keyspace}:[{}]", joined(keys, " ")),
            Look::Counter(place) => write!(f, "count {place}"),
            Look::Range { span, order, values, take } => {
                write!(f, "range {span}{order}{values}")?;
                take.map_or(Ok(()), |take| write!(f, ", at most {take}"))
            }
        }
    }
}

impl Display for Write {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Write::Put(put) => put.fmt(f),
            Write::Delete(place) => write!(f, "delete {place}"),
            Write::DeleteRange(span) => write!(f, "delete range {span}"),
            Write::Add { place, delta } => write!(f, "add {delta} to {place}"),
            Write::Max { place, value } => write!(f, "raise {place} to {value}"),
            Write::Touch { place, expires_at } => {
                write!(f, "touch {place}{}", Beside { expires_at: *expires_at, user_byte: 0 })
            }
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Action::Look(look) => look.fmt(f),
            Action::Write(write) => write.fmt(f),
            Action::Draw { place, first } => write!(f, "draw {place} from {first}"),
            Action::PutNumbered { keyspace, name, ticket, value, beside } => {
                write!(f, "put {keyspace}:({name}, drawn {ticket}) = {value}{beside}")
            }
            Action::PutNumber { keyspace, name, number, ticket, beside } => {
                write!(f, "put {keyspace}:({name}, {number}) = drawn {ticket}{beside}")
            }
            Action::Trespass => f.write_str("write past the transaction"),
            Action::Meanwhile { advance, writes } => {
                write!(f, "meanwhile, {advance} later: <{}>", joined(writes, "; "))
            }
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Step::Put { put, durability } => write!(f, "{put}{durability}"),
            Step::Delete(place) => write!(f, "delete {place}"),
            Step::DeleteRange(span) => write!(f, "delete range {span}"),
            Step::Look(look) => look.fmt(f),
            Step::Transact { body, end, durability } => {
                write!(f, "transact{durability} <{}>", joined(body, "; "))?;
                f.write_str(match end {
                    End::Commit => "",
                    End::Fail => ", then fail",
                    End::Panic => ", then panic",
                })
            }
            Step::Hold => f.write_str("hold a snapshot"),
            Step::LookBack { snapshot, look } => write!(f, "in snapshot {snapshot}: {look}"),
            Step::Release { snapshot } => write!(f, "release snapshot {snapshot}"),
            Step::ClockForward(nanos) => write!(f, "clock +{nanos}"),
            Step::ClockBack(nanos) => write!(f, "clock -{nanos}"),
            Step::Sweep { limit: None } => f.write_str("sweep"),
            Step::Sweep { limit: Some(limit) } => write!(f, "sweep at most {limit}"),
            Step::PutRow { key, group } => write!(f, "put row {key} of group {group}"),
            Step::DeleteRows { first, last } => write!(f, "delete rows {first} to {last}"),
            Step::Page { listing, order, limit } => {
                write!(f, "page of {limit} rows by {listing}{order}")
            }
            Step::Sync => f.write_str("sync"),
            Step::Reopen => f.write_str("reopen"),
        }
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let beside = Beside { expires_at: self.expires_at, user_byte: self.user_byte };
        write!(f, "{}{beside}", self.value)
    }
}

impl Display for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        Beside { expires_at: self.expires_at, user_byte: self.user_byte }.fmt(f)
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = |record: &Option<Shown>| match record {
            Some(record) => record.to_string(),
            None => "none".into(),
        };
        match self {
            Answer::Done => f.write_str("done"),
            Answer::Nothing => f.write_str("nothing to do it on"),
            Answer::Refused(refusal) => write!(f, "{refusal:?}"),
            Answer::Record(record) => f.write_str(&shown(record)),
            Answer::Records(records) => write!(f, "[{}]", joined(records.iter().map(shown), ", ")),
            Answer::Count(count) => write!(f, "{count}"),
            Answer::Range(found) => {
                let entry = |entry: &Result<Found, _>| match entry {
                    Ok(found) => found.to_string(),
                    Err(refusal) => format!("{refusal:?}"),
                };
                write!(f, "[{}]", joined(found.iter().map(entry), ", "))
            }
            Answer::Time(time) => write!(f, "time {time}"),
            Answer::Page(rows, more) => {
                let row = |(key, group): &(u8, u8)| format!("{key} of group {group}");
                let end = if *more { ", and more" } else { "" };
                write!(f, "[{}]{end}", joined(rows.iter().map(row), ", "))
            }
            Answer::Swept(count) => write!(f, "{count} swept"),
            Answer::Committed(answers, numbers) => {
                write!(f, "committed <{}>", joined(answers, "; "))?;
                if numbers.is_empty() { Ok(()) } else { write!(f, ", drawn {}", joined(numbers, " ")) }
            }
            Answer::Failed(answers, refusal) => write!(f, "{refusal:?} <{}>", joined(answers, "; ")),
            Answer::Panicked(answers) => write!(f, "panicked <{}>", joined(answers, "; ")),
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Event::Put(key) => write!(f, "put {key}"),
            Event::Delete(key) => write!(f, "delete {key}"),
            Event::DeleteRange(start, Some(end)) => write!(f, "delete range [{start}, {end})"),
            Event::DeleteRange(start, None) => write!(f, "delete range [{start}, end)"),
            Event::Expire(key) => write!(f, "expire {key}"),
            Event::Lagged => f.write_str("lagged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_differ_are_shown_differently() {
        let shown = |bytes: &[u8]| Bytes(bytes.to_vec()).to_string();
        assert_eq!(shown(b"a\0\xff"), r#""a\x00\xff""#);
        assert_eq!(shown(&[b'a'; 7]), r#""aaaaaaa""#);
        assert_eq!(shown(&[&[b'a'; 300][..], b"b"].concat()), r#""{300 of a}b""#);
        assert_eq!(shown(b"{8 of a}"), r#""\x7b8 of a\x7d""#);
    }
}
