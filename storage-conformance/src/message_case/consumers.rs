//! Stored positions, and places in groups on leases.

use std::time::Duration;

use storage_stores::messages::{MemberLease, MessageError, Query, Result};

use super::{assert_refused, category, open, seconds, timed, told, write, write_all};
use crate::case;
use crate::subject::Subject;

const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn positions_are_stored_and_forgotten<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_eq!(messages.position("reader")?, None);
    messages.store_position("reader", 7)?;
    messages.store_position("other", u64::MAX)?;
    messages.store_position("reader", 5)?;
    assert_eq!((messages.position("reader")?, messages.position("read")?), (Some(5), None));
    let all = [("other".to_owned(), u64::MAX), ("reader".to_owned(), 5)];
    assert_eq!(messages.positions()?, all);
    let elsewhere = messages.store().open_namespace("elsewhere")?;
    assert_eq!(elsewhere.position("reader")?, None);
    assert_eq!((messages.forget_position("reader")?, messages.forget_position("reader")?), (true, false));
    assert_eq!(messages.position("reader")?, None);
    assert_refused!(messages.store_position("", 1), MessageError::InvalidOptions(_));
    assert_refused!(messages.store_position(&"x".repeat(513), 1), MessageError::TooLarge { .. });
    messages.store().clear_namespace(messages.name())?;
    assert!(messages.positions()?.is_empty());
    Ok(())
}

pub(crate) fn workers_share_the_places_of_a_group<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let join = |worker: &str| messages.join_group("g", 3, worker, LEASE);
    let places = |leases: &[Option<MemberLease>]| -> Vec<Option<u64>> {
        leases.iter().map(|lease| lease.as_ref().map(|lease| lease.member)).collect()
    };
    let leases = [join("a")?, join("b")?, join("a")?, join("c")?];
    assert_eq!(places(&leases), [Some(0), Some(1), Some(2), None]);
    let second = leases[1].as_ref().expect("a place was free");
    assert_eq!((second.size, &*second.worker, second.until, second.position), (3, "b", seconds(60), None));
    messages.leave_group(second)?;
    assert_eq!(join("c")?.map(|lease| lease.member), Some(1));
    assert!(join("d")?.is_none());
    let members = messages.group("g")?;
    let workers: Vec<_> = members.iter().map(|member| member.worker.as_deref()).collect();
    assert_eq!(workers, [Some("a"), Some("c"), Some("a")]);
    assert!(messages.group("other")?.is_empty());
    Ok(())
}

pub(crate) fn lease_that_ran_out_is_lost_once_taken<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    let first = messages.join_group("g", 1, "a", LEASE)?.expect("it is free");
    clock.set(seconds(59));
    let first = messages.renew_member(&first, LEASE)?;
    assert_eq!(first.until, seconds(119));
    clock.set(seconds(118));
    assert!(messages.join_group("g", 1, "b", LEASE)?.is_none());
    clock.set(seconds(119));
    assert_eq!(messages.group("g")?[0].worker, None);
    // Nobody has it yet: the worker that is late goes on.
    let first = messages.advance_member(&first, 7)?;
    let second = messages.join_group("g", 1, "b", LEASE)?.expect("its lease ran out");
    assert_eq!((second.member, second.position), (0, Some(7)));
    for late in [
        messages.renew_member(&first, LEASE).map(drop),
        messages.advance_member(&first, 9).map(drop),
        messages.leave_group(&first),
    ] {
        assert_refused!(late, MessageError::LeaseLost { group, member: 0 } if group == "g");
    }
    assert_eq!(messages.group("g")?[0].position, Some(7));
    messages.advance_member(&second, 8).map(drop)
}

pub(crate) fn worker_comes_back_to_its_place<S: Subject>(subject: &S) -> Result<()> {
    let (messages, clock) = timed(subject)?;
    for worker in ["a", "b", "c"] {
        messages.join_group("g", 3, worker, LEASE)?;
    }
    clock.set(seconds(60));
    for (worker, member) in [("c", 2), ("b", 1), ("d", 0)] {
        let lease = messages.join_group("g", 3, worker, LEASE)?.expect("all have ended");
        assert_eq!(lease.member, member, "{worker}");
    }
    Ok(())
}

pub(crate) fn places_read_what_their_members_get<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    (0..20).try_for_each(|number| write(&messages, &format!("a-{number}")).map(drop))?;
    let mut read = Vec::new();
    while let Some(lease) = messages.join_group("g", 4, "worker", LEASE)? {
        let page = messages.category("a", &lease.query().batch(2))?;
        read.extend(told(&page));
        let last = page.messages.last().expect("each has a few").global_position;
        let lease = messages.advance_member(&lease, last)?;
        read.extend(told(&messages.category("a", &lease.query())?));
    }
    read.sort_unstable();
    let mut whole = category(&messages, "a")?;
    whole.sort_unstable();
    assert_eq!(read, whole);
    Ok(())
}

pub(crate) fn group_changes_its_size_while_nobody_is_in_it<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let join = |size, worker| messages.join_group("g", size, worker, LEASE);
    let first = join(2, "a")?.expect("it is free");
    assert_refused!(join(3, "b"), MessageError::InvalidConsumerGroup { .. });
    let second = join(2, "b")?.expect("it is free");
    messages.advance_member(&first, 10)?;
    messages.advance_member(&second, 7)?;
    messages.leave_group(&first)?;
    assert_refused!(join(3, "b"), MessageError::InvalidConsumerGroup { .. });
    messages.leave_group(&second)?;
    let again = join(3, "a")?.expect("it is free");
    assert_eq!((again.member, again.size, again.position), (0, 3, Some(7)), "what all had passed");
    assert_refused!(messages.advance_member(&first, 99), MessageError::LeaseLost { .. });
    messages.advance_member(&again, 12)?;
    messages.leave_group(&again)?;
    // Two places were never taken: they stand where the group was divided.
    assert_eq!(join(1, "a")?.map(|lease| lease.position), Some(Some(7)));
    let fresh = messages.join_group("fresh", 2, "a", LEASE)?.expect("it is free");
    messages.advance_member(&fresh, 5)?;
    messages.leave_group(&fresh)?;
    let divided = messages.join_group("fresh", 1, "a", LEASE)?.expect("it is free");
    assert_eq!(divided.position, None, "a place that was never taken has passed nothing");
    Ok(())
}

pub(crate) fn arguments_of_leases_are_checked<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    assert_refused!(messages.join_group("g", 0, "a", LEASE), MessageError::InvalidConsumerGroup { .. });
    assert_refused!(messages.join_group("", 1, "a", LEASE), MessageError::InvalidOptions(_));
    assert_refused!(messages.join_group("g", 1, "", LEASE), MessageError::InvalidOptions(_));
    assert_refused!(messages.join_group("g", 1, "a", Duration::ZERO), MessageError::InvalidOptions(_));
    assert!(messages.group("g")?.is_empty());
    let lease = messages.join_group("g", 1, "a", LEASE)?.expect("it is free");
    write_all(&messages, &["a-1"])?;
    messages.store().clear_namespace(messages.name())?;
    assert_refused!(messages.renew_member(&lease, LEASE), MessageError::LeaseLost { .. });
    assert!(messages.category("a", &Query::new())?.messages.is_empty());
    Ok(())
}

pub(crate) fn one_of_many_gets_each_place<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    let leases = case::together(8, |thread| {
        let lease = messages.join_group("g", 5, &format!("w{thread}"), LEASE);
        lease.map_err(super::races::inner)
    })?;
    let mut places: Vec<_> = leases.iter().flatten().map(|lease| lease.member).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3, 4]);
    Ok(())
}
