//! Words against those of SQLite's FTS5, character by character.

use rusqlite::Connection;
use storage_stores::search::words;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The words that FTS5 makes of texts with a tokenizer.
fn words_of_fts5(tokenizer: &str, texts: &[String]) -> Vec<Vec<String>> {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(&format!(
        "CREATE VIRTUAL TABLE text USING fts5(content, tokenize = \"{tokenizer}\");
         CREATE VIRTUAL TABLE word USING fts5vocab(text, instance);
         BEGIN"
    ))
    .unwrap();
    let mut insert = db.prepare("INSERT INTO text(rowid, content) VALUES (?, ?)").unwrap();
    for (number, text) in texts.iter().enumerate() {
        insert.execute((number as i64, text)).unwrap();
    }
    let mut found = vec![Vec::new(); texts.len()];
    let mut select = db.prepare("SELECT doc, offset, term FROM word ORDER BY doc, offset").unwrap();
    let rows = select
        .query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))
        .unwrap();
    for row in rows {
        let (document, offset, word) = row.unwrap();
        let document: &mut Vec<String> = &mut found[document as usize];
        assert_eq!(document.len(), offset as usize);
        document.push(word);
    }
    found
}

/// Whether FTS5's tables know a character. One that they do not is part of words whatever categories words have.
fn is_known_to_fts5(chars: &[char]) -> Vec<bool> {
    let texts: Vec<_> = chars.iter().map(char::to_string).collect();
    let of_spaces = words_of_fts5("unicode61 categories 'Zs'", &texts);
    let of_lines = words_of_fts5("unicode61 categories 'Zl'", &texts);
    of_spaces.iter().zip(&of_lines).map(|(spaces, lines)| spaces.is_empty() || lines.is_empty()).collect()
}

#[test]
fn every_character_makes_the_words_that_it_makes_in_fts5() {
    let assigned = |char: &char| char.general_category() != GeneralCategory::Unassigned;
    let chars: Vec<char> = ('\u{1}'..=char::MAX).filter(assigned).collect();
    // Inside a word, and alone.
    let texts: Vec<_> = chars.iter().map(|char| format!("a{char}b {char}")).collect();
    let expected = words_of_fts5("unicode61", &texts);
    let of = |text: &str| words(text).map(|word| word.folded.into_owned()).collect::<Vec<_>>();
    let differing: Vec<char> = chars
        .iter()
        .zip(texts.iter().zip(&expected))
        .filter(|(_, (text, expected))| of(text) != **expected)
        .map(|(char, _)| *char)
        .collect();
    let known = is_known_to_fts5(&differing);
    let wrong: Vec<_> =
        differing.iter().zip(known).filter(|(_, known)| *known).map(|(char, _)| char).collect();
    assert_eq!(wrong, Vec::<&char>::new(), "of {} characters", chars.len());
}
