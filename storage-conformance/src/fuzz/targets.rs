//! What storage-core reads from outside: batches, keys, names, values, records, journals.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use storage_core::journal::{decode, encode};
use storage_core::key::{Bytes, FromTuple, Nested, ToTuple, unpack};
use storage_core::{
    Batch, Change, Codec, Error, Key, KeyRange, Keyspace, Kind, Payload, Record, Stamp, Timestamp, Write,
};

pub use super::journal::{journal_files, resealed_journal_files};
pub use super::records::{stored_records, verified_records};
use super::{Answer, Target};

/// Batches as a journal holds them: what is one comes back as it was.
pub fn batches() -> Target {
    let keyspace = |name| Keyspace::new(name).expect("the name is valid");
    let (one, other) = (keyspace("fuzzed"), keyspace("fuzzed_too"));
    let write = |keyspace, key: &str, change| Write { keyspace, key: Key::from(key.as_bytes()), change };
    let put = |value: &str| {
        Change::Put(Record { stamp: Stamp::unverified(), value: Payload::new(value.as_bytes()) })
    };
    let mut full = Batch::default();
    full.range_deletes.push((other, KeyRange::of("a".."c").expect("its end is behind its start")));
    full.range_deletes.push((one, KeyRange::all()));
    full.writes = vec![
        write(one, "a", put("1")),
        write(one, "b", put("")),
        write(other, "k", Change::Delete),
        write(other, "z", put("a value that is longer")),
    ];
    let seeds = [Batch::default(), full].map(|batch| encoded(&batch)).into();
    Target::new("batches", seeds, |input| {
        let Some(batch) = decode(input) else { return Ok("none".into()) };
        if batch.len_bytes() > input.len() {
            return Err(format!("{} bytes became a batch of {}", input.len(), batch.len_bytes()));
        }
        let back = decode(&encoded(&batch)).ok_or("its own bytes are no batch")?;
        match format!("{back:?}") == format!("{batch:?}") {
            true => Ok(format!("{} writes, {} range deletes", batch.writes.len(), batch.range_deletes.len())),
            false => Err(format!("{batch:?} came back as {back:?}")),
        }
    })
}

fn encoded(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(batch, &mut bytes);
    bytes
}

/// Keys: what unpacks packs into the same bytes, and two of one type are in the order of their values.
pub fn keys() -> Target {
    fn seed<T: ToTuple>(one: T, other: T) -> Vec<u8> {
        let pack = |value| Key::of(&value).expect("it waits for no number").into_vec();
        let (one, other) = (pack(one), pack(other));
        [&[one.len() as u8], one.as_slice(), other.as_slice()].concat()
    }
    let seeds = vec![
        seed(7_u64, u64::MAX),
        seed(-1_i64, i64::MIN),
        seed(i128::MIN, i128::MAX),
        seed("a\0b".to_owned(), String::new()),
        seed((-0.0_f64, true), (f64::NAN, false)),
        seed((Some(4_u32), "x".to_owned()), (None, "y".to_owned())),
        seed(Bytes(vec![0, 0xff, 1]), Bytes(Vec::new())),
        seed(Nested((1_u8, Some("n".to_owned()))), Nested((1_u8, None))),
        seed(Timestamp::from_nanos(1), Timestamp::from_nanos(u64::MAX)),
    ];
    Target::new("keys", seeds, |input| {
        let Some((&at, rest)) = input.split_first() else { return Ok("empty".into()) };
        let (one, other) = rest.split_at(usize::from(at).min(rest.len()));
        let mut types = String::new();
        two::<u64>(one, other, &mut types)?;
        two::<u8>(one, other, &mut types)?;
        two::<i64>(one, other, &mut types)?;
        two::<i128>(one, other, &mut types)?;
        two::<u128>(one, other, &mut types)?;
        two::<bool>(one, other, &mut types)?;
        two::<String>(one, other, &mut types)?;
        two::<Timestamp>(one, other, &mut types)?;
        two::<(Option<u32>, String)>(one, other, &mut types)?;
        two::<Bytes>(one, other, &mut types)?;
        two::<Nested<(u8, Option<String>)>>(one, other, &mut types)?;
        comes_back::<(f64, bool)>(one, &mut types)?;
        comes_back::<(f32, ())>(other, &mut types)?;
        Ok(types)
    })
}

/// Reads two keys as one type, and compares them where they are of it.
fn two<T: ToTuple + FromTuple + Ord + Debug>(
    one: &[u8],
    other: &[u8],
    types: &mut String,
) -> Result<(), String> {
    let read = (comes_back::<T>(one, types)?, comes_back::<T>(other, types)?);
    let (Some(left), Some(right)) = read else { return Ok(()) };
    match left.cmp(&right) == one.cmp(other) {
        true => Ok(()),
        false => Err(format!("{left:?} and {right:?} are in another order than {one:?} and {other:?}")),
    }
}

fn comes_back<T: ToTuple + FromTuple + Debug>(bytes: &[u8], types: &mut String) -> Result<Option<T>, String> {
    let value = match unpack::<T>(bytes) {
        Ok(value) => value,
        Err(error) if error.kind() == Kind::Corrupt => {
            types.push('-');
            return Ok(None);
        }
        Err(error) => return Err(format!("{bytes:?} is refused with {error:?}")),
    };
    types.push('+');
    let packed = Key::of(&value).map_err(|error| format!("{value:?} does not pack: {error:?}"))?;
    match *packed == *bytes {
        true => Ok(Some(value)),
        false => Err(format!("{value:?} stands in {bytes:?} and packs into {packed:?}")),
    }
}

/// Names of keyspaces: those that the documentation allows, and no others.
pub fn names() -> Target {
    let seeds = ["notes", "a", "n0_1", &"x".repeat(48), "notes.by_size", "_expiry", "_tables", "Notes", ""];
    Target::new("names", seeds.map(|name| name.as_bytes().to_vec()).into(), |input| {
        let name = String::from_utf8_lossy(input);
        let is_valid = is_valid(&name);
        let is_refusal = |error: &Error| [Kind::Invalid, Kind::TooLarge].contains(&error.kind());
        let made = match Keyspace::new(&name) {
            Ok(made) if is_valid && made.name() == name => "made",
            // Once the table of names is full.
            Err(error) if error.kind() == Kind::Invalid && is_valid => "no more",
            Err(error) if is_refusal(&error) && !is_valid => "refused",
            other => return Err(format!("{name:?} is {other:?}")),
        };
        match Keyspace::from_stored(&name) {
            Ok(stored) if stored.name() != name => Err(format!("{name:?} is stored as {stored:?}")),
            Ok(stored) => Ok(format!("{made}, {:?}", stored.kind())),
            Err(error) if is_refusal(&error) => Ok(format!("{made}, not stored")),
            Err(error) => Err(format!("{name:?} is refused with {error:?}")),
        }
    })
}

fn is_valid(name: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    starts && name.len() <= 48 && name.bytes().all(is_inside)
}

/// A value with every kind of length in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    title: String,
    size: u64,
    tags: Vec<String>,
    letters: Vec<char>,
    blocks: Vec<[u64; 8]>,
    counts: BTreeMap<String, i64>,
    parent: Option<Box<(u32, Vec<u8>)>>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    Draft,
    Shared { with: Vec<u32> },
    Moved(String),
}

pub(super) fn notes() -> [Note; 2] {
    let empty = Note {
        title: String::new(),
        size: 0,
        tags: Vec::new(),
        letters: Vec::new(),
        blocks: Vec::new(),
        counts: BTreeMap::new(),
        parent: None,
        state: State::Draft,
    };
    let full = Note {
        title: "a title".into(),
        size: u64::MAX,
        tags: vec!["one".into(), String::new()],
        letters: vec!['a', '\u{10ffff}'],
        blocks: vec![[7; 8]; 2],
        counts: BTreeMap::from([("all".into(), -1)]),
        parent: Some(Box::new((1, vec![1, 2, 3]))),
        state: State::Shared { with: vec![1, 2] },
    };
    [empty, Note { state: State::Moved("there".into()), ..full }]
}

/// Values in bincode and in JSON, with lengths that lie: what is one comes back as it was.
pub fn values() -> Target {
    let seed = |codec: Codec, note: &Note| {
        let mut bytes = vec![codec.id()];
        codec.encode(note, &mut bytes).expect("it has a form in both");
        bytes
    };
    let codecs = [Codec::Bincode, Codec::Json];
    let seeds = notes().iter().flat_map(|note| codecs.map(|codec| seed(codec, note))).collect();
    Target::new("values", seeds, |input| {
        let Some((&id, bytes)) = input.split_first() else { return Ok("empty".into()) };
        let codec = if id % 2 == 1 { Codec::Bincode } else { Codec::Json };
        let shapes = [read_as::<Note>(codec, bytes)?, read_as::<Vec<Vec<String>>>(codec, bytes)?];
        Ok(format!("{codec:?} {shapes:?}"))
    })
}

fn read_as<V>(codec: Codec, bytes: &[u8]) -> Answer
where
    V: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug,
{
    let value = match codec.decode::<V>(bytes) {
        Ok(value) => value,
        Err(error) if error.kind() == Kind::Corrupt => return Ok("none".into()),
        Err(error) => return Err(format!("refused with {error:?}")),
    };
    let mut packed = Vec::new();
    codec.encode(&value, &mut packed).map_err(|error| format!("{value:?} does not encode: {error:?}"))?;
    match codec.decode::<V>(&packed) {
        Ok(back) if back == value => Ok("one".into()),
        other => Err(format!("{value:?} came back as {other:?}")),
    }
}
