//! Notes where in an encoded value a number goes that only the commit knows.
//!
//! Serde hands a value's fields to a serializer that says nothing of where it is. So the writer beneath
//! counts bytes in the thread, and a field that waits writes a placeholder and compares the counts before and
//! after.

use std::cell::RefCell;
use std::io;

use serde::Serializer;
use serde::ser::Error as _;

use crate::error::{Error, Kind, Result};
use crate::key::{Form, Holes, Slot, Template};

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

/// One encoding under way in this thread.
struct Recording {
    form: Form,
    written: usize,
    holes: Holes,
}

/// Runs `encode` on a writer whose place is known to [`serialize_slot`].
pub(super) fn record(
    form: Form,
    encode: impl FnOnce(&mut CountingWriter) -> Result<()>,
) -> Result<Template<Vec<u8>>> {
    let outer = Outer(RECORDING.replace(Some(Recording { form, written: 0, holes: Holes::new() })));
    let mut writer = CountingWriter(Vec::new());
    encode(&mut writer)?;
    let recording = RECORDING.take();
    drop(outer);
    let holes = recording.map(|recording| recording.holes).unwrap_or_default();
    let bytes = writer.0;
    let placed = |offset| bytes.get(offset..).is_some_and(|rest: &[u8]| rest.starts_with(form.placeholder()));
    if !holes.as_slice().iter().all(|hole| placed(hole.offset)) {
        return Err(Error::new(Kind::Internal, "a hole of an encoded value is not where it was noted"));
    }
    Ok(Template::new(bytes, holes))
}

/// Serialises what only the commit knows: a placeholder, and a hole where it stands.
///
/// Fails outside [`record`], and where the serializer is not the one that `record` runs.
#[cold]
pub(crate) fn serialize_slot<S: Serializer>(slot: Slot, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(start) =
        RECORDING.with_borrow(|recording| recording.as_ref().map(|recording| recording.written))
    else {
        return Err(S::Error::custom("a number or time that only the commit knows cannot be encoded before"));
    };
    let done = serializer.serialize_u64(0)?;
    if RECORDING.with_borrow_mut(|recording| recording.as_mut().is_some_and(|it| it.note(start, slot))) {
        Ok(done)
    } else {
        Err(S::Error::custom(
            "a number or time that only the commit knows stands in a part encoded separately",
        ))
    }
}

impl Recording {
    /// Notes the hole whose placeholder was written since `start`, if that is what was written.
    fn note(&mut self, start: usize, slot: Slot) -> bool {
        let quotes = match (self.form, self.written - start) {
            (Form::FixedLittleEndian8, 8) | (Form::Decimal, 1) => 0,
            // As the key of a JSON map, a number stands in quotes.
            (Form::Decimal, 3) => 1,
            _ => return false,
        };
        self.holes.push(start + quotes, slot, self.form);
        true
    }
}

/// Gives an encoding that this one interrupted its place back, also when a panic unwinds.
struct Outer(Option<Recording>);

impl Drop for Outer {
    fn drop(&mut self) {
        RECORDING.set(self.0.take());
    }
}

/// Collects bytes, and counts them in the thread.
pub(super) struct CountingWriter(Vec<u8>);

impl io::Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        RECORDING.with_borrow_mut(|recording| {
            if let Some(recording) = recording {
                recording.written += bytes.len();
            }
        });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::clock::Timestamp;
    use crate::codec::Codec;
    use crate::key::{CommitTime, Number};

    const CODECS: [Codec; 2] = [Codec::Bincode, Codec::Json];

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        title: String,
        number: Number,
        lines: Vec<Line>,
        by_name: BTreeMap<String, Option<Number>>,
        placed: CommitTime,
        note: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Line {
        Item { number: Number, count: u8 },
        Text(String, Option<CommitTime>),
        Numbers(Vec<Number>),
    }

    fn order(number: impl Fn(u32) -> Number, time: CommitTime) -> Order {
        Order {
            title: "zero \"0\" and \u{1f980}".to_owned(),
            number: number(0),
            lines: vec![
                Line::Item { number: number(1), count: 0 },
                Line::Text("0".to_owned(), Some(time)),
                Line::Text("none".to_owned(), None),
                Line::Numbers(vec![number(0), Number::Known(0), number(2)]),
            ],
            by_name: BTreeMap::from([("a".to_owned(), Some(number(3))), ("b".to_owned(), None)]),
            placed: time,
            note: "0".repeat(300),
        }
    }

    const TIME: u64 = 1_700_000_000_000_000_000;

    fn resolve(slot: Slot) -> u64 {
        match slot {
            Slot::Number(ticket) => [7, 0, u64::MAX, 1_000][ticket as usize],
            Slot::CommitTime => TIME,
        }
    }

    fn known_order() -> Order {
        let time = CommitTime::Known(Timestamp::from_nanos(TIME));
        order(|ticket| Number::Known(resolve(Slot::Number(ticket))), time)
    }

    fn encoded(codec: Codec, value: &impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec.encode(value, &mut bytes).unwrap();
        bytes
    }

    fn back<V: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> V {
        codec.decode(bytes).unwrap()
    }

    #[test]
    fn a_filled_value_is_the_value_of_the_known_numbers() {
        for codec in CODECS {
            let template = codec.encode_template(&order(Number::Drawn, CommitTime::AtCommit)).unwrap();
            assert_eq!(template.holes().as_slice().len(), 7);
            let filled = template.fill(resolve);
            assert_eq!(filled, encoded(codec, &known_order()));
            assert_eq!(back::<Order>(codec, &filled), known_order());
            assert_eq!(template.fill(|_| u64::MAX).len(), template.longest_len());
        }
    }

    #[test]
    fn a_value_without_holes_is_its_own_template() {
        for codec in CODECS {
            let template = codec.encode_template(&known_order()).unwrap();
            assert!(template.is_complete());
            assert_eq!(template.bytes(), encoded(codec, &known_order()));
        }
    }

    #[test]
    fn map_keys_can_wait() {
        #[derive(Serialize)]
        struct Keyed {
            #[serde(serialize_with = "as_map")]
            numbers: Vec<(Number, u8)>,
        }
        fn as_map<S: Serializer>(numbers: &[(Number, u8)], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(numbers.iter().copied())
        }
        let keyed = Keyed { numbers: vec![(Number::Drawn(2), 1), (Number::Drawn(0), 0)] };
        let json = Codec::Json.encode_template(&keyed).unwrap().fill(resolve);
        assert_eq!(json, br#"{"numbers":{"18446744073709551615":1,"7":0}}"#);
        let binary = Codec::Bincode.encode_template(&keyed).unwrap().fill(resolve);
        assert_eq!(
            back::<BTreeMap<u64, u8>>(Codec::Bincode, &binary),
            BTreeMap::from([(u64::MAX, 1), (7, 0)])
        );
    }

    #[test]
    fn flattened_fields_can_wait() {
        #[derive(Serialize)]
        struct Outer {
            id: u8,
            #[serde(flatten)]
            rest: BTreeMap<&'static str, Number>,
        }
        let value = Outer { id: 1, rest: BTreeMap::from([("at", Number::Drawn(0))]) };
        assert_eq!(Codec::Json.encode_template(&value).unwrap().fill(resolve), br#"{"id":1,"at":7}"#);
    }

    #[test]
    fn outside_a_template_nothing_waits() {
        for codec in CODECS {
            for error in [
                codec.encode(&Number::Drawn(0), &mut Vec::new()).unwrap_err(),
                codec.encode(&vec![CommitTime::AtCommit], &mut Vec::new()).unwrap_err(),
            ] {
                assert_eq!(error.kind(), Kind::Invalid);
            }
        }
    }

    /// A field that encodes another value while it is itself encoded.
    struct Inner<F>(F);

    impl<F: Fn() -> Result<Vec<u8>>> Serialize for Inner<F> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&(self.0)().map_err(S::Error::custom)?)
        }
    }

    #[test]
    fn an_encoding_inside_another_keeps_its_own_holes() {
        for codec in CODECS {
            let inner = Inner(|| Ok(Codec::Json.encode_template(&[Number::Drawn(1)])?.fill(resolve)));
            let template = codec.encode_template(&(Number::Drawn(0), inner, Number::Drawn(3))).unwrap();
            assert_eq!(template.holes().as_slice().len(), 2);
            let known = Inner(|| Ok(b"[0]".to_vec()));
            assert_eq!(template.fill(resolve), encoded(codec, &(7_u64, known, 1_000_u64)));
        }
    }

    #[test]
    fn what_is_encoded_separately_cannot_wait() {
        for codec in CODECS {
            for inner in CODECS {
                let separate = Inner(|| {
                    let mut bytes = Vec::new();
                    inner.encode(&("part", Number::Drawn(0)), &mut bytes)?;
                    Ok(bytes)
                });
                assert_eq!(codec.encode_template(&separate).unwrap_err().kind(), Kind::Invalid);
            }
        }
    }

    #[test]
    fn a_panic_or_an_error_ends_the_recording() {
        let panicking = Inner(|| panic!("in the middle"));
        let failing = Inner(|| Err(Error::invalid("in the middle")));
        for codec in CODECS {
            let caught =
                catch_unwind(AssertUnwindSafe(|| codec.encode_template(&(Number::Drawn(0), &panicking))));
            assert!(caught.is_err());
            assert!(codec.encode(&Number::Drawn(0), &mut Vec::new()).is_err());
            assert!(codec.encode_template(&(Number::Drawn(0), &failing)).is_err());
            assert!(codec.encode(&Number::Drawn(0), &mut Vec::new()).is_err());
        }
    }
}
