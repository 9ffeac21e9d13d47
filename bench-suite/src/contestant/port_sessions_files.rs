//! `port-sessions-files`: the storage access of the original session store in files, written anew.
//!
//! Each session is one indented JSON document under its id, written in place: cut to nothing, then filled. There is no
//! index: a list and a search read every file and decode all of it. A file that cannot be read fails the run, where the
//! original passes it over. Nothing is forced to the disk; in honest rows what is left to the system is in the time.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use storage_core::Timestamp;
use storage_stores::sessions::{Session, snippet};

use super::sessions::{FoundView, ListedView, SessionRows};
use super::{Subject, Tag};
use crate::failure::{Outcome, Within};
use crate::workload::{Class, Place, Setting, Variant};

/// How many bytes of context a match has at either side.
const CONTEXT_RADIUS: usize = 50;

/// A directory of sessions.
#[derive(Debug)]
pub struct PortSessionsFiles {
    directory: PathBuf,
    at_the_end: AtTheEnd,
    _place: Place,
}

/// What becomes of written files at the end of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtTheEnd {
    /// They are the system's affair, as in the original.
    Nothing,
    /// They are brought to the disk, as ours are.
    Sync,
}

/// A session as the original lists it.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// How many messages it has.
    pub messages: u64,
    /// The model that answers.
    pub model: String,
    /// Who runs it.
    pub provider: String,
    /// Words by which it is found.
    pub tags: Vec<String>,
}

impl ListedView for Listed {
    fn id(&self) -> &str {
        &self.id
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}

/// A session in which something was found, as the original hands it out.
#[derive(Debug)]
pub struct Found {
    /// The session.
    pub session: Listed,
    /// What is around each match, and the whole text.
    pub matches: Vec<(String, String)>,
}

impl FoundView for Found {
    fn matches(&self) -> usize {
        self.matches.len()
    }
}

impl Subject for PortSessionsFiles {
    const TAG: Tag = Tag { engine: "port-sessions-files", mode: None, class: Class::ProcessCrash };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let directory = place.file("sessions")?;
        fs::create_dir(&directory).within(|| directory.display().to_string())?;
        let at_the_end = match setting.spec.variant {
            Some(Variant::Honest) => AtTheEnd::Sync,
            _ => AtTheEnd::Nothing,
        };
        Ok(PortSessionsFiles { directory, at_the_end, _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("library", "std, serde_json".to_owned()),
            ("write", "in place".to_owned()),
            ("sync", "none; in honest rows of the file system, at the end".to_owned()),
        ]
    }

    fn settle(&self) -> Outcome<()> {
        #[cfg(target_os = "linux")]
        if self.at_the_end == AtTheEnd::Sync {
            rustix::fs::syncfs(fs::File::open(&self.directory)?).map_err(std::io::Error::from)?;
        }
        Ok(())
    }
}

impl PortSessionsFiles {
    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    fn paths(&self) -> Outcome<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("json")) {
                paths.push(path);
            }
        }
        // The original reads a directory in the order of names.
        paths.sort();
        Ok(paths)
    }

    fn read(path: &Path) -> Outcome<Session> {
        let document = fs::read(path).within(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&document)?)
    }
}

fn listed(session: Session) -> Listed {
    let Session { id, name, created, updated, tags, conversation, .. } = session;
    let messages = conversation.messages.len() as u64;
    let (model, provider) = (conversation.model, conversation.provider);
    Listed { id, name, created, updated, messages, model, provider, tags }
}

impl SessionRows for PortSessionsFiles {
    type Listed = Listed;
    type Found = Found;

    fn save(&self, session: &Session) -> Outcome<()> {
        let path = self.path(&session.id);
        fs::write(&path, serde_json::to_vec_pretty(session)?).within(|| path.display().to_string())
    }

    fn fill(&self, mut sessions: impl Iterator<Item = Session>) -> Outcome<()> {
        sessions.try_for_each(|session| self.save(&session))
    }

    fn append(&self, grown: &Session) -> Outcome<()> {
        self.save(grown)
    }

    fn load(&self, id: &str) -> Outcome<Session> {
        Self::read(&self.path(id))
    }

    fn delete(&self, id: &str) -> Outcome<()> {
        Ok(fs::remove_file(self.path(id))?)
    }

    fn list(&self) -> Outcome<Vec<Listed>> {
        self.paths()?.iter().map(|path| Ok(listed(Self::read(path)?))).collect()
    }

    fn search(&self, text: &str) -> Outcome<Vec<Found>> {
        let needle = text.to_lowercase();
        let mut found = Vec::new();
        for path in self.paths()? {
            let mut session = Self::read(&path)?;
            let messages = std::mem::take(&mut session.conversation.messages);
            let count = messages.len() as u64;
            let texts = [session.name.clone()]
                .into_iter()
                .chain(messages.into_iter().map(|message| message.content))
                .chain([session.conversation.system_prompt.clone()])
                .chain(session.tags.iter().cloned());
            let has = |text: &String| text.to_lowercase().contains(&needle);
            let around = |text: String| Some((snippet(&text, &needle, CONTEXT_RADIUS)?, text));
            let matches: Vec<_> = texts.filter(has).filter_map(around).collect();
            if !matches.is_empty() {
                found.push(Found { session: Listed { messages: count, ..listed(session) }, matches });
            }
        }
        Ok(found)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.paths()?.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sessions::tests::session_rows_mean_what_they_say;
    use super::super::tests::opened;
    use super::*;
    use crate::workload::session_data::{self as data, Ids};

    #[test]
    fn rows_mean_what_they_say() {
        session_rows_mean_what_they_say::<PortSessionsFiles>();
    }

    #[test]
    fn a_session_is_an_indented_document_under_its_id() {
        let (port, _folder) = opened::<PortSessionsFiles>();
        port.save(&data::of_turns(1, 10, Ids::Program)).unwrap();
        let document = fs::read_to_string(port.path("bench-session-1")).unwrap();
        assert!(document.starts_with("{\n  \"id\": \"bench-session-1\",\n  \"name\""), "{document}");
        assert!(document.contains("\"content\": \"dGVzdCBjb250ZW50\""), "{document}");
    }
}
