//! The theme: what stands for what, in colour and without.
//!
//! Nothing is told by colour alone: every state has a glyph and a word. Without colours (`NO_COLOR`) only modifiers are
//! used; crossterm's own way with that variable would reset them.

use ratatui::style::{Color, Modifier, Style};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Not as it should be.
    Bad,
    /// Not in use.
    Off,
    /// Something is under way.
    Busy,
    /// What is said beside the point.
    Quiet,
    /// What is said first.
    Strong,
    /// What can be acted on: keys, the selected tab.
    Accent,
}

/// Which palette.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Palette {
    /// The terminal's own sixteen colours.
    #[default]
    Classic,
    /// Blue, orange and white: told apart by everybody.
    ColourBlind,
    /// For light backgrounds.
    Light,
    /// Modifiers only.
    Mono,
}

/// The palettes, in the order in which they are gone through, with their names.
pub const PALETTES: [(Palette, &str); 4] = [
    (Palette::Classic, "classic"),
    (Palette::ColourBlind, "colour-blind"),
    (Palette::Light, "light"),
    (Palette::Mono, "mono"),
];

impl Palette {
    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = PALETTES.iter();
        let found = all.find(|(_, one)| one.eq_ignore_ascii_case(name));
        found.map(|(palette, _)| *palette)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let mut all = PALETTES.iter();
        let found = all.find(|(palette, _)| *palette == self);
        found.map_or("classic", |(_, name)| name)
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        let at = PALETTES.iter().position(|(palette, _)| *palette == self);
        let next = at.map_or(0, |at| (at + 1) % PALETTES.len());
        PALETTES[next].0
    }
}

/// See the module's head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Theme {
    /// The colours.
    pub palette: Palette,
    /// Whether only ASCII is shown.
    pub is_ascii: bool,
}

impl Theme {
    /// The style of something that is so.
    pub fn style(&self, tone: Tone) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let colour = match (self.palette, tone) {
            (Palette::Mono, Tone::Quiet | Tone::Off) => {
                return Style::new().add_modifier(Modifier::DIM);
            }
            (Palette::Mono, Tone::Good | Tone::Busy) => return Style::new(),
            (_, Tone::Strong) | (Palette::Mono, _) => return bold,
            (Palette::ColourBlind, Tone::Good) => Color::Indexed(75),
            (Palette::ColourBlind, Tone::Warn) => Color::Indexed(221),
            (Palette::ColourBlind, Tone::Bad) => Color::Indexed(208),
            (Palette::ColourBlind, Tone::Busy | Tone::Accent) => Color::Indexed(255),
            (Palette::ColourBlind, Tone::Off | Tone::Quiet) => Color::Indexed(246),
            (Palette::Light, Tone::Bad) => Color::Indexed(160),
            (Palette::Light, Tone::Off | Tone::Quiet) => Color::Indexed(242),
            (Palette::Light, Tone::Warn) => Color::Indexed(130),
            (Palette::Light, Tone::Good) => Color::Indexed(28),
            (Palette::Light, Tone::Busy | Tone::Accent) => Color::Indexed(25),
            (_, Tone::Good) => Color::Green,
            (_, Tone::Warn) => Color::Yellow,
            (_, Tone::Bad) => Color::Red,
            (_, Tone::Busy | Tone::Accent) => Color::Cyan,
            (_, Tone::Off | Tone::Quiet) => Color::DarkGray,
        };
        Style::new().fg(colour)
    }

    /// The style of lines around things.
    pub fn border(&self) -> Style {
        self.style(Tone::Quiet)
    }

    /// The style of the selected row.
    pub fn selected(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The glyph of something that is so: of one column each.
    pub fn glyph(&self, tone: Tone) -> &'static str {
        match (tone, self.is_ascii) {
            (Tone::Good, false) => "●",
            (Tone::Good, true) => "*",
            (Tone::Warn, false) => "◐",
            (Tone::Warn, true) => "~",
            (Tone::Bad, false) => "○",
            (Tone::Bad, true) => "!",
            (Tone::Off, false) => "⊘",
            (Tone::Off, true) => "x",
            (Tone::Busy, false) => "▸",
            (Tone::Busy, true) => ">",
            (Tone::Quiet | Tone::Strong | Tone::Accent, _) => " ",
        }
    }

    /// The eight heights of a sparkline, the lowest first.
    pub fn bars(&self) -> [&'static str; 8] {
        if self.is_ascii {
            ["_", ".", ".", "-", "-", "=", "=", "#"]
        } else {
            ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 8] = [
        Tone::Good,
        Tone::Warn,
        Tone::Bad,
        Tone::Off,
        Tone::Busy,
        Tone::Quiet,
        Tone::Strong,
        Tone::Accent,
    ];

    #[test]
    fn without_colours_no_style_has_one() {
        let theme = Theme {
            palette: Palette::Mono,
            is_ascii: false,
        };
        for tone in TONES {
            let style = theme.style(tone);
            assert_eq!((style.fg, style.bg), (None, None), "{tone:?}");
        }
        assert_eq!(theme.selected().fg, None);
    }

    #[test]
    fn every_state_has_a_glyph_of_its_own() {
        for is_ascii in [false, true] {
            let theme = Theme {
                is_ascii,
                ..Theme::default()
            };
            let glyphs = TONES[..5].iter().map(|tone| theme.glyph(*tone));
            let different: std::collections::BTreeSet<&str> = glyphs.collect();
            assert_eq!(different.len(), 5);
            assert_eq!(different.iter().all(|glyph| glyph.is_ascii()), is_ascii);
        }
    }

    #[test]
    fn every_palette_has_its_turn_and_its_name() {
        let mut palette = Palette::default();
        for _ in 0..PALETTES.len() {
            assert_eq!(Palette::named(palette.name()), Some(palette));
            palette = palette.next();
        }
        assert_eq!(palette, Palette::default());
        assert_eq!(Palette::named("sepia"), None);
    }
}
