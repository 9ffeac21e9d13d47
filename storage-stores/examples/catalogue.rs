//! Keeps a catalogue of a directory tree: path, size, time and content hash of every file, with indexes.
//!
//! The tree is walked twice: the second pass follows what was changed meanwhile, with a watch looking on.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, DirEntry, File};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_core::{Database, Direction, Index, KeyRange, Read, Table};
use storage_mem::MemEngine;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Directory and name, so that a directory is a range.
type Place = (String, String);

#[derive(Serialize, Deserialize)]
struct Entry {
    size: u64,
    modified_ns: u64,
    sha256: String,
}

struct Catalogue {
    db: Database<MemEngine>,
    files: Table<Place, Entry>,
    by_extension: Index<Place, Entry, String>,
    by_size: Index<Place, Entry, u64>,
    by_hash: Index<Place, Entry, String>,
}

impl Catalogue {
    fn open(engine: MemEngine) -> Fallible<Self> {
        let db = Database::new(engine)?;
        let by_extension = Index::on("by_extension", extension);
        let by_size = Index::on("by_size", |_: &Place, entry: &Entry| entry.size);
        let by_hash = Index::on("by_hash", |_: &Place, entry: &Entry| entry.sha256.clone());
        let files = Table::define("files").index(&by_extension).index(&by_size).index(&by_hash).open(&db)?;
        Ok(Catalogue { db, files, by_extension, by_size, by_hash })
    }

    /// Follows the tree below `root`, each directory in one transaction. Known directories may be gone by now.
    fn follow(&self, root: &Path, progress: &ProgressBar) -> Fallible<usize> {
        let known = self.files.range(&self.db.snapshot()?, KeyRange::all(), Direction::Forward)?.to_vec()?;
        let known = known.into_iter().map(|((directory, _), _)| directory.into());
        let mut directories: BTreeSet<_> = known.chain([root.to_path_buf()]).collect();
        let mut changed = 0;
        while let Some(directory) = directories.pop_first() {
            progress.set_message(directory.display().to_string());
            let items = if directory.is_dir() { fs::read_dir(&directory)?.collect() } else { Ok(vec![]) };
            let (below, rest): (Vec<_>, Vec<_>) = items?.into_iter().partition(|item| item.path().is_dir());
            directories.extend(below.iter().filter(|item| !item.path().is_symlink()).map(DirEntry::path));
            changed += self.follow_directory(&directory.to_string_lossy(), &rest, progress)?;
        }
        Ok(changed)
    }

    fn follow_directory(&self, directory: &str, items: &[DirEntry], bar: &ProgressBar) -> Fallible<usize> {
        let here = KeyRange::within(directory)?;
        let known = self.files.range(&self.db.snapshot()?, here.clone(), Direction::Forward)?.to_vec()?;
        let known: BTreeMap<_, _> = known.into_iter().map(|((_, name), entry)| (name, entry)).collect();
        let (mut found, mut puts) = (BTreeSet::new(), Vec::new());
        for item in items.iter().filter(|item| item.path().is_file()) {
            let (name, about) = (item.file_name().to_string_lossy().into_owned(), item.metadata()?);
            let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let (size, modified_ns) = (about.len(), modified.as_nanos() as u64);
            if known.get(&name).is_none_or(|entry| (entry.size, entry.modified_ns) != (size, modified_ns)) {
                match hash(&item.path()) {
                    Ok(sha256) => puts.push((name.clone(), Entry { size, modified_ns, sha256 })),
                    Err(error) => bar.suspend(|| eprintln!("{directory}/{name} cannot be read: {error}")),
                }
            }
            found.insert(name);
            bar.inc(1);
        }
        let done = self.db.transact(|txn| {
            let stored = self.files.range(txn, here.clone(), Direction::Forward)?.to_vec()?;
            let gone: Vec<_> = stored.iter().filter(|((_, name), _)| !found.contains(name)).collect();
            gone.iter().try_for_each(|(place, _)| self.files.delete(txn, place))?;
            let place = |name: &String| (directory.to_owned(), name.clone());
            puts.iter().try_for_each(|(name, entry)| self.files.put(txn, &place(name), entry))?;
            Ok(gone.len() + puts.len())
        })?;
        Ok(done.value)
    }

    fn report(&self, from: &impl Read) -> Fallible<()> {
        println!("\nlargest files");
        let mut largest = self.files.range_by(&self.by_size, from, KeyRange::all(), Direction::Reverse)?;
        for _ in 0..5 {
            let Some(mut file) = largest.next()? else { break };
            println!("  {:>12} bytes  {}", file.value()?.size, show(&file.key()?));
        }
        let rs = KeyRange::within("rs")?;
        let rust = self.files.range_by(&self.by_extension, from, rs, Direction::Forward)?.values()?;
        println!("\n{} Rust files, {} bytes", rust.len(), rust.iter().map(|file| file.size).sum::<u64>());
        println!("duplicates");
        let by_hash = &self.by_hash;
        let files = self.files.range_by(by_hash, from, KeyRange::all(), Direction::Forward)?.to_vec()?;
        let groups = files.chunk_by(|(_, a), (_, b)| a.sha256 == b.sha256);
        for group in groups.filter(|group| group.len() > 1 && group[0].1.size > 0).take(5) {
            let places: Vec<_> = group.iter().map(|(place, _)| show(place)).collect();
            println!("  {} bytes each: {}", group[0].1.size, places.join(", "));
        }
        Ok(())
    }
}

fn main() -> Fallible<()> {
    let root = std::env::args().nth(1).ok_or("usage: catalogue DIR")?;
    let root = fs::canonicalize(&root).map_err(|error| format!("{root}: {error}"))?;
    let catalogue = Catalogue::open(MemEngine::new())?;
    let progress = ProgressBar::new_spinner();
    progress.set_style(ProgressStyle::with_template("{pos} files {elapsed} {wide_msg}")?);
    let changed = catalogue.follow(&root, &progress)?;
    progress.suspend(|| println!("first pass: {changed} records changed"));
    let watch = catalogue.db.watch(catalogue.files.keyspace(), KeyRange::all())?;
    if io::stdin().is_terminal() {
        progress.suspend(|| println!("change some files below {}, then press Enter", root.display()));
        io::stdin().read_line(&mut String::new())?;
    }
    let changed = catalogue.follow(&root, &progress)?;
    progress.finish_and_clear();
    println!("second pass: {changed} records changed");
    while let Some(event) = watch.try_next()? {
        println!("  watched: {:?}", event.change);
    }
    catalogue.report(&catalogue.db.snapshot()?)?;
    Ok(catalogue.db.close()?)
}

fn extension((_, name): &Place, _: &Entry) -> String {
    Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned()
}

fn show((directory, name): &Place) -> String {
    format!("{directory}/{name}")
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
