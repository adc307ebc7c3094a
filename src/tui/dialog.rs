//! Dialogs: a question, a choice, a typed command, the keys, a text. One at a time; it has the keys while it is open.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keymap::{self, Command};
use super::model::Screen;
use super::prompt;
use super::view::input::{Input, Typed};
use super::view::scroll::{Scroll, moved};
use crate::telemetry::act::Act;
use crate::telemetry::snapshot::Snapshot;

/// See the module's head.
#[derive(Debug)]
pub enum Dialog {
    /// Yes or no.
    Confirm {
        /// What is asked.
        question: String,
        /// What yes means.
        yes: Yes,
    },
    /// One of several.
    Choose {
        /// What about.
        title: String,
        /// What there is, with the question that is asked before.
        acts: Vec<(String, Act, Option<String>)>,
        /// The one that is selected.
        at: usize,
    },
    /// A typed command.
    Prompt {
        /// What is typed.
        input: Input,
        /// Why the last try was not understood.
        error: Option<String>,
    },
    /// The keys.
    Help(Scroll),
    /// A text to read.
    Note {
        /// What about.
        title: String,
        /// The text.
        lines: Vec<String>,
        /// Where in it.
        scroll: Scroll,
    },
}

/// What yes means.
#[derive(Debug, Clone, PartialEq)]
pub enum Yes {
    /// The gateway does something.
    Act(Act),
    /// The dashboard ends.
    Quit,
}

/// What comes of a key.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It stays open.
    Open,
    /// It is closed.
    Closed,
    /// It is closed, with a yes.
    Yes(Yes),
    /// Something was chosen.
    Chosen(Act, Option<String>),
    /// A command was typed.
    Order(prompt::Order),
}

impl Dialog {
    /// A prompt with nothing in it.
    pub fn prompt() -> Self {
        Self::Prompt {
            input: Input::default(),
            error: None,
        }
    }

    /// A text to read.
    pub fn note(title: &str, lines: Vec<String>) -> Self {
        Self::Note {
            title: title.to_owned(),
            lines,
            scroll: Scroll::default(),
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, screen: Screen, snapshot: &Snapshot) -> Outcome {
        if is_stop(key) {
            return Outcome::Closed;
        }
        let command = keymap::command(key, screen);
        match self {
            Dialog::Confirm { yes, .. } => match key.code {
                KeyCode::Char('y' | 'Y') => Outcome::Yes(yes.clone()),
                KeyCode::Char('n' | 'N' | 'q') => Outcome::Closed,
                _ => Outcome::Open,
            },
            Dialog::Choose { acts, at, .. } => choose(acts, at, key, command),
            Dialog::Prompt { input, error } => type_in(input, error, key, snapshot),
            Dialog::Help(scroll) | Dialog::Note { scroll, .. } => match command {
                Some(Command::Quit | Command::Help | Command::Open) => Outcome::Closed,
                // How long it is, is known where it is drawn: there it is kept within.
                Some(command) => {
                    scroll.top =
                        moved(command, scroll.top, usize::MAX, scroll.page).unwrap_or(scroll.top);
                    Outcome::Open
                }
                None => Outcome::Open,
            },
        }
    }

    /// What the footer says of its keys.
    pub fn keys(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Dialog::Confirm { .. } => &[("y", "yes"), ("n", "no")],
            Dialog::Choose { .. } => &[("enter", "this one"), ("j k", "choose"), ("esc", "none")],
            Dialog::Prompt { .. } => &[("enter", "do it"), ("tab", "complete"), ("esc", "leave")],
            Dialog::Help(_) | Dialog::Note { .. } => &[("esc", "close"), ("j k", "scroll")],
        }
    }
}

/// Esc and Ctrl-C leave every dialog.
fn is_stop(key: KeyEvent) -> bool {
    let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.code == KeyCode::Esc || (has_control && key.code == KeyCode::Char('c'))
}

fn choose(
    acts: &[(String, Act, Option<String>)],
    at: &mut usize,
    key: KeyEvent,
    command: Option<Command>,
) -> Outcome {
    let digit = match key.code {
        KeyCode::Char(digit @ '1'..='9') => Some(digit as usize - '1' as usize),
        _ => None,
    };
    let chosen = match command {
        Some(Command::Open) => Some(*at),
        Some(Command::Quit) => return Outcome::Closed,
        _ => digit,
    };
    if let Some((_, act, question)) = chosen.and_then(|chosen| acts.get(chosen)) {
        return Outcome::Chosen(act.clone(), question.clone());
    }
    let to = command.and_then(|command| moved(command, *at, acts.len(), acts.len()));
    *at = to.unwrap_or(*at);
    Outcome::Open
}

fn type_in(
    input: &mut Input,
    error: &mut Option<String>,
    key: KeyEvent,
    snapshot: &Snapshot,
) -> Outcome {
    if key.code == KeyCode::Tab {
        *input = Input::new(&prompt::completed(&input.text(), snapshot));
        return Outcome::Open;
    }
    match input.key(key) {
        Typed::Left => return Outcome::Closed,
        Typed::Changed => *error = None,
        Typed::Ignored if key.code == KeyCode::Backspace && input.is_empty() => {
            return Outcome::Closed;
        }
        Typed::Done if input.is_empty() => return Outcome::Closed,
        Typed::Done => match prompt::read(&input.text(), snapshot) {
            Ok(order) => return Outcome::Order(order),
            Err(reason) => *error = Some(reason),
        },
        Typed::Ignored | Typed::Moved => {}
    }
    Outcome::Open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn pressed(dialog: &mut Dialog, keys: &str) -> Outcome {
        let snapshot = fixture::snapshot();
        let mut last = Outcome::Open;
        for letter in keys.chars() {
            let code = match letter {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                letter => KeyCode::Char(letter),
            };
            let key = KeyEvent::new(code, KeyModifiers::NONE);
            last = dialog.key(key, Screen::Overview, &snapshot);
        }
        last
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        let confirm = || Dialog::Confirm {
            question: "Sure?".to_owned(),
            yes: Yes::Act(Act::Reload),
        };
        assert_eq!(
            pressed(&mut confirm(), "y"),
            Outcome::Yes(Yes::Act(Act::Reload))
        );
        assert_eq!(pressed(&mut confirm(), "n"), Outcome::Closed);
        assert_eq!(pressed(&mut confirm(), "\u{1b}"), Outcome::Closed);
        assert_eq!(pressed(&mut confirm(), "\n"), Outcome::Open);
    }

    #[test]
    fn one_of_several_is_chosen_by_arrow_or_digit() {
        let choose = || Dialog::Choose {
            title: "Which?".to_owned(),
            acts: vec![
                ("first".to_owned(), Act::Reload, None),
                ("second".to_owned(), Act::Unpin, None),
            ],
            at: 0,
        };
        assert_eq!(
            pressed(&mut choose(), "jj\n"),
            Outcome::Chosen(Act::Unpin, None)
        );
        assert_eq!(
            pressed(&mut choose(), "2"),
            Outcome::Chosen(Act::Unpin, None)
        );
        assert_eq!(pressed(&mut choose(), "9"), Outcome::Open);
    }

    #[test]
    fn a_typed_command_is_completed_and_read() {
        let order = pressed(&mut Dialog::prompt(), "prov\tgr\t\n");
        assert_eq!(
            order,
            Outcome::Order(prompt::Order::Provider("groq".to_owned()))
        );
        let mut wrong = Dialog::prompt();
        assert_eq!(pressed(&mut wrong, "dance\n"), Outcome::Open);
        assert!(matches!(wrong, Dialog::Prompt { error: Some(_), .. }));
    }
}
