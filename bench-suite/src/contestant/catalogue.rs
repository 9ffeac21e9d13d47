//! Every row with its contestants, in groups that are measured together.

use std::path::PathBuf;

use super::messages::{MessageFilters, MessageRows};
use super::runner::{Contestant, Runner};
use super::sessions::{SessionFinds, SessionRows};
use super::{Appends, Points, Ranges, Reopen, Role, Snapshots, Subject, Tag, TaskRows, Transfers};
use crate::failure::{Failure, Outcome};
use crate::workload::messages::reads::{Filtered, ReadPage};
use crate::workload::messages::writes::WriteMessage;
use crate::workload::opening::{Open, OpenAfterKill};
use crate::workload::points::{BulkLoad, Delete, Get, GetMiss, GetSnapshot, Put, PutBatch, PutBatchOf};
use crate::workload::ranges::{ListPage, Range};
use crate::workload::sessions::reads::{FindMessages, ListSessions, LoadSession, SearchSessions};
use crate::workload::sessions::writes::{AppendMessage, SaveSession, Workflow};
use crate::workload::sharing::{Append, Transfer};
use crate::workload::sustained::{PutBurst, PutSustained};
use crate::workload::tasks::lists::{
    ConcurrentReadWrite, GetTask, LargeDataset, ListPending, ListPerformers,
};
use crate::workload::tasks::saves::{LastBlock, SaveConfig, SavePerformer, SaveTask};
use crate::workload::{Class, Family, Profile, RowId, Spec, Variant, Work, rows};

type Make = fn(Spec, u64, PathBuf) -> Box<dyn Contestant>;

/// A contestant in one row.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// The row.
    pub spec: Spec,
    /// The contestant.
    pub tag: Tag,
    attendance: Attendance,
}

#[derive(Clone, Debug)]
enum Attendance {
    Runs(Make),
    Absent(&'static str),
}

impl Entrant {
    /// The identity of the row it fills.
    #[must_use]
    pub fn id(&self) -> RowId {
        RowId::new(&self.spec, &self.tag)
    }

    /// Why it does not run, if it does not.
    #[must_use]
    pub fn absent(&self) -> Option<&'static str> {
        match self.attendance {
            Attendance::Runs(_) => None,
            Attendance::Absent(reason) => Some(reason),
        }
    }

    /// The contestant itself, with nothing opened; `None` if it does not run.
    #[must_use]
    pub fn contestant(&self, seed: u64, scratch: PathBuf) -> Option<Box<dyn Contestant>> {
        match self.attendance {
            Attendance::Runs(make) => Some(make(self.spec.clone(), seed, scratch)),
            Attendance::Absent(_) => None,
        }
    }
}

/// Entrants that do the same work and are measured in one interleaved run.
#[derive(Clone, Debug)]
pub struct Group {
    /// The entrants; there is at least one.
    pub entrants: Vec<Entrant>,
}

impl Group {
    /// What all entrants do. With several sizes, the first one's.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.entrants[0].spec
    }

    /// What a finished write of any entrant survives.
    #[must_use]
    pub fn class(&self) -> Class {
        self.entrants[0].tag.class
    }

    /// The group's name for people.
    #[must_use]
    pub fn title(&self) -> String {
        let id = self.entrants[0].id();
        let mut title = format!("{} {}", id.family.name(), id.title());
        if !self.spec().sizes_together {
            title.push_str(&format!(", {} records", id.records));
        }
        if self.class() != Class::Memory {
            title.push_str(&format!(", {}", self.class().name()));
        }
        title
    }
}

/// All groups.
#[derive(Clone, Debug)]
pub struct Catalogue {
    profile: Profile,
    groups: Vec<Group>,
}

impl Catalogue {
    /// A catalogue without rows, for the sizes of `profile`.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Catalogue { profile, groups: Vec::new() }
    }

    /// The rows of single records.
    pub fn points<S: Points>(&mut self) {
        self.reads::<S>();
        self.writes::<S>();
    }

    /// The same for a contestant that commits each write of several writers by itself.
    pub fn ungrouped_points<S: Points>(&mut self) {
        self.reads::<S>();
        self.ungrouped_writes::<S>();
    }

    /// Of the rows of single records, those that read.
    pub fn reads<S: Points>(&mut self) {
        self.enter::<Get<S>>();
        self.enter::<GetMiss<S>>();
    }

    /// Of the rows of single records, those that write.
    pub fn writes<S: Points>(&mut self) {
        self.enter::<Put<S>>();
        self.enter::<PutBatch<S>>();
        self.enter::<Delete<S>>();
        self.enter::<BulkLoad<S>>();
    }

    /// The same for a contestant that commits each write of several writers by itself.
    pub fn ungrouped_writes<S: Points>(&mut self) {
        let alone = rows::put(self.profile).into_iter().filter(|spec| spec.family != Family::Concurrency);
        self.enter_in::<Put<S>>(alone.chain(rows::one_commit_each()).collect());
        self.enter::<PutBatch<S>>();
        self.enter::<Delete<S>>();
        self.enter::<BulkLoad<S>>();
    }

    /// One write and one batch, at one size.
    pub fn standard_writes<S: Points>(&mut self) {
        self.enter_in::<Put<S>>(rows::standard_put());
        self.enter_in::<PutBatch<S>>(rows::put_batch(Profile::Quick));
    }

    /// The row of batches that are smaller.
    pub fn batches_of_32<S: Points>(&mut self) {
        self.enter::<PutBatchOf<S, 32>>();
    }

    /// The row of so many writes that what they put off is done between them.
    pub fn sustained_puts<S: Points>(&mut self) {
        self.enter::<PutSustained<S>>();
    }

    /// The row of writes without what they put off.
    pub fn bursts_of_puts<S: Points>(&mut self) {
        self.enter::<PutBurst<S>>();
    }

    /// The rows of opening.
    pub fn openings<S: Reopen>(&mut self) {
        self.enter::<Open<S>>();
        self.openings_after_kill::<S>();
    }

    /// The rows of opening after a kill.
    pub fn openings_after_kill<S: Reopen>(&mut self) {
        self.enter::<OpenAfterKill<S>>();
    }

    /// The rows of ranges.
    pub fn ranges<S: Ranges>(&mut self) {
        self.enter::<Range<S>>();
        self.enter::<ListPage<S>>();
    }

    /// The rows of snapshots.
    pub fn snapshots<S: Snapshots>(&mut self) {
        self.enter::<GetSnapshot<S>>();
    }

    /// The rows of transfers.
    pub fn transfers<S: Transfers>(&mut self) {
        self.enter::<Transfer<S>>();
    }

    /// The rows of appends.
    pub fn appends<S: Appends>(&mut self) {
        self.enter::<Append<S>>();
    }

    /// The rows of the task store.
    pub fn tasks<S: TaskRows>(&mut self) {
        self.task_reads::<S>();
        self.task_writes::<S>();
    }

    fn task_reads<S: TaskRows>(&mut self) {
        self.enter::<GetTask<S>>();
        self.enter::<ListPending<S>>();
        self.enter::<ListPerformers<S>>();
        self.enter_in::<LargeDataset<S>>(large_dataset(Variant::Honest));
    }

    /// Of the rows of the task store, those that write.
    pub fn task_writes<S: TaskRows>(&mut self) {
        self.enter::<SaveTask<S>>();
        self.enter::<ConcurrentReadWrite<S>>();
        self.enter::<LastBlock<S>>();
        self.enter::<SaveConfig<S>>();
        self.enter::<SavePerformer<S>>();
        self.enter_in::<LargeDataset<S>>(large_dataset(Variant::Faithful));
    }

    /// The rows of the message store.
    pub fn messages<S: MessageRows>(&mut self) {
        self.enter::<ReadPage<S>>();
        self.message_writes::<S>();
    }

    /// Of the rows of the message store, those that write.
    pub fn message_writes<S: MessageRows>(&mut self) {
        self.enter::<WriteMessage<S>>();
    }

    /// The rows of several writers of messages.
    pub fn message_writers<S: MessageRows>(&mut self) {
        self.enter_in::<WriteMessage<S>>(rows::messages::writers());
        self.enter_in::<WriteMessage<S>>(rows::messages::one_commit_each());
    }

    /// The rows of reads that filter messages.
    pub fn message_filters<S: MessageFilters>(&mut self) {
        self.enter::<Filtered<S>>();
    }

    /// The rows of the session store.
    pub fn sessions<S: SessionRows>(&mut self) {
        self.enter::<LoadSession<S>>();
        self.enter::<ListSessions<S>>();
        self.enter::<SearchSessions<S>>();
        self.session_writes::<S>();
    }

    /// Of the rows of the session store, those that write.
    pub fn session_writes<S: SessionRows>(&mut self) {
        self.enter::<SaveSession<S>>();
        self.enter::<Workflow<S>>();
        self.enter::<AppendMessage<S>>();
    }

    /// Appends to sessions that have a text index.
    pub fn indexed_session_writes<S: SessionFinds>(&mut self) {
        self.enter_in::<AppendMessage<S>>(rows::sessions::append_indexed(self.profile));
    }

    /// The rows that read through the text index.
    pub fn session_finds<S: SessionFinds>(&mut self) {
        self.enter::<FindMessages<S>>();
    }

    /// Says why a contestant is not in the rows of ranges.
    pub fn without_ranges(&mut self, tag: &Tag, reason: &'static str) {
        self.excuse(tag, rows::range(self.profile), reason);
        self.excuse(tag, rows::list_page(self.profile), reason);
    }

    /// Says why a contestant is not in the rows of snapshots.
    pub fn without_snapshots(&mut self, tag: &Tag, reason: &'static str) {
        self.excuse(tag, rows::get_snapshot(self.profile), reason);
    }

    /// Says why a contestant is not in the rows of transfers.
    pub fn without_transfers(&mut self, tag: &Tag, reason: &'static str) {
        self.excuse(tag, rows::transfer(), reason);
    }

    fn enter<W: Work>(&mut self) {
        self.enter_in::<W>(W::rows(self.profile));
    }

    fn enter_in<W: Work>(&mut self, specs: Vec<Spec>) {
        let make: Make = |spec, seed, scratch| Box::new(Runner::<W>::new(spec, seed, scratch));
        let tag = W::Subject::TAG;
        for spec in specs {
            let (spec, attendance) = match rows::for_class(spec.clone(), tag.class, self.profile) {
                Ok(spec) => match W::Subject::absence(&spec) {
                    None => (spec, Attendance::Runs(make)),
                    Some(reason) => (spec, Attendance::Absent(reason)),
                },
                Err(reason) => (spec, Attendance::Absent(reason)),
            };
            self.add(Entrant { spec, tag, attendance });
        }
    }

    fn excuse(&mut self, tag: &Tag, specs: Vec<Spec>, reason: &'static str) {
        for spec in specs {
            self.add(Entrant { spec, tag: *tag, attendance: Attendance::Absent(reason) });
        }
    }

    /// Only contestants of one class are measured together: the slowest decides how many operations a batch
    /// has, and a forced write takes a thousand times as long as one in memory.
    fn add(&mut self, entrant: Entrant) {
        let group = self.groups.iter_mut().find(|group| {
            group.spec().shares_group_with(&entrant.spec) && group.class() == entrant.tag.class
        });
        match group {
            Some(group) => group.entrants.push(entrant),
            None => self.groups.push(Group { entrants: vec![entrant] }),
        }
    }

    /// The same by chapter, and in a group by size, ours first.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.groups.sort_by_key(|group| (group.spec().family, group.class()));
        for group in &mut self.groups {
            group.entrants.sort_by_key(|entrant| (entrant.spec.records, Role::of(entrant.tag.engine)));
        }
        self
    }

    /// The groups, by chapter.
    #[must_use]
    pub fn into_groups(self) -> Vec<Group> {
        self.groups
    }

    /// Keeps the engines and workloads that were asked for; nothing asked for is everything.
    ///
    /// Hand-written code and ports stay beside an engine of ours that was asked for. A workload may be given
    /// by its own name or its family's. A name that no row has is an error that lists those there are.
    pub fn keep(&mut self, engines: &[String], workloads: &[String]) -> Outcome<()> {
        let entrants = || self.groups.iter().flat_map(|group| &group.entrants);
        known("engine", engines, entrants().map(|entrant| entrant.tag.engine))?;
        let names = entrants().flat_map(|entrant| [entrant.spec.family.name(), entrant.spec.workload]);
        known("workload", workloads, names)?;

        let wanted =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
        self.groups.retain_mut(|group| {
            group.entrants.retain(|Entrant { spec, .. }| {
                wanted(workloads, spec.workload) || wanted(workloads, spec.family.name())
            });
            let ours = group.entrants.iter().any(|entrant| {
                Role::of(entrant.tag.engine) == Role::Ours && wanted(engines, entrant.tag.engine)
            });
            group.entrants.retain(|entrant| {
                let beside_ours = ours && Role::of(entrant.tag.engine) != Role::Ours;
                beside_ours || wanted(engines, entrant.tag.engine)
            });
            !group.entrants.is_empty()
        });
        Ok(())
    }

    /// Keeps the rows that `wanted` says, in whatever group they are.
    pub fn keep_rows(&mut self, wanted: impl Fn(&RowId) -> bool) {
        self.groups.retain_mut(|group| {
            group.entrants.retain(|entrant| wanted(&entrant.id()));
            !group.entrants.is_empty()
        });
    }
}

/// The faithful reading of this row saves inside the time, the honest one does not.
fn large_dataset(variant: Variant) -> Vec<Spec> {
    rows::large_dataset().into_iter().filter(|spec| spec.variant == Some(variant)).collect()
}

fn known<'a>(what: &str, asked: &[String], names: impl Iterator<Item = &'a str>) -> Outcome<()> {
    let names: std::collections::BTreeSet<&str> = names.collect();
    match asked.iter().find(|name| !names.contains(name.as_str())) {
        Some(unknown) => {
            let names: Vec<&str> = names.into_iter().collect();
            Err(Failure::new(format!("there is no {what} `{unknown}`; there are: {}", names.join(", "))))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster;
    use super::*;

    fn names(catalogue: &Catalogue) -> Vec<String> {
        let groups = catalogue.groups.iter();
        groups.flat_map(|group| group.entrants.iter().map(|entrant| entrant.id().to_string())).collect()
    }

    #[test]
    fn no_row_is_entered_twice() {
        let mut all = names(&roster(Profile::Full));
        let before = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let mut catalogue = roster(Profile::Quick);
        let engine = catalogue.keep(&["rocket".to_owned()], &[]).unwrap_err().to_string();
        assert!(engine.contains("`rocket`") && engine.contains("bare-dashmap"), "{engine}");
        let workload = catalogue.keep(&[], &["fly".to_owned()]).unwrap_err().to_string();
        assert!(workload.contains("`fly`") && workload.contains("list-pending-1000"), "{workload}");
    }

    #[test]
    fn a_workload_is_known_by_its_name_and_by_its_family() {
        let mut one = roster(Profile::Quick);
        one.keep(&["bare-btreemap".to_owned()], &["transfer".to_owned()]).unwrap();
        assert_eq!(names(&one).len(), 4);
        let mut family = roster(Profile::Quick);
        family.keep(&["port-tasks-memory".to_owned()], &["tasks".to_owned()]).unwrap();
        assert!(
            names(&family)
                .iter()
                .all(|name| name.starts_with("tasks/") && name.ends_with("port-tasks-memory, memory"))
        );
    }

    #[test]
    fn the_sizes_of_a_listing_are_measured_together() {
        let groups = roster(Profile::Full).into_groups();
        let listing = groups.iter().find(|group| group.spec().sizes_together).unwrap();
        let sizes: std::collections::BTreeSet<u64> =
            listing.entrants.iter().map(|e| e.spec.records).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1_000, 10_000, 100_000, 1_000_000, 10_000_000]);
    }
}
