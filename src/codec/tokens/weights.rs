//! What each kind of text costs, in 256ths of a token: fitted by non-negative least squares to the counts of
//! `o200k_base` over four megabytes of prose in 17 languages, code, JSON, mark-up, logs and encodings.
//!
//! The numbers belong together: one alone means little, since a word's cost is spread over its
//! beginning, its letters and the sign before it.

/// A token, in the unit of the weights.
pub(super) const ONE: u64 = 256;

/// A word's beginning, by what stands before it.
pub(super) const WORD: u64 = 83;
pub(super) const WORD_AFTER_SPACE: u64 = 58;
pub(super) const WORD_AFTER_SIGN: u64 = 59;
pub(super) const WORD_AFTER_DIGIT: u64 = 226;
/// A capital after a small letter: tokenizers begin a word there.
pub(super) const HUMP: u64 = 204;
/// Small letters after several capitals (`HTTPServer`).
pub(super) const CAPITALS_END: u64 = 410;

/// Each letter after the first, more for capitals, and more from the eleventh on.
pub(super) const LETTER: u64 = 42;
pub(super) const CAPITAL: u64 = 26;
pub(super) const LATE_LETTER: u64 = 84;
pub(super) const LATE: u64 = 10;

/// Digits go three to a token, and a space before them is a token of its own.
pub(super) const DIGITS: u64 = 330;
pub(super) const DIGITS_AFTER_SPACE: u64 = 480;
pub(super) const THREE_DIGITS: u64 = 128;

/// The first space of a run is mostly part of the next word; a longer run is one token more.
pub(super) const SPACE: u64 = 59;
pub(super) const INDENT: u64 = 319;

/// Line ends of any number; after a sign they are mostly part of it.
pub(super) const LINE_END: u64 = 372;
pub(super) const LINE_END_AFTER_SIGN: u64 = 12;

/// A sign after another one, and one that repeats it.
pub(super) const NEXT_SIGN: u64 = 55;
pub(super) const SAME_SIGN: u64 = 12;

/// The first sign of a run, from `!` to `~`; letters and digits have none.
pub(super) fn first_sign(sign: u8) -> u64 {
    match sign {
        b'!' => 335,
        b'"' => 167,
        b'$' => 251,
        b'%' => 91,
        b'&' => 120,
        b'\'' => 237,
        b'(' => 163,
        b')' => 277,
        b'*' => 129,
        b'+' | b']' => 486,
        b',' => 217,
        b'-' => 265,
        b'/' => 189,
        b':' => 224,
        b';' => 333,
        b'<' => 66,
        b'=' => 137,
        b'>' => 471,
        b'?' => 320,
        b'[' => 248,
        b'\\' => 239,
        b'^' => 164,
        b'_' => 118,
        b'`' => 222,
        b'{' => 93,
        b'|' => 341,
        b'~' => 249,
        _ => 0,
    }
}

/// The scripts that are told apart beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    LatinMore,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Indic,
    Thai,
    Hiragana,
    Katakana,
    Han,
    Hangul,
    WideSign,
    Sign,
    Symbol,
    Joiner,
    Flag,
    Skin,
    Emoji,
    Rare,
    OtherTwo,
    OtherThree,
}

impl Script {
    /// The script of a character beyond ASCII.
    pub(super) fn of(c: char) -> Self {
        match u32::from(c) {
            0xC0..=0x24F => Script::Latin,
            0x370..=0x3FF => Script::Greek,
            0x400..=0x52F => Script::Cyrillic,
            0x590..=0x5FF => Script::Hebrew,
            0x600..=0x77F => Script::Arabic,
            0x250..=0x7FF => Script::OtherTwo,
            0x900..=0xDFF => Script::Indic,
            0xE00..=0xE7F => Script::Thai,
            0x1E00..=0x1EFF => Script::LatinMore,
            0x200D | 0xFE00..=0xFE0F => Script::Joiner,
            0x2000..=0x206F => Script::Sign,
            0..=0xBF | 0x2070..=0x2FFF => Script::Symbol,
            0x3000..=0x303F | 0xFF00..=0xFFEE => Script::WideSign,
            0x3040..=0x309F => Script::Hiragana,
            0x30A0..=0x30FF => Script::Katakana,
            0x3400..=0x9FFF | 0xF900..=0xFAFF => Script::Han,
            0xAC00..=0xD7AF => Script::Hangul,
            0x1F1E6..=0x1F1FF => Script::Flag,
            0x1F3FB..=0x1F3FF => Script::Skin,
            0x1F000..=0x1FFFF => Script::Emoji,
            0x20000.. => Script::Rare,
            _ => Script::OtherThree,
        }
    }

    /// What each character costs, and what a run of them costs besides.
    pub(super) fn weights(self) -> (u64, u64) {
        match self {
            Script::Latin => (358, 0),
            Script::LatinMore => (102, 0),
            Script::Greek => (83, 58),
            Script::Cyrillic => (32, 242),
            Script::Hebrew => (61, 238),
            Script::Arabic => (65, 66),
            Script::Indic => (85, 0),
            Script::Thai => (104, 0),
            Script::Hiragana => (81, 181),
            Script::Katakana => (128, 235),
            Script::Han => (178, 125),
            Script::Hangul => (83, 237),
            Script::WideSign => (66, 0),
            Script::Sign => (239, 0),
            Script::Symbol => (335, 0),
            Script::Joiner => (378, 0),
            Script::Flag => (178, 0),
            Script::Skin => (317, 0),
            Script::Emoji => (571, 0),
            Script::Rare => (512, 0),
            Script::OtherTwo => (160, 128),
            Script::OtherThree => (227, 227),
        }
    }

    /// Whether its characters are letters, so that one of ours after them begins no word.
    pub(super) fn is_letters(self) -> bool {
        !matches!(
            self,
            Script::WideSign
                | Script::Sign
                | Script::Symbol
                | Script::Joiner
                | Script::Flag
                | Script::Skin
                | Script::Emoji
                | Script::Rare
        )
    }
}
