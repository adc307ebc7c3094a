//! The mouse: the wheel moves, a click selects, a second one opens; tabs are clicked on too.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::Dashboard;
use crate::tui::keymap::Command;
use crate::tui::view::frame;

/// Rows that the wheel moves.
const WHEEL: usize = 3;

impl Dashboard {
    /// Takes what the mouse does. Where it merely is, is nothing.
    pub fn mouse(&mut self, event: MouseEvent, local_ms: u64) {
        self.local_ms = local_ms;
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(event.column, event.row),
            MouseEventKind::ScrollUp => self.wheel(Command::Up, KeyCode::Up),
            MouseEventKind::ScrollDown => self.wheel(Command::Down, KeyCode::Down),
            _ => {}
        }
    }

    fn wheel(&mut self, command: Command, code: KeyCode) {
        for _ in 0..WHEEL {
            if self.dialog.is_some() {
                self.key(KeyEvent::new(code, KeyModifiers::NONE), self.local_ms);
            } else {
                self.command(command);
            }
        }
    }

    fn click(&mut self, column: u16, row: u16) {
        if self.dialog.is_some() {
            return;
        }
        if row == frame::TABS_ROW {
            if let Some(screen) = frame::tab_at(column) {
                self.go(screen);
            }
            return;
        }
        let effect = self.with_pane(|pane, look| pane.click(column, row, look));
        self.take(effect);
    }
}
