//! URLs: which engine, where, and how.

use std::ffi::OsString;
use std::path::PathBuf;

use storage_core::{AnyEngine, Error, Kind, Result};

use crate::options::Options;

/// A URL in its parts. Nothing is opened yet.
#[cfg_attr(
    not(any(feature = "fs", feature = "mem", feature = "redb", feature = "sqlite")),
    allow(dead_code, reason = "engines read it")
)]
#[derive(Debug)]
pub(crate) struct Url<'a> {
    scheme: Scheme,
    path: PathBuf,
    options: Options<'a>,
}

/// The engines that a URL can name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scheme {
    #[cfg(feature = "fs")]
    Fs,
    #[cfg(feature = "mem")]
    Mem,
    #[cfg(feature = "redb")]
    Redb,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

/// Every engine that the layer has, and the one that was compiled in.
const SCHEMES: [(&str, Option<Scheme>); 4] = [
    (
        "fs",
        #[cfg(feature = "fs")]
        Some(Scheme::Fs),
        #[cfg(not(feature = "fs"))]
        None,
    ),
    (
        "mem",
        #[cfg(feature = "mem")]
        Some(Scheme::Mem),
        #[cfg(not(feature = "mem"))]
        None,
    ),
    (
        "redb",
        #[cfg(feature = "redb")]
        Some(Scheme::Redb),
        #[cfg(not(feature = "redb"))]
        None,
    ),
    (
        "sqlite",
        #[cfg(feature = "sqlite")]
        Some(Scheme::Sqlite),
        #[cfg(not(feature = "sqlite"))]
        None,
    ),
];

impl<'a> Url<'a> {
    pub(crate) fn parse(url: &'a str) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(invalid(format!(
                "a URL begins with an engine and a colon, such as `mem:`, not {url:?}"
            )));
        };
        let scheme = match SCHEMES.iter().find(|(name, _)| *name == scheme) {
            Some((_, Some(scheme))) => *scheme,
            Some((name, None)) => {
                let message = format!("the engine `{name}` was not compiled in: add the feature `{name}`");
                return Err(invalid(message));
            }
            None => {
                let known = SCHEMES.map(|(name, _)| name).join(", ");
                return Err(invalid(format!("there is no engine {scheme:?}, there are {known}")));
            }
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let url = Url { scheme, path: file_path(path)?, options: Options::parse(query)? };
        url.check_path()?;
        Ok(url)
    }

    /// The same, of a store that is not created.
    pub(crate) fn of_existing(mut self) -> Self {
        if !self.is_in_memory() {
            self.options.demand("must_exist");
        }
        self
    }

    /// Whether nothing is there before it is opened.
    fn is_in_memory(&self) -> bool {
        match self.scheme {
            #[cfg(feature = "mem")]
            Scheme::Mem => true,
            #[cfg(feature = "sqlite")]
            Scheme::Sqlite => self.path.as_os_str() == ":memory:",
            #[cfg(any(feature = "fs", feature = "redb"))]
            _ => false,
        }
    }

    /// Opens the engine that it names.
    pub(crate) fn open(self) -> Result<AnyEngine> {
        match self.scheme {
            #[cfg(feature = "fs")]
            Scheme::Fs => self.options.fs(self.path).map(AnyEngine::new),
            #[cfg(feature = "mem")]
            Scheme::Mem => {
                self.options.finish("mem", &[])?;
                Ok(AnyEngine::new(storage_mem::MemEngine::new()))
            }
            #[cfg(feature = "redb")]
            Scheme::Redb => self.options.redb(self.path),
            #[cfg(feature = "sqlite")]
            Scheme::Sqlite => self.options.sqlite(self.path).map(AnyEngine::new),
        }
    }

    fn check_path(&self) -> Result<()> {
        match self.scheme {
            #[cfg(feature = "mem")]
            Scheme::Mem if !self.path.as_os_str().is_empty() => {
                Err(invalid(format!("the memory engine has no path, and {} is one", self.path.display())))
            }
            #[cfg(feature = "fs")]
            Scheme::Fs if self.path.as_os_str().is_empty() => Err(no_file("fs")),
            #[cfg(feature = "redb")]
            Scheme::Redb if self.path.as_os_str().is_empty() => Err(no_file("redb")),
            #[cfg(feature = "sqlite")]
            Scheme::Sqlite if self.path.as_os_str().is_empty() => Err(no_file("sqlite")),
            #[cfg(feature = "sqlite")]
            Scheme::Sqlite if !self.is_in_memory() && begins_like_memory(&self.path) => {
                Err(invalid(format!(
                    "{} would be a file: a database in memory is `sqlite::memory:` and has no name, and the file of that name \
                 is `sqlite:./{}`",
                    self.path.display(),
                    self.path.display(),
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg_attr(
    not(any(feature = "fs", feature = "redb", feature = "sqlite")),
    allow(dead_code, reason = "engines with files need it")
)]
fn no_file(engine: &str) -> Error {
    invalid(format!("the URL names no file: `{engine}:` is followed by its path"))
}

/// Whether somebody meant a database in memory, as other libraries name it.
#[cfg(feature = "sqlite")]
fn begins_like_memory(path: &std::path::Path) -> bool {
    path.as_os_str().as_encoded_bytes().to_ascii_lowercase().starts_with(b":memory")
}

/// The path of a URL, with its escapes resolved.
fn file_path(text: &str) -> Result<PathBuf> {
    if text.starts_with("//") && !text.starts_with("///") {
        let message =
            format!("{text:?} names a server, and this engine is a file: write the path behind the colon");
        return Err(invalid(message));
    }
    let path = unescape(text.strip_prefix("//").unwrap_or(text))?;
    if path.contains(&0) {
        return Err(invalid(format!("the path {text:?} has a NUL in it, which no path can have")));
    }
    Ok(PathBuf::from(os_string(path)?))
}

/// What a text with escapes stands for.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => {
                let message =
                    format!("in {text:?} a `%` is not followed by two hexadecimal digits; `%25` is one");
                return Err(invalid(message));
            }
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Result<OsString> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Result<OsString> {
    let text = String::from_utf8(bytes).map_err(|_| invalid("the path is not UTF-8".into()))?;
    Ok(OsString::from(text))
}

pub(crate) fn invalid(message: String) -> Error {
    Error::new(Kind::Invalid, message).during("open")
}
