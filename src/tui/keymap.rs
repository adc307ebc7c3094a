//! The keys: one table that drives the dashboard, fills its footer and its help, and is checked by a test.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Screen::{self, Config, Logs, Overview, Requests, Routes, Tunnel};

/// What a key means. A pane ignores what it has no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Ends the dashboard.
    Quit,
    /// Shows and hides the keys.
    Help,
    /// To the first, second, … screen.
    Screen(u8),
    /// To the next screen.
    NextScreen,
    /// To the one before.
    PreviousScreen,
    /// A row up.
    Up,
    /// A row down.
    Down,
    /// Columns to the left.
    Left,
    /// Columns to the right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// A closer look.
    Open,
    /// Back: out of a closer look, a question, a filter.
    Back,
    /// Begins to type a filter.
    Filter,
    /// By the next column.
    Sort,
    /// The other way round.
    Invert,
    /// Holds the picture still.
    Pause,
    /// Copies what is selected: an address, a curl, an id.
    Copy,
    /// Takes or gives back the mouse.
    Mouse,
    /// The next theme.
    Theme,
    /// Draws everything anew.
    Redraw,
    /// Gives the terminal back to the shell.
    Suspend,
    /// Begins to type a command.
    Prompt,
    /// Reads the configuration anew.
    Reload,
    /// Drains or enables what is selected.
    Drain,
    /// Closes the breaker of what is selected.
    ResetBreaker,
    /// Takes a key back.
    Revive,
    /// Pins what is selected, or ends the pin.
    Pin,
    /// Chooses another strategy.
    Strategy,
    /// Injects a fault, or ends it.
    Chaos,
    /// Opens a tunnel.
    TunnelOpen,
    /// Closes it.
    TunnelClose,
    /// Restarts it.
    TunnelRestart,
    /// The picture for phones, as large as the screen.
    Picture,
    /// Follows the end, or stays.
    Follow,
    /// Breaks long lines, or cuts them.
    Wrap,
    /// Shows times, or not.
    Times,
    /// Only from a higher level on.
    LevelUp,
    /// From a lower level on.
    LevelDown,
    /// Errors only, or all.
    ErrorsOnly,
    /// Edits what is asked.
    Edit,
}

/// A key, with Ctrl or without. Shift is in the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub has_control: bool,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The keys; the first one is shown in the footer.
    pub keys: &'static [Key],
    /// What they mean.
    pub command: Command,
    /// What the footer says; nothing, if it does not.
    pub short: &'static str,
    /// What the help says.
    pub help: &'static str,
    /// The screens where they mean it.
    pub screens: &'static [Screen],
}

/// All screens.
const ALL: &[Screen] = &[Overview, Requests, Logs, Routes, Tunnel, Config];

/// Screens that show many lines of one kind.
const LISTS: &[Screen] = &[Overview, Requests, Logs, Config];

/// The table. What belongs to few screens comes first: the footer has room for the first ones only.
pub const BINDINGS: &[Binding] = &[
    bind(
        &[code(KeyCode::Enter)],
        Command::Open,
        "details",
        "a closer look at what is selected",
        ALL,
    ),
    bind(
        &[key('d')],
        Command::Drain,
        "drain",
        "drain a provider, key or model, or enable it again",
        &[Overview, Routes],
    ),
    bind(
        &[key('b')],
        Command::ResetBreaker,
        "breaker",
        "close the breaker, and end rests",
        &[Overview, Routes],
    ),
    bind(
        &[key('v')],
        Command::Revive,
        "revive",
        "take keys back that rest or are dead",
        &[Overview],
    ),
    bind(
        &[key('p')],
        Command::Pin,
        "pin",
        "ask it first for a while, or end that",
        &[Overview, Routes],
    ),
    bind(
        &[key('x')],
        Command::Chaos,
        "chaos",
        "inject a fault for a while, or end it",
        &[Overview],
    ),
    bind(
        &[key('e')],
        Command::ErrorsOnly,
        "errors",
        "only what failed, or all",
        &[Requests, Logs],
    ),
    bind(
        &[key('e'), key('i')],
        Command::Edit,
        "edit",
        "edit what is asked",
        &[Routes],
    ),
    bind(
        &[key('f')],
        Command::Follow,
        "follow",
        "follow the end, or stay",
        &[Requests, Logs],
    ),
    bind(
        &[key('v')],
        Command::LevelUp,
        "level",
        "only from a higher level on",
        &[Logs],
    ),
    bind(
        &[key('V')],
        Command::LevelDown,
        "",
        "from a lower level on",
        &[Logs],
    ),
    bind(
        &[key('t')],
        Command::Times,
        "times",
        "show times, or not",
        &[Logs],
    ),
    bind(
        &[key('w')],
        Command::Wrap,
        "wrap",
        "break long lines, or cut them",
        &[Logs, Config],
    ),
    bind(
        &[key('o')],
        Command::TunnelOpen,
        "open",
        "open a tunnel",
        &[Tunnel],
    ),
    bind(
        &[key('r')],
        Command::TunnelRestart,
        "restart",
        "close the tunnel and open it again",
        &[Tunnel],
    ),
    bind(
        &[key('x')],
        Command::TunnelClose,
        "close",
        "close the tunnel",
        &[Tunnel],
    ),
    bind(
        &[key('Q')],
        Command::Picture,
        "QR",
        "the address as a picture for phones",
        &[Tunnel],
    ),
    bind(
        &[key('y'), key('c')],
        Command::Copy,
        "copy",
        "copy the address, the id or a curl",
        ALL,
    ),
    bind(
        &[key('/')],
        Command::Filter,
        "filter",
        "show only what contains …; !… for what does not, key=value for one field",
        LISTS,
    ),
    bind(
        &[key('s')],
        Command::Sort,
        "sort",
        "sort by the next column (or click on its title)",
        &[Overview, Requests],
    ),
    bind(
        &[key('r')],
        Command::Invert,
        "",
        "sort the other way round",
        &[Overview, Requests],
    ),
    bind(
        &[key('S')],
        Command::Strategy,
        "strategy",
        "choose another strategy",
        &[Overview, Routes],
    ),
    bind(
        &[key(' ')],
        Command::Pause,
        "pause",
        "hold the picture still, and go on",
        ALL,
    ),
    bind(
        &[key(':')],
        Command::Prompt,
        "command",
        "type a command, e.g. :provider groq",
        ALL,
    ),
    bind(
        &[key('R')],
        Command::Reload,
        "",
        "read the configuration anew",
        ALL,
    ),
    bind(&[key('1')], Command::Screen(1), "", "Overview", ALL),
    bind(&[key('2')], Command::Screen(2), "", "Requests", ALL),
    bind(&[key('3')], Command::Screen(3), "", "Logs", ALL),
    bind(&[key('4')], Command::Screen(4), "", "Routes", ALL),
    bind(&[key('5')], Command::Screen(5), "", "Tunnel", ALL),
    bind(&[key('6')], Command::Screen(6), "", "Config", ALL),
    bind(
        &[code(KeyCode::Tab)],
        Command::NextScreen,
        "",
        "the next screen",
        ALL,
    ),
    bind(
        &[code(KeyCode::BackTab)],
        Command::PreviousScreen,
        "",
        "the screen before",
        ALL,
    ),
    bind(
        &[key('k'), code(KeyCode::Up)],
        Command::Up,
        "",
        "a row up",
        ALL,
    ),
    bind(
        &[key('j'), code(KeyCode::Down)],
        Command::Down,
        "",
        "a row down",
        ALL,
    ),
    bind(
        &[key('h'), code(KeyCode::Left)],
        Command::Left,
        "",
        "to the left",
        ALL,
    ),
    bind(
        &[key('l'), code(KeyCode::Right)],
        Command::Right,
        "",
        "to the right",
        ALL,
    ),
    bind(
        &[code(KeyCode::PageUp), control('b')],
        Command::PageUp,
        "",
        "a page up",
        ALL,
    ),
    bind(
        &[code(KeyCode::PageDown), control('f')],
        Command::PageDown,
        "",
        "a page down",
        ALL,
    ),
    bind(&[control('u')], Command::HalfUp, "", "half a page up", ALL),
    bind(
        &[control('d')],
        Command::HalfDown,
        "",
        "half a page down",
        ALL,
    ),
    bind(
        &[key('g'), code(KeyCode::Home)],
        Command::Top,
        "",
        "to the first row",
        ALL,
    ),
    bind(
        &[key('G'), code(KeyCode::End)],
        Command::Bottom,
        "",
        "to the last row",
        ALL,
    ),
    bind(
        &[code(KeyCode::Esc), code(KeyCode::Backspace)],
        Command::Back,
        "",
        "back: out of a page, a question, a filter",
        ALL,
    ),
    bind(
        &[key('m')],
        Command::Mouse,
        "",
        "leave the mouse to the terminal, to select text; or take it (Shift-drag selects always)",
        ALL,
    ),
    bind(&[key('T')], Command::Theme, "", "the next theme", ALL),
    bind(
        &[control('l')],
        Command::Redraw,
        "",
        "draw everything anew",
        ALL,
    ),
    bind(
        &[control('z')],
        Command::Suspend,
        "",
        "back to the shell; `fg` returns",
        ALL,
    ),
    bind(
        &[key('?'), code(KeyCode::F(1))],
        Command::Help,
        "keys",
        "show the keys, and hide them",
        ALL,
    ),
    bind(
        &[key('q'), control('c')],
        Command::Quit,
        "quit",
        "end the dashboard",
        ALL,
    ),
];

const fn bind(
    keys: &'static [Key],
    command: Command,
    short: &'static str,
    help: &'static str,
    screens: &'static [Screen],
) -> Binding {
    Binding {
        keys,
        command,
        short,
        help,
        screens,
    }
}

const fn key(letter: char) -> Key {
    code(KeyCode::Char(letter))
}

const fn control(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        has_control: true,
    }
}

const fn code(code: KeyCode) -> Key {
    Key {
        code,
        has_control: false,
    }
}

/// What `pressed` means on `screen`.
pub fn command(pressed: KeyEvent, screen: Screen) -> Option<Command> {
    let pressed = Key {
        code: pressed.code,
        has_control: pressed.modifiers.contains(KeyModifiers::CONTROL),
    };
    let valid = on(screen);
    let mut found = valid.filter(|binding| binding.keys.contains(&pressed));
    found.next().map(|binding| binding.command)
}

/// The lines of the table that are valid on `screen`.
pub fn on(screen: Screen) -> impl Iterator<Item = &'static Binding> {
    let valid = BINDINGS.iter();
    valid.filter(move |binding| binding.screens.contains(&screen))
}

impl Binding {
    /// All of its keys, as they are written: `PgUp, Ctrl-b`.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(Key::name).collect();
        names.join(", ")
    }

    /// Whether it means the same on every screen.
    pub fn is_everywhere(&self) -> bool {
        self.screens.len() == ALL.len()
    }

    /// Whether it changes something in the gateway.
    pub fn is_act(&self) -> bool {
        matches!(
            self.command,
            Command::Drain
                | Command::ResetBreaker
                | Command::Revive
                | Command::Pin
                | Command::Strategy
                | Command::Chaos
                | Command::Reload
                | Command::TunnelOpen
                | Command::TunnelClose
                | Command::TunnelRestart
        )
    }
}

impl Key {
    /// As it is written: `Ctrl-d`, `PgUp`, `space`.
    pub fn name(&self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(letter) => letter.to_string(),
            KeyCode::Enter => "enter".to_owned(),
            KeyCode::Esc => "esc".to_owned(),
            KeyCode::Tab => "tab".to_owned(),
            KeyCode::BackTab => "shift-tab".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::F(n) => format!("F{n}"),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            other => format!("{other:?}"),
        };
        if self.has_control {
            format!("Ctrl-{name}")
        } else {
            name
        }
    }
}

#[cfg(test)]
mod tests;
