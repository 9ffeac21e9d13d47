//! The file that says what of the other files is the store's: `.storage/store.json`.
//!
//! It is replaced as a whole, after everything that it names is durable: that is the moment at which a checkpoint took
//! place. Its first line is JSON, its second the CRC-32 (IEEE) of the first in hexadecimal digits.

use serde::{Deserialize, Serialize};
use storage_core::journal::{Epochs, Presence};
use storage_core::{Error, Keyspace, Kind, Result};
use uuid::Uuid;

use crate::disk::{OWN, Tree};
use crate::error::{self, NAME, OnPath};
use crate::options::Forms;
use crate::segment::{LINES, Segments};

const PATH: &str = ".storage/store.json";
pub(crate) const NEW_PATH: &str = ".storage/store.new";
const FORMAT_VERSION: u32 = 1;
/// Far more than a store of a thousand keyspaces has.
const LEN_MAX: u64 = 64 << 20;

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) store: String,
    /// The newest commit that is in the files.
    pub(crate) version: u64,
    epochs: [u64; 2],
    /// Whether there must be a journal.
    journal: bool,
    #[serde(default)]
    pub(crate) forms: Forms,
    pub(crate) keyspaces: Vec<Listed>,
}

/// A keyspace, where its lines are, and how much of each segment is the store's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) directory: String,
    pub(crate) segments: Vec<(u64, u64)>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Manifest {
    /// That of a store that holds nothing.
    pub(crate) fn new(store: Uuid) -> Self {
        Manifest {
            format: FORMAT_VERSION,
            store: store.to_string(),
            version: 0,
            epochs: [0; 2],
            journal: false,
            forms: Forms::default(),
            keyspaces: Vec::new(),
        }
    }

    /// That of a store with these segments.
    pub(crate) fn of<'a>(
        store: Uuid,
        version: u64,
        epochs: Epochs,
        forms: Forms,
        segments: impl Iterator<Item = &'a Segments>,
    ) -> Self {
        let listed = |segments: &Segments| Listed {
            name: segments.keyspace.name().to_owned(),
            directory: segments.directory.clone(),
            segments: segments.extents.iter().map(|extent| (extent.segment.number, extent.len)).collect(),
        };
        Manifest {
            format: FORMAT_VERSION,
            store: store.to_string(),
            version,
            epochs: epochs.files,
            journal: epochs.presence == Presence::Present,
            forms,
            keyspaces: segments.map(listed).collect(),
        }
    }

    pub(crate) fn epochs(&self) -> Epochs {
        let presence = if self.journal { Presence::Present } else { Presence::Absent };
        Epochs { files: self.epochs, presence }
    }

    /// Reads the file; `None` if there is none.
    pub(crate) fn read(tree: &dyn Tree) -> Result<Option<Self>> {
        const DOING: &str = "open";
        let damaged = || error::corrupt(DOING, format!("{PATH} is damaged"));
        let Some(identity) = tree.identity(PATH).on(DOING, PATH)? else { return Ok(None) };
        if identity.len > LEN_MAX {
            return Err(damaged());
        }
        let bytes = crate::state::read_now(tree, PATH, identity)?;
        let (first, second) =
            std::str::from_utf8(&bytes).ok().and_then(|text| text.split_once('\n')).ok_or_else(damaged)?;
        if second != sum(first) {
            return Err(damaged());
        }
        let Format { format } = serde_json::from_str(first).map_err(|_| damaged())?;
        if format > FORMAT_VERSION {
            let message = format!("the store has format {format}, which is newer than this version reads");
            return Err(error::invalid(DOING, message));
        }
        serde_json::from_str(first).map(Some).map_err(|_| damaged())
    }

    /// Replaces the file, durably.
    pub(crate) fn write(&self, tree: &dyn Tree) -> Result<()> {
        const DOING: &str = "checkpoint";
        let first = serde_json::to_string(self).expect("text and numbers have a form in JSON");
        let text = format!("{first}\n{}", sum(&first));
        let file = tree.create(NEW_PATH).on(DOING, NEW_PATH)?;
        file.write_at(text.as_bytes(), 0).on(DOING, NEW_PATH)?;
        file.sync_data().on(DOING, NEW_PATH)?;
        // Nobody knows which of the two is there after a failure, also if it was for want of room.
        let replaced = tree.rename(NEW_PATH, PATH).and_then(|()| tree.sync_directory(OWN));
        replaced.map_err(|cause| {
            let message = format!("{PATH} may or may not have been replaced");
            Error::new(Kind::Unavailable, message).in_engine(NAME).during(DOING).caused_by(cause)
        })
    }
}

impl Listed {
    /// Its keyspace. `Corrupt` if it names none, or if its lines are where no keyspace's are.
    pub(crate) fn keyspace(&self) -> Result<Keyspace> {
        let damaged = |_| error::corrupt("open", format!("{PATH} names a keyspace that cannot be"));
        let keyspace = Keyspace::from_stored(&self.name).map_err(damaged)?;
        if self.directory != self.name && self.directory != format!("{LINES}/{}", self.name) {
            return Err(error::corrupt("open", format!("{PATH} names a directory that is not a keyspace's")));
        }
        Ok(keyspace)
    }
}

fn sum(line: &str) -> String {
    format!("{:08x}\n", crc32fast::hash(line.as_bytes()))
}
