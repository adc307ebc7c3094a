//! The dashboard: the gateway seen, steered and understood from a terminal.
//!
//! ```text
//! feed (attach) ─┐                        ┌─ view: one pane per file, a pure function of the model
//! keys, mouse  ──┼─> model ── dirty? ─────┤
//! clock        ──┘     │                  └─ theme: colours and glyphs; state is never told by colour alone
//!                      └─> command (keymap) ─> act (attach)
//! ```
//!
//! It runs on a thread of its own, so that a terminal that does not read never holds up a request, and draws only
//! when something has changed.

pub mod dashboard;
pub mod dialog;
#[cfg(test)]
pub(crate) mod fixture;
pub mod keymap;
pub mod model;
pub mod pane;
pub mod prompt;
pub mod run;
pub mod terminal;
pub mod theme;
pub mod toast;
pub mod view;

pub use run::{Farewell, Leaving, Options, Problem, run};
pub use terminal::abandon;
