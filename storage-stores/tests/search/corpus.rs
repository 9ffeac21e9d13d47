//! Messages in many scripts, drawn at random, a few words much more often than others.

/// The texts of a message: name, prompt, tags, content.
pub(crate) type Message = [String; 4];

/// Words as people write them; the first are the most frequent.
pub(crate) const WORDS: [&str; 64] = [
    "the",
    "The",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "don't",
    "it",
    "you",
    "that",
    "CAFÉ",
    "café",
    "cafe",
    "on",
    "are",
    "with",
    "as",
    "I",
    "storage",
    "Storage",
    "index",
    "indexes",
    "indexing",
    "search",
    "searched",
    "re-search",
    "message",
    "messages",
    "Straße",
    "STRASSE",
    "über",
    "Über",
    "naïve",
    "e\u{301}te\u{301}",
    "ÉTÉ",
    "привет",
    "Привет",
    "ПРИВЕТ",
    "мир",
    "ещё",
    "Ελλάδα",
    "ελλάς",
    "λόγος",
    "ΛΌΓΟΣ",
    "你好",
    "你好世界",
    "世界",
    "こんにちは",
    "カタカナ",
    "안녕하세요",
    "שלום",
    "مرحبا",
    "हिन्दी",
    "ไทย",
    "x86_64",
    "3.14",
    "2026",
    "İstanbul",
    "ǅ",
    "ﬁne",
    "k8s",
    "zebra",
];

/// What stands between words. FTS5 takes an emoji newer than its tables for a word.
const GAPS: [&str; 12] = [" ", " ", " ", " ", " ", " ", ", ", ". ", "\n", " — ", "! 🎉 ", " (\u{301}) "];

/// Numbers that follow from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// A word, rarer the later it stands in the list.
    pub(crate) fn word(&mut self) -> &'static str {
        let end = 1 + self.below(WORDS.len());
        WORDS[self.below(end)]
    }

    /// A text of fewer words than `end`.
    pub(crate) fn text(&mut self, end: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(end) {
            text.push_str(self.word());
            text.push_str(GAPS[self.below(GAPS.len())]);
        }
        text
    }
}

/// So many messages.
pub(crate) fn messages(random: &mut Random, count: usize) -> Vec<Message> {
    (0..count).map(|_| [random.text(4), random.text(8), random.text(4), random.text(30)]).collect()
}
