//! Keeps a catalogue of a directory tree: path, size, time and content hash of every file, with indexes.
//!
//! Run it with `cargo run --release -p storage-stores --example catalogue -- DIR`. It walks the tree twice: the first
//! pass fills the catalogue, the second follows what changed meanwhile, with a watch looking on.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_core::{Database, Direction, Index, KeyRange, Read, Table};
use storage_mem::MemEngine;

/// A file is found by its directory and its name, so that a directory is a range.
type Place = (String, String);

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
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
    fn open(engine: MemEngine) -> storage_core::Result<Self> {
        let db = Database::new(engine)?;
        let by_extension = Index::on("by_extension", |(_, name): &Place, _: &Entry| extension(name));
        let by_size = Index::on("by_size", |_: &Place, entry: &Entry| entry.size);
        let by_hash = Index::on("by_hash", |_: &Place, entry: &Entry| entry.sha256.clone());
        let files = Table::define("files").index(&by_extension).index(&by_size).index(&by_hash).open(&db)?;
        Ok(Catalogue { db, files, by_extension, by_size, by_hash })
    }

    /// Walks the tree below `root`; each directory is one transaction. How many records changed.
    fn follow(&self, root: &Path, progress: &ProgressBar) -> Result<usize, Box<dyn Error>> {
        let mut changed = 0;
        let mut directories = vec![root.to_path_buf()];
        while let Some(directory) = directories.pop() {
            progress.set_message(directory.display().to_string());
            let mut found = Vec::new();
            for item in fs::read_dir(&directory)? {
                let item = item?;
                match item.file_type()? {
                    kind if kind.is_dir() => directories.push(item.path()),
                    kind if kind.is_file() => found.push(item),
                    _ => {}
                }
            }
            changed += self.follow_directory(&directory.to_string_lossy(), &found, progress)?;
        }
        Ok(changed)
    }

    fn follow_directory(
        &self,
        directory: &str,
        found: &[fs::DirEntry],
        progress: &ProgressBar,
    ) -> Result<usize, Box<dyn Error>> {
        let here = KeyRange::within(directory)?;
        let known = self.files.range(&self.db.snapshot()?, here.clone(), Direction::Forward)?.to_vec()?;
        let mut puts = Vec::new();
        let mut names = BTreeSet::new();
        for item in found {
            let name = item.file_name().to_string_lossy().into_owned();
            let about = item.metadata()?;
            let modified = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let (size, modified_ns) = (about.len(), modified.as_nanos() as u64);
            let same = |entry: &Entry| (entry.size, entry.modified_ns) == (size, modified_ns);
            names.insert(name.clone());
            if !known.iter().any(|((_, known), entry)| *known == name && same(entry)) {
                match hash(&item.path()) {
                    Ok(sha256) => {
                        puts.push(((directory.to_owned(), name), Entry { size, modified_ns, sha256 }))
                    }
                    Err(error) => progress.println(format!("{directory}/{name} is left out: {error}")),
                }
            }
            progress.inc(1);
        }
        let done = self.db.transact(|txn| {
            let stored = self.files.range(txn, here.clone(), Direction::Forward)?.to_vec()?;
            let gone: Vec<_> = stored.iter().filter(|((_, name), _)| !names.contains(name)).collect();
            gone.iter().try_for_each(|(place, _)| self.files.delete(txn, place))?;
            puts.iter().try_for_each(|(place, entry)| self.files.put(txn, place, entry))?;
            Ok(gone.len() + puts.len())
        })?;
        Ok(done.value)
    }

    fn report(&self, from: &impl Read) -> storage_core::Result<()> {
        println!("\nlargest files");
        let mut largest = self.files.range_by(&self.by_size, from, KeyRange::all(), Direction::Reverse)?;
        for _ in 0..5 {
            let Some(mut file) = largest.next()? else { break };
            println!("  {:>12} bytes  {}", file.value()?.size, show(&file.key()?));
        }
        let rust = KeyRange::within("rs")?;
        let rust = self.files.range_by(&self.by_extension, from, rust, Direction::Forward)?.values()?;
        println!("\n{} Rust files, {} bytes", rust.len(), rust.iter().map(|file| file.size).sum::<u64>());
        println!("\nduplicates");
        let by_hash =
            self.files.range_by(&self.by_hash, from, KeyRange::all(), Direction::Forward)?.to_vec()?;
        let groups = by_hash.chunk_by(|(_, a), (_, b)| a.sha256 == b.sha256);
        for group in groups.filter(|group| group.len() > 1 && group[0].1.size > 0).take(5) {
            println!("  {} bytes each: {}", group[0].1.size, show(&group[0].0));
            group[1..].iter().for_each(|(place, _)| println!("    also {}", show(place)));
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = fs::canonicalize(std::env::args().nth(1).ok_or("usage: catalogue DIR")?)?;
    let catalogue = Catalogue::open(MemEngine::new())?;
    let style = ProgressStyle::with_template("{pos} files {elapsed} {wide_msg}")?;
    let progress = ProgressBar::new_spinner().with_style(style);
    println!("first pass: {} records put", catalogue.follow(&root, &progress)?);
    let watch = catalogue.db.watch(catalogue.files.keyspace(), KeyRange::all())?;
    println!("second pass: {} records changed", catalogue.follow(&root, &progress)?);
    progress.finish_and_clear();
    while let Some(event) = watch.try_next()? {
        println!("  watched: {event:?}");
    }
    catalogue.report(&catalogue.db.snapshot()?)?;
    Ok(catalogue.db.close()?)
}

fn extension(name: &str) -> String {
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
