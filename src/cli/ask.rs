//! Questions to a person at a terminal.

use inquire::{Confirm, MultiSelect, Select, Text};

/// Somebody who answers; `None` means that they would rather stop.
pub trait Ask {
    /// Which of `options`; all of them are chosen to begin with. Returns their positions.
    fn pick_many(&mut self, question: &str, options: &[String]) -> Option<Vec<usize>>;

    /// One of `options`, by its position.
    fn pick_one(&mut self, question: &str, options: &[String]) -> Option<usize>;

    /// A text, `default` if nothing is typed.
    fn text(&mut self, question: &str, default: &str) -> Option<String>;

    /// Yes or no; no if nothing is typed.
    fn confirm(&mut self, question: &str) -> Option<bool>;
}

/// The person at the terminal of this process.
#[derive(Debug, Default)]
pub struct Terminal;

impl Ask for Terminal {
    fn pick_many(&mut self, question: &str, options: &[String]) -> Option<Vec<usize>> {
        let all: Vec<usize> = (0..options.len()).collect();
        let picked = MultiSelect::new(question, options.to_vec())
            .with_default(&all)
            .raw_prompt();
        Some(
            picked
                .ok()?
                .into_iter()
                .map(|option| option.index)
                .collect(),
        )
    }

    fn pick_one(&mut self, question: &str, options: &[String]) -> Option<usize> {
        let picked = Select::new(question, options.to_vec()).raw_prompt();
        Some(picked.ok()?.index)
    }

    fn text(&mut self, question: &str, default: &str) -> Option<String> {
        Text::new(question).with_default(default).prompt().ok()
    }

    fn confirm(&mut self, question: &str) -> Option<bool> {
        Confirm::new(question).with_default(false).prompt().ok()
    }
}
