//! The screens behind the first one, by their names.

use super::config::Config;
use super::logs::Logs;
use super::requests::Requests;
use super::routes::Routes;
use super::tunnel::Tunnel;
use crate::tui::model::Screen;
use crate::tui::pane::Pane;

/// One of each.
#[derive(Debug, Default)]
pub struct Panes {
    requests: Requests,
    logs: Logs,
    routes: Routes,
    tunnel: Tunnel,
    config: Config,
}

impl Panes {
    /// The one of a screen; the overview stands for itself.
    pub fn of(&mut self, screen: Screen) -> &mut dyn Pane {
        match screen {
            Screen::Overview | Screen::Requests => &mut self.requests,
            Screen::Logs => &mut self.logs,
            Screen::Routes => &mut self.routes,
            Screen::Tunnel => &mut self.tunnel,
            Screen::Config => &mut self.config,
        }
    }
}

#[cfg(test)]
mod tests;
