//! The journal in front of an engine that refuses what it is asked, or fails halfway, at any moment.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::error::Error as _;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;

use parking_lot::Mutex;
use storage_conformance::crash::{
    Acknowledged, Broken, CrashSubject, Image, ImageEngine, ImageLie, Manner, Run, SimDisk, Step, empty,
    leavings, random, random_script, run,
};
use storage_conformance::plain::PlainSnapshot;
use storage_core::engine::{Commit, Intent, Journalled};
use storage_core::journal::{Checkpoints, Epochs, Journal, JournalOptions, Large, Mark};
use storage_core::{
    Batch, Capabilities, Change, Decoded, Durability, Engine, Error, Key, Keyspace, Kind, Payload, Record,
    Result, Stamp, Write,
};

/// How an engine answers a call.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Does,
    Refuses(Kind),
    /// It does what it was asked, and then fails.
    DoesAndFails(Kind),
}

impl Answer {
    fn give<T>(self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let failed = |kind| Err(Error::new(kind, "told to fail"));
        match self {
            Answer::Does => work(),
            Answer::Refuses(kind) => failed(kind),
            Answer::DoesAndFails(kind) => work().and_then(|_| failed(kind)),
        }
    }
}

/// A call whose answer can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Apply(u64),
    Checkpoint,
}

type Answers = Box<dyn Fn(Asked) -> Answer + Send + Sync>;

/// An engine that answers as it is told once it is open.
struct Wayward {
    image: ImageEngine,
    answers: Answers,
    is_open: AtomicBool,
}

impl Wayward {
    fn answer(&self, asked: Asked) -> Answer {
        if self.is_open.load(Ordering::SeqCst) { (self.answers)(asked) } else { Answer::Does }
    }
}

impl Engine for Wayward {
    type Snapshot = PlainSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        self.image.capabilities()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        self.image.get(keyspace, key)
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.image.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.image.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<PlainSnapshot> {
        self.image.snapshot(intent)
    }

    fn commit(&self, commit: Commit<'_, PlainSnapshot>) -> Result<()> {
        self.image.commit(commit)
    }

    fn sync(&self) -> Result<()> {
        self.answer(Asked::Checkpoint).give(|| self.image.sync())
    }

    fn close(&self) -> Result<()> {
        self.image.close()
    }
}

impl Journalled for Wayward {
    fn store_id(&self) -> [u8; 16] {
        self.image.store_id()
    }

    fn mark(&self) -> Result<Mark> {
        self.image.mark()
    }

    fn apply(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        self.answer(Asked::Apply(version)).give(|| self.image.apply(batch, version, durability))
    }

    fn admit(&self, batch: &Batch) -> Result<()> {
        self.image.admit(batch)
    }

    fn checkpoint(&self, epochs: Epochs, synced: u64) -> Result<u64> {
        self.answer(Asked::Checkpoint).give(|| self.image.checkpoint(epochs, synced))
    }

    fn unsaved_bytes(&self) -> u64 {
        self.image.unsaved_bytes()
    }
}

fn options(checkpoints: Checkpoints) -> JournalOptions {
    JournalOptions::default()
        .with_file_len(8 << 10)
        .with_unsaved_bytes_max(2_500)
        .with_checkpoints(checkpoints)
}

fn open(disk: &SimDisk, options: JournalOptions, answers: Answers) -> Result<Journal<Wayward>> {
    let image = ImageEngine::open(Arc::new(disk.clone()), ImageLie::None)?;
    let engine = Wayward { image, answers, is_open: AtomicBool::new(false) };
    let journal = Journal::open(engine, Arc::new(disk.clone()), options)?;
    journal.engine().is_open.store(true, Ordering::SeqCst);
    Ok(journal)
}

fn does() -> Answers {
    Box::new(|_| Answer::Does)
}

/// An engine of which one call in so many fails, drawn from a seed.
struct Subject {
    seed: u64,
    one_in: u64,
    checkpoints: Checkpoints,
}

impl CrashSubject for Subject {
    type Engine = Journal<Wayward>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<Wayward>> {
        let (draw, one_in) = (Mutex::new(random(self.seed)), self.one_in);
        let answers = move |asked| {
            let mut draw = draw.lock();
            match (asked, draw(one_in)) {
                (Asked::Apply(_), 0) => {
                    let refuse = Answer::Refuses;
                    let answers = [
                        refuse(Kind::Full),
                        refuse(Kind::Unavailable),
                        refuse(Kind::TooLarge),
                        refuse(Kind::CommitUnknown),
                        Answer::DoesAndFails(Kind::CommitUnknown),
                    ];
                    // What ends a run is rare, so that runs are long.
                    answers[draw(3) as usize + if draw(6) == 0 { 2 } else { 0 }]
                }
                (Asked::Checkpoint, 0) => {
                    let kind = if draw(4) == 0 { Kind::CommitUnknown } else { Kind::Full };
                    if draw(2) == 0 { Answer::Refuses(kind) } else { Answer::DoesAndFails(kind) }
                }
                _ => Answer::Does,
            }
        };
        let large = if self.seed.is_multiple_of(2) { Large::Aside } else { Large::PastTheJournal };
        open(disk, options(self.checkpoints).with_large(large), Box::new(answers))
    }

    fn checkpoint(&self, engine: &Journal<Wayward>) -> Result<()> {
        engine.checkpoint()
    }
}

const AFTERWARDS: [Step; 3] = [
    Step::Commit { records: 1, value_len: 0, durability: Durability::Sync },
    Step::Commit { records: 1, value_len: 0, durability: Durability::Deferred },
    Step::Close,
];

/// Opens what a run left, in every manner, with an engine that takes everything.
fn crash(ran: &Run, seed: u64) -> std::result::Result<(), Broken> {
    let right = Subject { seed: 0, one_in: u64::MAX, checkpoints: Checkpoints::InCommits };
    let calls = ran.disk.calls();
    for manner in Manner::ALL {
        let image = leavings(&ran.disk.start(), &calls, manner, &mut random(seed));
        let allowed = match manner {
            Manner::Kept => ran.told(),
            _ => ran.allowed(calls.len()),
        };
        let disk = SimDisk::new(image);
        let after = run(&right, &disk, &allowed, &AFTERWARDS, u64::MAX, Acknowledged::Afterwards)
            .map_err(|Broken(what)| Broken(format!("{manner:?}: {what}; {:?}", ran.errors)))?;
        if let Some(error) = after.errors.first() {
            return Err(Broken(format!("{manner:?}: afterwards {error:?}")));
        }
    }
    Ok(())
}

fn refuse_at_random(checkpoints: Checkpoints, seeds: std::ops::Range<u64>) {
    let (mut runs, mut errors) = (0, 0);
    for seed in seeds {
        let script = random_script(seed, 40);
        for end in (0..=script.len()).step_by(4) {
            let subject = Subject { seed, one_in: 2 + seed % 7, checkpoints };
            let (image, allowed) = empty();
            let disk = SimDisk::new(image);
            let ran = run(&subject, &disk, &allowed, &script[..end], seed, Acknowledged::Afterwards);
            let crashed = ran.and_then(|ran| crash(&ran, seed).map(|()| ran.errors.len()));
            errors += crashed.unwrap_or_else(|broken| panic!("seed {seed}, {end} steps: {broken}"));
            runs += 1;
        }
    }
    println!("{runs} runs, {errors} errors");
    assert!(errors > runs, "hardly anything was refused");
}

#[test]
fn what_an_engine_refuses_is_never_there() {
    refuse_at_random(Checkpoints::InCommits, 1..60);
}

#[test]
fn checkpoints_that_fail_in_the_background_hide_nothing() {
    refuse_at_random(Checkpoints::InBackground, 1..20);
}

fn one(value: &str) -> Batch {
    let mut batch = Batch::default();
    let record = Record { stamp: Stamp::unverified(), value: Payload::new(value.as_bytes()) };
    let key = Key::from(b"key".as_slice());
    batch.writes.push(Write { keyspace: keyspace(), key, change: Change::Put(record) });
    batch
}

fn keyspace() -> Keyspace {
    Keyspace::new("refusals").unwrap()
}

fn found(journal: &Journal<Wayward>) -> Option<String> {
    let record = journal.get(keyspace(), b"key").unwrap()?;
    Some(String::from_utf8(record.value.to_vec()).unwrap())
}

fn kept(disk: &SimDisk) -> Image {
    leavings(&disk.start(), &disk.calls(), Manner::Kept, &mut random(1))
}

/// A checkpoint fails while a commit is in the journal and not yet in the engine, which then refuses it.
#[test]
fn refusal_that_the_journal_cannot_take_back_any_more_is_unknown() {
    let disk = SimDisk::new(Image::new());
    let journal = Arc::new(OnceLock::<Weak<Journal<Wayward>>>::new());
    let seen = Arc::clone(&journal);
    let answers = move |asked| match asked {
        Asked::Apply(2) => {
            let journal = seen.get().unwrap().upgrade().unwrap();
            thread::spawn(move || journal.checkpoint().unwrap_err()).join().unwrap();
            Answer::Refuses(Kind::Unavailable)
        }
        Asked::Checkpoint => Answer::Refuses(Kind::Unavailable),
        Asked::Apply(_) => Answer::Does,
    };
    let opened = Arc::new(open(&disk, options(Checkpoints::InCommits), Box::new(answers)).unwrap());
    journal.set(Arc::downgrade(&opened)).unwrap();
    opened.commit(Commit::new(&one("first"), Durability::Sync)).unwrap();
    let error = opened.commit(Commit::new(&one("second"), Durability::Sync)).unwrap_err();
    drop(opened);
    let after = open(&SimDisk::new(kept(&disk)), options(Checkpoints::InCommits), does()).unwrap();
    assert_eq!(found(&after).as_deref(), Some("second"), "it was durable before it was refused");
    assert_eq!(error.kind(), Kind::CommitUnknown, "{error:?}");
}

/// Whoever closes has nothing to repeat: no failure of closing is that of a commit.
#[test]
fn failing_checkpoint_never_makes_a_commit_unknown() {
    let disk = SimDisk::new(Image::new());
    let answers = |asked| match asked {
        Asked::Checkpoint => Answer::Refuses(Kind::CommitUnknown),
        Asked::Apply(_) => Answer::Does,
    };
    let journal = open(&disk, options(Checkpoints::InCommits), Box::new(answers)).unwrap();
    journal.commit(Commit::new(&one("first"), Durability::Sync)).unwrap();
    let error = journal.close().unwrap_err();
    drop(journal);
    let after = open(&SimDisk::new(kept(&disk)), options(Checkpoints::InCommits), does()).unwrap();
    assert_eq!(found(&after).as_deref(), Some("first"));
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
}

/// Files of another length at every opening, and now and then none in between.
#[derive(Default)]
struct Changing {
    opened: AtomicU64,
}

impl CrashSubject for Changing {
    type Engine = Journal<ImageEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<ImageEngine>> {
        let number = self.opened.fetch_add(1, Ordering::SeqCst);
        let engine = ImageEngine::open(Arc::new(disk.clone()), ImageLie::None)?;
        if number % 3 == 2 {
            storage_core::journal::retire(&engine, disk)?;
        }
        let options = JournalOptions::default()
            .with_file_len((8 << 10) + number % 5 * 700)
            .with_unsaved_bytes_max(2_500)
            .with_checkpoints(Checkpoints::InCommits);
        Journal::open(engine, Arc::new(disk.clone()), options)
    }

    fn checkpoint(&self, engine: &Journal<ImageEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

#[test]
fn options_that_change_between_crashes_lose_nothing() {
    use storage_conformance::crash::{Search, crash_everywhere};
    let mut states = 0;
    for seed in 1..8 {
        let script = random_script(seed, 12);
        let search = Search::new(seed).one_in([4, 60, 200]);
        let tried = crash_everywhere(&Changing::default(), &script, &search);
        states += tried.unwrap_or_else(|broken| panic!("{broken}")).states;
    }
    println!("{states} states");
}

/// Of a commit in which the engine panicked nobody knows whether it has it, so its version must not be taken again.
#[test]
fn nothing_follows_a_commit_in_which_the_engine_panicked() {
    let long = "long ".repeat(1_000);
    for first in ["short", &long] {
        let disk = SimDisk::new(Image::new());
        let answers = |asked| match asked {
            Asked::Apply(1) => panic!("told to panic"),
            _ => Answer::Does,
        };
        let journal = open(&disk, options(Checkpoints::InCommits), Box::new(answers)).unwrap();
        let commit = |value| journal.commit(Commit::new(&one(value), Durability::Sync));
        catch_unwind(AssertUnwindSafe(|| commit(first))).unwrap_err();
        assert_eq!(commit("second").unwrap_err().kind(), Kind::Unavailable);
        drop(journal);
        let after = open(&SimDisk::new(kept(&disk)), options(Checkpoints::InCommits), does()).unwrap();
        let expected = Some("short").filter(|short| *short == first);
        assert_eq!(found(&after).as_deref(), expected);
    }
}

/// Nobody is told of a checkpoint that fails behind a commit, so the next one tells why it is refused.
#[test]
fn commit_that_is_refused_after_a_failed_checkpoint_tells_what_failed() {
    let disk = SimDisk::new(Image::new());
    let answers = |asked| match asked {
        Asked::Checkpoint => Answer::Refuses(Kind::Unavailable),
        Asked::Apply(_) => Answer::Does,
    };
    let journal = open(&disk, options(Checkpoints::InCommits), Box::new(answers)).unwrap();
    let value = "v".repeat(900);
    let commit = || journal.commit(Commit::new(&one(&value), Durability::Deferred));
    let error = iter::repeat_with(commit).take(4).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("told to fail"), "{error:?}");
    assert!(format!("{:?}", journal.sync().unwrap_err()).contains("told to fail"));
}

/// Commits that want a checkpoint while one is made, and one that has no room before it is done, make no second one.
#[test]
fn checkpoint_under_way_serves_all_who_want_one() {
    for _ in 0..20 {
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let gate = Mutex::new(Some((begun, may_go)));
        let made = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&made);
        let answers = move |asked| {
            if asked == Asked::Checkpoint {
                seen.fetch_add(1, Ordering::SeqCst);
                if let Some((begun, may_go)) = gate.lock().take() {
                    begun.send(()).unwrap();
                    may_go.recv().unwrap();
                }
            }
            Answer::Does
        };
        let options = options(Checkpoints::InBackground).with_unsaved_bytes_max(u64::MAX);
        let journal = open(&SimDisk::new(Image::new()), options, Box::new(answers)).unwrap();
        let value = "v".repeat(900);
        let commit = || journal.commit(Commit::new(&one(&value), Durability::Deferred)).unwrap();
        // Four fill a file, so the fifth asks for a checkpoint, as does every one until it is made.
        (0..5).for_each(|_| commit());
        has_begun.recv().unwrap();
        (5..8).for_each(|_| commit());
        thread::scope(|scope| {
            scope.spawn(commit);
            go.send(()).unwrap();
        });
        drop(journal);
        // The ninth has made the second file full.
        assert!(made.load(Ordering::SeqCst) <= 2, "{made:?}");
    }
}

#[test]
fn what_a_crash_left_of_longer_files_goes() {
    let disk = SimDisk::new(Image::new());
    open(&disk, options(Checkpoints::InCommits), does()).unwrap().close().unwrap();
    let mut image = kept(&disk);
    image.insert("journal-1.new".to_owned(), vec![0; 1 << 20]);
    let disk = SimDisk::new(image);
    open(&disk, options(Checkpoints::InCommits), does()).unwrap().close().unwrap();
    assert_eq!(kept(&disk).into_keys().collect::<Vec<_>>(), ["image", "journal-0", "journal-1"]);
}

/// As many as it takes until what is left of the file has no room for another.
const REFUSED: u64 = 19;

/// A long commit is refused; its version is taken again by one in the other file, with the name of its own file.
#[test]
fn refused_long_commit_takes_nothing_from_the_next_of_its_version() {
    let disk = SimDisk::new(Image::new());
    let journal = Arc::new(OnceLock::<Weak<Journal<Wayward>>>::new());
    let (seen, tries) = (Arc::clone(&journal), AtomicU64::new(0));
    let answers = move |asked| match asked {
        Asked::Apply(4) if tries.fetch_add(1, Ordering::SeqCst) < REFUSED => Answer::Refuses(Kind::TooLarge),
        Asked::Apply(4) => {
            // The first file is full by now, and is begun anew before the engine has the commit.
            let journal = seen.get().unwrap().upgrade().unwrap();
            thread::spawn(move || journal.checkpoint().unwrap()).join().unwrap();
            Answer::Does
        }
        _ => Answer::Does,
    };
    let options = options(Checkpoints::InCommits).with_unsaved_bytes_max(u64::MAX).with_large(Large::Aside);
    let opened = Arc::new(open(&disk, options, Box::new(answers)).unwrap());
    journal.set(Arc::downgrade(&opened)).unwrap();
    let value = "v".repeat(900);
    (0..3).for_each(|_| opened.commit(Commit::new(&one(&value), Durability::Sync)).unwrap());
    let long = "long ".repeat(1_000);
    // A record and its abort take 60 bytes of the thousand that are left.
    for _ in 0..REFUSED {
        opened.commit(Commit::new(&one(&"refused ".repeat(1_000)), Durability::Sync)).unwrap_err();
    }
    opened.commit(Commit::new(&one(&long), Durability::Sync)).unwrap();
    let after = open(&SimDisk::new(kept(&disk)), options, does()).unwrap();
    assert_eq!(found(&after).as_deref(), Some(long.as_str()));
}
