//! Random changes of a few sessions, compared after each with plain copies that share nothing.

use std::collections::BTreeMap;

use storage_core::{Durability, Engine};
use storage_stores::sessions::{
    Attachment, ChatMessage, MergeOptions, Result, Session, SessionStore, Sessions,
};

use super::{USER, assert_agree, records};
use crate::case;
use crate::history::Random;
use crate::subject::Subject;

/// The sessions that a history changes.
const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Seeds that the suite runs, and how many changes each makes.
const SEEDS: [u64; 2] = [1, 2];
const CHANGES: usize = 100;

/// What a history draws.
struct Draws(Random);

impl Draws {
    /// A number under `bound`; zero where nothing is under it.
    fn below(&mut self, bound: usize) -> usize {
        self.0.place(bound.max(1))
    }

    fn id(&mut self) -> &'static str {
        IDS[self.below(IDS.len())]
    }

    /// A message of some length, now and then with an attachment, now and then with an id.
    fn message(&mut self, number: usize) -> ChatMessage {
        let mut message = ChatMessage::user(format!("said {number} {}", "x".repeat(self.below(400))));
        if self.below(8) == 0 {
            let content = vec![7; self.below(9_000)];
            message.attachments.push(Attachment { content, ..Attachment::file("a", "a") });
        }
        if self.below(3) == 0 {
            message.id = format!("given-{number}");
        }
        message
    }

    fn messages(&mut self, number: usize) -> Vec<ChatMessage> {
        let len = if self.below(10) == 0 { 90 } else { self.below(4) };
        (0..len).map(|at| self.message(number * 100 + at)).collect()
    }
}

/// What the sessions hold, ids of messages aside.
type Model = BTreeMap<&'static str, Vec<ChatMessage>>;

fn without_ids(messages: &[ChatMessage]) -> Vec<ChatMessage> {
    let bare = |message: &ChatMessage| ChatMessage {
        id: String::new(),
        timestamp: Default::default(),
        ..message.clone()
    };
    messages.iter().map(bare).collect()
}

/// Makes one random change in both.
fn change<E: Engine>(
    sessions: &Sessions<E>,
    model: &mut Model,
    random: &mut Draws,
    number: usize,
) -> Result<()> {
    let (id, other) = (random.id(), random.id());
    let Some(own) = model.get(id).cloned() else {
        let messages = random.messages(number);
        let mut session = Session::new(id, "");
        session.conversation.messages.clone_from(&messages);
        sessions.create(&session)?;
        model.insert(id, without_ids(&messages));
        return Ok(());
    };
    let mut changed = own;
    match random.below(7) {
        0 | 1 => {
            let messages = random.messages(number);
            sessions.append(id, &messages, None)?;
            changed.extend(without_ids(&messages));
        }
        2 => {
            let mut session = sessions.get(id)?;
            let messages = &mut session.conversation.messages;
            for _ in 0..1 + random.below(3) {
                match (random.below(4), messages.len()) {
                    (0, _) => messages.truncate(random.below(messages.len() + 1)),
                    (1, _) => messages.insert(random.below(messages.len() + 1), random.message(number * 7)),
                    (_, 0) => {}
                    (2, len) => drop(messages.remove(random.below(len))),
                    (_, len) => messages[random.below(len)].content.push_str(" changed"),
                }
                let mut seen = std::collections::BTreeSet::new();
                messages.retain(|message| message.id.is_empty() || seen.insert(message.id.clone()));
            }
            changed = without_ids(messages);
            sessions.update(&session, Some(session.version))?;
        }
        3 if !model.contains_key(other) => {
            let index = random.below(changed.len() + 1);
            sessions.branch(id, other, "", index as u64)?;
            model.insert(other, changed[..index].to_vec());
        }
        4 if other != id && model.contains_key(other) && changed.len() < 500 => {
            let count = random.below(changed.len() + 1);
            sessions.merge(id, other, &MergeOptions::rebase(count as u64))?;
            if count > 0 {
                changed.truncate(count);
            }
            changed.extend(model[other].clone());
        }
        5 => {
            sessions.delete(id)?;
            model.remove(id);
            return Ok(());
        }
        _ => {
            let session = sessions.get(id)?;
            sessions.save(&session)?;
            assert_eq!(sessions.get(id)?.conversation, session.conversation);
        }
    }
    model.insert(id, changed);
    Ok(())
}

/// Fails unless a word is found wherever it stands, and nowhere else.
fn assert_found<E: Engine>(sessions: &Sessions<E>, model: &Model, word: &str) -> Result<()> {
    let found = sessions.find(&format!("content:{word}"), 1_000_000)?;
    assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
    let mut places: Vec<_> =
        found.texts.iter().map(|text| (&*text.session.id, text.position, &*text.content)).collect();
    places.sort();
    let mut expected = Vec::new();
    for (id, messages) in model {
        for (position, message) in (0..).zip(messages) {
            if message.content.split(' ').any(|said| said == word) {
                expected.push((*id, Some(position), &*message.content));
            }
        }
    }
    assert!(places == expected, "{word}: {} places instead of {}", places.len(), expected.len());
    let distinct: std::collections::BTreeSet<_> = places.iter().map(|(_, _, content)| content).collect();
    assert!(found.total >= distinct.len());
    Ok(())
}

pub(crate) fn random_changes_agree_with_plain_copies<S: Subject>(subject: &S) -> Result<()> {
    let store = SessionStore::open(&case::open(subject)?)?.with_durability(Durability::Deferred);
    for seed in SEEDS {
        let sessions = store.user(&format!("{USER}-{seed}"))?;
        let (mut model, mut random) = (Model::new(), Draws(Random::new(seed)));
        for number in 0..CHANGES {
            if number == CHANGES / 2 {
                // By another handle, which the one that goes on writing does not know of.
                let _ = SessionStore::open(store.database())?.with_text_index()?;
            }
            change(&sessions, &mut model, &mut random, number)?;
            if number >= CHANGES / 2 {
                assert_found(&sessions, &model, "said")?;
                assert_found(&sessions, &model, "changed")?;
            }
            let ids: Vec<_> =
                sessions.list(&Default::default())?.sessions.into_iter().map(|info| info.id).collect();
            assert_eq!(ids.len(), model.len(), "seed {seed}, change {number}");
            for (id, expected) in &model {
                let found = sessions.get(id)?.conversation.messages;
                assert!(without_ids(&found) == *expected, "seed {seed}, change {number}, session {id}");
            }
        }
        assert_agree(&sessions)?;
        for id in model.keys() {
            sessions.delete(id)?;
        }
        assert_eq!(sessions.find("said", 1)?.total, 0);
        let _ = SessionStore::open(store.database())?.without_text_index()?;
        assert_eq!(records(&sessions)?, [0; 4], "seed {seed}: nothing is left");
    }
    Ok(())
}
