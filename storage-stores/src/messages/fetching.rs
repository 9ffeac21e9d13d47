//! Fetching the messages that entries name: those that follow each other in a stream in one go.
//!
//! What a page of a category has of one stream stands side by side there, and a walk costs less than as many look-ups.

use std::borrow::Cow;
use std::collections::HashMap;

use storage_core::{Direction, Engine, Error, Key, KeyRange, Keyspace, Kind};

use super::error::Result;
use super::layout;
use super::message::Message;
use super::namespace::View;
use super::store::MessageStore;

/// Fewer messages than this are looked up.
const RUN_LEN_MIN: usize = 4;
/// A walk may pass over as many messages as it finds.
const SPAN_PER_MESSAGE_MAX: u64 = 2;

type Fetched = storage_core::Result<Message>;

/// Hands the messages of these keys to `take`, in their order. One that cannot be read is an error that names its key.
pub(super) fn messages<E: Engine>(
    view: &View<E>,
    store: &MessageStore<E>,
    keys: &[Key],
    mut take: impl FnMut(Fetched) -> Result<()>,
) -> Result<()> {
    let mut found: Vec<Option<Message>> = keys.iter().map(|_| None).collect();
    if keys.len() >= RUN_LEN_MIN {
        for run in runs(keys).values().filter(|run| run.is_worth_a_walk()) {
            walk(view, store, keys, run, &mut found)?;
        }
    }
    let missing: Vec<&Key> =
        keys.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(key, _)| key).collect();
    let mut looked_up = look_up(view, store, &missing)?.into_iter();
    for found in found {
        let message = found.map(Ok).or_else(|| looked_up.next());
        take(message.expect("what was not found by a walk was looked up"))?;
    }
    Ok(())
}

/// The messages of one stream among the keys: the position of each, and which of the keys names it.
struct Run(Vec<(u64, usize)>);

impl Run {
    fn is_worth_a_walk(&self) -> bool {
        let Run(places) = self;
        // Imported messages need not stand in the order of their global positions.
        let positions = || places.iter().map(|(position, _)| *position);
        let span = positions().max().zip(positions().min()).map_or(0, |(last, first)| last - first);
        places.len() >= RUN_LEN_MIN && span / SPAN_PER_MESSAGE_MAX <= places.len() as u64
    }
}

/// The keys by stream. A key that is none of a message is left to be looked up.
fn runs(keys: &[Key]) -> HashMap<Cow<'_, str>, Run> {
    let mut runs: HashMap<Cow<'_, str>, Run> = HashMap::new();
    for (at, key) in keys.iter().enumerate() {
        if let Ok((stream, position)) = layout::stream_and_position(key) {
            runs.entry(stream).or_insert_with(|| Run(Vec::new())).0.push((position, at));
        }
    }
    runs
}

/// Finds messages of a run up to the first that cannot be read: the look-up says what is wrong with it.
fn walk<E: Engine>(
    view: &View<E>,
    store: &MessageStore<E>,
    keys: &[Key],
    run: &Run,
    found: &mut [Option<Message>],
) -> Result<()> {
    let mut places = run.0.clone();
    places.sort_unstable();
    let (Some((_, first)), Some((_, last))) = (places.first(), places.last()) else { return Ok(()) };
    let range = KeyRange::of(keys[*first].as_slice()..=keys[*last].as_slice())?;
    let mut places = places.into_iter().peekable();
    let mut records = view.snapshot.range(store.layout.messages, &range, Direction::Forward)?;
    while let Ok(Some(mut entry)) = records.next() {
        let message = entry.pair().and_then(|(key, value)| {
            let (stream, position) = layout::stream_and_position(key)?;
            while places.next_if(|(passed, _)| *passed < position).is_some() {}
            match places.next_if(|(due, _)| *due == position) {
                Some((_, at)) => Ok(Some((at, layout::message(&stream, position, value)?))),
                None => Ok(None),
            }
        });
        match message {
            Ok(Some((at, message))) => found[at] = Some(message),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    Ok(())
}

fn look_up<E: Engine>(view: &View<E>, store: &MessageStore<E>, keys: &[&Key]) -> Result<Vec<Fetched>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keyspace = store.layout.messages;
    match view.snapshot.get_many(keyspace, keys) {
        Ok(found) => {
            Ok(keys.iter().zip(found).map(|(key, found)| decoded(keyspace, key, found.as_deref())).collect())
        }
        // One of them cannot be read: which one, only reading each can tell.
        Err(error) if error.kind() == Kind::Corrupt => {
            let each = keys.iter().map(|key| {
                let found = view.snapshot.get(keyspace, key)?;
                decoded(keyspace, key, found.as_deref())
            });
            Ok(each.collect())
        }
        Err(error) => Err(error.into()),
    }
}

/// The message of a key, which an entry names.
pub(super) fn decoded(keyspace: Keyspace, key: &[u8], found: Option<&[u8]>) -> storage_core::Result<Message> {
    let missing = || Error::new(Kind::Corrupt, "the message that an entry names is not there");
    let message = found.ok_or_else(missing).and_then(|value| {
        let (stream, position) = layout::stream_and_position(key)?;
        layout::message(&stream, position, value)
    });
    message.map_err(|error| error.at(keyspace, key))
}
