//! Searching for a piece of text, whatever its case, in everything that was said: no index, no words, each letter counts.

use serde::{Deserialize, Serialize};
use storage_core::{Engine, Key, Snapshot};

use super::conversation::Role;
use super::error::{Result, SessionError};
use super::history::Blobs;
use super::layout;
use super::listing::SessionInfo;
use super::snippet::{Needle, around};
use super::store::Sessions;
use super::stored::Header;

/// How many bytes of context a match has at either side, before words are completed.
const CONTEXT_RADIUS: usize = 50;

/// So many sessions are found unless a search says otherwise.
const LIMIT_DEFAULT: usize = 100;

/// So many headers are read at once.
const FETCHED_MAX: usize = 64;

/// How a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// The most sessions that are found: the first hundred unless set.
    pub limit: usize,
}

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatchKind {
    /// In a message.
    Message,
    /// In what the model is told before everything else.
    SystemPrompt,
    /// In the name of the session.
    Name,
    /// In a tag.
    Tag,
}

/// One text in which something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchMatch {
    /// What text it is.
    #[serde(rename = "type")]
    pub kind: MatchKind,
    /// Who said it; `None` unless it is a message.
    pub role: Option<Role>,
    /// The whole text.
    pub content: String,
    /// The text around the first place where it was found.
    pub context: String,
    /// The index of the message; `None` unless it is one.
    pub position: Option<u64>,
}

/// A session in which something was found, with all its matches: name, system prompt, messages in order, tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchResult {
    /// The session.
    pub info: SessionInfo,
    /// Where it was found; at least one.
    pub matches: Vec<SearchMatch>,
}

/// What a search found, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SearchFound {
    /// The sessions, the one that changed last first.
    pub results: Vec<SearchResult>,
    /// Those that were come by and cannot be read, each with its id and the reason.
    pub unreadable: Vec<SessionError>,
    /// Whether it ended at its limit, with sessions left that were not looked at.
    pub is_cut: bool,
}

impl SearchOptions {
    /// Up to a hundred sessions.
    pub fn new() -> Self {
        SearchOptions { limit: LIMIT_DEFAULT }
    }

    /// Up to so many sessions, at least one.
    #[must_use]
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = sessions.max(1);
        self
    }
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions::new()
    }
}

impl<E: Engine> Sessions<E> {
    /// The sessions in which a text stands, in upper or lower case: in the name, in the system prompt, in a message or in
    /// a tag. It is taken as it is, blanks and all.
    ///
    /// It reads every session of the user until the limit is reached. `InvalidArgument` for an empty text.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<SearchFound> {
        if query.is_empty() {
            return Err(SessionError::invalid("the text to search for is empty"));
        }
        let needle = Needle::new(query);
        let snapshot = self.store.db.snapshot()?;
        let (keys, _) = self.listed_keys(&snapshot, &layout::listed_range(&self.user)?, usize::MAX)?;
        let mut found = SearchFound { results: Vec::new(), unreadable: Vec::new(), is_cut: false };
        for keys in keys.chunks(FETCHED_MAX) {
            if !self.search_in(&snapshot, keys, &needle, options.limit, &mut found)? {
                found.is_cut = true;
                break;
            }
        }
        Ok(found)
    }

    /// Looks through listed sessions. Returns whether all of them were looked at.
    fn search_in(
        &self,
        snapshot: &Snapshot<E>,
        keys: &[Key],
        needle: &Needle,
        limit: usize,
        found: &mut SearchFound,
    ) -> Result<bool> {
        for (id, header) in self.listed_headers(snapshot, keys)? {
            if found.results.len() >= limit {
                return Ok(false);
            }
            let matches = header.and_then(|header| {
                let matches = self.matches(snapshot, &header, needle).map_err(|error| error.of(&id))?;
                Ok((header, matches))
            });
            match matches {
                Ok((_, matches)) if matches.is_empty() => {}
                Ok((header, matches)) => {
                    found.results.push(SearchResult { info: header.into_info(&id), matches });
                }
                Err(error @ SessionError::Corrupt { .. }) => found.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn matches(&self, snapshot: &Snapshot<E>, header: &Header, needle: &Needle) -> Result<Vec<SearchMatch>> {
        let mut matches = Vec::new();
        let mut look = |kind, text: &str, message: Option<(u64, Role)>| {
            if let Some(hit) = needle.find_in(text) {
                matches.push(SearchMatch {
                    kind,
                    role: message.map(|(_, role)| role),
                    content: text.to_owned(),
                    context: around(text, hit, CONTEXT_RADIUS),
                    position: message.map(|(position, _)| position),
                });
            }
        };
        look(MatchKind::Name, &header.name, None);
        look(MatchKind::SystemPrompt, &header.conversation.system_prompt, None);
        for (position, kept) in (0..).zip(self.kept(snapshot, &header.spans, Blobs::Skip)?) {
            look(MatchKind::Message, &kept.message.content, Some((position, kept.message.role)));
        }
        header.tags.iter().for_each(|tag| look(MatchKind::Tag, tag, None));
        Ok(matches)
    }
}
