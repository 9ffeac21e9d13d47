//! What holds for every key: its order is that of its values, and it reads back as what it was.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Debug;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::clock::Timestamp;
use crate::error::Kind;
use crate::range::KeyRange;

/// Checks two values: that their keys order as they do, and that each comes back from its own.
fn check<T: ToTuple + FromTuple + Debug>(
    left: &T,
    right: &T,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<(), TestCaseError> {
    let (left_key, right_key) = (Key::of(left).unwrap(), Key::of(right).unwrap());
    prop_assert_eq!(left_key.cmp(&right_key), compare(left, right), "{:?} {:?}", left_key, right_key);
    for (value, key) in [(left, &left_key), (right, &right_key)] {
        let back: T = key.unpack().unwrap();
        prop_assert_eq!(compare(value, &back), Ordering::Equal, "{:?} came back as {:?}", value, back);
        let cut = unpack::<T>(&key[..key.len() - 1]).unwrap_err();
        prop_assert_eq!(cut.kind(), Kind::Corrupt);
        let mut longer = key.clone();
        longer.push(0x14);
        prop_assert_eq!(longer.unpack::<T>().unwrap_err().kind(), Kind::Corrupt);
    }
    Ok(())
}

/// A tuple of any length.
struct Elements(Vec<Option<u8>>);

impl ToTuple for Elements {
    fn pack(&self, to: &mut Encoder<'_>) {
        self.0.iter().for_each(|element| element.pack(to));
    }
}

/// Integers of every width, as often as those of full width.
fn unsigned() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..128_u32).prop_map(|(bits, shift)| bits >> shift)
}

fn signed() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0..128_u32).prop_map(|(bits, shift)| bits >> shift)
}

/// Few different bytes, so that escapes, ends and common prefixes are frequent.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), Just(0xff), Just(1), any::<u8>()], 0..6)
}

fn string() -> impl Strategy<Value = String> {
    let character = prop_oneof![Just('\0'), Just('a'), Just('\u{ff}'), any::<char>()];
    proptest::collection::vec(character, 0..6).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn unsigned_integers(left in unsigned(), right in unsigned()) {
        check(&left, &right, Ord::cmp)?;
        check(&(left as u64), &(right as u64), Ord::cmp)?;
        check(&(left as u32), &(right as u32), Ord::cmp)?;
        check(&(left as u16), &(right as u16), Ord::cmp)?;
        check(&(left as u8), &(right as u8), Ord::cmp)?;
        check(&Timestamp::from_nanos(left as u64), &Timestamp::from_nanos(right as u64), Ord::cmp)?;
    }

    #[test]
    fn signed_integers(left in signed(), right in signed()) {
        check(&left, &right, Ord::cmp)?;
        check(&(left as i64), &(right as i64), Ord::cmp)?;
        check(&(left as i32), &(right as i32), Ord::cmp)?;
        check(&(left as i16), &(right as i16), Ord::cmp)?;
        check(&(left as i8), &(right as i8), Ord::cmp)?;
    }

    #[test]
    fn widths_do_not_matter(narrow in any::<i16>(), wide in signed()) {
        let (narrow_key, wide_key) = (Key::of(&narrow).unwrap(), Key::of(&wide).unwrap());
        prop_assert_eq!(narrow_key.cmp(&wide_key), i128::from(narrow).cmp(&wide));
        match (i64::try_from(wide), wide_key.unpack::<i64>()) {
            (Ok(wide), Ok(back)) => prop_assert_eq!(wide, back),
            (Err(_), Err(error)) => prop_assert_eq!(error.kind(), Kind::Corrupt),
            (expected, found) => prop_assert!(false, "{:?} read as {:?}", expected, found),
        }
        match (u8::try_from(wide), wide_key.unpack::<u8>()) {
            (Ok(wide), Ok(back)) => prop_assert_eq!(wide, back),
            (Err(_), Err(error)) => prop_assert_eq!(error.kind(), Kind::Corrupt),
            (expected, found) => prop_assert!(false, "{:?} read as {:?}", expected, found),
        }
    }

    #[test]
    fn floats(left in any::<u64>(), right in any::<u64>()) {
        check(&f64::from_bits(left), &f64::from_bits(right), f64::total_cmp)?;
        check(&f32::from_bits(left as u32), &f32::from_bits(right as u32), f32::total_cmp)?;
    }

    #[test]
    fn strings_and_bytes(
        (left, right) in (string(), string()),
        (left_bytes, right_bytes) in (bytes(), bytes()),
    ) {
        check(&left, &right, Ord::cmp)?;
        check(&Cow::<str>::Owned(left), &Cow::Owned(right), Ord::cmp)?;
        check(&Bytes(left_bytes), &Bytes(right_bytes), Ord::cmp)?;
    }

    #[test]
    fn uuids_and_truth_values(left in any::<(u128, bool)>(), right in any::<(u128, bool)>()) {
        let uuid = |(bits, truth)| (Uuid::from_u128(bits), truth);
        check(&uuid(left), &uuid(right), Ord::cmp)?;
    }

    #[test]
    fn tuples(
        left in (string(), proptest::option::of(any::<i64>()), bytes(), any::<bool>()),
        right in (string(), proptest::option::of(any::<i64>()), bytes(), any::<bool>()),
    ) {
        let tuple = |(name, number, part, flag)| (name, number, Bytes(part), flag);
        let (left, right) = (tuple(left), tuple(right));
        check(&left, &right, Ord::cmp)?;
        check(&(left.clone(), right.clone()), &(left, right), Ord::cmp)?;
    }

    #[test]
    fn nested_tuples(
        left in (proptest::option::of(bytes()), proptest::option::of(string()), any::<i8>()),
        right in (proptest::option::of(bytes()), proptest::option::of(string()), any::<i8>()),
    ) {
        let tuple = |(part, name, number): (Option<Vec<u8>>, Option<String>, i8)| {
            let part = part.map(Bytes);
            (Nested((part.clone(), Nested((name, part.clone())))), part.map(|part| Nested((part,))), number)
        };
        check(&tuple(left), &tuple(right), Ord::cmp)?;
    }

    #[test]
    fn a_range_over_a_nested_tuple_ends_before_its_extensions(left in bytes(), right in bytes()) {
        let list = |bytes: Vec<u8>| {
            Elements(bytes.into_iter().map(|byte| if byte == 0 { None } else { Some(byte) }).collect())
        };
        let (left, right) = (Nested(list(left)), Nested(list(right)));
        let range = KeyRange::within(&left).unwrap();
        prop_assert_eq!(range.contains(&Key::of(&(&right, 1_u8)).unwrap()), left.0.0 == right.0.0);
    }

    #[test]
    fn a_shorter_tuple_is_a_prefix(name in string(), number in any::<u64>(), other in string()) {
        let prefix = Key::of(&name).unwrap();
        let key = Key::of(&(name.as_str(), number)).unwrap();
        prop_assert!(key.starts_with(&prefix));
        let range = KeyRange::within(&name).unwrap();
        prop_assert!(range.contains(&prefix) && range.contains(&key));
        prop_assert_eq!(range.contains(&Key::of(&(other.as_str(), number)).unwrap()), name == other);
    }

    #[test]
    fn the_end_of_a_prefix_is_tight(prefix in bytes(), key in bytes()) {
        match prefix_end(&prefix) {
            Some(end) => {
                let inside = *prefix <= *key && *key < *end;
                prop_assert_eq!(inside, key.starts_with(&prefix));
            }
            None => prop_assert!(prefix.iter().all(|&byte| byte == 0xff)),
        }
    }

    #[test]
    fn random_bytes_are_refused_or_canonical(code in 0_u8..0x32, tail in bytes()) {
        let mut bytes = vec![code];
        bytes.extend_from_slice(&tail);
        canonical::<i128>(&bytes)?;
        canonical::<u128>(&bytes)?;
        canonical::<i64>(&bytes)?;
        canonical::<u64>(&bytes)?;
        canonical::<String>(&bytes)?;
        canonical::<Bytes>(&bytes)?;
        canonical::<(Option<bool>, Option<Bytes>)>(&bytes)?;
        canonical::<Nested<(Option<Bytes>, Option<u8>)>>(&bytes)?;
        canonical::<Nested<Nested<Option<String>>>>(&bytes)?;
        canonical::<(f32, Uuid)>(&bytes)?;
        canonical::<f64>(&bytes)?;
    }
}

/// Checks that bytes which read as a value are the very bytes of that value.
fn canonical<T: ToTuple + FromTuple>(bytes: &[u8]) -> Result<(), TestCaseError> {
    match unpack::<T>(bytes) {
        Ok(value) => prop_assert_eq!(Key::of(&value).unwrap(), Key::from(bytes)),
        Err(error) => prop_assert_eq!(error.kind(), Kind::Corrupt),
    }
    Ok(())
}

#[test]
fn forms_that_are_not_canonical_are_refused() {
    let refused: [&[u8]; 12] = [
        b"",
        b"\x15",
        b"\x15\x00",
        b"\x16\x00\x01",
        b"\x13\xff",
        b"\x1d\x08\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x1d\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x1d\x11\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        b"\x0b\xf7\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x0b\xf6\xff\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x33\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xff",
    ];
    for bytes in refused {
        assert_eq!(unpack::<i128>(bytes).unwrap_err().kind(), Kind::Corrupt, "{bytes:02x?}");
    }
    let not_utf8 = unpack::<String>(b"\x02\xff\xfe\x00").unwrap_err();
    assert_eq!(not_utf8.kind(), Kind::Corrupt);
    let unexpected = unpack::<(u8, String)>(b"\x15\x01\x15\x02").unwrap_err();
    assert!(unexpected.to_string().ends_with("at byte 2 expected a string, found type code 0x15"));
}

#[test]
fn nested_tuples_must_have_as_many_elements_as_their_type() {
    let key = Key::of(&Nested((1_u8, None::<u8>))).unwrap();
    assert!(key.unpack::<Nested<(u8, Option<u8>)>>().is_ok());
    assert!(key.unpack::<Nested<u8>>().is_err());
    assert!(key.unpack::<Nested<(u8, Option<u8>, Option<u8>)>>().is_err());
    assert!(key.unpack::<Nested<(u8, Option<u8>, u8)>>().is_err());
}

#[test]
fn short_keys_are_inline_and_long_ones_keep_their_allocation() {
    assert!(size_of::<Key>() <= 40);
    assert!(!Key::from(vec![1; 32]).0.spilled());
    assert!(!Key::of(&("a short name", 7_u64, Some(true))).unwrap().0.spilled());
    let long = vec![1; 33];
    let place = long.as_ptr();
    let long = Key::from(long).into_vec();
    assert_eq!(long.as_ptr(), place);
}

#[test]
fn keys_are_found_by_their_bytes() {
    let key = Key::from(b"one".as_slice());
    let hashed = std::collections::HashMap::from([(key.clone(), 1)]);
    assert_eq!(hashed.get(b"one".as_slice()), Some(&1));
    assert_eq!(format!("{key:?}"), r#""one""#);
}
