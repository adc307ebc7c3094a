//! Where one thing ends on the screen and the next begins.

use ratatui::layout::Rect;

/// The first so many lines of `area`, and the rest.
pub fn split(area: Rect, height: u16) -> [Rect; 2] {
    let height = height.min(area.height);
    let top = Rect { height, ..area };
    let rest = Rect {
        y: area.y.saturating_add(height),
        height: area.height - height,
        ..area
    };
    [top, rest]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_there_twice() {
        for (height, expected) in [(0, [0, 5]), (2, [2, 3]), (5, [5, 0]), (9, [5, 0])] {
            let [top, rest] = split(Rect::new(3, 7, 40, 5), height);
            assert_eq!([top.height, rest.height], expected);
            assert_eq!((top.y, rest.y), (7, 7 + expected[0]));
        }
    }
}
