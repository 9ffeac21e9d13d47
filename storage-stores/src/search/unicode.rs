//! Which characters make words, and into what they are folded: as the tokenizer `unicode61` of SQLite's FTS5 has it,
//! with its default `remove_diacritics 1`.
//!
//! The tables are those of today's Unicode. So characters newer than FTS5's, of Unicode 6.1, are here what they are, while
//! FTS5 takes each for a letter without cases. For all others a test compares both.

use unicode_normalization::char::decompose_canonical;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Whether a word can begin with a character: letters, numbers, and characters for private use.
#[inline]
pub(super) fn is_word_char(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_alphanumeric();
    }
    match char {
        // Their categories have changed since.
        '\u{1885}' | '\u{1886}' => return true,
        '\u{19b0}'..='\u{19c0}' | '\u{19c8}' | '\u{19c9}' | '\u{1cf2}' | '\u{1cf3}' => return false,
        _ => {}
    }
    match char.general_category_group() {
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number => true,
        _ => char.general_category() == GeneralCategory::PrivateUse,
    }
}

/// Whether a character is a mark that stands inside words and is dropped from them. Other marks end a word.
#[inline]
pub(super) fn is_mark(char: char) -> bool {
    matches!(char,
        '\u{300}'..='\u{304}' | '\u{306}'..='\u{30c}' | '\u{30f}' | '\u{311}' | '\u{31b}'
        | '\u{323}'..='\u{328}' | '\u{32d}' | '\u{32e}' | '\u{330}' | '\u{331}')
}

/// What a character of a word becomes: lower case, and a Latin letter with one mark the letter without it. `None` for a
/// mark.
#[inline]
pub(super) fn folded(char: char) -> Option<char> {
    if char.is_ascii() {
        return Some(char.to_ascii_lowercase());
    }
    match is_mark(char) {
        true => None,
        false => Some(bare(lower(char))),
    }
}

/// The simple case folding of Unicode. It differs from lower case where several small letters are forms of one.
fn lower(char: char) -> char {
    match char {
        '\u{b5}' => '\u{3bc}',
        '\u{17f}' => 's',
        '\u{3c2}' => '\u{3c3}',
        '\u{3d0}' => '\u{3b2}',
        '\u{3d1}' => '\u{3b8}',
        '\u{3d5}' => '\u{3c6}',
        '\u{3d6}' => '\u{3c0}',
        '\u{3f0}' => '\u{3ba}',
        '\u{3f1}' => '\u{3c1}',
        '\u{3f5}' => '\u{3b5}',
        '\u{1e9b}' => '\u{1e61}',
        '\u{1fbe}' => '\u{3b9}',
        '\u{13a0}'..='\u{13f5}' => char,
        '\u{13f8}'..='\u{13fd}' => cherokee(char, '\u{13f8}', '\u{13f0}'),
        '\u{ab70}'..='\u{abbf}' => cherokee(char, '\u{ab70}', '\u{13a0}'),
        _ => {
            let mut lower = char.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => char,
            }
        }
    }
}

/// The capital of a small letter of Cherokee, whose capitals are the older ones and so what all are folded to.
fn cherokee(char: char, small: char, capital: char) -> char {
    char::from_u32(char as u32 - small as u32 + capital as u32).unwrap_or(char)
}

/// A letter of ASCII with one mark, without it. Others stay: those with several marks and those of other scripts.
fn bare(char: char) -> char {
    let mut parts = [char; 2];
    let mut len = 0;
    decompose_canonical(char, |part| {
        if let Some(place) = parts.get_mut(len) {
            *place = part;
        }
        len += 1;
    });
    if len == 2 && parts[0].is_ascii_alphabetic() { parts[0].to_ascii_lowercase() } else { char }
}
