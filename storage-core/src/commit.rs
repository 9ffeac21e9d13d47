//! The commit pipeline: check, resolve, merge, one engine commit, publish.
//!
//! Committers queue; the first leads and takes along what waits behind it, in order, of one durability and up to a
//! size. Members are taken one by one, so that a conflict or fault concerns one alone. Nothing is published before it
//! can be seen, and `Ok` means that every later read sees it.

pub(crate) mod conflicts;
pub(crate) mod labels;
pub(crate) mod member;
pub(crate) mod numbers;
pub(crate) mod queue;
pub(crate) mod standstill;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::batch::Batch;
use crate::clock::Timestamp;
use crate::commit::conflicts::Window;
use crate::commit::labels::Labels;
use crate::commit::member::{Committed, Member};
use crate::commit::numbers::{Merged, Resolved, resolve};
use crate::commit::queue::{Follower, Leadership, Patience, Queue, Turn};
use crate::commit::standstill::Standstill;
use crate::database::Shared;
use crate::engine::{Commit, Durability, Engine};
use crate::error::{Error, Kind, Result};
use crate::options::Deadline;
use crate::sync::{Mutex, MutexGuard};
use crate::watch::Cause;

/// Members join a group up to this many bytes of keys and values: enough to share an fsync, little enough that the
/// first of them does not wait long. A larger member travels alone.
const GROUP_LEN_MAX: usize = 4 << 20;

/// A commit that so many of other processes came before gives up. Each of them was a chance of one in a few.
pub(crate) const FOREIGN_MAX: u32 = 1_000;

/// The state of the pipeline. Its window is the leader's alone.
#[derive(Debug)]
pub(crate) struct Pipeline {
    queue: Queue<Member, Result<Committed>>,
    pub(crate) labels: Labels,
    window: Mutex<Window>,
    pub(crate) standstill: Standstill,
}

/// The right to commit, alone.
pub(crate) type Lane<'a> = Leadership<'a, Member, Result<Committed>>;

impl Pipeline {
    pub(crate) fn new() -> Self {
        Pipeline {
            queue: Queue::new(),
            labels: Labels::new(),
            window: Mutex::new(Window::default()),
            standstill: Standstill::new(),
        }
    }

    /// How many commits wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Shuts every other committer out until the lane is dropped. `Busy` if the deadline passes first.
    pub(crate) fn exclusive_lane(&self, deadline: &Deadline) -> Result<Lane<'_>> {
        self.queue.lead_alone(deadline).ok_or_else(busy)
    }
}

fn busy() -> Error {
    Error::new(Kind::Busy, "no turn to commit came before the deadline")
}

pub(crate) fn overtaken() -> Error {
    Error::new(Kind::Busy, format!("{FOREIGN_MAX} commits of other processes came before this one"))
}

/// A commit whose time was read, until it is published or has failed.
struct Deciding<'a> {
    standstill: Option<&'a Standstill>,
    /// The beginning of time where no member asks for it.
    time: Timestamp,
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        if let Some(standstill) = self.standstill {
            standstill.end();
        }
    }
}

/// What a committed member changed, for those who are told.
struct Accepted<'a> {
    batch: &'a Batch,
    member: &'a Member,
}

impl<E: Engine> Shared<E> {
    /// Commits a member, in its turn or as part of another's group. Its label is released in any case.
    pub(crate) fn commit(&self, member: Member, deadline: &Deadline) -> Result<Committed> {
        self.check_writable().inspect_err(|_| self.release(&member))?;
        let waits_for_disk = member.durability == Durability::Sync && self.capabilities.waits();
        let patience = if waits_for_disk { Patience::Long } else { Patience::Short };
        match self.pipeline.queue.submit(member, patience, deadline) {
            Turn::Done(answer) => answer,
            Turn::Lead(lane, member) => self.lead(&lane, member),
            Turn::TimedOut(member) => {
                self.release(&member);
                Err(busy())
            }
        }
    }

    /// Commits a member that holds the exclusive lane, resting on the snapshot that it read.
    pub(crate) fn commit_in_lane(&self, member: &Member, basis: E::Snapshot) -> Result<Committed> {
        self.check_writable().inspect_err(|_| self.release(member))?;
        let mut window = self.pipeline.window.lock();
        self.guarded(|| self.commit_one(&mut window, member, Some(basis)))
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn lead(&self, lane: &Lane<'_>, member: Member) -> Result<Committed> {
        let mut len = member.len_bytes;
        let followers = lane.take_followers(|next| {
            len += next.len_bytes;
            next.durability == member.durability && len <= GROUP_LEN_MAX
        });
        let mut window = self.pipeline.window.lock();
        if followers.is_empty() {
            let answer = self.guarded(|| self.commit_one(&mut window, &member, None));
            return answer.unwrap_or_else(|panic| resume_unwind(panic));
        }
        let (mut members, followers): (Vec<_>, Vec<_>) = followers.into_iter().unzip();
        members.insert(0, member);
        match self.guarded(|| self.commit_group(&mut window, &members)) {
            Ok(answers) => {
                drop(window);
                let mut answers = answers.into_iter();
                let own = answers.next().expect("every member is answered");
                followers.into_iter().zip(answers).for_each(|(follower, answer)| follower.answer(answer));
                own
            }
            Err(panic) => {
                followers.into_iter().for_each(|follower: Follower<_, _>| follower.answer(Err(unknown())));
                resume_unwind(panic)
            }
        }
    }

    /// Runs a part of a commit. If it panics, what became of it is not known, and the database stops.
    fn guarded<T>(&self, commit: impl FnOnce() -> T) -> std::thread::Result<T> {
        let result = catch_unwind(AssertUnwindSafe(commit));
        if result.is_err() {
            self.poison();
        }
        result
    }

    fn commit_one(
        &self,
        window: &mut MutexGuard<'_, Window>,
        member: &Member,
        basis: Option<E::Snapshot>,
    ) -> Result<Committed> {
        let mut basis = basis;
        let mut foreign = 0;
        let deciding = self.decide(std::iter::once(member));
        let time = deciding.time;
        let mut attempt = |window: &mut Window| -> Result<Option<Resolved>> {
            self.check_open()?;
            self.read_foreign_tables(window)?;
            self.check(window, member, time)?;
            let resolved = match member.late.is_empty() {
                true => None,
                false => Some(resolve(self, &Merged::default(), member, time)?),
            };
            let batch = resolved.as_ref().map_or(&member.batch, |resolved| &resolved.batch);
            self.commit_to_engine(batch, member.durability, basis.take())?;
            Ok(resolved)
        };
        let done = loop {
            match attempt(window) {
                Err(error) if error.kind() == Kind::ForeignCommit => {
                    self.publish_foreign(window);
                    foreign += 1;
                    if foreign > FOREIGN_MAX {
                        break Err(overtaken());
                    }
                }
                done => break done,
            }
        };
        match done {
            Err(error) => {
                self.release(member);
                Err(error)
            }
            Ok(resolved) => {
                let batch = resolved.as_ref().map_or(&member.batch, |resolved| &resolved.batch);
                let version = self.publish(window, &[Accepted { batch, member }]);
                let numbers = resolved.map(|resolved| resolved.numbers).unwrap_or_default();
                Ok(Committed { version, numbers, time: member.commit_time(time) })
            }
        }
    }

    /// Commits a group in one engine commit. One answer a member, in their order.
    ///
    /// If the engine refuses it, each member goes again by itself, also one that was refused because of another: that
    /// one may not be there any more. So one member's size or fault does not fail the rest. `Busy` is everyone's.
    fn commit_group(
        &self,
        window: &mut MutexGuard<'_, Window>,
        members: &[Member],
    ) -> Vec<Result<Committed>> {
        match self.commit_together(window, members) {
            Some(answers) => answers,
            None => members.iter().map(|member| self.commit_one(window, member, None)).collect(),
        }
    }

    /// `None` if the engine refused the group, and nothing of it was committed; also after a commit of others, so that each is
    /// checked anew.
    fn commit_together(
        &self,
        window: &mut MutexGuard<'_, Window>,
        members: &[Member],
    ) -> Option<Vec<Result<Committed>>> {
        if window.are_tables_unread() {
            return None;
        }
        let deciding = self.decide(members.iter());
        let (merged, taken) = self.take(window, members, deciding.time);
        let accepted: Vec<_> = members
            .iter()
            .zip(&taken)
            .filter_map(|(member, taken)| Some(Accepted { batch: &taken.as_ref().ok()?.batch, member }))
            .collect();
        let committed = match accepted.is_empty() {
            true => Ok(0),
            false => self
                .commit_to_engine(&merged.into_batch(), members[0].durability, None)
                .map(|()| self.publish(window, &accepted)),
        };
        // Whoever holds the store holds it for every member: each would wait as long again.
        if let Err(error) = &committed
            && error.is_not_committed()
            && error.kind() != Kind::Busy
        {
            if error.kind() == Kind::ForeignCommit {
                self.publish_foreign(window);
            }
            return None;
        }
        let answer = |(member, taken): (&Member, Result<Resolved>)| {
            let refused = match (taken, &committed) {
                (Ok(Resolved { numbers, .. }), Ok(version)) => {
                    let time = member.commit_time(deciding.time);
                    return Ok(Committed { version: *version, numbers, time });
                }
                (Ok(_), Err(error)) => error.share(),
                (Err(error), _) => error,
            };
            self.release(member);
            Err(refused)
        };
        Some(members.iter().zip(taken).map(answer).collect())
    }

    /// Takes the members one by one: each is checked against what was committed and the members before it, resolved,
    /// and added to what later ones are checked against.
    fn take(&self, window: &Window, members: &[Member], time: Timestamp) -> (Merged, Vec<Result<Resolved>>) {
        let mut merged = Merged::default();
        let mut written = Window::default();
        let readers_follow = members.iter().any(|member| !member.reads.is_empty());
        let version = self.pipeline.labels.published() + 1;
        let mut take = |member: &Member| {
            self.check_open()?;
            self.check(window, member, time)?;
            if let Some(label) = member.label {
                written.check(label, &member.reads)?;
            }
            let resolved = match member.late.is_empty() {
                true => Resolved { batch: member.batch.clone(), numbers: Vec::new() },
                false => resolve(self, &merged, member, time)?,
            };
            merged.add(&resolved.batch);
            if readers_follow && member.cause == Cause::Application {
                written.record(version, &resolved.batch);
            }
            Ok(resolved)
        };
        let taken = members.iter().map(&mut take).collect();
        (merged, taken)
    }

    fn check(&self, window: &Window, member: &Member, time: Timestamp) -> Result<()> {
        if member.tables_opened != self.tables_opened() {
            return Err(Error::new(Kind::Conflict, "a table was opened since the transaction began"));
        }
        if let Some(label) = member.label
            && !member.reads.is_empty()
        {
            window.check(label, &member.reads)?;
        }
        member.reads.check_expiry(time)
    }

    /// Reads the time of a commit, where a member asks for it.
    ///
    /// Where a member rests on a record that will expire, time stands still for everyone until the commit is published:
    /// nobody must see the record ended and the commit not made.
    fn decide<'m>(&self, mut members: impl Iterator<Item = &'m Member> + Clone) -> Deciding<'_> {
        let standstill = &self.pipeline.standstill;
        if members.clone().any(|member| member.reads.first_expiry.is_some()) {
            return Deciding { standstill: Some(standstill), time: standstill.begin(|| self.clock_now()) };
        }
        let asked = members.any(|member| !member.late.is_empty());
        Deciding { standstill: None, time: if asked { self.clock_now() } else { Timestamp::default() } }
    }

    fn commit_to_engine(
        &self,
        batch: &Batch,
        durability: Durability,
        basis: Option<E::Snapshot>,
    ) -> Result<()> {
        let mut commit = Commit::new(batch, durability);
        commit.basis = basis;
        self.engine().commit(commit).inspect_err(|error| {
            if !error.is_not_committed() {
                self.poison();
            }
        })
    }

    /// Makes a commit known: its version, the window of those who still run, the watches.
    fn publish(&self, window: &mut MutexGuard<'_, Window>, accepted: &[Accepted<'_>]) -> u64 {
        let labels = &self.pipeline.labels;
        let version = labels.published() + 1;
        let oldest = labels.publish(version, accepted.iter().filter_map(|accepted| accepted.member.label));
        if oldest.is_some() {
            for accepted in accepted.iter().filter(|accepted| accepted.member.cause == Cause::Application) {
                window.record(version, accepted.batch);
            }
        }
        window.forget(oldest, version);
        if !self.watches.is_empty() {
            for Accepted { batch, member } in accepted {
                self.watches.report(version, batch, member.cause);
            }
        }
        self.note_commit(accepted[0].member.durability);
        version
    }

    /// Makes known that another process has committed: of what it wrote nothing is known, so it counts as everything.
    fn publish_foreign(&self, window: &mut Window) {
        let labels = &self.pipeline.labels;
        let version = labels.published() + 1;
        labels.publish(version, std::iter::empty());
        window.take_all_as_written(version);
        self.watches.lag(version);
    }

    /// The same for one that an exclusive snapshot met. The caller holds the lane.
    pub(crate) fn note_foreign_commit(&self, _: &Lane<'_>) -> Result<()> {
        let mut window = self.pipeline.window.lock();
        self.publish_foreign(&mut window);
        self.read_foreign_tables(&mut window)
    }

    /// Learns of the tables that other processes made, if they have committed since it last did.
    fn read_foreign_tables(&self, window: &mut Window) -> Result<()> {
        if window.are_tables_unread() {
            self.mark_foreign_tables()?;
            window.tables_are_read();
        }
        Ok(())
    }

    fn release(&self, member: &Member) {
        if let Some(label) = member.label {
            self.pipeline.labels.release(label);
        }
    }
}

fn unknown() -> Error {
    Error::new(Kind::CommitUnknown, "the commit was cut off by a panic")
}
