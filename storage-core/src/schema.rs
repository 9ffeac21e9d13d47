//! Schema versions: how a table reads records that an older program wrote.

use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::record::Stamp;

/// What a table knows of the versions of its values' type.
pub(crate) struct Schema<V> {
    version: u16,
    upcasts: Vec<(u16, Box<Upcast<V>>)>,
}

/// Decodes a value of an older version and makes it one of the newest.
type Upcast<V> = dyn Fn(Codec, &[u8]) -> Result<V> + Send + Sync;

impl<V: DeserializeOwned> Schema<V> {
    /// The first version.
    pub(crate) fn first() -> Self {
        Schema { version: 0, upcasts: Vec::new() }
    }

    pub(crate) fn set_version(&mut self, version: u16) {
        self.version = version;
    }

    pub(crate) fn add_upcast<Old: DeserializeOwned>(
        &mut self,
        from: u16,
        upcast: impl Fn(Old) -> V + Send + Sync + 'static,
    ) {
        let decode = move |codec: Codec, value: &[u8]| codec.decode(value).map(&upcast);
        self.upcasts.push((from, Box::new(decode)));
    }

    /// `Invalid` unless each upcast begins at an older version of its own.
    pub(crate) fn check(&self) -> Result<()> {
        for (at, (from, _)) in self.upcasts.iter().enumerate() {
            if *from >= self.version {
                let message = format!("an upcast from schema version {from} is none: it is {}", self.version);
                return Err(Error::invalid(message));
            }
            if self.upcasts[..at].iter().any(|(other, _)| other == from) {
                return Err(Error::invalid(format!("schema version {from} has two upcasts")));
            }
        }
        Ok(())
    }

    /// The version that records are written with.
    pub(crate) fn version(&self) -> u16 {
        self.version
    }

    /// The value of a record, as one of the newest version. `raw` is the codec of what was put raw, which names no
    /// version and is taken to be of the newest.
    #[inline]
    pub(crate) fn decode(&self, raw: Codec, stamp: Stamp, value: &[u8]) -> Result<V> {
        if stamp.codec() == 0 {
            return raw.decode(value);
        }
        let codec = Codec::from_id(stamp.codec())?;
        match stamp.schema() == self.version {
            true => codec.decode(value),
            false => self.upcast(stamp.schema(), codec, value),
        }
    }

    #[cold]
    fn upcast(&self, from: u16, codec: Codec, value: &[u8]) -> Result<V> {
        let known = self.upcasts.iter().find(|(version, _)| *version == from);
        match known {
            Some((_, upcast)) => upcast(codec, value),
            None if from > self.version => Err(Error::invalid(format!(
                "the record has schema version {from}; this program reads up to {}",
                self.version
            ))),
            None => Err(Error::invalid(format!("the table has no upcast from schema version {from}"))),
        }
    }
}
