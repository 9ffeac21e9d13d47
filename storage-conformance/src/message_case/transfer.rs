//! Import and export: everything is kept, to the last digit.

use storage_core::{Engine, Timestamp};
use storage_stores::messages::{
    ExpectedVersion, Export, ImportFailed, ImportOptions, ImportProgress, Json, Message, MessageError,
    Messages, NewMessage, Query, Result, format_time, parse_time,
};

use super::{
    NAMESPACE, all, assert_agree, assert_refused, category, id, json, message, open, positions, seconds,
    store, stream, timed, write, write_all,
};
use crate::case;
use crate::subject::Subject;

/// A recorded message, whose id and time follow from its global position.
fn recorded(stream: &str, position: u64, global: u64) -> Message {
    let time = Timestamp::from_nanos(1_700_000_000_123_456_789 + global);
    Message::recorded(id(u128::from(global)), stream, "Recorded", position, global, time)
        .with_data(Some(json(&format!("{{\"g\": {global}}}"))))
}

fn import<E: Engine>(messages: &Messages<E>, recorded: &[Message]) -> Result<u64> {
    messages.import(recorded, &ImportOptions::new()).map(|done| done.imported)
}

/// Everything in a namespace, whole.
fn whole<E: Engine>(messages: &Messages<E>) -> Result<Vec<Message>> {
    Ok(messages.all(&Query::new().batch(-1))?.messages)
}

/// Why the message of a number was refused.
#[track_caller]
fn refused<T>(number: u64, result: Result<T>) -> MessageError {
    match result {
        Err(MessageError::Import { number: found, source }) if found == number => *source,
        Err(error) => panic!("message {number} was to be refused, and it was {error:?}"),
        Ok(_) => panic!("message {number} was to be refused"),
    }
}

pub(crate) fn case_91_positions_and_times_are_kept<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let given = [
        recorded("workflow-123", 0, 47).with_metadata(Some(json(r#"{"correlationStreamName":"wf-1"}"#))),
        recorded("order-456", 0, 52).with_data(None),
        recorded("workflow-123", 1, 89),
    ];
    assert_eq!(import(&messages, &given)?, 3);
    assert_eq!(whole(&messages)?, given);
    assert_eq!(stream(&messages, "workflow-123")?, ["workflow-123/0@47", "workflow-123/1@89"]);
    assert_eq!(messages.category("workflow", &Query::new().correlation("wf"))?.messages, given[..1]);
    assert_eq!(messages.stream_info("workflow-123")?.map(|info| info.last_activity), Some(given[2].time));
    assert_agree(&messages)
}

pub(crate) fn case_92_gaps_stay<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    import(&messages, &[recorded("a-1", 5, 100), recorded("a-2", 7, 10), recorded("a-1", 2, 50)])?;
    assert_eq!(category(&messages, "a")?, ["a-2/7@10", "a-1/2@50", "a-1/5@100"]);
    assert_eq!((messages.version("a-1")?, messages.message_count()?), (Some(5), 3));
    assert_agree(&messages)
}

pub(crate) fn case_93_taken_global_position_refuses_all<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    import(&messages, &[recorded("a-1", 0, 10)])?;
    let batch = [recorded("b-1", 0, 9), recorded("b-1", 1, 10).with_data(None)];
    assert_refused!(
        Err::<(), _>(refused(2, import(&messages, &batch))),
        MessageError::PositionExists { global_position: 10 }
    );
    assert_eq!(all(&messages)?, ["a-1/0@10"]);
    assert_eq!(messages.version("b-1")?, None);
    assert_agree(&messages)
}

pub(crate) fn case_94_writes_go_on_behind_an_import<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    import(&messages, &[recorded("a-1", 3, 89), recorded("b-1", 0, 12)])?;
    let written = write(&messages, "a-1")?;
    assert_eq!((written.position, written.global_position), (4, 90));
    // Older ones afterwards change nothing about that.
    import(&messages, &[recorded("c-1", 0, 5)])?;
    assert_eq!(write(&messages, "a-1")?.global_position, 91);
    assert_eq!(messages.message_count()?, 5);
    assert_agree(&messages)
}

pub(crate) fn case_95_progress_of_many_lines<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let none = messages.import(&[], &ImportOptions::new())?;
    assert_eq!((none.imported, none.skipped, none.last_global_position), (0, 0, 0));
    let mut lines = String::new();
    for number in 0..2_500 {
        lines.push_str(&line(&recorded(&format!("a-{}", number % 7), number / 7, number + 1)));
    }
    let mut told = Vec::new();
    let done = messages.import_lines(lines.as_bytes(), &ImportOptions::new(), |progress| {
        told.push((progress.imported, progress.global_position));
    });
    let done = done.expect("every line is one");
    assert_eq!((told.as_slice(), done.imported), ([(1_000, 1_000), (2_000, 2_000)].as_slice(), 2_500));
    assert_eq!(messages.message_count()?, 2_500);
    Ok(())
}

pub(crate) fn case_96_what_is_taken_in_the_batch_itself<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let batch = [recorded("a-1", 0, 1), recorded("b-1", 0, 2), recorded("c-1", 0, 1)];
    assert_refused!(
        Err::<(), _>(refused(3, import(&messages, &batch))),
        MessageError::PositionExists { global_position: 1 }
    );
    let batch = [recorded("a-1", 0, 1), recorded("a-1", 0, 2)];
    assert_refused!(
        Err::<(), _>(refused(2, import(&messages, &batch))),
        MessageError::StreamPositionExists { stream, position: 0 } if stream == "a-1"
    );
    let mut again = recorded("b-1", 0, 2);
    again.id = id(1);
    assert_refused!(
        Err::<(), _>(refused(2, import(&messages, &[recorded("a-1", 0, 1), again]))),
        MessageError::DuplicateId { id: found } if found == id(1)
    );
    assert_eq!(messages.message_count()?, 0);
    for (stream, position, global) in [("a-1", 0, 0), ("a-1", u64::MAX, 1), ("a-1", 0, u64::MAX)] {
        let mut wrong = recorded("a-1", 0, 1);
        (wrong.stream, wrong.position, wrong.global_position) = (stream.into(), position, global);
        assert_refused!(
            Err::<(), _>(refused(1, import(&messages, &[wrong]))),
            MessageError::InvalidRecord { .. }
        );
    }
    let mut nameless = recorded("", 0, 1);
    assert_refused!(
        Err::<(), _>(refused(1, import(&messages, &[nameless.clone()]))),
        MessageError::InvalidStreamName { .. }
    );
    (nameless.stream, nameless.message_type) = ("a-1".into(), String::new());
    assert_refused!(
        Err::<(), _>(refused(1, import(&messages, &[nameless]))),
        MessageError::InvalidType { .. }
    );
    assert_agree(&messages)
}

/// The line of a message, written by hand.
fn line(message: &Message) -> String {
    format!(
        "{{\"id\":\"{}\",\"stream\":\"{}\",\"type\":\"{}\",\"pos\":{},\"gpos\":{},\"data\":{},\"meta\":null,\"time\":\"{}\"}}\n",
        message.id,
        message.stream,
        message.message_type,
        message.position,
        message.global_position,
        message.data.as_ref().map_or("null", Json::as_str),
        format_time(message.time),
    )
}

fn import_text<E: Engine>(messages: &Messages<E>, text: &str) -> Result<ImportProgress, ImportFailed> {
    messages.import_lines(text.as_bytes(), &ImportOptions::new(), |_| {})
}

pub(crate) fn case_99_bad_lines_are_named<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let good = |number| line(&recorded("a-1", number, number + 1));
    let failed = |text: String| import_text(&messages, &text).expect_err("a line is wrong");
    let error = failed(format!("{}\n{}not json\n{}", good(0), good(1), good(2)));
    assert_eq!((error.line, error.imported), (4, 0));
    assert_refused!(Err::<(), _>(error.source), MessageError::InvalidRecord { .. });
    let bad_time = good(1).replace("2023-", "23-");
    assert_ne!(bad_time, good(1));
    let error = failed(format!("{}{bad_time}", good(0)));
    assert_eq!(error.line, 2);
    assert_refused!(Err::<(), _>(error.source), MessageError::InvalidRecord { reason } if reason.contains("time"));
    let bad_id = good(1).replace("-0000-", "-");
    assert_refused!(Err::<(), _>(failed(bad_id).source), MessageError::InvalidId { .. });
    let error = failed(format!("{}\n\n{}", good(0), good(0)));
    assert_eq!(error.line, 4, "the line of the message, blank ones counted");
    assert_refused!(Err::<(), _>(error.source), MessageError::PositionExists { .. });
    assert_eq!(messages.message_count()?, 0);
    let empty = import_text(&messages, "\n  \n").expect("nothing is wrong with no line");
    assert_eq!((empty.imported, empty.global_position), (0, 0));
    Ok(())
}

pub(crate) fn earlier_thousands_stay_where_a_line_is_bad<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let mut text: String = (0..1_500).map(|number| line(&recorded("a-1", number, number + 1))).collect();
    text.push_str("{}");
    let error = import_text(&messages, &text).expect_err("the last line is wrong");
    assert_eq!((error.line, error.imported, messages.message_count()?), (1_501, 1_000, 1_000));
    // Mended, it is imported again over what is in.
    text.truncate(text.len() - 2);
    let again = messages.import_lines(text.as_bytes(), &ImportOptions::new().skip_existing(), |_| {});
    let again = again.expect("every line is one");
    assert_eq!((again.skipped, again.imported, again.global_position), (1_000, 500, 1_500));
    Ok(())
}

fn export<E: Engine>(messages: &Messages<E>, export: &Export) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    let done = messages.export_lines(&mut lines, export)?;
    assert!(done.unreadable.is_empty());
    assert_eq!(done.exported, lines.iter().filter(|byte| **byte == b'\n').count() as u64);
    Ok(lines)
}

/// Messages of all sorts at several times in two categories.
fn sample<S: Subject>(subject: &S) -> Result<Messages<S::Engine>> {
    let (messages, clock) = timed(subject)?;
    let data = [
        "{\"a\": 1.10}",
        " {\n \"pretty\" : [1,\r\n2] } ",
        "12345678901234567890123",
        r#""\u0000 текст""#,
        "{}",
        "[null]",
    ];
    for (second, data) in (0..).zip(data) {
        clock.set(seconds(second).after(std::time::Duration::from_nanos(123_456_789)));
        let metadata = json("{\"correlationStreamName\":\"wf-1\",\n\"x\":1}");
        let message = NewMessage::new("Тип \"1\"").data(json(data)).metadata(metadata);
        messages.write("a-1", message, ExpectedVersion::Any)?;
        write_all(&messages, &["b-1", "c", "a-2"])?;
    }
    Ok(messages)
}

pub(crate) fn case_100_export_and_import_agree<S: Subject>(subject: &S) -> Result<()> {
    let messages = sample(subject)?;
    let store = messages.store();
    let into = |name: &str, lines: &[u8]| -> Result<Messages<S::Engine>> {
        let target = store.open_namespace(name)?;
        target.import_lines(lines, &ImportOptions::new(), |_| {}).map_err(|failed| failed.source)?;
        Ok(target)
    };
    let copy = into("copy", &export(&messages, &Export::new())?)?;
    assert_eq!(whole(&copy)?, whole(&messages)?);
    assert_eq!(copy.categories()?, messages.categories()?);
    assert_agree(&copy)?;
    let of = |categories: &[&str]| {
        let wanted: Vec<Message> = whole(&messages)?;
        let own = |message: &Message| {
            categories.contains(&storage_stores::messages::names::category(&message.stream))
        };
        Ok::<Vec<_>, MessageError>(wanted.into_iter().filter(own).collect())
    };
    let two = Export::new().category("b").category("a").category("b");
    assert_eq!(whole(&into("two", &export(&messages, &two)?)?)?, of(&["a", "b"])?);
    let time = |second| seconds(second).after(std::time::Duration::from_nanos(123_456_789));
    let some = Export::new().category("a").since(time(1)).until(time(3));
    let between = |message: &Message| message.time >= time(1) && message.time < time(3);
    let expected: Vec<_> = of(&["a"])?.into_iter().filter(between).collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(whole(&into("some", &export(&messages, &some)?)?)?, expected);
    assert_eq!(whole(&into("rest", &export(&messages, &Export::new().from(7))?)?)?, whole(&messages)?[6..]);
    assert_refused!(
        messages.export_lines(Vec::new(), &Export::new().category("a-1")),
        MessageError::NotACategory { .. }
    );
    // Once more from what was imported: the same bytes.
    assert_eq!(export(&copy, &Export::new())?, export(&messages, &Export::new())?);
    Ok(())
}

pub(crate) fn exported_lines_are_those_of_eventodb<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let text = concat!(
        r#"{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","stream":"workflow-123","type":"Began","#,
        r#""pos":0,"gpos":47,"data":{"b":1,"a":1.50},"meta":null,"time":"2024-12-01T10:00:00Z"}"#,
        "\n"
    );
    import_text(&messages, text).expect("it is a line");
    let found = whole(&messages)?.remove(0);
    assert_eq!(Some(found.time), parse_time("2024-12-01T10:00:00Z"));
    assert_eq!((found.data, found.metadata), (Some(json(r#"{"b":1,"a":1.50}"#)), None));
    assert_eq!(String::from_utf8(export(&messages, &Export::new())?).expect("JSON is text"), text);
    Ok(())
}

pub(crate) fn dry_run_finds_what_is_wrong_and_writes_nothing<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let dry = ImportOptions::new().dry_run();
    let done = messages.import(&[recorded("a-1", 0, 1), recorded("a-1", 1, 2)], &dry)?;
    assert_eq!((done.imported, messages.message_count()?), (2, 0));
    refused(2, messages.import(&[recorded("a-1", 0, 1), recorded("a-1", 0, 2)], &dry));
    assert_eq!(write(&messages, "a-1")?.global_position, 1);
    Ok(())
}

pub(crate) fn existing_messages_are_skipped_only_if_they_are_the_same<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let given = [recorded("a-1", 0, 1), recorded("a-1", 1, 2)];
    import(&messages, &given[..1])?;
    let skip = ImportOptions::new().skip_existing();
    let done = messages.import(&given, &skip)?;
    assert_eq!((done.imported, done.skipped, done.last_global_position), (1, 1, 2));
    let other = recorded("a-1", 0, 1).with_data(Some(json("{}")));
    assert_refused!(
        Err::<(), _>(refused(1, messages.import(&[other], &skip))),
        MessageError::PositionExists { global_position: 1 }
    );
    assert_eq!(whole(&messages)?, given);
    assert_agree(&messages)
}

pub(crate) fn renumbered_messages_go_behind_the_others<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write_all(&messages, &["a-1", "b-1"])?;
    let given = [recorded("a-1", 7, 700), recorded("c-1", 3, 701), recorded("a-1", 8, 702)];
    let options = ImportOptions::new().renumber();
    messages.import(&given, &options)?;
    assert_eq!(all(&messages)?, ["a-1/0@1", "b-1/0@2", "a-1/1@3", "c-1/0@4", "a-1/2@5"]);
    let times: Vec<_> = whole(&messages)?[2..].iter().map(|message| message.time).collect();
    assert_eq!(times, given.each_ref().map(|message| message.time));
    assert_eq!(messages.import(&given, &options.skip_existing())?.skipped, 3);
    assert_eq!(write(&messages, "a-1")?.global_position, 6);
    assert_agree(&messages)
}

pub(crate) fn types_of_imported_messages_are_found<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let typed = |name: String, position, global| {
        let mut message = recorded("a-1", position, global);
        message.message_type = name;
        message
    };
    // In disorder, and more types than a head has places for.
    let order = (0..60_u64).map(|number| number * 37 % 60);
    for (number, position) in order.enumerate() {
        import(&messages, &[typed(format!("T{}", position % 30), position, number as u64 + 1)])?;
    }
    for number in 0..30 {
        let last = messages.last_of_type("a-1", &format!("T{number}"))?;
        assert_eq!(last.map(|last| last.position), Some(30 + number));
    }
    assert_eq!(positions(&messages.stream("a-1", &Query::new())?), (0..60).collect::<Vec<_>>());
    assert_agree(&messages)
}

pub(crate) fn imported_times_are_read_in_any_order<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    let at = |second, position, global| {
        let mut message = recorded("a-1", position, global);
        message.time = seconds(second);
        message
    };
    clock.set(seconds(5));
    import(&messages, &[at(10, 0, 1), at(30, 1, 2), at(20, 2, 5)])?;
    import(&messages, &[at(15, 3, 4)])?;
    let read = |query: &Query| -> Result<Vec<u64>> { Ok(super::globals(&messages.all(query)?)) };
    assert_eq!(read(&Query::new().since(seconds(15)))?, [2, 4, 5]);
    assert_eq!(read(&Query::new().since(seconds(11)).until(seconds(30)))?, [4, 5]);
    assert_eq!(read(&Query::new().since(seconds(11)).batch(2))?, [2, 4]);
    let page = messages.category("a", &Query::new().until(seconds(20)).backwards())?;
    assert_eq!(super::globals(&page), [4, 1]);
    // Nothing is written before what was imported.
    assert_eq!(write(&messages, "b-1")?.time, seconds(30));
    let ordered = messages.store().open_namespace("ordered")?;
    ordered.import(&[at(10, 0, 1), at(30, 5, 9)], &ImportOptions::new())?;
    ordered.import(&[at(20, 3, 4)], &ImportOptions::new())?;
    assert_eq!(super::globals(&ordered.all(&Query::new().since(seconds(11)))?), [4, 9]);
    Ok(())
}

pub(crate) fn imports_and_writes_at_once_agree<S: Subject>(subject: &S) -> Result<()> {
    let messages = store(subject)?.open_namespace(NAMESPACE)?;
    let renumber = ImportOptions::new().renumber();
    case::together(4, |thread| {
        let result: Result<()> = (0..10).try_for_each(|round| {
            let own = format!("a-{}", thread % 2);
            match thread {
                0 | 1 => {
                    let mut given = recorded(&own, 0, 1);
                    given.id = id(1_000 * (thread as u128 + 1) + round);
                    messages.import(&[given], &renumber).map(drop)
                }
                _ => messages.write(&own, message(), ExpectedVersion::Any).map(drop),
            }
        });
        result.map_err(super::races::inner)
    })?;
    assert_eq!(
        whole(&messages)?.iter().map(|found| found.global_position).collect::<Vec<_>>(),
        (1..=40).collect::<Vec<_>>()
    );
    assert_agree(&messages)
}

pub(crate) fn times_of_a_stream_may_not_follow_its_positions<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    // By global position times rise; in the stream the later message stands first.
    import(&messages, &[recorded("a-1", 0, 10), recorded("a-1", 1, 5)])?;
    let times = |global| recorded("a-1", 0, global).time;
    let read = |query: Query| Ok::<_, MessageError>(positions(&messages.stream("a-1", &query)?));
    assert_eq!(read(Query::new().since(times(7)))?, [0]);
    assert_eq!(read(Query::new().until(times(7)))?, [1]);
    assert_eq!(positions(&messages.all(&Query::new().since(times(7)))?), [0]);
    // The same, in several calls.
    import(&messages, &[recorded("b-1", 7, 20)])?;
    import(&messages, &[recorded("b-1", 3, 30), recorded("b-1", 9, 40)])?;
    let page = messages.stream("b-1", &Query::new().since(times(25)))?;
    assert_eq!(positions(&page), [3, 9]);
    Ok(())
}

pub(crate) fn imported_null_is_none<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let given = recorded("a-1", 0, 1).with_data(Some(json(" null"))).with_metadata(Some(json("null")));
    assert_eq!((&given.data, &given.metadata), (&None, &None));
    import(&messages, &[given])?;
    let mut lines = Vec::new();
    messages.export_lines(&mut lines, &Export::new())?;
    let again = messages.import_lines(&lines[..], &ImportOptions::new().skip_existing(), |_| {});
    assert_eq!(again.map(|done| (done.imported, done.skipped)).map_err(|failed| failed.source)?, (0, 1));
    Ok(())
}

pub(crate) fn positions_end_without_harm<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let largest = i64::MAX.unsigned_abs();
    import(&messages, &[recorded("a-1", largest - 1, largest - 1)])?;
    assert_eq!(messages.message_count()?, 1);
    let renumbered = messages.import(&[recorded("a-2", 0, 7)], &ImportOptions::new().renumber())?;
    assert_eq!(renumbered.last_global_position, largest);
    assert_eq!(all(&messages)?, [format!("a-1/{0}@{0}", largest - 1), format!("a-2/0@{largest}")]);
    assert!(write(&messages, "a-1").is_err(), "no position is left");
    let behind = messages.import(&[recorded("a-3", 0, 8)], &ImportOptions::new().renumber());
    assert_refused!(Err::<(), _>(refused(1, behind)), MessageError::InvalidRecord { .. });
    assert_eq!(messages.message_count()?, 2);
    assert_eq!(messages.version("a-1")?, Some(largest - 1));
    assert_agree(&messages)
}

pub(crate) fn last_activity_is_that_of_the_last_message_there<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    import(&messages, &[recorded("a-1", 9, 10)])?;
    assert_eq!(messages.truncate_stream("a-1", 10)?, 1);
    let given = [recorded("a-1", 3, 11), recorded("a-1", 5, 12), recorded("a-1", 4, 13)];
    import(&messages, &given)?;
    let info = messages.stream_info("a-1")?.expect("it has messages");
    assert_eq!((info.version, info.messages, info.last_activity), (9, 3, given[1].time));
    assert_eq!(messages.last("a-1")?.as_ref(), Some(&given[1]));
    Ok(())
}
