//! Rust text, as far as the rules need it: which bytes are code, and which lines only tests compile.
//!
//! A lexer for comments and literals and a matching of brackets, not a parser: it never refuses a file.

use std::collections::BTreeSet;

/// The text with the content of comments, strings and character literals replaced by spaces. Bytes keep their
/// place.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + literal_len(bytes, at);
        if end == at {
            at += 1;
            continue;
        }
        for byte in &mut kept[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(kept).expect("whole literals are replaced by ASCII")
}

/// What only tests compile.
#[derive(Debug, Default)]
pub struct TestCode {
    /// Line numbers, counted from 1.
    pub lines: BTreeSet<usize>,
    /// Names of modules that stand in files of their own.
    pub modules: Vec<String>,
}

/// Finds the items under `#[cfg(test)]` and `#[test]` in masked code.
pub fn test_code(code: &str) -> TestCode {
    let mut found = TestCode::default();
    let line_at = |at: usize| code.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    for (start, _) in code.match_indices("#[") {
        let attribute_end = closing(code, start + 1);
        if !is_test(&code[start..attribute_end]) {
            continue;
        }
        let (item, end) = item_after(code, attribute_end);
        found.lines.extend(line_at(start)..=line_at(end));
        let outside = item.strip_suffix(';').and_then(|item| item.rsplit_once("mod "));
        found.modules.extend(outside.map(|(_, name)| name.trim().to_owned()));
    }
    found
}

/// Where `word` stands with no letter, digit or underscore before it.
pub fn find_word(line: &str, word: &str) -> Option<usize> {
    let free = |at: &usize| !line[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    line.match_indices(word).map(|(at, _)| at).find(free)
}

fn is_test(attribute: &str) -> bool {
    let attribute: String = attribute.split_whitespace().collect();
    attribute == "#[test]"
        || (attribute.starts_with("#[cfg(")
            && find_word(&attribute, "test").is_some()
            && !attribute.contains("not("))
}

/// The item that begins at `start`, up to its body or its semicolon, and where all of it ends.
fn item_after(code: &str, start: usize) -> (&str, usize) {
    let bytes = code.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b';' => return (&code[start..=at], at),
            b'{' => return (&code[start..at], closing(code, at) - 1),
            b'(' | b'[' => at = closing(code, at),
            // The end of what surrounds the item: a field or an arm, which has neither.
            b'}' => return (&code[start..at], at),
            _ => at += 1,
        }
    }
    (&code[start..], code.len())
}

/// Just behind the bracket that closes the one at `open`; the end of the code if none does.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The length of the comment or literal that begins at `at`; 0 if none does.
fn literal_len(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let len = match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_len(rest),
        [b'"', ..] => quoted_len(rest, b'"'),
        [b'\'', b'\\', ..] => quoted_len(rest, b'\''),
        [b'\'', ..] => character_len(rest),
        [b'r', b'"' | b'#', ..] if !is_name_before(bytes, at) => raw_string_len(rest),
        _ => 0,
    };
    len.min(rest.len())
}

/// Whether the `r` at `at` ends a longer name. The `b` and `c` of byte and C strings are prefixes, not names.
fn is_name_before(bytes: &[u8], at: usize) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match bytes[..at] {
        [.., before, b'b' | b'c'] => is_name(&before),
        [b'b' | b'c'] | [] => false,
        [.., before] => is_name(&before),
    }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
            }
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// `'x'` is a literal, the `'x` of a lifetime is not.
fn character_len(rest: &[u8]) -> usize {
    let text = str::from_utf8(&rest[1..rest.len().min(6)]);
    // The window may cut a later character: what is whole before the cut suffices.
    let text = text
        .unwrap_or_else(|error| str::from_utf8(&rest[1..=error.valid_up_to()]).expect("valid up to there"));
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), Some('\'')) => character.len_utf8() + 2,
        _ => 0,
    }
}

fn raw_string_len(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    // `r#name` is a name.
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let body = hashes + 2;
    let end = rest[body..]
        .windows(hashes + 1)
        .position(|window| window[0] == b'"' && window[1..].iter().all(|byte| *byte == b'#'));
    end.map_or(rest.len(), |end| body + end + hashes + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_masked_and_code_is_not() {
        for (text, masked) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, r#"f(      ,    )"#),
            (r##"f(r#"x"y"#, g)"##, r##"f(        , g)"##),
            (r##"f(br"\", g)"##, r##"f(b    , g)"##),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            (r"f('\'', '\\', 'é', '€')", "f(    ,     ,     ,      )".trim_end()),
            ("r#type", "r#type"),
            ("bar\"x\"", "bar   "),
            ("\"open", "     "),
        ] {
            let found = code(text);
            assert_eq!(found.len(), text.len(), "{text}");
            assert_eq!(
                found.split_whitespace().collect::<Vec<_>>(),
                masked.split_whitespace().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn lines_of_test_items_are_known_and_others_are_not() {
        let text = "fn a() {}\n#[cfg(test)]\n#[derive(X)]\nmod tests {\n  fn b(c: [u8; 3]) {}\n}\nfn d() {}\n\
                    #[test]\nfn e() {\n}\n#[cfg(not(test))]\nfn f() {}\n\
                    #[cfg(all(test, unix))]\nmod g;\nmod h;\n";
        let found = test_code(&code(text));
        assert_eq!(found.lines.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 8, 9, 10, 13, 14]);
        assert_eq!(found.modules, ["g"]);
    }

    #[test]
    fn unbalanced_text_is_no_panic() {
        for text in ["#[cfg(test)]", "#[", "#[cfg(test)] mod a {", "}}", "'", "/*", "r#\"", "#[cfg(test)] )("]
        {
            test_code(&code(text));
        }
    }

    #[test]
    fn a_word_is_found_only_where_it_begins() {
        assert_eq!(find_word("storage_redb::x redb::y", "redb::"), Some(16));
        assert_eq!(find_word("storage_redb::x", "redb::"), None);
    }
}
