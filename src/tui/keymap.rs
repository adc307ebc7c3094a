//! The keys: one table that drives the dashboard, fills its help and is checked by a test.

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
