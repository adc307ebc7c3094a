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
