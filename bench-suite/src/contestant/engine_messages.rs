//! Ours, in the rows of the message store: `storage-stores` on the database, as an application uses it.

use std::fmt;

use storage_core::{Database, Durability, Engine};
use storage_stores::messages::{
    ExpectedVersion, Json, Message, MessageStore, Messages, NewMessage, Query, StreamListing, StreamWrite,
};

use super::engine::{Layer, Opening, Stores};
use super::messages::{MessageFilters, MessageRows, MessageView};
use crate::failure::{Failure, Outcome};
use crate::workload::Spec;
use crate::workload::message_data::{Data, Made};

/// The namespace of every row.
const NAMESPACE: &str = "bench_ns";
/// Messages of a transaction when a store is filled.
const LOADED: usize = 500;

/// A namespace of a message store on a database.
pub type MessageLayer<O> = Layer<O, Messages<<O as Opening>::Engine>>;

impl<E: Engine> Stores<E> for Messages<E> {
    fn open(db: &Database<E>, durability: Durability, _: &Spec) -> Outcome<Self> {
        Ok(MessageStore::open(db)?.with_durability(durability).open_namespace(NAMESPACE)?)
    }
}

impl<O: Opening> MessageRows for MessageLayer<O> {
    type Found = Message;

    fn write(&self, message: Made) -> Outcome<u64> {
        let (stream, message) = new(message)?;
        Ok(self.stores.write(&stream, message, ExpectedVersion::Any)?.global_position)
    }

    fn load(&self, mut messages: impl Iterator<Item = Made>) -> Outcome<()> {
        let store = MessageStore::open(&self.db)?.with_durability(Durability::Deferred);
        let deferred = store.open_namespace(NAMESPACE)?;
        loop {
            let mut writes = Vec::with_capacity(LOADED);
            for message in messages.by_ref().take(LOADED) {
                let (stream, message) = new(message)?;
                writes.push(StreamWrite::new(stream, vec![message]));
            }
            if writes.is_empty() {
                return Ok(self.db.sync()?);
            }
            deferred.write_many(&writes)?;
        }
    }

    fn stream(&self, stream: &str, from: u64, batch: u64) -> Outcome<Vec<Message>> {
        let page = self.stores.stream(stream, &from_on(from, batch))?;
        whole(page.messages, page.unreadable)
    }

    fn category(&self, category: &str, from: u64, batch: u64) -> Outcome<Vec<Message>> {
        let page = self.stores.category(category, &from_on(from, batch))?;
        whole(page.messages, page.unreadable)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.stores.message_count()?)
    }
}

impl<O: Opening> MessageFilters for MessageLayer<O> {
    fn group_page(&self, category: &str, member: u64, size: u64, batch: u64) -> Outcome<Vec<Message>> {
        let query = from_on(0, batch).consumer_group(member as i64, size as i64);
        let page = self.stores.category(category, &query)?;
        whole(page.messages, page.unreadable)
    }

    fn correlated_page(&self, category: &str, with: &str, batch: u64) -> Outcome<Vec<Message>> {
        let page = self.stores.category(category, &from_on(0, batch).correlation(with))?;
        whole(page.messages, page.unreadable)
    }

    fn streams_page(&self, batch: u64) -> Outcome<usize> {
        Ok(self.stores.streams(&StreamListing::new().limit(batch as i64))?.streams.len())
    }
}

fn new(message: Made) -> Outcome<(String, NewMessage)> {
    let Made { stream, message_type, data, correlation } = message;
    let new = NewMessage::new(message_type).data(Json::of(&data)?);
    let metadata = |with: &str| Json::of(&serde_json::json!({ "correlationStreamName": with }));
    let correlated = correlation.map(metadata).transpose()?;
    Ok((stream, correlated.into_iter().fold(new, NewMessage::metadata)))
}

fn from_on(from: u64, batch: u64) -> Query {
    Query::new().from(from as i64).batch(batch as i64)
}

/// A message that cannot be read fails the run.
fn whole<E: fmt::Debug>(messages: Vec<Message>, unreadable: Vec<E>) -> Outcome<Vec<Message>> {
    match unreadable.into_iter().next() {
        Some(damaged) => Err(Failure::new(format!("a message cannot be read: {damaged:?}"))),
        None => Ok(messages),
    }
}

impl MessageView for Message {
    fn position(&self) -> u64 {
        self.position
    }

    fn global_position(&self) -> u64 {
        self.global_position
    }

    fn number(&self, name: &str) -> Outcome<Option<u64>> {
        let data = self.data.as_ref().map(|data| data.to::<Data>()).transpose()?;
        Ok(data.as_ref().and_then(|data| data.get(name)?.as_u64()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Mem;
    use super::super::fs::{DeferredLines, Fs};
    use super::super::messages::tests::{filters_mean_what_they_say, message_rows_mean_what_they_say};
    use super::super::sqlite::{InMemory, Sqlite};
    use super::*;

    #[test]
    fn rows_mean_what_they_say() {
        message_rows_mean_what_they_say::<MessageLayer<Mem>>();
        message_rows_mean_what_they_say::<MessageLayer<Sqlite<InMemory>>>();
        message_rows_mean_what_they_say::<MessageLayer<Fs<DeferredLines>>>();
    }

    #[test]
    fn filters_do() {
        filters_mean_what_they_say::<MessageLayer<Mem>>();
    }
}
