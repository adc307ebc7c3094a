//! A line that is being typed: with a cursor, and what hands expect of a line.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text::{columns, cut, plain};
use crate::telemetry::foreign::is_treacherous;
use crate::tui::theme::{Theme, Tone};

/// Letters that a line takes: more than any name of a model has.
const MOST: usize = 400;

/// A line, with the letter before which the next one goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    letters: Vec<char>,
    cursor: usize,
}

/// What a key did to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// Nothing.
    Ignored,
    /// The cursor stands elsewhere.
    Moved,
    /// The text is another one.
    Changed,
    /// It is done: Enter.
    Done,
    /// It is not wanted any more: Esc, or Ctrl-C.
    Left,
}

impl Input {
    /// A line that says `text`, with the cursor behind it.
    pub fn new(text: &str) -> Self {
        let mut input = Self::default();
        input.paste(text);
        input
    }

    /// What it says.
    pub fn text(&self) -> String {
        self.letters.iter().collect()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Takes a text in, as far as there is room: without what is no letter.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !is_treacherous(*c)) {
            if self.letters.len() < MOST {
                self.letters.insert(self.cursor, c);
                self.cursor += 1;
            }
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        let modifiers = key.modifiers;
        let has_control = modifiers.contains(KeyModifiers::CONTROL);
        let has_alt = modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter => Typed::Done,
            KeyCode::Esc => Typed::Left,
            // On keyboards with AltGr, letters come with both.
            KeyCode::Char(c) if has_control && !has_alt => self.control(c),
            KeyCode::Char('b') if has_alt && !has_control => self.to(self.word_before()),
            KeyCode::Char('f') if has_alt && !has_control => self.to(self.word_behind()),
            KeyCode::Char('d') if has_alt && !has_control => self.delete_to(self.word_behind()),
            KeyCode::Char(c) => self.insert(c),
            KeyCode::Backspace if has_alt || has_control => self.delete_to(self.word_before()),
            KeyCode::Backspace => self.delete_to(self.cursor.saturating_sub(1)),
            KeyCode::Delete => self.delete_to(self.cursor + 1),
            KeyCode::Left if has_control || has_alt => self.to(self.word_before()),
            KeyCode::Right if has_control || has_alt => self.to(self.word_behind()),
            KeyCode::Left => self.to(self.cursor.saturating_sub(1)),
            KeyCode::Right => self.to(self.cursor + 1),
            KeyCode::Home => self.to(0),
            KeyCode::End => self.to(usize::MAX),
            _ => Typed::Ignored,
        }
    }

    fn control(&mut self, c: char) -> Typed {
        match c.to_ascii_lowercase() {
            'a' => self.to(0),
            'e' => self.to(usize::MAX),
            'b' => self.to(self.cursor.saturating_sub(1)),
            'f' => self.to(self.cursor + 1),
            'h' => self.delete_to(self.cursor.saturating_sub(1)),
            'd' => self.delete_to(self.cursor + 1),
            'w' => self.delete_to(self.word_before()),
            'u' => self.delete_to(0),
            'k' => self.delete_to(usize::MAX),
            'c' | 'g' => Typed::Left,
            'j' | 'm' => Typed::Done,
            _ => Typed::Ignored,
        }
    }

    fn insert(&mut self, c: char) -> Typed {
        let before = self.letters.len();
        self.paste(c.encode_utf8(&mut [0; 4]));
        if self.letters.len() > before {
            Typed::Changed
        } else {
            Typed::Ignored
        }
    }

    fn to(&mut self, place: usize) -> Typed {
        self.cursor = place.min(self.letters.len());
        Typed::Moved
    }

    /// Deletes what is between the cursor and `place`.
    fn delete_to(&mut self, place: usize) -> Typed {
        let place = place.min(self.letters.len());
        let (from, to) = (self.cursor.min(place), self.cursor.max(place));
        self.letters.drain(from..to);
        self.cursor = from;
        if from < to {
            Typed::Changed
        } else {
            Typed::Ignored
        }
    }

    /// Where the word before the cursor begins.
    fn word_before(&self) -> usize {
        let before = &self.letters[..self.cursor];
        let word = before.iter().rposition(|c| !c.is_whitespace());
        let gap = word.and_then(|end| before[..end].iter().rposition(|c| c.is_whitespace()));
        gap.map_or(0, |gap| gap + 1)
    }

    /// Where the word behind the cursor ends.
    fn word_behind(&self) -> usize {
        let behind = &self.letters[self.cursor..];
        let word = behind.iter().position(|c| !c.is_whitespace()).unwrap_or(0);
        let end = behind[word..].iter().position(|c| c.is_whitespace());
        end.map_or(self.letters.len(), |end| self.cursor + word + end)
    }

    /// Draws `label` and the line into the first row of `area`, so that the cursor is seen.
    pub fn draw(&self, label: &str, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let label = cut(label, usize::from(area.width / 2), theme);
        buffer.set_stringn(
            area.x,
            area.y,
            &label,
            area.width.into(),
            theme.style(Tone::Accent),
        );
        let taken = u16::try_from(columns(&label)).unwrap_or(area.width);
        let x = area.x.saturating_add(taken);
        let room = area.width.saturating_sub(taken);
        if room > 0 {
            self.draw_text(Rect::new(x, area.y, room, 1), buffer);
        }
    }

    fn draw_text(&self, area: Rect, buffer: &mut Buffer) {
        let room = usize::from(area.width);
        let wide = |letters: &[char]| columns(&plain(&letters.iter().collect::<String>()));
        // Two columns at the end stay free for the cursor on a wide letter.
        let mut start = 0;
        while start < self.cursor && wide(&self.letters[start..self.cursor]) + 2 > room {
            start += 1;
        }
        let seen: String = self.letters[start..].iter().collect();
        buffer.set_stringn(area.x, area.y, plain(&seen), room, Style::new());
        let before = wide(&self.letters[start..self.cursor]).min(room.saturating_sub(1));
        let x = area.x.saturating_add(u16::try_from(before).unwrap_or(0));
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, keys: &[(KeyCode, KeyModifiers)]) -> (String, usize) {
        let mut input = Input::new(text);
        for (code, modifiers) in keys {
            input.key(KeyEvent::new(*code, *modifiers));
        }
        (input.text(), input.cursor)
    }

    #[test]
    fn keys_edit_where_the_cursor_stands() {
        const NONE: KeyModifiers = KeyModifiers::NONE;
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        use KeyCode::{Backspace, Char, Delete, End, Home, Left};
        for (text, keys, expected, cursor) in [
            ("ab", vec![(Left, NONE), (Char('x'), NONE)], "axb", 2),
            ("ab", vec![(Home, NONE), (Delete, NONE)], "b", 0),
            ("ab", vec![(Home, NONE), (Backspace, NONE)], "ab", 0),
            ("ab cd ", vec![(Char('w'), CONTROL)], "ab ", 3),
            ("ab cd", vec![(Char('u'), CONTROL)], "", 0),
            (
                "ab cd",
                vec![(Left, CONTROL), (Char('k'), CONTROL)],
                "ab ",
                3,
            ),
            ("日本", vec![(Left, NONE), (Backspace, NONE)], "本", 0),
            (
                "a",
                vec![(Home, NONE), (End, NONE), (Char('b'), NONE)],
                "ab",
                2,
            ),
            ("a", vec![(Char('é'), KeyModifiers::SHIFT)], "aé", 2),
            ("a", vec![(Char('@'), CONTROL | KeyModifiers::ALT)], "a@", 2),
        ] {
            assert_eq!(
                after(text, &keys),
                (expected.to_owned(), cursor),
                "{text} {keys:?}"
            );
        }
    }

    #[test]
    fn what_is_pasted_is_bounded_and_plain() {
        let mut input = Input::default();
        input.paste(&"a\u{1b}\n".repeat(10_000));
        assert_eq!(input.text(), "a".repeat(MOST));
    }

    #[test]
    fn the_cursor_is_always_seen() {
        for width in 0..12 {
            for text in ["", "abc", "日本語日本語日本語", &"x".repeat(300)] {
                let area = Rect::new(0, 0, width, 1);
                let mut buffer = Buffer::empty(area);
                Input::new(text).draw("/", area, &mut buffer, &Theme::default());
                let is_cursor = |x: u16| {
                    let cell = buffer.cell((x, 0));
                    cell.is_some_and(|cell| cell.modifier.contains(Modifier::REVERSED))
                };
                assert_eq!(
                    (0..width).filter(|x| is_cursor(*x)).count(),
                    usize::from(width > 0)
                );
            }
        }
    }
}
