//! What can be set when a store is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_core::journal::{Journal, JournalOptions, Large};
use storage_core::{IfMissing, Result};

use crate::engine::FsEngine;
use crate::segment::Limits;

/// How the records of a keyspace stand in files that people read. A store remembers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Form {
    /// Lines of JSON in `<keyspace>/000001.jsonl` and so on, appended: for many small records, and for those that
    /// change often.
    #[default]
    Lines,
    /// One file a record, `<keyspace>/<key>.json`: for documents that people open. Writing one takes about a tenth of
    /// a millisecond behind the commit.
    Files,
}

/// The forms of a store, as it remembers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forms {
    all: Form,
    keyspaces: BTreeMap<String, Form>,
}

/// How a store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The directory of the store.
    pub root: PathBuf,
    /// The form of keyspaces that have none of their own.
    pub form: Form,
    /// The forms of keyspaces by their names.
    pub forms: BTreeMap<String, Form>,
    /// The most bytes of values that are kept in memory beside those that are still to be written.
    pub cache_bytes: usize,
    /// What happens where there is no store.
    pub if_missing: IfMissing,
    /// The form that was asked for; where none was, that of the store counts.
    pub(crate) asked: Option<Form>,
    /// The sizes of segments, which only tests change.
    pub(crate) limits: Limits,
}

/// A tenth of what a small server has; a value is kept only when it was read or written.
const CACHE_BYTES: usize = 64 << 20;

/// So soon a record that was committed can be seen in its file.
const UNSAVED_TIME_MAX: Duration = Duration::from_millis(500);

/// What can be set when a store is opened.
///
/// ```
/// use storage_core::{Database, Keyspace, Table};
/// use storage_fs::{Form, FsOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let root = directory.path().join("store");
/// let db = Database::new(FsOptions::at(&root).form("notes", Form::Files).open()?)?;
/// let notes = Table::<String, Vec<String>>::define("notes").open(&db)?;
/// db.transact(|txn| notes.put(txn, &"shopping".to_owned(), &vec!["milk".to_owned()]))?;
/// db.close()?;
/// assert_eq!(std::fs::read_to_string(root.join("notes/shopping.json"))?, r#"["milk"]"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FsOptions {
    pub(crate) settings: Settings,
    pub(crate) journal: JournalOptions,
}

impl FsOptions {
    /// The store in the directory at `root`: created if it is missing, records in lines, a cache of 64 MiB.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        FsOptions {
            settings: Settings {
                root: root.into(),
                form: Form::default(),
                asked: None,
                forms: BTreeMap::new(),
                cache_bytes: CACHE_BYTES,
                if_missing: IfMissing::default(),
                limits: Limits::default(),
            },
            journal: JournalOptions::default().with_unsaved_time_max(UNSAVED_TIME_MAX),
        }
    }

    /// Chooses the form of a keyspace. Records that are there keep theirs until they are put again; the store remembers
    /// the choice.
    #[must_use]
    pub fn form(mut self, keyspace: &str, form: Form) -> Self {
        self.settings.forms.insert(keyspace.to_owned(), form);
        self
    }

    /// Chooses the form of the keyspaces that have none of their own: where it is not chosen, that with which the store
    /// was opened before, and lines in a new one.
    #[must_use]
    pub fn default_form(mut self, form: Form) -> Self {
        self.settings.form = form;
        self.settings.asked = Some(form);
        self
    }

    /// Keeps at most so many bytes of values in memory.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.settings.cache_bytes = bytes;
        self
    }

    /// Fails where there is no store.
    #[must_use]
    pub fn must_exist(mut self) -> Self {
        self.settings.if_missing = IfMissing::Fail;
        self
    }

    /// Sets the journal: how long its files are, and when what it holds is written to the files that people read.
    #[must_use]
    pub fn journal(mut self, options: JournalOptions) -> Self {
        self.journal = options;
        self
    }

    /// Opens the store.
    ///
    /// `Busy` if it is open elsewhere; `Invalid` if it is missing and may not be created, if the root is a file or a
    /// directory that holds something else, or if it has a newer format or the journal of another store; `Corrupt` if
    /// it is damaged, or was not closed and its journal is missing; `Full` or `Unavailable` if the disk fails.
    pub fn open(self) -> Result<Journal<FsEngine>> {
        FsEngine::open(self.settings, self.journal.with_large(Large::Aside))
    }
}

impl Settings {
    /// Takes over the forms of a store where none were asked for. Returns those that count from now on.
    pub(crate) fn remember(&mut self, stored: Forms) -> Forms {
        self.form = self.asked.unwrap_or(stored.all);
        for (keyspace, form) in stored.keyspaces {
            self.forms.entry(keyspace).or_insert(form);
        }
        Forms { all: self.form, keyspaces: self.forms.clone() }
    }

    pub(crate) fn form_of(&self, keyspace: &str) -> Form {
        self.forms.get(keyspace).copied().unwrap_or(self.form)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { root, form, forms, cache_bytes, if_missing, asked: _, limits: _ } = self;
        write!(f, "root {}, cache of {cache_bytes} bytes, {}", root.display(), form.name())?;
        for (keyspace, form) in forms {
            write!(f, ", {keyspace} in {}", form.name())?;
        }
        f.write_str(match if_missing {
            IfMissing::Create => ", created if missing",
            IfMissing::Fail => ", must exist",
        })
    }
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Lines => "lines",
            Form::Files => "files",
        }
    }
}
