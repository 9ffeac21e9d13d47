//! The options of a URL, and what they are to each engine.

#![cfg_attr(
    not(all(feature = "fs", feature = "redb", feature = "sqlite")),
    allow(dead_code, reason = "engines that have options need it")
)]

use storage_core::Result;

use crate::url::{invalid, unescape};

/// The options that a URL gives and that no engine has asked for yet.
#[derive(Debug)]
pub(crate) struct Options<'a>(Vec<(&'a str, String)>);

impl<'a> Options<'a> {
    /// Reads `name=value&name=value`.
    pub(crate) fn parse(query: &'a str) -> Result<Self> {
        let mut options: Vec<(&str, String)> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(invalid(format!("the option {option:?} has no value: write `{option}=...`")));
            };
            if options.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("the option {name:?} is there twice")));
            }
            let value = String::from_utf8(unescape(value)?)
                .map_err(|_| invalid(format!("the value of {name:?} is not UTF-8")))?;
            options.push((name, value));
        }
        Ok(Options(options))
    }

    /// Sets an option to `true`, whatever was given.
    pub(crate) fn demand(&mut self, name: &'static str) {
        self.take(name);
        self.0.push((name, "true".to_owned()));
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A number; `None` where it is not given.
    fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<Option<N>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(invalid(format!("`{name}` is a number, and {value:?} is none"))),
        }
    }

    /// One of some words; `None` where it is not given.
    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(invalid(format!("`{name}` is one of {}, not {value:?}", known.join(", "))))
            }
        }
    }

    /// Whether something is asked for.
    fn is_set(&mut self, name: &str) -> Result<bool> {
        Ok(self.word(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// `Invalid` if there is an option that the engine does not know.
    pub(crate) fn finish(self, engine: &str, known: &[&str]) -> Result<()> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let message = match known {
            [] => format!("the engine `{engine}` has no options, and {name:?} is given"),
            known => format!("the engine `{engine}` has no option {name:?}, it has {}", known.join(", ")),
        };
        Err(invalid(message))
    }

    #[cfg(feature = "fs")]
    pub(crate) fn fs(
        mut self,
        root: std::path::PathBuf,
    ) -> Result<storage_core::journal::Journal<storage_fs::FsEngine>> {
        use storage_fs::{Form, FsOptions};
        let mut options = FsOptions::at(root);
        let forms = [("lines", Form::Lines), ("files", Form::Files)];
        if let Some(form) = self.word("form", &forms)? {
            options = options.default_form(form);
        }
        let mut chosen = std::collections::HashSet::new();
        for (name, form) in forms {
            let names = self.take(name);
            for keyspace in names.iter().flat_map(|names| names.split(',')) {
                if !chosen.insert(storage_core::Keyspace::new(keyspace)?) {
                    return Err(invalid(format!(
                        "the keyspace {keyspace:?} is named twice in `lines` and `files`"
                    )));
                }
                options = options.form(keyspace, form);
            }
        }
        if let Some(bytes) = self.number("cache_bytes")? {
            options = options.cache_bytes(bytes);
        }
        if self.is_set("must_exist")? {
            options = options.must_exist();
        }
        self.finish("fs", &["form", "lines", "files", "cache_bytes", "must_exist"])?;
        options.open()
    }

    #[cfg(feature = "redb")]
    pub(crate) fn redb(mut self, path: std::path::PathBuf) -> Result<storage_core::AnyEngine> {
        use storage_redb::QuickRepair::{AtSync, EveryCommit};
        let mut options = storage_redb::RedbOptions::at(path);
        if let Some(bytes) = self.number("cache_bytes")? {
            options = options.cache_bytes(bytes);
        }
        if let Some(when) =
            self.word("quick_repair", &[("at-sync", AtSync), ("every-commit", EveryCommit)])?
        {
            options = options.quick_repair(when);
        }
        if self.is_set("must_exist")? {
            options = options.must_exist();
        }
        if self.is_set("read_only")? {
            options = options.read_only();
        }
        let is_journalled = self.is_set("journal")?;
        self.finish("redb", &["cache_bytes", "quick_repair", "must_exist", "read_only", "journal"])?;
        match is_journalled {
            true => options.journalled().map(storage_core::AnyEngine::new),
            false => options.open().map(storage_core::AnyEngine::new),
        }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn sqlite(mut self, path: std::path::PathBuf) -> Result<storage_sqlite::SqliteEngine> {
        use storage_sqlite::{AtClose, Profile, SqliteOptions, TempStore};
        let in_memory = path.as_os_str() == ":memory:";
        let mut options = if in_memory { SqliteOptions::memory() } else { SqliteOptions::at(path) };
        let profiles = [
            ("balanced", Profile::Balanced),
            ("small", Profile::Small),
            ("large-memory", Profile::LargeMemory),
        ];
        // First, so that what is given beside it counts.
        if let Some(profile) = self.word("profile", &profiles)? {
            options = options.profile(profile);
        }
        if let Some(bytes) = self.number("cache_bytes")? {
            options = options.cache_bytes(bytes);
        }
        if let Some(bytes) = self.number("mmap_bytes")? {
            options = options.mmap_bytes(bytes);
        }
        if let Some(bytes) = self.number("page_bytes")? {
            options = options.page_bytes(bytes);
        }
        if let Some(milliseconds) = self.number("busy_timeout")? {
            options = options.busy_timeout(std::time::Duration::from_millis(milliseconds));
        }
        if let Some(pages) = self.number("autocheckpoint_pages")? {
            options = options.autocheckpoint_pages(pages);
        }
        if let Some(place) =
            self.word("temp_store", &[("memory", TempStore::Memory), ("file", TempStore::File)])?
        {
            options = options.temp_store(place);
        }
        if let Some(what) =
            self.word("at_close", &[("nothing", AtClose::Nothing), ("optimize", AtClose::Optimize)])?
        {
            options = options.at_close(what);
        }
        if !in_memory && self.is_set("must_exist")? {
            options = options.must_exist();
        }
        if !in_memory && self.is_set("read_only")? {
            options = options.read_only();
        }
        let known = [
            "profile",
            "cache_bytes",
            "mmap_bytes",
            "page_bytes",
            "busy_timeout",
            "autocheckpoint_pages",
            "temp_store",
            "at_close",
            "must_exist",
            "read_only",
        ];
        self.finish("sqlite", if in_memory { &known[..8] } else { &known })?;
        options.open()
    }
}
