//! Finding sessions and messages by their words, the best first.

use storage_core::{Engine, Read};
use uuid::Uuid;

use super::conversation::Role;
use super::error::{Result, SessionError};
use super::history::Blobs;
use super::listing::SessionInfo;
use super::searching::MatchKind;
use super::store::Sessions;
use super::stored::{Header, Span};
use super::texts::{CONTENT, Document, NAME, PROMPT, TAGS};
use crate::search::{Hit, SearchQuery, Snippet};

/// The longest snippet in bytes.
const SNIPPET_LEN_MAX: usize = 160;

/// A text that has what was searched for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FoundText {
    /// The session in which it stands.
    pub session: SessionInfo,
    /// What text it is.
    pub kind: MatchKind,
    /// Who said it; `None` unless it is a message.
    pub role: Option<Role>,
    /// The index of the message; `None` unless it is one.
    pub position: Option<u64>,
    /// The whole text.
    pub content: String,
    /// The part of it in which most of the query stands.
    pub snippet: Snippet,
    /// How well it matches: BM25 over all messages and sessions of the user.
    pub score: f64,
}

/// What was found, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Findings {
    /// The texts, the best first. A message that several sessions share, or one has twice, is there for each place.
    pub texts: Vec<FoundText>,
    /// How many messages and sessions match, one that is shared counted once. One that was shared and that nobody has
    /// any more counts as long as any session shares what stood before it.
    pub total: usize,
    /// Those that were come by and cannot be read.
    pub unreadable: Vec<SessionError>,
}

impl<E: Engine> Sessions<E> {
    /// The messages, names, system prompts and tags that have all words of a query, the best `limit` first.
    ///
    /// A query is words, beginnings of words (`mil*`) and phrases (`"buy bread"`), wherever they stand, or in one field
    /// (`name:`, `prompt:`, `tags:`, `content:`). Case and diacritics do not count. What one message has is looked for
    /// in one message, and what a session says of itself, in name, prompt and tags together.
    ///
    /// `NoTextIndex` if the store has no index, or one that is still being made; `InvalidArgument` for a query without
    /// words.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::sessions::{ChatMessage, SessionStore};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let ann = SessionStore::open(&db)?.with_text_index()?.user("ann")?;
    /// let mut trip = ann.new_session("Trip to Rome");
    /// trip.conversation.messages.push(ChatMessage::user("When is it warm there?"));
    /// ann.create(&trip)?;
    ///
    /// let found = ann.find("\"is it warm\"", 10)?;
    /// assert_eq!(found.texts[0].session.id, trip.id);
    /// assert_eq!(found.texts[0].snippet.text, "When is it warm there?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, query: &str, limit: usize) -> Result<Findings> {
        let snapshot = self.store.db.snapshot()?;
        self.store.check_texts(&snapshot)?;
        let texts = &self.store.texts;
        let query = texts.parse(query).map_err(|error| SessionError::invalid(error.to_string()))?;
        let mut asked = limit;
        loop {
            let hits = texts.search(&snapshot, &*self.user, &query, asked)?;
            let mut found = Findings { texts: Vec::new(), total: hits.total, unreadable: Vec::new() };
            for hit in &hits.hits {
                if found.texts.len() < limit {
                    self.resolve(&snapshot, &query, hit, &mut found)?;
                }
            }
            // Messages that a session dropped stand in their segment as long as others share what is behind them.
            if found.texts.len() >= limit || hits.hits.len() >= hits.total {
                found.texts.truncate(limit);
                return Ok(found);
            }
            asked = asked.saturating_mul(2);
        }
    }

    /// Adds the texts to which a hit leads.
    fn resolve<R: Read>(
        &self,
        reader: &R,
        query: &SearchQuery,
        hit: &Hit,
        found: &mut Findings,
    ) -> Result<()> {
        match Document::of(&hit.document)? {
            Document::Session(id) => match self.header(reader, &id) {
                Ok(header) => found.texts.push(said_of_itself(&id, header, query, hit.score)),
                Err(error) => found.note(error.of(&id))?,
            },
            Document::Message(segment, position) => {
                for id in self.holders(reader, segment)? {
                    let texts = self.message_at(reader, &id, segment, position, query, hit.score);
                    match texts.map_err(|error| error.of(&id)) {
                        Ok(texts) => found.texts.extend(texts),
                        Err(error) => found.note(error)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// A message of a segment at each of its places in a session.
    fn message_at<R: Read>(
        &self,
        reader: &R,
        id: &str,
        segment: Uuid,
        position: u64,
        query: &SearchQuery,
        score: f64,
    ) -> Result<Vec<FoundText>> {
        let Some(header) = self.find_header(reader, id)? else {
            // One that could not be read may have left behind where its messages were.
            return Ok(Vec::new());
        };
        let places = places_of(&header, segment, position);
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let at = Span { from: position, len: 1, ..Span::own(segment, position) };
        let kept = self.kept(reader, &[at], Blobs::Skip)?.pop();
        let message = kept.expect("a span of one message has it").message;
        let text = FoundText {
            kind: MatchKind::Message,
            role: Some(message.role),
            position: None,
            snippet: query.snippet(CONTENT, &message.content, SNIPPET_LEN_MAX),
            content: message.content,
            session: header.into_info(id),
            score,
        };
        Ok(places.into_iter().map(|place| FoundText { position: Some(place), ..text.clone() }).collect())
    }
}

impl Findings {
    /// Notes what cannot be read; other errors end the search.
    fn note(&mut self, error: SessionError) -> Result<()> {
        match error {
            error @ SessionError::Corrupt { .. } => {
                self.unreadable.push(error);
                Ok(())
            }
            error => Err(error),
        }
    }
}

/// Which messages of a session stand at a position of a segment: several where it was merged more than once.
fn places_of(header: &Header, segment: Uuid, position: u64) -> Vec<u64> {
    let (mut before, mut places) = (0, Vec::new());
    for span in &header.spans {
        if span.segment() == segment && (span.from..span.end()).contains(&position) {
            places.push(before + position - span.from);
        }
        before += span.len;
    }
    places
}

/// The text of name, prompt and tags in which most of the query stands.
fn said_of_itself(id: &str, header: Header, query: &SearchQuery, score: f64) -> FoundText {
    let named = [(MatchKind::Name, NAME, &header.name)];
    let prompted = [(MatchKind::SystemPrompt, PROMPT, &header.conversation.system_prompt)];
    let tagged = header.tags.iter().map(|tag| (MatchKind::Tag, TAGS, tag));
    let texts = named.into_iter().chain(prompted).chain(tagged);
    let shown = texts.map(|(kind, field, text)| (kind, text, query.snippet(field, text, SNIPPET_LEN_MAX)));
    let better = |best: (_, _, Snippet), next: (_, _, Snippet)| {
        if next.2.matches.len() > best.2.matches.len() { next } else { best }
    };
    let (kind, content, snippet) = shown.reduce(better).expect("a session has a name, if an empty one");
    let content = content.clone();
    FoundText { kind, role: None, position: None, content, snippet, session: header.into_info(id), score }
}
