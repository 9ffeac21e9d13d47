//! How histories are drawn: few keys, so that steps meet, and the edges of everything.
//!
//! What is large is boxed: as one type, the strategies overflow the stack of a test's thread.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use storage_core::limits::{DERIVED_KEY_LEN_MAX, KEY_LEN_MAX};

use super::step::{
    Action, Beside, Bounds, Bytes, End, Level, Limit, Listing, Look, Order, Place, Put, Span, Step, Values,
    Write,
};

/// The longest value of the databases under test: low, so that a history can be over it.
pub(super) const VALUE_LEN_MAX: usize = 100;

/// What the clock shows when a history begins. Expiries are drawn from here on.
pub(super) const CLOCK_START: u64 = 1_000;

/// Expiries and the clock go by steps, mostly, so that time often stands exactly at an expiry.
pub(super) const CLOCK_STEP: u64 = 10;

/// How many steps after the beginning records expire at the latest: as far as the clocks of most histories
/// come.
const EXPIRY_STEPS: u64 = 8;

/// The most steps of a history: enough that snapshots, expiry and reopening meet.
const STEPS_MAX: usize = 40;

/// The most actions of one transaction.
const ACTIONS_MAX: usize = 8;

pub(super) fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=STEPS_MAX)
}

pub(super) fn step() -> BoxedStrategy<Step> {
    let transact = (vec(action(), 0..=ACTIONS_MAX), end(), level());
    let overtaken = (overtaken(), level()).prop_map(|(body, durability)| {
        let end = End::Commit;
        Step::Transact { body, end, durability }
    });
    prop_oneof![
        12 => (put(), level()).prop_map(|(put, durability)| Step::Put { put, durability }),
        4 => place().prop_map(Step::Delete),
        3 => span().prop_map(Step::DeleteRange),
        12 => look().prop_map(Step::Look),
        20 => transact.prop_map(|(body, end, durability)| Step::Transact { body, end, durability }),
        8 => overtaken,
        3 => Just(Step::Hold),
        8 => (0..4_usize, look()).prop_map(|(snapshot, look)| Step::LookBack { snapshot, look }),
        1 => (0..4_usize).prop_map(|snapshot| Step::Release { snapshot }),
        6 => steps().prop_map(Step::ClockForward),
        1 => steps().prop_map(Step::ClockBack),
        3 => option::weighted(0.3, 0..4_usize).prop_map(|limit| Step::Sweep { limit }),
        6 => (row(), 0..3_u8).prop_map(|(key, group)| Step::PutRow { key, group }),
        2 => (row(), row()).prop_map(|(first, last)| Step::DeleteRows { first, last }),
        6 => page(),
        1 => Just(Step::Sync),
        2 => Just(Step::Reopen),
    ]
    .boxed()
}

/// Few, so that pages meet rows that came or went since the one before.
fn row() -> impl Strategy<Value = u8> {
    prop_oneof![8 => 0..8_u8, 1 => any::<u8>()]
}

fn page() -> impl Strategy<Value = Step> {
    let listing = select(vec![Listing::ByKey, Listing::ByGroup]);
    let limit = prop_oneof![12 => 1..4_usize, 1 => Just(0), 1 => Just(100)];
    (listing, order(), limit).prop_map(|(listing, order, limit)| Step::Page { listing, order, limit })
}

fn action() -> BoxedStrategy<Action> {
    let numbered = (keyspace(), name(), 0..4_u32, value(), beside());
    let number = (keyspace(), name(), 0..4_u64, 0..4_u32, beside());
    prop_oneof![
        14 => look().prop_map(Action::Look),
        22 => write().prop_map(Action::Write),
        5 => (counter(), first()).prop_map(|(place, first)| Action::Draw { place, first }),
        5 => numbered.prop_map(|(keyspace, name, ticket, value, beside)| {
            Action::PutNumbered { keyspace, name, ticket, value, beside }
        }),
        3 => number.prop_map(|(keyspace, name, number, ticket, beside)| {
            Action::PutNumber { keyspace, name, number, ticket, beside }
        }),
        1 => Just(Action::Trespass),
        4 => meanwhile(),
    ]
    .boxed()
}

/// A body that is overtaken between what it reads and what it writes.
fn overtaken() -> impl Strategy<Value = Vec<Action>> {
    let reads = vec(look().prop_map(Action::Look), 1..4);
    let writes = vec(write().prop_map(Action::Write), 1..3);
    (reads, meanwhile(), writes).prop_map(|(mut body, meanwhile, writes)| {
        body.push(meanwhile);
        body.extend(writes);
        body
    })
}

fn meanwhile() -> impl Strategy<Value = Action> {
    let advance = prop_oneof![1 => Just(0), 1 => steps()];
    (advance, vec(write(), 0..4)).prop_map(|(advance, writes)| Action::Meanwhile { advance, writes })
}

fn write() -> BoxedStrategy<Write> {
    let touched = prop_oneof![4 => place(), 1 => counter()];
    prop_oneof![
        10 => put().prop_map(Write::Put),
        4 => place().prop_map(Write::Delete),
        3 => span().prop_map(Write::DeleteRange),
        5 => (counter(), delta()).prop_map(|(place, delta)| Write::Add { place, delta }),
        3 => (counter(), delta()).prop_map(|(place, value)| Write::Max { place, value }),
        3 => (touched, beside()).prop_map(|(place, beside)| {
            Write::Touch { place, expires_at: beside.expires_at }
        }),
    ]
    .boxed()
}

fn look() -> BoxedStrategy<Look> {
    // Few keys, so that some are asked for twice.
    let many = (keyspace(), vec(key(), 1..4), vec(0..4_usize, 0..6)).prop_map(|(keyspace, keys, picks)| {
        let keys = picks.into_iter().map(|pick| keys[pick % keys.len()].clone()).collect();
        Look::GetMany { keyspace, keys }
    });
    let range = (span(), order(), values(), option::weighted(0.4, 0..6_usize));
    prop_oneof![
        4 => prop_oneof![20 => place(), 1 => unreadable()].prop_map(Look::Get),
        2 => many,
        1 => counter().prop_map(Look::Counter),
        6 => range.prop_map(|(span, order, values, take)| Look::Range { span, order, values, take }),
    ]
    .boxed()
}

/// A put with at most one thing wrong, so that the error is the same in whichever order things are checked.
fn put() -> BoxedStrategy<Put> {
    let put = |(place, value, beside)| Put { place, value, beside };
    let over = prop_oneof![Just(VALUE_LEN_MAX + 1), Just(4 * VALUE_LEN_MAX)];
    let at_1970 = beside().prop_map(|beside| Beside { expires_at: Some(0), ..beside });
    prop_oneof![
        60 => (place(), value(), beside()).prop_map(put),
        1 => (unwritable(), value(), beside()).prop_map(put),
        1 => (place(), over.prop_map(|len| Bytes(vec![b'x'; len])), beside()).prop_map(put),
        1 => (place(), value(), at_1970).prop_map(put),
    ]
    .boxed()
}

fn place() -> BoxedStrategy<Place> {
    (keyspace(), key()).prop_map(|(keyspace, key)| Place { keyspace, key }).boxed()
}

/// Keys that counters and sequences like to have; other records have them seldom.
fn counter() -> BoxedStrategy<Place> {
    let few = (keyspace(), select(vec![b'n', b'm']))
        .prop_map(|(keyspace, key)| Place { keyspace, key: Bytes(vec![key]) });
    prop_oneof![8 => few, 1 => place(), 1 => unwritable()].boxed()
}

fn unwritable() -> impl Strategy<Value = Place> {
    (keyspace(), select(vec![0, KEY_LEN_MAX + 1])).prop_map(of_len)
}

fn unreadable() -> impl Strategy<Value = Place> {
    (keyspace(), select(vec![0, KEY_LEN_MAX + 1, DERIVED_KEY_LEN_MAX + 1])).prop_map(of_len)
}

fn of_len((keyspace, len): (u8, usize)) -> Place {
    Place { keyspace, key: Bytes(vec![b'k'; len]) }
}

fn keyspace() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0), 1 => Just(1)]
}

/// Few keys that sort next to one another, long ones that differ at the end, and those of numbered records.
fn key() -> BoxedStrategy<Bytes> {
    let byte = || select(vec![b'a', b'a', b'b', 0, 0xff]);
    let long = (select(vec![31, 32, 33, 300, KEY_LEN_MAX - 1]), byte()).prop_map(|(len, last)| {
        let mut key = vec![b'a'; len];
        key.push(last);
        key
    });
    let numbered = (name(), 0..4_u64).prop_map(|(name, number)| packed(name, number));
    prop_oneof![
        9 => byte().prop_map(|byte| vec![byte]),
        4 => vec(byte(), 2),
        1 => vec(byte(), 3..=4),
        1 => select(vec![b'n', b'm']).prop_map(|key| vec![key]),
        1 => long,
        2 => numbered,
    ]
    .prop_map(Bytes)
    .boxed()
}

fn name() -> impl Strategy<Value = char> {
    select(vec!['s', 't'])
}

/// The key of the record of this name and number: a string and an integer of the tuple layer.
pub(super) fn packed(name: char, number: u64) -> Vec<u8> {
    let digits = number.to_be_bytes();
    let zeros = usize::try_from(number.leading_zeros() / 8).expect("there are eight bytes at most");
    let mut key = vec![0x02];
    key.extend_from_slice(name.to_string().as_bytes());
    key.extend_from_slice(&[0x00, 0x14 + u8::try_from(8 - zeros).expect("there are eight bytes at most")]);
    key.extend_from_slice(&digits[zeros..]);
    key
}

fn value() -> BoxedStrategy<Bytes> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..4),
        2 => vec(select(vec![0, 1, 0xff]), 0..10),
        1 => (VALUE_LEN_MAX - 2..=VALUE_LEN_MAX).prop_map(|len| vec![b'v'; len]),
    ]
    .prop_map(Bytes)
    .boxed()
}

fn beside() -> BoxedStrategy<Beside> {
    let soon = (0..=EXPIRY_STEPS).prop_map(|steps| CLOCK_START + CLOCK_STEP * steps);
    let expires_at = prop_oneof![12 => Just(None), 8 => soon.prop_map(Some), 1 => Just(Some(u64::MAX))];
    let user_byte = prop_oneof![3 => Just(0), 1 => any::<u8>()];
    (expires_at, user_byte).prop_map(|(expires_at, user_byte)| Beside { expires_at, user_byte }).boxed()
}

/// By how much the clock moves.
fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![4 => (0..3_u64).prop_map(|steps| CLOCK_STEP * steps), 1 => 0..2 * CLOCK_STEP]
}

fn delta() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -3..10_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

fn first() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..2_u64, 1 => Just(i64::MAX as u64), 1 => Just(u64::MAX)]
}

fn span() -> BoxedStrategy<Span> {
    let over = Limit::With(Bytes(vec![b'k'; DERIVED_KEY_LEN_MAX + 1]));
    let in_order = (limit(), limit()).prop_map(|(one, other)| match (&one, &other) {
        (Limit::With(a) | Limit::Without(a), Limit::With(b) | Limit::Without(b)) if a > b => (other, one),
        _ => (one, other),
    });
    let prefix = vec(select(vec![b'a', b'b', 0, 0xff, 0x02]), 0..3);
    let bounds = prop_oneof![
        40 => Just(Bounds::All),
        60 => in_order.prop_map(|(first, last)| Bounds::Between(first, last)),
        6 => (limit(), limit()).prop_map(|(first, last)| Bounds::Between(first, last)),
        30 => prefix.prop_map(|prefix| Bounds::Prefix(Bytes(prefix))),
        1 => Just(Bounds::Between(Limit::None, over)),
    ];
    (keyspace(), bounds).prop_map(|(keyspace, bounds)| Span { keyspace, bounds }).boxed()
}

fn limit() -> impl Strategy<Value = Limit> {
    // Mostly the shortest keys, of which there are most records.
    let near =
        || prop_oneof![2 => select(vec![b'a', b'b', 0, 0xff]).prop_map(|byte| Bytes(vec![byte])), 1 => key()];
    prop_oneof![
        1 => Just(Limit::None),
        3 => near().prop_map(Limit::With),
        3 => near().prop_map(Limit::Without),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    select(vec![Order::Forward, Order::Reverse])
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![3 => Just(Values::Every), 1 => Just(Values::None), 1 => Just(Values::EveryOther)]
}

fn level() -> impl Strategy<Value = Level> {
    select(vec![Level::Sync, Level::Deferred])
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![10 => Just(End::Commit), 1 => Just(End::Fail), 1 => Just(End::Panic)]
}

#[cfg(test)]
mod tests {
    use storage_core::Key;

    use super::*;

    #[test]
    fn keys_of_numbered_records_are_tuples() {
        for number in [0, 1, 255, 256, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(Key::of(&("s", number)).unwrap().as_slice(), packed('s', number));
        }
    }
}
