//! Correlation and consumer groups: who gets which messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use storage_core::Engine;
use storage_stores::messages::{ExpectedVersion, MessageError, Messages, Query, Result, names};

use super::{assert_refused, category, globals, json, message, open, pages, told, write};
use crate::subject::Subject;

/// Vectors computed by Message DB itself.
const VECTORS: &str = include_str!("../../fixtures/consumer-group-vectors.json");

#[derive(Deserialize)]
struct Vectors {
    streams: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    stream: String,
    category: String,
    id: Option<String>,
    cardinal_id: Option<String>,
    hash64: Option<String>,
    #[serde(default)]
    members: BTreeMap<String, Option<u64>>,
}

fn correlate<E: Engine>(messages: &Messages<E>, stream: &str, metadata: Option<&str>) -> Result<()> {
    let message = match metadata {
        Some(metadata) => message().metadata(json(metadata)),
        None => message(),
    };
    messages.write(stream, message, ExpectedVersion::Any).map(drop)
}

pub(crate) fn case_61_correlation_is_a_category<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let metadata = [
        Some(r#"{"correlationStreamName":"wf-1"}"#),
        Some(r#"{"correlationStreamName":"wf"}"#),
        Some(r#"{"correlationStreamName":"wfx-1"}"#),
        Some(r#"{"correlationStreamName":"wf:command-1"}"#),
        Some(r#"{"correlationStreamName":5}"#),
        Some(r#"{"correlationStreamName":null}"#),
        Some(r#"{"other":"wf-1"}"#),
        Some(r#"{"correlationStreamName":"WF-1"}"#),
        None,
    ];
    for metadata in metadata {
        correlate(&messages, "a-1", metadata)?;
    }
    let read = |name: &str| {
        Ok::<_, MessageError>(globals(&messages.category("a", &Query::new().correlation(name))?))
    };
    assert_eq!(read("wf")?, [1, 2]);
    assert_eq!(read("wf:command")?, [4]);
    assert!(read("5")?.is_empty() && read("")?.is_empty() && read("w_")?.is_empty());
    Ok(())
}

pub(crate) fn case_62_correlation_with_a_dash_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_refused!(
        messages.category("a", &Query::new().correlation("x-1")),
        MessageError::CorrelationMustBeCategory { name } if name == "x-1"
    );
    Ok(())
}

pub(crate) fn case_64_batch_is_filled_behind_the_filter<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for stream in ["a-1", "a-2", "a-3"] {
        correlate(&messages, stream, None)?;
        correlate(&messages, stream, Some(r#"{"correlationStreamName":"wf-1"}"#))?;
    }
    let query = Query::new().correlation("wf").batch(2);
    assert_eq!(globals(&messages.category("a", &query)?), [2, 4]);
    assert_eq!(pages(2, |page| messages.category("a", &page.clone().correlation("wf")))?.len(), 3);
    Ok(())
}

pub(crate) fn sparse_matches_fill_a_page<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..6 {
        messages.write_batch("a-1", super::some(300), ExpectedVersion::Any)?;
        correlate(&messages, &format!("a-{number}"), Some(r#"{"correlationStreamName":"wf"}"#))?;
    }
    let page = messages.category("a", &Query::new().correlation("wf").batch(4))?;
    assert_eq!(globals(&page), [301, 602, 903, 1_204]);
    assert_eq!((page.next, page.is_end), (Some(1_205), false));
    // A reader without a match gets ahead all the same.
    let none = messages.category("a", &Query::new().correlation("nothing"))?;
    assert_eq!((none.messages.len(), none.next, none.is_end), (0, Some(1_807), true));
    Ok(())
}

fn member<E: Engine>(messages: &Messages<E>, name: &str, member: i64, size: i64) -> Result<Vec<String>> {
    let query = Query::new().batch(-1).consumer_group(member, size);
    Ok(told(&messages.category(name, &query)?))
}

/// The ids of the streams that a member gets.
fn ids(told: &[String]) -> Vec<u32> {
    let id = |told: &String| told.split(['-', '/']).nth(1).and_then(|id| id.parse().ok());
    told.iter().map(|told| id(told).expect("the id is a number")).collect()
}

pub(crate) fn case_66_vectors_of_message_db<S: Subject>(subject: &S) -> Result<()> {
    let vectors: Vectors = serde_json::from_str(VECTORS).expect("the fixture is whole");
    assert!(vectors.streams.len() > 30);
    let messages = open(subject)?;
    for vector in &vectors.streams {
        let Vector { stream, category, id, cardinal_id, hash64, members } = vector;
        assert_eq!(names::category(stream), category);
        assert_eq!((names::id(stream), names::cardinal_id(stream)), (id.as_deref(), cardinal_id.as_deref()));
        let hash = cardinal_id.as_deref().map(|cardinal| names::hash64(cardinal).to_string());
        assert_eq!(&hash, hash64, "{stream}");
        let last = write(&messages, stream)?;
        for (size, expected) in members {
            let size: i64 = size.parse().expect("a size is a number");
            assert_eq!(names::member(stream, size.unsigned_abs()), *expected, "{stream} of {size}");
            for member in 0..size {
                let query = Query::new().from(super::at(last.global_position)).consumer_group(member, size);
                let is_there = !messages.category(category, &query)?.messages.is_empty();
                assert_eq!(
                    is_there,
                    *expected == Some(member.unsigned_abs()),
                    "{stream}: {member} of {size}"
                );
            }
        }
    }
    Ok(())
}

pub(crate) fn case_66_members_of_a_group_of_four<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    (0..=10).try_for_each(|number| write(&messages, &format!("account-{number}")).map(drop))?;
    let expected: [&[u32]; 4] = [&[], &[0, 2, 9], &[1, 3, 7], &[4, 5, 6, 8, 10]];
    for (number, expected) in (0..).zip(expected) {
        assert_eq!(ids(&member(&messages, "account", number, 4)?), expected, "member {number}");
    }
    Ok(())
}

pub(crate) fn case_67_batch_of_a_member_fills_up<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    (1..=40).try_for_each(|number| write(&messages, &format!("cg-{number}")).map(drop))?;
    let expected = [[11, 20, 21, 23, 27], [2, 9, 19, 25, 26], [1, 3, 7, 13, 14], [4, 5, 6, 8, 10]];
    for (number, expected) in (0..).zip(expected) {
        let query = Query::new().batch(5).consumer_group(number, 4);
        assert_eq!(ids(&told(&messages.category("cg", &query)?)), expected, "member {number}");
    }
    Ok(())
}

pub(crate) fn case_68_members_divide_a_category<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..11_u128 {
        write(&messages, &format!("c-{}", super::id(number * 0x9e37_79b9_7f4a_7c15)))?;
    }
    let whole = category(&messages, "c")?;
    for size in [1, 2, 3, 8, 100] {
        let mut members = Vec::new();
        for number in 0..size {
            members.extend(member(&messages, "c", number, size)?);
        }
        members.sort_unstable();
        let mut expected = whole.clone();
        expected.sort_unstable();
        assert_eq!(members, expected, "a group of {size}");
    }
    Ok(())
}

pub(crate) fn case_69_cardinal_id_decides<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..10 {
        for cardinal in ["first", "second"] {
            write(&messages, &format!("c-{cardinal}+{}", super::id(number)))?;
        }
    }
    for size in [2, 3, 5] {
        for cardinal in ["first", "second"] {
            let owner = names::member(&format!("c-{cardinal}"), size).expect("it has a cardinal id");
            for number in 0..size {
                let found = member(&messages, "c", super::at(number), super::at(size))?;
                let own = found.iter().filter(|told| told.starts_with(&format!("c-{cardinal}+"))).count();
                assert_eq!(own, if number == owner { 10 } else { 0 }, "{cardinal} in a group of {size}");
            }
        }
    }
    Ok(())
}

pub(crate) fn case_71_groups_that_are_none<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let queries = [
        (Query::new().consumer_group_member(0), "Consumer group member and size must be specified"),
        (Query::new().consumer_group_size(1), "Consumer group member and size must be specified"),
        (Query::new().consumer_group(0, 0), "Consumer group size must not be less than 1"),
        (Query::new().consumer_group(-1, 1), "Consumer group member must not be less than 0"),
        (Query::new().consumer_group(1, 1), "Consumer group member must be less than the group size"),
        (Query::new().consumer_group(2, 1), "Consumer group member must be less than the group size"),
    ];
    for (query, text) in queries {
        let refused = messages.category("a", &query);
        assert_refused!(&refused, MessageError::InvalidConsumerGroup { .. });
        assert_eq!(refused.expect_err("it was refused").to_string(), text);
        assert_refused!(messages.all(&query), MessageError::InvalidConsumerGroup { .. });
    }
    Ok(())
}

pub(crate) fn case_72_large_groups<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "account-1")?;
    for size in [32_767, 32_768, 1_000_000, i64::MAX] {
        let own = names::member("account-1", size.unsigned_abs()).expect("it has a cardinal id");
        assert_eq!(member(&messages, "account", super::at(own), size)?, ["account-1/0@1"]);
        let other = (super::at(own) + 1) % size;
        assert!(member(&messages, "account", other, size)?.is_empty());
    }
    Ok(())
}

pub(crate) fn case_73_conditions_hold_together<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    for number in 0..40 {
        let correlation = if number % 2 == 0 { "wf" } else { "other" };
        let metadata = format!(r#"{{"correlationStreamName":"{correlation}-1"}}"#);
        correlate(&messages, &format!("a-{number}"), Some(&metadata))?;
    }
    let expected: Vec<u64> = (0..40_u64)
        .filter(|number| number % 2 == 0 && names::member(&format!("a-{number}"), 3) == Some(1))
        .map(|number| number + 1)
        .filter(|global| *global >= 9)
        .take(3)
        .collect();
    let query = Query::new().consumer_group(1, 3).correlation("wf").from(9).batch(3);
    assert_eq!(globals(&messages.category("a", &query)?), expected);
    assert_eq!(expected.len(), 3);
    Ok(())
}
