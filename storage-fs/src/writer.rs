//! What is known of the files, by the one who writes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use storage_core::journal::{Epochs, Presence};
use storage_core::{IfMissing, Result};
use uuid::Uuid;

use crate::disk::{FileKind, Identity, OWN, Tree};
use crate::error::{self, OnPath};
use crate::line::Said;
use crate::manifest::{self, Manifest};
use crate::options::{Forms, Settings};
use crate::segment::{Begun, Segments};
use crate::state::{Aside, Cell, OnDisk, State, Where};

/// Files that only snapshots read.
const ASIDE: &str = ".storage/aside";
/// Files that somebody else wrote where the engine had to write.
pub(crate) const KEPT: &str = ".storage/kept";

/// The files as the last checkpoint left them.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) store: Uuid,
    /// The records that are in the files.
    pub(super) on_disk: State,
    /// By the names of the keyspaces.
    pub(super) segments: BTreeMap<&'static str, Segments>,
    pub(super) version: u64,
    pub(super) epochs: Epochs,
    /// The forms that the store remembers.
    forms: Forms,
    /// Files that a checkpoint has replaced which did not take place: they are the engine's all the same.
    pub(super) replaced: HashMap<String, Identity>,
    /// What a checkpoint has written that has not taken place yet.
    pub(super) begun: Vec<Begun>,
    /// Begins the names of the files that are set aside: no other handle's snapshots have such.
    asides: Uuid,
    /// The number of the last file that was set aside or kept.
    number: u64,
    state: Trust,
}

/// Whether what is known of the files is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Whole,
    Broken,
}

impl Writer {
    /// Reads what is in a tree. An empty one becomes a store.
    ///
    /// Where `settings` choose no form, they get that of the store.
    pub(crate) fn open(tree: &dyn Tree, settings: &mut Settings) -> Result<(Self, Uuid)> {
        const DOING: &str = "open";
        let manifest = match Manifest::read(tree)? {
            Some(manifest) => manifest,
            None => {
                check_new(tree)?;
                if settings.if_missing == IfMissing::Fail {
                    return Err(error::invalid(DOING, "the directory holds no store"));
                }
                tree.create_directory(OWN).on(DOING, OWN)?;
                let manifest = Manifest::new(Uuid::new_v4());
                manifest.write(tree)?;
                manifest
            }
        };
        let store = Uuid::try_parse(&manifest.store)
            .map_err(|_| error::corrupt(DOING, "the store has no id: .storage/store.json"))?;
        let mut writer = Writer {
            store,
            on_disk: State::default(),
            segments: BTreeMap::new(),
            version: manifest.version,
            epochs: manifest.epochs(),
            forms: settings.remember(manifest.forms.clone()),
            replaced: HashMap::new(),
            begun: Vec::new(),
            asides: Uuid::new_v4(),
            number: 0,
            state: Trust::Whole,
        };
        writer.load(tree, &manifest)?;
        writer.clear_aside(tree)?;
        Ok((writer, store))
    }

    fn load(&mut self, tree: &dyn Tree, manifest: &Manifest) -> Result<()> {
        for listed in &manifest.keyspaces {
            let keyspace = listed.keyspace()?;
            let mut segments = Segments::within(keyspace, listed.directory.clone());
            let records = self.on_disk.records_mut(keyspace);
            let mut live = 0;
            for (number, len) in &listed.segments {
                segments.load(tree, *number, *len, |segment, line_at, line| {
                    let value = match line.said {
                        Said::Gone => {
                            if let Some(old) = records.remove(&line.key) {
                                live -= old.line_len();
                            }
                            return;
                        }
                        Said::Value(form) => Where::Line {
                            form,
                            at: u32::try_from(line.value_at).unwrap_or(u32::MAX),
                            len: u32::try_from(line.value_len).unwrap_or(u32::MAX),
                        },
                        Said::File { extension, identity } => Where::File { extension, identity },
                    };
                    let line_len = u32::try_from(line.len).unwrap_or(u32::MAX);
                    let place = OnDisk { segment: Arc::clone(segment), line_at, line_len, value };
                    live += u64::from(line_len);
                    if let Some(old) = records.insert(line.key, Arc::new(Cell::loaded(line.stamp, place))) {
                        live -= old.line_len();
                    }
                })?;
            }
            segments.live = live;
            self.segments.insert(keyspace.name(), segments);
        }
        Ok(())
    }

    /// Removes the files that snapshots of an earlier process read.
    fn clear_aside(&self, tree: &dyn Tree) -> Result<()> {
        for name in tree.names(ASIDE).on("open", ASIDE)?.unwrap_or_default() {
            let path = format!("{ASIDE}/{name}");
            tree.remove(&path).on("open", &path)?;
        }
        Ok(())
    }

    pub(crate) fn on_disk(&self) -> &State {
        &self.on_disk
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn epochs(&self) -> Epochs {
        self.epochs
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segments> {
        self.segments.values()
    }

    /// Fails after a failure of which nobody knows what it left.
    pub(super) fn check(&self) -> Result<()> {
        match self.state {
            Trust::Whole => Ok(()),
            Trust::Broken => Err(error::broken()),
        }
    }

    /// Gives back the room that a checkpoint took which did not take place, the oldest last, so that deletes have some.
    pub(super) fn give_back(&mut self, tree: &dyn Tree) {
        while let Some(begun) = self.begun.pop() {
            begun.give_back(tree);
        }
    }

    /// Writes nothing from now on.
    pub(super) fn break_off(&mut self) {
        self.state = Trust::Broken;
    }

    /// Gives the file of a record another name, for the snapshots that still read it. Where it is gone they find none.
    pub(super) fn set_aside(
        &mut self,
        tree: &Arc<dyn Tree>,
        path: &str,
        found: Option<Identity>,
    ) -> Result<Arc<Aside>> {
        const DOING: &str = "checkpoint";
        self.number += 1;
        let aside = format!("{ASIDE}/{}-{}", self.asides.simple(), self.number);
        if found.is_some_and(|found| found.kind == FileKind::Regular) {
            tree.create_directory(ASIDE).on(DOING, ASIDE)?;
            tree.link(path, &aside).on(DOING, path)?;
        }
        Ok(Arc::new(Aside { tree: Arc::clone(tree), path: aside }))
    }

    /// Gives what somebody else wrote a name among the files that are kept.
    pub(super) fn keep_aside(&mut self, tree: &dyn Tree, path: &str) -> Result<()> {
        const DOING: &str = "checkpoint";
        let taken = match tree.names(KEPT).on(DOING, KEPT)? {
            Some(taken) => taken,
            None => {
                tree.create_directory(KEPT).and_then(|()| tree.sync_directory(OWN)).on(DOING, KEPT)?;
                Vec::new()
            }
        };
        let name = path.replace('/', ".");
        let mut kept = name.clone();
        while taken.contains(&kept) {
            self.number += 1;
            kept = format!("{name}.{}", self.number);
        }
        tree.rename(path, &format!("{KEPT}/{kept}")).on(DOING, path)?;
        tree.sync_directory(KEPT).on(DOING, KEPT)
    }

    /// Replaces the manifest: from then on the files are the store.
    pub(super) fn take_over(
        &mut self,
        tree: &dyn Tree,
        version: u64,
        epochs: Epochs,
        segments: &BTreeMap<&'static str, Segments>,
    ) -> Result<()> {
        self.begun.push(Begun::File(manifest::NEW_PATH.to_owned()));
        Manifest::of(self.store, version, epochs, self.forms.clone(), segments.values()).write(tree)?;
        self.begun.clear();
        Ok(())
    }

    /// Whether a checkpoint with these epochs would change nothing but what it writes.
    pub(super) fn has_epochs(&self, epochs: Epochs) -> bool {
        self.epochs == epochs && epochs.presence == Presence::Present
    }
}

/// Refuses to make a store of a tree that holds something: it had one.
fn check_new(tree: &dyn Tree) -> Result<()> {
    const DOING: &str = "open";
    // What a crash leaves before the first manifest has its name.
    let is_left = |name: &str| matches!(name, "lock" | "store.new");
    let own = tree.names(OWN).on(DOING, OWN)?.unwrap_or_default();
    let all = tree.names("").on(DOING, "")?.unwrap_or_default();
    let own = own.into_iter().filter(|name| !is_left(name)).map(|name| format!("{OWN}/{name}"));
    match own.chain(all.into_iter().filter(|name| name != OWN)).min() {
        None => Ok(()),
        Some(found) => {
            let message = format!("there is {}, and .storage/store.json is missing", found.escape_debug());
            Err(error::corrupt(DOING, message))
        }
    }
}
