//! Plain files with their journal, in both forms, through power cuts and failing calls on a simulated disk.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_conformance::crash::{
    ANOTHER_PROCESS, CrashSubject, Extent, SCRIPTS, Search, SimDisk, SimFile, Step, crash_everywhere,
    crash_from_seeds, crash_in_each, fail_everywhere, random_script,
};
use storage_core::engine::{Compact, Cursor, Intent, Journalled, Snapshot};
use storage_core::journal::{Checkpoints, Disk, DiskFile, Journal, JournalOptions, Large};
use storage_core::{Direction, Engine, KeyRange, Keyspace, Result};

use crate::disk::{FileKind, Identity, OWN, Tree};
use crate::engine::FsEngine;
use crate::options::{Form, FsOptions};
use crate::snapshot::FsSnapshot;

/// What the engine or its disk does wrong, which must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// Syncs of files whose paths begin so do nothing.
    DeafTo(&'static str),
    /// Syncs of directories do nothing.
    ForgetsNames,
    /// The manifest is replaced before the files that it names are synced.
    ManifestFirst,
    /// Commits are written to the files before the journal is synced.
    FilesFirst,
}

/// A simulated disk with directories: each is a file whose name ends with a `/`, and what is in none cannot be found.
#[derive(Debug)]
struct SimTree {
    disk: SimDisk,
    lie: Lie,
    /// Files that were told to be synced and are not yet.
    late: Arc<Mutex<Vec<SimFile>>>,
}

impl SimTree {
    fn new(disk: SimDisk, lie: Lie) -> io::Result<Self> {
        let tree = SimTree { disk, lie, late: Arc::default() };
        for name in tree.disk.names()? {
            if !tree.has_directory(parent(&name))? {
                tree.disk.remove(&name)?;
            }
        }
        Ok(tree)
    }

    fn has_directory(&self, path: &str) -> io::Result<bool> {
        match path {
            // They are made before anything else is.
            "" | OWN => Ok(true),
            path => {
                let is_there = Disk::open(&self.disk, &format!("{path}/"))?.is_some();
                Ok(is_there && self.has_directory(parent(path))?)
            }
        }
    }

    fn file(&self, path: &str, file: Box<dyn DiskFile>) -> io::Result<Box<dyn DiskFile>> {
        let is_late = self.lie == Lie::ManifestFirst && !path.starts_with(".storage/store.");
        match is_late && !path.starts_with(".storage/journal") {
            true => Ok(Box::new(LateFile { file: self.disk.file(path)?, late: Arc::clone(&self.late) })),
            false => Ok(file),
        }
    }
}

fn parent(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(directory, _)| directory)
}

impl Tree for SimTree {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        if !self.has_directory(parent(path))? {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !self.has_directory(path)? {
            self.disk.create(&format!("{path}/"))?;
        }
        Ok(())
    }

    fn names(&self, directory: &str) -> io::Result<Option<Vec<String>>> {
        if !self.has_directory(directory)? {
            return Ok(None);
        }
        let names = self.disk.names()?.into_iter().filter(|name| parent(name) == directory);
        let inner = |name: String| name[directory.len()..].trim_matches('/').to_owned();
        Ok(Some(names.map(inner).collect()))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        Disk::open(&self.disk, path)?.map(|file| self.file(path, file)).transpose()
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        if !self.has_directory(parent(path))? {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = Disk::create(&self.disk, path)?;
        self.file(path, file)
    }

    fn read(&self, path: &str, len: usize) -> io::Result<Vec<u8>> {
        let file = Disk::open(&self.disk, path)?.ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; len + 1];
        match file.read_at(&mut bytes, 0)? == len {
            true => bytes.truncate(len),
            false => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(bytes)
    }

    /// A file system's numbers and times tell one content from another; here its checksum does.
    fn identity(&self, path: &str) -> io::Result<Option<Identity>> {
        let Some(file) = Disk::open(&self.disk, path)? else { return Ok(None) };
        let len = file.len_bytes()?;
        let bytes = self.read(path, usize::try_from(len).map_err(io::Error::other)?)?;
        let changed_nanos = i64::from(crc32fast::hash(&bytes));
        Ok(Some(Identity { kind: FileKind::Regular, inode: 0, len, changed_nanos }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Disk::rename(&self.disk, from, to)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        Disk::remove(&self.disk, path)
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        match self.lie {
            Lie::ForgetsNames => Ok(()),
            _ => self.disk.sync_names(directory),
        }?;
        if directory == OWN {
            self.late.lock().drain(..).try_for_each(|file| file.sync_data())?;
        }
        Ok(())
    }

    fn sync_files(&self, paths: &[String]) -> io::Result<()> {
        for path in paths {
            let file = Tree::open(self, path)?.ok_or(io::ErrorKind::NotFound)?;
            file.sync_data()?;
        }
        Ok(())
    }
}

/// A file whose syncs come too late.
#[derive(Debug)]
struct LateFile {
    file: SimFile,
    late: Arc<Mutex<Vec<SimFile>>>,
}

impl DiskFile for LateFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.file.len_bytes()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.late.lock().push(self.file.clone());
        Ok(())
    }
}

/// What a checkpoint that a script asks for does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// The lines are written anew.
    Compacts,
}

/// The engine with its journal. A snapshot is held from each checkpoint that a script asks for to the next.
struct Plain {
    form: Form,
    lie: Lie,
    besides: Besides,
    held: Mutex<Option<Held>>,
}

struct Held {
    snapshot: FsSnapshot,
    content: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Plain {
    fn new(form: Form) -> Self {
        Plain { form, lie: Lie::None, besides: Besides::Nothing, held: Mutex::new(None) }
    }

    fn lying(form: Form, lie: Lie) -> Self {
        Plain { lie, ..Plain::new(form) }
    }

    fn compacting(form: Form) -> Self {
        Plain { besides: Besides::Compacts, ..Plain::new(form) }
    }
}

impl CrashSubject for Plain {
    type Engine = Journal<FsEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<FsEngine>> {
        *self.held.lock() = None;
        let disk = match self.lie {
            Lie::DeafTo(prefix) => disk.clone().deaf_to(prefix),
            _ => disk.clone(),
        };
        let tree = SimTree::new(disk, self.lie).map_err(|cause| crate::error::io("open", "", cause))?;
        let mut settings = FsOptions::at("simulated").default_form(self.form).cache_bytes(0).settings;
        // So short that a script fills several, and that they are worth moving.
        settings.limits = crate::segment::Limits { segment_len_max: 1_500, dead_min: 1_000 };
        let options = JournalOptions::default()
            .with_file_len(8 << 10)
            .with_unsaved_bytes_max(4_000)
            .with_checkpoints(Checkpoints::InCommits)
            .with_large(Large::Aside);
        FsEngine::assemble(Arc::new(tree), settings, None)?.journalled(options)
    }

    fn checkpoint(&self, engine: &Journal<FsEngine>) -> Result<()> {
        if self.lie == Lie::FilesFirst {
            let epochs = engine.engine().mark()?.epochs;
            return engine.engine().checkpoint(epochs, u64::MAX).map(drop);
        }
        engine.checkpoint()?;
        if self.besides == Besides::Compacts {
            engine.compact()?;
        }
        if let Some(Held { snapshot, content }) = self.held.lock().take() {
            assert!(read(&snapshot)? == content, "a snapshot changes");
        }
        let snapshot = engine.snapshot(Intent::Read)?;
        let content = read(&snapshot)?;
        *self.held.lock() = Some(Held { snapshot, content });
        Ok(())
    }
}

fn read(snapshot: &FsSnapshot) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let keyspace = Keyspace::new("crash")?;
    let mut cursor = snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?;
    let mut content = Vec::new();
    while cursor.advance()? {
        content.push((cursor.key().to_vec(), cursor.value()?.as_ref().to_vec()));
    }
    Ok(content)
}

const FORMS: [Form; 2] = [Form::Lines, Form::Files];

/// Checkpoints one after the other, over the same keys.
const CHECKPOINTS: &[Step] = {
    use storage_core::Durability::{Deferred, Sync};
    const fn commit(records: u64, durability: storage_core::Durability) -> Step {
        Step::Commit { records, value_len: 30, durability }
    }
    &[
        commit(10, Sync),
        Step::Checkpoint,
        commit(10, Deferred),
        commit(10, Deferred),
        Step::Checkpoint,
        commit(10, Sync),
        commit(10, Deferred),
        Step::Checkpoint,
        commit(3, Deferred),
        Step::Checkpoint,
        commit(1, Deferred),
    ]
};

fn scripts() -> impl Iterator<Item = (&'static str, &'static [Step])> {
    [("checkpoints", CHECKPOINTS), ("another process", ANOTHER_PROCESS)].into_iter().chain(SCRIPTS)
}

fn survives(subject: &Plain) {
    // A store in files makes three times the calls.
    let search = match subject.form {
        Form::Lines => Search::new(1).one_in([3, 30, 300]),
        Form::Files => Search::new(1).one_in([12, 200, 600]),
    };
    let tried = crash_in_each(subject, scripts(), &search)
        .unwrap_or_else(|broken| panic!("{:?}: {broken}", subject.form));
    println!("{:?}: {} crashes, {} states", subject.form, tried.crashes, tried.states);
    assert!(tried.states > 500, "{tried:?}");
}

#[test]
fn no_power_cut_loses_or_tears_a_commit_in_lines() {
    survives(&Plain::new(Form::Lines));
}

#[test]
fn no_power_cut_loses_or_tears_a_commit_in_files() {
    survives(&Plain::new(Form::Files));
}

#[test]
fn no_power_cut_loses_or_tears_a_commit_while_segments_are_compacted() {
    for form in FORMS {
        survives(&Plain::compacting(form));
    }
}

#[test]
fn no_failing_call_hides_what_became_of_a_commit() {
    for form in FORMS {
        let runs = [
            (Plain::compacting(form), SCRIPTS[3]),
            (Plain::new(form), SCRIPTS[5]),
            (Plain::new(form), ("another process", ANOTHER_PROCESS)),
        ];
        for (subject, (name, script)) in runs {
            let failed = fail_everywhere(&subject, script);
            let failed = failed.unwrap_or_else(|broken| panic!("{:?}, {name}: {broken}", subject.form));
            println!(
                "{:?}, {name}: {} runs with a fault, {} errors",
                subject.form, failed.runs, failed.errors
            );
            assert!(failed.errors > 0);
        }
    }
}

#[test]
fn no_power_cut_in_a_random_script_loses_or_tears_a_commit() {
    crash_from_seeds("plain files", Extent::asked_or(5), |seed, end| {
        let form = FORMS[(seed % 2) as usize];
        let mut script = random_script(seed, 14);
        script.insert(9, Step::Restart);
        let subject = if seed % 4 < 2 { Plain::new(form) } else { Plain::compacting(form) };
        crash_everywhere(&subject, &script, &Search::new(seed).one_in([3, 50, 300]).until(end))
    });
}

#[test]
fn every_lie_is_found() {
    let search = Search::new(1).one_in([1, 60, 1_000]);
    let lies = [
        (Form::Lines, Lie::DeafTo("crash/")),
        (Form::Lines, Lie::DeafTo(".storage/store")),
        (Form::Lines, Lie::DeafTo(".storage/journal")),
        (Form::Lines, Lie::DeafTo(".storage/large")),
        (Form::Lines, Lie::ForgetsNames),
        (Form::Lines, Lie::ManifestFirst),
        (Form::Files, Lie::DeafTo("crash/")),
        (Form::Files, Lie::DeafTo(".storage/lines")),
        (Form::Files, Lie::ForgetsNames),
        (Form::Files, Lie::ManifestFirst),
        (Form::Files, Lie::FilesFirst),
    ];
    for (form, lie) in lies {
        match crash_in_each(&Plain::lying(form, lie), scripts(), &search) {
            Err(broken) => println!("{form:?}, {lie:?}: {broken}"),
            Ok(tried) => panic!("{form:?}, {lie:?}: {tried:?} do not find it"),
        }
    }
}
