//! A thread that writes what there is to say.
//!
//! A reader that has stopped reading, or a terminal that was told to wait, holds up whoever writes. Here
//! that is nobody who has anything else to do, such as waiting for signals. Little is kept for later: who
//! wants to speak waits for room first, and then says how things are by then.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Words;
use crate::cli::console::Console;
use crate::config::Style;

/// How long a gateway that ends waits for its last words to be taken. A reader that reads takes them in
/// far less, and one that does not is left behind.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What waits behind the words that are being written: one state of the tunnels, as the next one says
/// everything again.
const WAITING: usize = 1;

/// The way to the two streams that never holds up who takes it.
#[derive(Debug)]
pub struct Speaker {
    words: mpsc::Sender<Vec<Words>>,
    /// Ends when the thread does.
    silence: oneshot::Receiver<()>,
}

impl Speaker {
    /// Starts the thread: data goes to `out`, talk to `err`, which takes colours.
    pub fn start(
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (words, heard) = mpsc::channel(WAITING);
        let (speaking, silence) = oneshot::channel();
        thread::Builder::new()
            .name("speaker".to_owned())
            .spawn(move || {
                speak(heard, out, err);
                drop(speaking);
            })?;
        Ok(Self { words, silence })
    }

    /// Waits until there is room.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn room(&self) -> mpsc::Permit<'_, Vec<Words>> {
        match self.words.reserve().await {
            Ok(permit) => permit,
            // The thread listens for as long as this exists, unless it has panicked.
            Err(_) => std::future::pending().await,
        }
    }

    /// Says `last`, and gives it and what was said before a moment to be taken.
    pub async fn close(self, last: Vec<Words>) {
        let Self { words, silence } = self;
        let farewell = async {
            // An error of either means that the thread is gone, and so does the end of its silence.
            _ = words.send(last).await;
            drop(words);
            _ = silence.await;
        };
        // Who does not listen by now is left behind.
        _ = timeout(LAST_WORDS, farewell).await;
    }
}

fn speak(mut heard: mpsc::Receiver<Vec<Words>>, mut out: impl Write, mut err: impl Write) {
    let mut console = Console::new(&mut out, &mut err, Style::Coloured);
    while let Some(words) = heard.blocking_recv() {
        for words in words {
            match words {
                Words::Data(line) => console.data(line),
                Words::Talk(text) => console.talk(&text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;
    use std::time::Instant;

    use super::*;

    /// A stream that takes nothing until the other end is dropped.
    struct Stuck(blocking::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn word() -> Vec<Words> {
        vec![Words::Data("word".to_owned())]
    }

    #[tokio::test]
    async fn a_reader_that_stops_reading_holds_up_neither_speech_nor_the_end() {
        let (_open, shut) = blocking::channel();
        let speaker = Speaker::start(Stuck(shut), io::sink()).expect("a thread");
        // One is being written, the others wait.
        for _ in 0..=WAITING {
            speaker.room().await.send(word());
        }
        let crowded = timeout(LAST_WORDS, speaker.room()).await.is_err();
        assert!(crowded, "nothing piles up");
        let begun = Instant::now();
        speaker.close(word()).await;
        assert!(begun.elapsed() < LAST_WORDS * 10);
    }

    #[tokio::test]
    async fn the_last_words_are_written_before_the_end() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let speaker = Speaker::start(writer, io::sink()).expect("a thread");
        speaker.close(word()).await;
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).expect("text");
        assert_eq!(text, "word\n");
    }
}
