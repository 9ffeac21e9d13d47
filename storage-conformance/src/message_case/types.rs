//! Reads that ask for types of messages.

use std::collections::BTreeSet;

use storage_core::Engine;
use storage_stores::messages::{
    ExpectedVersion, MessageError, Messages, NewMessage, Page, Query, Result, StreamWrite,
};

use super::{at, counted, globals, json, open, positions, timed};
use crate::subject::Subject;

/// Ten messages in two streams: global position 1 to 10, of types `T0`, `T1` and `T2` by turns.
fn mixed<E: Engine>(messages: &Messages<E>) -> Result<()> {
    let writes: Vec<StreamWrite> = (0..10)
        .map(|number| {
            StreamWrite::new(format!("a-{}", number % 2), vec![of_type(&format!("T{}", number % 3))])
        })
        .collect();
    messages.write_many(&writes).map(drop)
}

fn of_type(name: &str) -> NewMessage {
    NewMessage::new(name)
}

pub(crate) fn reads_ask_for_types<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    mixed(&messages)?;
    let one = Query::new().types(["T1"]);
    let two = Query::new().types(["T2", "T0"]);
    assert_eq!(globals(&messages.category("a", &one)?), [2, 5, 8]);
    assert_eq!(globals(&messages.all(&one)?), [2, 5, 8]);
    assert_eq!(globals(&messages.category("a", &two)?), [1, 3, 4, 6, 7, 9, 10]);
    assert_eq!(positions(&messages.stream("a-1", &one)?), [0, 3]);
    assert_eq!(positions(&messages.stream("a-0", &two)?), [0, 1, 3, 4]);
    for absent in ["t1", "T", "T11", ""] {
        assert!(messages.all(&Query::new().types([absent]))?.messages.is_empty(), "{absent}");
        assert!(messages.stream("a-1", &Query::new().types([absent]))?.messages.is_empty(), "{absent}");
    }
    let none: [&str; 0] = [];
    for refused in
        [messages.all(&Query::new().types(none)), messages.stream("a-1", &Query::new().types(none))]
    {
        assert!(matches!(refused, Err(MessageError::InvalidOptions(_))));
    }
    Ok(())
}

pub(crate) fn types_hold_together_with_other_conditions<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    mixed(&messages)?;
    clock.set(super::seconds(5));
    let correlated = of_type("T1").metadata(json(r#"{"correlationStreamName":"wf-1"}"#));
    messages.write("a-1", correlated, ExpectedVersion::Any)?;
    let one = Query::new().types(["T1"]);
    assert_eq!(globals(&messages.category("a", &one.clone().from(3).batch(2))?), [5, 8]);
    assert_eq!(globals(&messages.category("a", &one.clone().backwards().batch(2))?), [11, 8]);
    assert_eq!(globals(&messages.category("a", &one.clone().correlation("wf"))?), [11]);
    assert_eq!(globals(&messages.all(&one.clone().since(super::seconds(5)))?), [11]);
    assert_eq!(globals(&messages.all(&one.clone().until(super::seconds(5)))?), [2, 5, 8]);
    assert_eq!(positions(&messages.stream("a-1", &one.clone().from(1).global_position(8))?), [3, 5]);
    let mut members = BTreeSet::new();
    for member in 0..3 {
        members.extend(globals(&messages.category("a", &one.clone().consumer_group(member, 3))?));
    }
    assert_eq!(members.into_iter().collect::<Vec<_>>(), [2, 5, 8, 11]);
    let mut followed = messages.subscribe_category("a", &one.from(6))?;
    assert_eq!(followed.try_next()?.map(|found| found.global_position), Some(8));
    assert_eq!(followed.try_next()?.map(|found| found.global_position), Some(11));
    messages.write("a-1", of_type("T2"), ExpectedVersion::Any)?;
    assert_eq!(followed.try_next()?, None);
    messages.write("a-9", of_type("T1"), ExpectedVersion::Any)?;
    assert_eq!(followed.try_next()?.map(|found| found.global_position), Some(13));
    Ok(())
}

pub(crate) fn rare_types_fill_a_page<S: Subject>(subject: &S) -> Result<()> {
    let messages = counted(subject)?;
    let is_rare = |number: u64| number.is_multiple_of(200);
    for thousand in 0..3 {
        let batch = (thousand * 1_000..(thousand + 1) * 1_000)
            .map(|number| of_type(if is_rare(number) { "Rare" } else { "Common" }));
        messages.write_batch("a-1", batch.collect(), ExpectedVersion::Any)?;
    }
    let rare = Query::new().types(["Rare"]);
    let mut found = Vec::new();
    let mut next = 0;
    loop {
        let page: Page = messages.category("a", &rare.clone().batch(4).from(at(next)))?;
        found.extend(globals(&page));
        assert!(page.is_end || page.messages.len() == 4, "a page is full or the last");
        next = page.next.expect("it is read forward");
        if page.is_end {
            break;
        }
    }
    assert_eq!(found, (0..15).map(|number| number * 200 + 1).collect::<Vec<_>>());
    let engine = messages.store().database().engine();
    engine.reset();
    assert_eq!(messages.category("a", &rare.batch(-1))?.messages.len(), 15);
    // Each entry, the messages asked for, and the namespace.
    assert_eq!((engine.counts().entries, engine.counts().values), (3_000, 3_016));
    Ok(())
}
