//! Which types are elements of keys, and how: one place that fixes what is on disk.

use std::borrow::Cow;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::key::decoder::Decoder;
use crate::key::tuple::{Element, Encoder, FromTuple, ToTuple};

/// An owned byte string as an element. To pack a borrowed one, `&[u8]` does.
///
/// ```
/// use storage_core::key::{Bytes, Key};
///
/// let hash = [0xab_u8; 20];
/// let key = Key::of(&("blob", hash.as_slice()))?;
/// assert_eq!(key.unpack::<(String, Bytes)>()?.1.0, hash);
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

/// A tuple kept together as one element, so that shorter ones sort before longer ones that they start.
///
/// ```
/// use storage_core::key::{Key, Nested};
///
/// let path = Key::of(&(Nested(("usr", "bin")), 1_u8))?;
/// assert_eq!(path.unpack::<(Nested<(String, String)>, u8)>()?.1, 1);
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nested<T>(pub T);

impl<T: ToTuple + ?Sized> ToTuple for &T {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        (**self).pack(to);
    }
}

impl<T: Element + ?Sized> Element for &T {}

impl ToTuple for () {
    #[inline]
    fn pack(&self, _: &mut Encoder<'_>) {}
}

impl FromTuple for () {
    #[inline]
    fn unpack(_: &mut Decoder<'_>) -> Result<Self> {
        Ok(())
    }
}

/// Implements the traits for a type that one pair of methods covers.
macro_rules! element {
    ($type:ty, $put:ident, $take:ident) => {
        impl Element for $type {}

        impl ToTuple for $type {
            #[inline]
            fn pack(&self, to: &mut Encoder<'_>) {
                to.$put(*self);
            }
        }

        impl FromTuple for $type {
            #[inline]
            fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
                from.$take()
            }
        }
    };
}

element!(bool, put_bool, take_bool);
element!(u64, put_u64, take_u64);
element!(i64, put_i64, take_i64);
element!(u128, put_u128, take_u128);
element!(i128, put_i128, take_i128);
element!(f32, put_f32, take_f32);
element!(f64, put_f64, take_f64);
element!(Uuid, put_uuid, take_uuid);

/// Implements the traits for an integer narrower than the one whose methods it uses.
macro_rules! narrow_integer {
    ($type:ty, $wide:ty, $put:ident, $take:ident) => {
        impl Element for $type {}

        impl ToTuple for $type {
            #[inline]
            fn pack(&self, to: &mut Encoder<'_>) {
                to.$put(<$wide>::from(*self));
            }
        }

        impl FromTuple for $type {
            #[inline]
            fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
                let wide = from.$take()?;
                <$type>::try_from(wide).map_err(|error| {
                    from.corrupt(concat!("the integer before is not of ", stringify!($type))).caused_by(error)
                })
            }
        }
    };
}

narrow_integer!(u8, u64, put_u64, take_u64);
narrow_integer!(u16, u64, put_u64, take_u64);
narrow_integer!(u32, u64, put_u64, take_u64);
narrow_integer!(i8, i64, put_i64, take_i64);
narrow_integer!(i16, i64, put_i64, take_i64);
narrow_integer!(i32, i64, put_i64, take_i64);

impl Element for str {}

impl ToTuple for str {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_str(self);
    }
}

impl Element for String {}

impl ToTuple for String {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_str(self);
    }
}

impl FromTuple for String {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        from.take_str().map(Cow::into_owned)
    }
}

impl Element for Cow<'_, str> {}

impl ToTuple for Cow<'_, str> {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_str(self);
    }
}

impl FromTuple for Cow<'_, str> {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        String::unpack(from).map(Cow::Owned)
    }
}

impl Element for [u8] {}

impl ToTuple for [u8] {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_bytes(self);
    }
}

impl Element for Bytes {}

impl ToTuple for Bytes {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_bytes(&self.0);
    }
}

impl FromTuple for Bytes {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        from.take_bytes().map(|bytes| Bytes(bytes.into_owned()))
    }
}

impl Element for Timestamp {}

impl ToTuple for Timestamp {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_u64(self.as_nanos());
    }
}

impl FromTuple for Timestamp {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        from.take_u64().map(Timestamp::from_nanos)
    }
}

impl<T: Element + ToTuple> ToTuple for Option<T> {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        match self {
            Some(element) => element.pack(to),
            None => to.put_null(),
        }
    }
}

impl<T: Element + FromTuple> FromTuple for Option<T> {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        if from.take_null() { Ok(None) } else { T::unpack(from).map(Some) }
    }
}

impl<T> Element for Nested<T> {}

impl<T: ToTuple> ToTuple for Nested<T> {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        to.put_nested(|to| self.0.pack(to));
    }
}

impl<T: FromTuple> FromTuple for Nested<T> {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        from.take_nested(T::unpack).map(Nested)
    }
}

/// Implements the traits for tuples of these types: the elements of each, one after another.
macro_rules! tuple {
    ($($type:ident $index:tt),+) => {
        impl<$($type: ToTuple),+> ToTuple for ($($type,)+) {
            #[inline]
            fn pack(&self, to: &mut Encoder<'_>) {
                $(self.$index.pack(to);)+
            }
        }

        impl<$($type: FromTuple),+> FromTuple for ($($type,)+) {
            #[inline]
            fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
                Ok(($($type::unpack(from)?,)+))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
