//! How mails are written: folded headers, words in other alphabets, parts, and bytes as letters.

/// The head of a mail or of a part of one.
pub struct Head {
    /// Name, value without folds, and line, from 0.
    headers: Vec<(String, String, usize)>,
}

impl Head {
    /// The head with which lines begin, and how many lines it takes with the empty one behind it. The number of a line,
    /// from 0, and its text where that is no header.
    pub fn of(lines: &[Vec<u8>]) -> Result<(Self, usize), (usize, String)> {
        let mut headers: Vec<(String, String, usize)> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end();
            if text.is_empty() {
                return Ok((Head { headers }, at + 1));
            }
            match (text.starts_with([' ', '\t']), headers.last_mut(), text.split_once(':')) {
                (true, Some((_, value, _)), _) => {
                    value.push(' ');
                    value.push_str(text.trim_start());
                }
                (false, _, Some((name, value))) if !name.contains(' ') => {
                    headers.push((name.to_owned(), value.trim().to_owned(), at));
                }
                _ => return Err((at, text.to_owned())),
            }
        }
        Ok((Head { headers }, lines.len()))
    }

    /// The value of the first header of this name; `None` where it is not there or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value, _)| &**value).filter(|value| !value.is_empty())
    }

    /// The line of that header.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.headers.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name)).map(|header| header.2)
    }

    /// The text behind the head: of several parts the first that is plain text.
    pub fn body(&self, lines: &[Vec<u8>]) -> String {
        if let Some(boundary) = self.parameter("boundary") {
            return first_text(&format!("--{boundary}"), lines).unwrap_or_default();
        }
        let unquoted = lines.iter().map(|line| {
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            let line = if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line };
            line.strip_suffix(b"\r").unwrap_or(line)
        });
        let text = unquoted.collect::<Vec<_>>().join(&b'\n');
        let encoding = self.get("Content-Transfer-Encoding").unwrap_or_default().to_lowercase();
        let bytes = match encoding.as_str() {
            "quoted-printable" => quoted_printable(&text),
            "base64" => base64(&text),
            _ => text,
        };
        in_charset(&bytes, &self.parameter("charset").unwrap_or_default())
    }

    /// What `Content-Type` says of itself.
    fn parameter(&self, name: &str) -> Option<String> {
        let parameters = self.get("Content-Type")?.split(';').skip(1);
        let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
        let (_, value) = pairs.find(|(other, _)| other.trim().eq_ignore_ascii_case(name))?;
        Some(value.trim().trim_matches('"').to_owned())
    }
}

/// The text of the first part that has any, plain if there is one.
fn first_text(boundary: &str, lines: &[Vec<u8>]) -> Option<String> {
    let mut first = None;
    for part in lines.split(|line| line.starts_with(boundary.as_bytes())).skip(1) {
        // A part with a broken head has no text.
        let Ok((head, len)) = Head::of(part) else { continue };
        let kind = head.get("Content-Type").unwrap_or("text/plain").to_lowercase();
        if kind.starts_with("text/plain") || kind.starts_with("multipart/") {
            return Some(head.body(&part[len..]));
        }
        if kind.starts_with("text/") && first.is_none() {
            first = Some(head.body(&part[len..]));
        }
    }
    first
}

/// A header in which words of other alphabets stand as `=?charset?Q?...?=`.
pub fn words(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("=?") {
        let mut parts = after.splitn(4, '?');
        let word = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(charset), Some(encoding), Some(encoded), Some(end)) = word else { break };
        let Some(end) = end.strip_prefix('=') else { break };
        let bytes = match encoding {
            "Q" | "q" => quoted_printable(encoded.replace('_', " ").as_bytes()),
            _ => base64(encoded.as_bytes()),
        };
        // Blanks between two such words are none.
        if text.is_empty() || !before.trim().is_empty() {
            text.push_str(before);
        }
        text.push_str(&in_charset(&bytes, charset));
        rest = end;
    }
    text + rest
}

/// Latin is told apart; everything else is read as UTF-8, with marks for what is none.
fn in_charset(bytes: &[u8], charset: &str) -> String {
    match charset.to_lowercase().as_str() {
        "iso-8859-1" | "iso-8859-15" | "windows-1252" => bytes.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Bytes of which some are `=` and two digits; a `=` at the end of a line joins it with the next.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'=', [b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                let byte = digit(high).zip(digit(low)).map(|(high, low)| 16 * high + low);
                bytes.extend(byte.and_then(|byte| u8::try_from(byte).ok()));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

/// Six bits a letter; whatever is no letter of it is passed over.
fn base64(text: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values = text.iter().filter_map(|byte| LETTERS.iter().position(|letter| letter == byte));
    let (mut bytes, mut bits, mut len) = (Vec::new(), 0_usize, 0);
    for value in values {
        (bits, len) = ((bits << 6 | value) & 0xfff_ffff, len + 6);
        if len >= 8 {
            len -= 8;
            bytes.push((bits >> len & 0xff) as u8);
        }
    }
    bytes
}
