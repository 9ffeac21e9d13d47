//! Keys against the bytes of FoundationDB's own tuple layer, which `fixtures/make_tuple_vectors.py` has
//! packed.

#![allow(clippy::unwrap_used, reason = "a vector that is not as described fails the test")]

use serde_json::Value;
use storage_core::Result;
use storage_core::key::{Decoder, Encoder, FromTuple, Key, ToTuple, unpack};
use uuid::Uuid;

/// An element of any type, as a vector describes it.
#[derive(Debug, PartialEq)]
enum Element {
    Null,
    Bool(bool),
    Integer(i128),
    Unsigned(u128),
    Float(u32),
    Double(u64),
    Bytes(Vec<u8>),
    String(String),
    Uuid(Uuid),
    Nested(Elements),
}

#[derive(Debug, PartialEq)]
struct Elements(Vec<Element>);

impl Elements {
    fn described(list: &Value) -> Self {
        Elements(list.as_array().unwrap().iter().map(Element::described).collect())
    }

    /// Takes as many elements, of the same types.
    fn take_alike(&self, from: &mut Decoder<'_>) -> Result<Self> {
        self.0.iter().map(|element| element.take_alike(from)).collect::<Result<_>>().map(Elements)
    }
}

impl Element {
    fn described(element: &Value) -> Self {
        let (name, value) = element.as_object().unwrap().iter().next().unwrap();
        let text = value.as_str().unwrap_or_default();
        match name.as_str() {
            "null" => Element::Null,
            "bool" => Element::Bool(value.as_bool().unwrap()),
            "integer" => match text.parse() {
                Ok(integer) => Element::Integer(integer),
                Err(_) => Element::Unsigned(text.parse().unwrap()),
            },
            "float" => Element::Float(u32::from_str_radix(text, 16).unwrap()),
            "double" => Element::Double(u64::from_str_radix(text, 16).unwrap()),
            "bytes" => Element::Bytes(bytes_of(text)),
            "string" => Element::String(text.to_owned()),
            "uuid" => Element::Uuid(Uuid::parse_str(text).unwrap()),
            "nested" => Element::Nested(Elements::described(value)),
            other => panic!("no element is called {other}"),
        }
    }

    fn take_alike(&self, from: &mut Decoder<'_>) -> Result<Self> {
        Ok(match self {
            Element::Null => {
                assert!(from.take_null());
                Element::Null
            }
            Element::Bool(_) => Element::Bool(from.take_bool()?),
            Element::Integer(_) => Element::Integer(from.take_i128()?),
            Element::Unsigned(_) => Element::Unsigned(from.take_u128()?),
            Element::Float(_) => Element::Float(from.take_f32()?.to_bits()),
            Element::Double(_) => Element::Double(from.take_f64()?.to_bits()),
            Element::Bytes(_) => Element::Bytes(from.take_bytes()?.into_owned()),
            Element::String(_) => Element::String(from.take_str()?.into_owned()),
            Element::Uuid(_) => Element::Uuid(from.take_uuid()?),
            Element::Nested(elements) => Element::Nested(from.take_nested(|from| elements.take_alike(from))?),
        })
    }
}

impl ToTuple for Elements {
    fn pack(&self, to: &mut Encoder<'_>) {
        for element in &self.0 {
            match element {
                Element::Null => to.put_null(),
                Element::Bool(value) => to.put_bool(*value),
                Element::Integer(value) => to.put_i128(*value),
                Element::Unsigned(value) => to.put_u128(*value),
                Element::Float(bits) => to.put_f32(f32::from_bits(*bits)),
                Element::Double(bits) => to.put_f64(f64::from_bits(*bits)),
                Element::Bytes(value) => to.put_bytes(value),
                Element::String(value) => to.put_str(value),
                Element::Uuid(value) => to.put_uuid(*value),
                Element::Nested(elements) => to.put_nested(|to| elements.pack(to)),
            }
        }
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

fn vectors() -> Vec<(Elements, Vec<u8>)> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("fixtures/tuple-vectors.json")).unwrap();
    assert!(vectors.len() >= 200);
    vectors
        .iter()
        .map(|vector| (Elements::described(&vector["tuple"]), bytes_of(vector["hex"].as_str().unwrap())))
        .collect()
}

#[test]
fn tuples_have_the_bytes_of_foundationdb() {
    for (elements, bytes) in vectors() {
        assert_eq!(Key::of(&elements).unwrap().as_slice(), bytes, "{elements:?}");
    }
}

#[test]
fn the_bytes_of_foundationdb_read_as_the_tuples() {
    for (elements, bytes) in vectors() {
        let mut decoder = Decoder::new(&bytes);
        assert_eq!(elements.take_alike(&mut decoder).unwrap(), elements);
        assert!(decoder.is_at_end());
        decoder.finish().unwrap();
    }
}

/// Checks that an integer is read as `T`, and packed from it, exactly if it is one of `T`'s.
fn check_width<T: TryFrom<i128> + ToTuple + FromTuple + PartialEq + std::fmt::Debug>(
    integer: i128,
    bytes: &[u8],
) {
    match T::try_from(integer) {
        Ok(value) => {
            assert_eq!(Key::of(&value).unwrap().as_slice(), bytes);
            assert_eq!(unpack::<T>(bytes).unwrap(), value);
        }
        Err(_) => assert!(unpack::<T>(bytes).is_err(), "{integer} read as a narrower integer"),
    }
}

#[test]
fn integers_of_every_width_have_the_same_bytes() {
    for (elements, bytes) in vectors() {
        if let [Element::Integer(integer)] = elements.0[..] {
            check_width::<u8>(integer, &bytes);
            check_width::<u16>(integer, &bytes);
            check_width::<u32>(integer, &bytes);
            check_width::<u64>(integer, &bytes);
            check_width::<u128>(integer, &bytes);
            check_width::<i8>(integer, &bytes);
            check_width::<i16>(integer, &bytes);
            check_width::<i32>(integer, &bytes);
            check_width::<i64>(integer, &bytes);
            check_width::<i128>(integer, &bytes);
        }
    }
}

#[test]
fn the_widest_short_integers_have_the_short_form() {
    let widest = i128::from(u64::MAX);
    let positive = [[0x1c].as_slice(), &[0xff; 8]].concat();
    let negative = [[0x0c].as_slice(), &[0; 8]].concat();
    check_width::<u64>(widest, &positive);
    check_width::<i128>(widest, &positive);
    check_width::<i128>(-widest, &negative);
}
