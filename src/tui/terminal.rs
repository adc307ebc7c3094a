//! The terminal: taken in one piece, and given back in one piece, whatever happens.
//!
//! Raw mode, the other screen, the mouse, pasted text and the cursor are given back when the [`Terminal`] is dropped,
//! when its thread panics, and while the shell has it. A panic of another thread does not touch the screen: it
//! is told when the screen is given back, unless whoever installed the hook before keeps it elsewhere.

mod hook;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use hook::Hook;

/// What a frame takes at most before it is sent in pieces.
const FRAME: usize = 64 * 1024;

/// Text that is given to the clipboard: terminals take no more.
const LONGEST_COPY: usize = 64 * 1024;

type Screen = ratatui::Terminal<CrosstermBackend<BufWriter<File>>>;

/// See the module's head.
#[derive(Debug)]
pub struct Terminal {
    screen: Screen,
    given: Arc<Given>,
    has_mouse: bool,
    hook: Hook,
}

/// Whether the terminal is ours now, and the way to give it back from anywhere.
#[derive(Debug)]
struct Given {
    out: File,
    is_ours: AtomicBool,
}

impl Terminal {
    /// Takes the terminal that stdout is.
    pub fn take(has_mouse: bool, panics_elsewhere: Elsewhere) -> io::Result<Self> {
        // A handle of its own: what is drawn waits for no lock that a print could hold, and is sent frame by frame.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let given = Arc::new(Given {
            out: out.try_clone()?,
            is_ours: AtomicBool::new(false),
        });
        // crossterm would obey NO_COLOR by resetting every style just set; the theme obeys it better.
        crossterm::style::force_color_output(true);
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME, out));
        let hook = Hook::install(Arc::clone(&given), panics_elsewhere);
        let mut terminal = Self {
            screen: ratatui::Terminal::new(backend)?,
            given,
            has_mouse,
            hook,
        };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Draws a frame: what has changed is sent at once.
    pub fn draw(&mut self, draws: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|frame| {
            let area = frame.area();
            draws(area, frame.buffer_mut());
        })?;
        execute!(self.screen.backend_mut(), EndSynchronizedUpdate)
    }

    /// Forgets what is on the screen: the next frame draws everything.
    ///
    /// The terminal is not asked anything: `ratatui`'s own way asks where the cursor is and waits two seconds for an
    /// answer, which the reader of keys may take away, and which not every terminal gives.
    pub fn clear(&mut self) -> io::Result<()> {
        let area = self.screen.size()?.into();
        self.screen.resize(area)
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn set_mouse(&mut self, has_mouse: bool) -> io::Result<()> {
        self.has_mouse = has_mouse;
        if has_mouse {
            execute!(self.screen.backend_mut(), EnableMouseCapture)
        } else {
            execute!(self.screen.backend_mut(), DisableMouseCapture)
        }
    }

    /// Gives a text to the clipboard of the terminal, also of one that is far away (OSC 52).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let end = text.floor_char_boundary(LONGEST_COPY);
        let copy = CopyToClipboard::to_clipboard_from(&text[..end]);
        execute!(self.screen.backend_mut(), copy)
    }

    /// Gives the terminal back for a while.
    pub fn leave(&mut self) {
        self.given.back();
    }

    /// Takes it again, and draws everything anew.
    pub fn enter(&mut self) -> io::Result<()> {
        // The shell may have changed the modes meanwhile: they are taken off before they are put on again.
        self.given.back();
        enable_raw_mode()?;
        self.given.is_ours.store(true, Ordering::Release);
        let out = self.screen.backend_mut();
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if self.has_mouse {
            execute!(out, EnableMouseCapture)?;
        }
        self.clear()
    }

    /// Gives it back for good; returns what other threads said as they panicked.
    pub fn give_back(self) -> Vec<String> {
        self.given.back();
        self.hook.heard()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.given.back();
    }
}

impl Given {
    /// Once only, from whichever thread is first. What cannot be written any more is nobody's loss.
    fn back(&self) {
        if self.is_ours.swap(false, Ordering::AcqRel) {
            let mut out = &self.out;
            _ = execute!(
                out,
                EndSynchronizedUpdate,
                DisableMouseCapture,
                DisableBracketedPaste,
                LeaveAlternateScreen,
                Show
            );
            _ = out.flush();
            _ = disable_raw_mode();
        }
    }
}

/// What becomes of panics in other threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// They are kept, and told when the terminal is given back.
    Kept,
    /// The hook that was there before keeps them off the screen: a gateway in this process writes them to its log.
    Logged,
}
