//! Random histories of a namespace, each step compared with a plain list of messages.

use std::collections::BTreeMap;
use std::time::Duration;

use storage_core::{Engine, ManualClock, Timestamp};
use storage_stores::messages::{
    ImportOptions, Json, Message, MessageError, Messages, NewMessage, Page, Query, Result, Retention,
    StreamWrite, Uuid, Written, names,
};

use super::{assert_agree, at, id, json, timed};
use crate::history::Random;
use crate::subject::Subject;

/// Seeds that the suite runs, and how many changes each makes.
const SEEDS: [u64; 3] = [1, 2, 3];
const CHANGES: usize = 150;

const STREAMS: [&str; 9] = ["a-1", "a-2", "a", "a:c-1", "a+1-2", "-x", "a-1+b", "ü-😀", "b-"];
const CATEGORIES: [&str; 6] = ["a", "a:c", "a+1", "", "ü", "b"];

/// More types than the head of a stream has places for.
const TYPES: usize = 20;

/// What a history draws.
struct Draws(Random);

impl Draws {
    /// A number under `bound`; zero where nothing is under it.
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound.max(1))
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.0.one_in(count)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn message_type(&mut self) -> String {
        format!("T{}", self.below(TYPES as u64))
    }

    fn metadata(&mut self) -> Option<Json> {
        let correlated = |stream: &str| json(&format!(r#"{{"correlationStreamName":"{stream}"}}"#));
        [None, Some(json("{}")), Some(correlated("wf-1")), Some(correlated("wf")), Some(correlated("wfx-1"))]
            [self.below(5) as usize]
            .clone()
    }
}

/// What a namespace holds.
#[derive(Default)]
struct Model {
    /// By global position.
    log: BTreeMap<u64, Message>,
    /// The versions of the streams.
    versions: BTreeMap<String, u64>,
    last_global: u64,
    /// How many ids were given out.
    ids: u128,
    times: Times,
}

/// Which times imported messages have.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Times {
    /// Those that follow the order of global positions.
    #[default]
    Ordered,
    /// Some from before, and some that are still to come.
    Any,
}

impl Model {
    fn fresh_id(&mut self) -> Uuid {
        self.ids += 1;
        id(self.ids)
    }

    fn stream(&self, name: &str) -> Vec<&Message> {
        let mut found: Vec<_> = self.log.values().filter(|message| message.stream == name).collect();
        found.sort_by_key(|message| message.position);
        found
    }

    fn version(&self, stream: &str) -> i64 {
        self.versions.get(stream).map_or(-1, |version| at(*version))
    }

    fn add(&mut self, message: Message) {
        let version = self.versions.entry(message.stream.clone()).or_insert(message.position);
        *version = message.position.max(*version);
        self.last_global = self.last_global.max(message.global_position);
        self.log.insert(message.global_position, message);
    }

    /// A time between those of the neighbours of a global position.
    fn time_at(&self, global: u64) -> Option<Timestamp> {
        let before = self.log.range(..global).next_back();
        before.or_else(|| self.log.first_key_value()).map(|(_, message)| message.time)
    }

    fn any(&self, random: &mut Draws) -> Option<Message> {
        let at = random.below(self.log.len() as u64) as usize;
        self.log.values().nth(at).cloned()
    }

    /// Whether a message can be imported as it is.
    fn admits(&self, message: &Message) -> bool {
        let same_place = |other: &Message| {
            other.id == message.id || (&other.stream, other.position) == (&message.stream, message.position)
        };
        !self.log.contains_key(&message.global_position) && !self.log.values().any(same_place)
    }
}

/// Writes one to three parts at once, now and then at a version that is not there.
fn write<E: Engine>(messages: &Messages<E>, model: &mut Model, random: &mut Draws) -> Result<()> {
    let mut versions: BTreeMap<String, i64> = BTreeMap::new();
    let (mut writes, mut expected, mut is_refused) = (Vec::new(), Vec::new(), false);
    for _ in 0..=random.below(3) {
        let stream = random.of(&STREAMS);
        let version = versions.entry(stream.to_owned()).or_insert_with(|| model.version(stream));
        let asked = match random.below(12) {
            0 => Some(*version + 1),
            1..6 => Some(*version),
            _ => None,
        };
        is_refused |= asked.is_some_and(|asked| asked != *version);
        let mut part = Vec::new();
        for _ in 0..random.below(3) {
            let (message_type, metadata, id) = (random.message_type(), random.metadata(), model.fresh_id());
            let data = json(&format!("[{id:?}, 1.50, {{\"k\":1,\"k\":2}}]", id = id.to_string()));
            let mut message = NewMessage::new(message_type.clone()).data(data.clone()).id(id);
            if let Some(metadata) = &metadata {
                message = message.metadata(metadata.clone());
            }
            part.push(message);
            *version += 1;
            let recorded =
                Message::recorded(id, stream, message_type, *version as u64, 0, Timestamp::default());
            expected.push(recorded.with_data(Some(data)).with_metadata(metadata));
        }
        writes.push(StreamWrite::new(stream, part).expecting(asked));
    }
    let done = messages.write_many(&writes);
    if is_refused {
        assert!(matches!(done, Err(MessageError::VersionConflict { .. })), "{done:?}");
        return Ok(());
    }
    let done = done?;
    let written: Vec<_> = done.iter().flat_map(|appended| &appended.messages).collect();
    assert_eq!(written.len(), expected.len());
    for (written, mut message) in written.into_iter().zip(expected) {
        let last = model.log.last_key_value().map(|(_, last)| last.time);
        assert!(last.is_none_or(|last| last <= written.time), "times do not step back");
        message.global_position = model.last_global + 1;
        message.time = written.time;
        let place = (written.id, written.position, written.global_position, written.is_duplicate);
        assert_eq!(place, (message.id, message.position, message.global_position, false));
        model.add(message);
    }
    // The same again changes nothing.
    if random.one_in(3) && done.iter().any(|appended| !appended.messages.is_empty()) {
        let place = |written: &Written| (written.position, written.global_position, written.time);
        for (first, again) in done.iter().zip(&messages.write_many(&writes)?) {
            assert!(again.messages.iter().all(|written| written.is_duplicate));
            assert!(first.messages.iter().map(place).eq(again.messages.iter().map(place)));
        }
    }
    Ok(())
}

/// Imports a few messages, some of which may be there, or in the way of each other.
fn import<E: Engine>(
    messages: &Messages<E>,
    model: &mut Model,
    random: &mut Draws,
    now: Timestamp,
) -> Result<()> {
    let renumber = random.one_in(4);
    let mut batch = Vec::new();
    for _ in 0..=random.below(4) {
        if let (true, Some(there)) = (random.one_in(4), model.any(random)) {
            batch.push(there);
            continue;
        }
        let stream = random.of(&STREAMS);
        let position = random.below((model.version(stream) + 5).unsigned_abs());
        let global = 1 + random.below(model.last_global + 10);
        let time = match (model.times, random.below(8)) {
            (Times::Any, 0) => Timestamp::from_nanos(now.as_nanos() / 2 + random.below(1_000_000_000)),
            (Times::Any, 1) => now.after(Duration::from_secs(random.below(3))),
            (Times::Any, _) => now,
            (Times::Ordered, _) if renumber => now,
            (Times::Ordered, _) => model.time_at(global).unwrap_or(now),
        };
        let (id, message_type) = (model.fresh_id(), random.message_type());
        let message = Message::recorded(id, stream, message_type, position, global, time);
        batch.push(message.with_metadata(random.metadata()));
    }
    let mut options = ImportOptions::new().skip_existing();
    if renumber {
        options = options.renumber();
    }
    let mut after = Model { log: model.log.clone(), versions: model.versions.clone(), ..*model };
    let (mut is_refused, mut skipped) = (false, 0);
    for message in &batch {
        let mut message = message.clone();
        if renumber {
            if after.log.values().any(|other| other.id == message.id) {
                skipped += 1;
                continue;
            }
            message.position = (after.version(&message.stream) + 1).unsigned_abs();
            message.global_position = after.last_global + 1;
        }
        if after.log.get(&message.global_position) == Some(&message) {
            skipped += 1;
        } else if after.admits(&message) {
            after.add(message);
        } else {
            is_refused = true;
            break;
        }
    }
    let dry = messages.import(&batch, &options.dry_run());
    let done = messages.import(&batch, &options);
    if is_refused {
        assert!(matches!(dry, Err(MessageError::Import { .. })), "{dry:?}");
        assert!(matches!(done, Err(MessageError::Import { .. })), "{done:?}");
        return Ok(());
    }
    let done = done?;
    assert_eq!(dry?, done);
    assert_eq!((done.imported, done.skipped), (batch.len() as u64 - skipped, skipped));
    assert_eq!(done.last_global_position, after.last_global);
    *model = after;
    Ok(())
}

/// Deletes from the beginning of a stream, or all of it.
fn delete<E: Engine>(messages: &Messages<E>, model: &mut Model, random: &mut Draws) -> Result<()> {
    let stream = random.of(&STREAMS);
    let own: Vec<_> = model.stream(stream).into_iter().cloned().collect();
    let (gone, deleted): (Vec<_>, _) = match random.below(4) {
        0 => {
            model.versions.remove(stream);
            (own, messages.delete_stream(stream)?)
        }
        1 => {
            let before = random.below((model.version(stream) + 3).unsigned_abs());
            let gone = own.into_iter().filter(|message| message.position < before).collect();
            (gone, messages.truncate_stream(stream, before)?)
        }
        2 => {
            let kept = random.below(6) as usize;
            let gone = own.len().saturating_sub(kept);
            let deleted = messages.retain_stream(stream, &Retention::new().newest(kept as u64))?;
            (own[..gone].to_vec(), deleted)
        }
        _ => {
            let category = names::category(stream);
            let mut gone = Vec::new();
            for stream in STREAMS.iter().filter(|stream| names::category(stream) == category) {
                let own = model.stream(stream);
                gone.extend(own[..own.len().saturating_sub(4)].iter().map(|message| (*message).clone()));
            }
            (gone, messages.retain_category(category, &Retention::new().newest(4))?)
        }
    };
    assert_eq!(deleted, gone.len() as u64);
    gone.iter().for_each(|message| drop(model.log.remove(&message.global_position)));
    Ok(())
}

/// Reads with random conditions, page by page to the end.
fn read<E: Engine>(messages: &Messages<E>, model: &Model, random: &mut Draws) -> Result<()> {
    let source = random.below(3);
    let (stream, category) = (random.of(&STREAMS), random.of(&CATEGORIES));
    let place = |message: &Message| if source == 0 { message.position } else { message.global_position };
    let mut expected: Vec<&Message> = match source {
        0 => model.stream(stream),
        1 => model.log.values().filter(|message| names::category(&message.stream) == category).collect(),
        _ => model.log.values().collect(),
    };
    let mut query = Query::new();
    let is_reverse = random.one_in(3);
    if is_reverse {
        query = query.backwards();
        expected.reverse();
    }
    if random.one_in(2) {
        let from = random.below(model.last_global + 4) as i64 - 2;
        query = query.from(from);
        let from = from.max(0).unsigned_abs();
        expected.retain(|message| match is_reverse {
            true => place(message) <= from,
            false => place(message) >= from,
        });
    }
    if random.one_in(4) {
        let least = random.below(model.last_global + 2);
        query = query.global_position(at(least));
        expected.retain(|message| message.global_position >= least);
    }
    let time = |random: &mut Draws| {
        let some = model.any(random).map_or(0, |message| message.time.as_nanos());
        Timestamp::from_nanos((some + random.below(3)).saturating_sub(1))
    };
    if random.one_in(3) {
        let since = time(random);
        query = query.since(since);
        expected.retain(|message| message.time >= since);
    }
    if random.one_in(3) {
        let until = time(random);
        query = query.until(until);
        expected.retain(|message| message.time < until);
    }
    if random.one_in(4) {
        let types = [random.message_type(), random.message_type()];
        expected.retain(|message| types.contains(&message.message_type));
        query = query.types(types);
    }
    if source > 0 && random.one_in(4) {
        query = query.correlation("wf");
        let own = [
            Some(json(r#"{"correlationStreamName":"wf-1"}"#)),
            Some(json(r#"{"correlationStreamName":"wf"}"#)),
        ];
        expected.retain(|message| own.contains(&message.metadata));
    }
    if source > 0 && random.one_in(4) {
        let size = 1 + random.below(3);
        let member = random.below(size);
        query = query.consumer_group(at(member), at(size));
        expected.retain(|message| names::member(&message.stream, size) == Some(member));
    }
    let batch = 1 + random.below(7) as usize;
    query = query.batch(batch as i64);
    let mut found: Vec<Message> = Vec::new();
    loop {
        let page: Page = match source {
            0 => messages.stream(stream, &query)?,
            1 => messages.category(category, &query)?,
            _ => messages.all(&query)?,
        };
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        assert!(page.is_end || page.messages.len() == batch, "pages fill up: {query:?}");
        found.extend(page.messages);
        assert!(found.len() <= expected.len(), "{query:?} finds {found:#?} instead of {expected:#?}");
        let next = page.next;
        assert!(is_reverse || next.is_some(), "forward there is always a next position: {query:?}");
        assert!(!(is_reverse && page.is_end && next.is_some()), "backwards there is an end: {query:?}");
        match next.filter(|_| !page.is_end) {
            Some(next) => query = query.from(at(next)),
            None => break,
        }
    }
    assert!(found.iter().eq(expected.iter().copied()), "{query:?} finds {found:#?} instead of {expected:#?}");
    Ok(())
}

fn change<E: Engine>(
    messages: &Messages<E>,
    model: &mut Model,
    random: &mut Draws,
    clock: &ManualClock,
    number: usize,
) -> Result<()> {
    if random.one_in(2) {
        clock.advance(Duration::from_nanos(random.below(3_000_000_000)));
    }
    match random.below(20) {
        0..12 => write(messages, model, random)?,
        12..15 if number > 30 => import(messages, model, random, messages.store().database().now())?,
        15..19 => delete(messages, model, random)?,
        19 if random.one_in(8) => {
            let count = messages.store().clear_namespace(super::NAMESPACE)?;
            assert_eq!(count, model.log.len() as u64);
            *model = Model { ids: model.ids, times: model.times, ..Model::default() };
        }
        _ => {}
    }
    for _ in 0..4 {
        read(messages, model, random)?;
    }
    for stream in STREAMS {
        assert_eq!(messages.version(stream)?.map_or(-1, at), model.version(stream), "{stream}");
        let last = model.stream(stream).last().copied().cloned();
        assert_eq!(messages.last(stream)?, last, "{stream}");
    }
    let stream = random.of(&STREAMS);
    for message_type in (0..TYPES).map(|number| format!("T{number}")) {
        let own = model.stream(stream);
        let last = own.iter().rfind(|message| message.message_type == message_type);
        assert_eq!(messages.last_of_type(stream, &message_type)?.as_ref(), last.copied(), "{stream}");
    }
    Ok(())
}

pub(crate) fn random_histories_agree_with_a_plain_list<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for seed in SEEDS {
        println!("seed {seed}");
        let mut random = Draws(Random::new(seed));
        let times = if seed % 2 == 0 { Times::Any } else { Times::Ordered };
        let mut model = Model { times, ..Model::default() };
        for number in 0..CHANGES {
            change(&messages, &mut model, &mut random, &clock, number)?;
            if number % 16 == 0 {
                assert_agree(&messages)?;
            }
        }
        assert_agree(&messages)?;
        assert_eq!(messages.store().clear_namespace(super::NAMESPACE)?, model.log.len() as u64);
    }
    Ok(())
}
