//! The storage layer behind one door: an application names an engine by a URL, and changes engine by changing it.
//!
//! ```
//! use storage::Keyspace;
//!
//! # fn main() -> storage::Result<()> {
//! let db = storage::open("mem:")?; // or "redb:app.redb"
//! let accounts = Keyspace::new("accounts")?;
//! db.put(accounts, "ann", "100")?;
//! db.transact(|txn| {
//!     let ann = txn.get(accounts, "ann")?.map(|found| found.to_vec()).unwrap_or_default();
//!     txn.put(accounts, "bob", ann)?;
//!     txn.delete(accounts, "ann")
//! })?;
//! assert_eq!(&*db.get(accounts, "bob")?.expect("bob has it now"), b"100");
//! # Ok(())
//! # }
//! ```
//!
//! # URLs
//! `engine:path?option=value&option=value`. Options are called as the methods of the engine's typed options are.
//!
//! | URL | feature | options |
//! |---|---|---|
//! | `mem:` | `mem` | |
//! | `fs:directory` | `fs` | `form` (`lines`, `files`), `lines`, `files` (names of keyspaces between commas), `cache_bytes` (a number), `must_exist` (`true`, `false`) |
//! | `sqlite:app.db` | `sqlite` | `profile` (`balanced`, `small`, `large-memory`), `cache_bytes`, `mmap_bytes`, `page_bytes`, `busy_timeout` (milliseconds), `autocheckpoint_pages` (numbers), `temp_store` (`memory`, `file`), `at_close` (`nothing`, `optimize`), `must_exist`, `read_only` (`true`, `false`) |
//! | `sqlite::memory:` | `sqlite` | the same but the last two |
//! | `redb:app.redb` | `redb` | `cache_bytes` (a number), `quick_repair` (`at-sync`, `every-commit`), `must_exist`, `read_only`, `journal` (`true`, `false`) |
//!
//! A path is taken as it stands, relative to the working directory unless it begins with `/`; only `?` and `%` have to
//! be written as `%3F` and `%25` in it, and any byte may be written as `%` and two hexadecimal digits. A URL that cannot
//! be understood is `Invalid`, and the error names the part.
//!
//! Everything of `storage_core` is here as well, so that an application needs one dependency; the engines and the stores
//! are [`engines`] and [`stores`].

mod options;
mod url;

pub use storage_core::*;

/// The engines that were compiled in, for those who open one by its typed options.
pub mod engines {
    #[cfg(feature = "fs")]
    pub use storage_fs;
    #[cfg(feature = "mem")]
    pub use storage_mem;
    #[cfg(feature = "redb")]
    pub use storage_redb;
    #[cfg(feature = "sqlite")]
    pub use storage_sqlite;
}

#[cfg(feature = "stores")]
pub use storage_stores as stores;

use url::Url;

/// Opens the database at a URL, with the default options.
///
/// `Invalid` for a URL that cannot be understood, and for an engine that was not compiled in; else what opening the
/// engine says.
pub fn open(url: &str) -> Result<Database<AnyEngine>> {
    open_with(url, Options::new())
}

/// The same with options of the database: a clock, limits, how often it sweeps and syncs.
pub fn open_with(url: &str, options: Options) -> Result<Database<AnyEngine>> {
    Database::with_options(engine(url)?, options)
}

/// Opens the engine at a URL, for those who need it without a database: [`Database::copy_to`], a conformance suite.
pub fn engine(url: &str) -> Result<AnyEngine> {
    Url::parse(url)?.open()
}

/// Copies what the store at one URL holds into the empty store at another, and compares the two.
///
/// `report` is told how far it is. The store that is copied is opened for it and closed again, and so is the copy.
/// [`Database::copy_to`] says what goes along, and what can fail; `Invalid` if there is no store to copy.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let (from, to) = (directory.path().join("a.redb"), directory.path().join("b.redb"));
/// # let (from, to) = (format!("redb:{}", from.display()), format!("redb:{}", to.display()));
/// # let notes = storage::Keyspace::new("notes")?;
/// # let db = storage::open(&from)?;
/// # db.put(notes, "a", "1")?;
/// # db.close()?;
/// # drop(db);
/// let copied = storage::copy(&from, &to, |so_far| eprintln!("{} records", so_far.records))?;
/// println!("{} records, {} bytes", copied.records, copied.bytes);
/// # assert_eq!(storage::open(&to)?.get(notes, "a")?.as_deref(), Some(b"1".as_slice()));
/// # Ok(())
/// # }
/// ```
pub fn copy(from: &str, to: &str, report: impl FnMut(Copied)) -> Result<Copied> {
    // Nothing is opened or created before both are understood.
    let (from, to) = (Url::parse(from)?.of_existing(), Url::parse(to)?);
    let from = Database::new(from.open()?)?;
    let to = to.open()?;
    let copied = from.copy_to(&to, report);
    let closed = to.close().and_then(|()| from.close());
    copied.and_then(|copied| closed.map(|()| copied))
}
