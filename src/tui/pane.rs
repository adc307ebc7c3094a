//! What a pane is: something that draws itself from the model, and answers commands.

use std::fmt::Debug;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

use super::keymap::Command;
use super::model::{Model, Screen};
use super::theme::Theme;
use crate::telemetry::act::Act;

/// What a pane sees.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// All that is known.
    pub model: &'a Model,
    /// How it is shown.
    pub theme: &'a Theme,
    /// The gateway's clock, in milliseconds since 1970: for countdowns and ages.
    pub now_ms: u64,
}

/// What comes of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It means nothing here.
    Ignored,
    /// The pane has changed.
    Changed,
    /// The gateway is to do something, once the question (if there is one) is answered with yes.
    Act {
        /// What.
        act: Act,
        /// What is asked before.
        question: Option<String>,
    },
    /// Somebody is to choose one of several acts, each with its words.
    Choose {
        /// What about.
        title: String,
        /// The acts; each with the question that is asked before, if one is.
        acts: Vec<(String, Act, Option<String>)>,
    },
    /// Something is to be looked at closely.
    Wanted(Wanted),
    /// Another screen is to be shown.
    Go(Screen),
    /// A text goes to the clipboard; the second is what is said of it.
    Copy(String, String),
    /// Something is to be said.
    Say(String),
}

/// What is asked of the gateway while it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// The page of a provider.
    Provider(String),
    /// The page of a request, by its number.
    Request(u64),
    /// The effective configuration.
    Config,
    /// Which target a request would go to: the body of `POST /v1/decide`.
    Decision(Value),
}

/// One screen, with its own selection, filter and scroll.
pub trait Pane: Debug {
    /// Draws itself into `area` of `buffer`. Small and odd areas come up: nothing is drawn outside, and nothing panics.
    fn draw(&mut self, look: &Look<'_>, area: Rect, buffer: &mut Buffer);

    /// Does what the keymap made of a key.
    fn command(&mut self, command: Command, look: &Look<'_>) -> Effect;

    /// Takes a key as text, while [`Pane::is_typing`].
    fn typed(&mut self, key: KeyEvent, look: &Look<'_>) -> Effect;

    /// Whether keys are text now: a filter, a model's name.
    fn is_typing(&self) -> bool;

    /// Takes a click; a second one on the same place opens.
    fn click(&mut self, column: u16, row: u16, look: &Look<'_>) -> Effect;

    /// Whether a key means something as it is shown now: the footer shows no others. [`Command::Back`] where there is
    /// something to go back from.
    fn offers(&self, command: Command, _look: &Look<'_>) -> bool {
        command != Command::Back
    }

    /// What it wants to be kept up to date with while it is shown; asked once a second, and at once after an effect.
    fn wanted(&self, look: &Look<'_>) -> Option<Wanted>;
}
