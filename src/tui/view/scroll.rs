//! Where one is in something longer than its place on the screen.

use crate::tui::keymap::Command;

/// The first line that is shown of something longer, and how much of it was shown last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scroll {
    /// The first line shown.
    pub top: usize,
    /// Lines that were shown last.
    pub page: usize,
}

impl Scroll {
    /// Shows `page` lines of `length`, so that nothing is empty that need not be.
    pub fn fit(&mut self, page: usize, length: usize) {
        self.page = page;
        self.top = self.top.min(length.saturating_sub(page));
    }

    /// The same, with the line `at` among them.
    pub fn follow(&mut self, at: usize, page: usize, length: usize) {
        self.top = self.top.min(at);
        if page > 0 && at >= self.top.saturating_add(page) {
            self.top = at + 1 - page;
        }
        self.fit(page, length);
    }

    /// Moves the text itself; whether `command` was about that.
    pub fn command(&mut self, command: Command, length: usize) -> bool {
        let last = length.saturating_sub(self.page);
        let moved = moved(command, self.top, last.saturating_add(1), self.page);
        moved.is_some_and(|top| {
            self.top = top;
            true
        })
    }

    /// Whether the end is seen.
    pub fn is_at_end(&self, length: usize) -> bool {
        self.top.saturating_add(self.page) >= length
    }
}

/// Where `command` leads from the line `at` of `length`, on pages of `page`; `None` if it leads nowhere.
pub fn moved(command: Command, at: usize, length: usize, page: usize) -> Option<usize> {
    let (page, half) = (page.max(1), (page / 2).max(1));
    let to = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(page),
        Command::PageDown => at.saturating_add(page),
        Command::HalfUp => at.saturating_sub(half),
        Command::HalfDown => at.saturating_add(half),
        Command::Top => 0,
        Command::Bottom => usize::MAX,
        _ => return None,
    };
    Some(to.min(length.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stay_within_the_list() {
        for (command, at, expected) in [
            (Command::Up, 0, Some(0)),
            (Command::Down, 9, Some(9)),
            (Command::PageDown, 2, Some(6)),
            (Command::HalfUp, 5, Some(3)),
            (Command::Top, 5, Some(0)),
            (Command::Bottom, 5, Some(9)),
            (Command::Open, 5, None),
        ] {
            assert_eq!(moved(command, at, 10, 4), expected, "{command:?}");
        }
        assert_eq!(moved(Command::Down, 0, 0, 0), Some(0));
    }

    #[test]
    fn the_selected_line_is_in_the_picture() {
        let mut scroll = Scroll::default();
        for at in [0, 5, 99, 3, 50] {
            scroll.follow(at, 10, 100);
            assert!((scroll.top..scroll.top + 10).contains(&at), "{at}");
        }
        scroll.follow(0, 0, 0);
        assert_eq!(scroll.top, 0);
    }
}
