//! The grammar of stream names, and the hash by which consumer groups are divided.
//!
//! `category-cardinal+other`: the first dash ends the category, the first plus behind it ends the cardinal id. A
//! category is `entity:type+type`. The functions are defined on any string whatever, and agree with Message DB's.

use md5::{Digest, Md5};

/// What stands before the first dash; the whole name if there is none.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::category("account:command-123"), "account:command");
/// assert_eq!(names::category("account"), "account");
/// ```
pub fn category(stream: &str) -> &str {
    stream.split_once('-').map_or(stream, |(category, _)| category)
}

/// What stands behind the first dash; `None` without a dash, and empty where nothing follows it.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::id("account-123+456"), Some("123+456"));
/// assert_eq!(names::id("account-"), Some(""));
/// assert_eq!(names::id("account"), None);
/// ```
pub fn id(stream: &str) -> Option<&str> {
    stream.split_once('-').map(|(_, id)| id)
}

/// The id up to its first plus, by which consumer groups are divided.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::cardinal_id("account-123+456+789"), Some("123"));
/// ```
pub fn cardinal_id(stream: &str) -> Option<&str> {
    id(stream).map(|id| id.split_once('+').map_or(id, |(cardinal, _)| cardinal))
}

/// Whether a name has no dash. Such a name is a stream too, in the category of the same name.
pub fn is_category(name: &str) -> bool {
    !name.contains('-')
}

/// The category up to its first colon.
pub fn entity(stream: &str) -> &str {
    let category = category(stream);
    category.split_once(':').map_or(category, |(entity, _)| entity)
}

/// The types of a category, which stand behind its first colon with a plus between them.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::types("account:command+position-1").collect::<Vec<_>>(), ["command", "position"]);
/// assert_eq!(names::types("account-1").count(), 0);
/// ```
pub fn types(stream: &str) -> impl Iterator<Item = &str> {
    category(stream).split_once(':').into_iter().flat_map(|(_, types)| types.split('+'))
}

/// The first eight bytes of the MD5 of a text, the highest first, as a signed number: Message DB's `hash_64`.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::hash64("account"), -2132379389342958165);
/// ```
pub fn hash64(text: &str) -> i64 {
    let digest = Md5::digest(text.as_bytes());
    let (first, _) = digest.split_first_chunk::<8>().expect("an MD5 has sixteen bytes");
    i64::from_be_bytes(*first)
}

/// The member of a consumer group of `size` to which the messages of a stream go: the absolute value of the hash of its
/// cardinal id, modulo the size.
///
/// `None` for a stream without one, which goes to nobody, and for a group without members.
///
/// ```
/// use storage_stores::messages::names;
///
/// assert_eq!(names::member("account-1", 3), Some(0));
/// assert_eq!(names::member("account-1+other", 3), Some(0));
/// assert_eq!(names::member("account", 3), None);
/// ```
pub fn member(stream: &str, size: u64) -> Option<u64> {
    cardinal_hash(stream)?.checked_rem(size)
}

/// The number that a group's size divides. It is kept beside each message.
pub(super) fn cardinal_hash(stream: &str) -> Option<u64> {
    cardinal_id(stream).map(|cardinal| hash64(cardinal).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_dash_and_the_first_plus_behind_it_separate() {
        assert_eq!(category("user-profile-456"), "user");
        assert_eq!(id("user-profile-456"), Some("profile-456"));
        assert_eq!((category("account+1-2"), id("account+1-2")), ("account+1", Some("2")));
        assert_eq!((category("-123"), id("-123"), cardinal_id("account-+x")), ("", Some("123"), Some("")));
        assert_eq!((category(""), id(""), cardinal_id("")), ("", None, None));
    }

    #[test]
    fn the_smallest_hash_has_an_absolute_value() {
        assert_eq!(i64::MIN.unsigned_abs() % 3, 2);
        assert_eq!(member("account-1", 0), None);
    }
}
