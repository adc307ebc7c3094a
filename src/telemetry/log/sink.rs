//! A bounded buffer and the thread that empties it.
//!
//! Whoever logs takes a lock, copies and leaves; the lock is never held while writing. What does not
//! fit, and what the destination refuses, is counted; the count is told in the first line that gets
//! through again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::Format;
use super::line::lost_lines;

/// Most bytes pending: some seconds of a busy gateway.
const CAPACITY: usize = 1 << 20;

/// A thread that wrote a batch this large gives the memory back.
const KEPT: usize = 1 << 17;

/// From here on the writer does not wait for more.
const ENOUGH: usize = 1 << 15;

/// How long the first line of a batch waits for company. A person does not notice it.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a closing gateway waits for a destination that does not take its lines.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Lines lost since the start, by all destinations. Clones are the same count.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost(Arc<AtomicU64>);

impl Lost {
    fn add(&self, lines: u64) {
        self.0.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One destination of the log.
#[derive(Debug)]
pub(super) struct Sink {
    state: Mutex<State>,
    /// Something arrived, enough arrived, or the end is near.
    arrived: Condvar,
    /// The thread has written its last.
    finished: Condvar,
    lost: Lost,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// Lines lost since the last one that was written.
    lost: u64,
    closing: bool,
    finished: bool,
}

impl Sink {
    /// Starts the thread `name`, which writes to `destination` until [`Sink::close`].
    pub(super) fn start(
        name: &str,
        destination: impl Write + Send + 'static,
        format: Format,
        lost: Lost,
    ) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            finished: Condvar::new(),
            lost,
        });
        let writer = Writer {
            sink: Arc::clone(&sink),
            destination,
            format,
            lost: 0,
            line_is_cut: false,
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || writer.run())?;
        Ok(sink)
    }

    /// Takes `line`, or counts it as lost when there is no room. Never waits for the destination.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state.lock();
        let before = state.pending.len();
        let after = before + line.len();
        if after > CAPACITY {
            state.lost += 1;
            self.lost.add(1);
            return;
        }
        state.pending.extend_from_slice(line);
        drop(state);
        if before == 0 || (before < ENOUGH && after >= ENOUGH) {
            self.arrived.notify_one();
        }
    }

    /// Has the thread write what is pending and end; waits for it, but not for ever.
    pub(super) fn close(&self) {
        let deadline = Instant::now() + LAST_CALL;
        let mut state = self.state.lock();
        state.closing = true;
        self.arrived.notify_one();
        while !state.finished {
            if self.finished.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }

    /// Waits for a batch to be worth writing. `None`: everything is written and the end has come.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut state = self.state.lock();
        while state.pending.is_empty() && !state.closing {
            self.arrived.wait(&mut state);
        }
        self.wait_for_company(&mut state);
        if state.pending.is_empty() {
            return None;
        }
        std::mem::swap(&mut state.pending, batch);
        Some(std::mem::take(&mut state.lost))
    }

    fn wait_for_company(&self, state: &mut MutexGuard<'_, State>) {
        let deadline = Instant::now() + PAUSE;
        while !state.closing && state.pending.len() < ENOUGH {
            if self.arrived.wait_until(state, deadline).timed_out() {
                return;
            }
        }
    }

    fn finish(&self) {
        self.state.lock().finished = true;
        self.finished.notify_all();
    }
}

/// The thread's side.
struct Writer<W> {
    sink: Arc<Sink>,
    destination: W,
    format: Format,
    /// Lines lost and not told yet.
    lost: u64,
    /// The destination took only a part of a line: the next one must not be glued to it.
    line_is_cut: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut batch = Vec::new();
        while let Some(lost) = self.sink.next_batch(&mut batch) {
            self.lost += lost;
            self.write(&batch);
            batch.clear();
            batch.shrink_to(KEPT);
        }
        self.sink.finish();
    }

    fn write(&mut self, batch: &[u8]) {
        if self.tell_losses().is_err() {
            self.lose(lines(batch));
            return;
        }
        let mut rest = batch;
        if self.write_all(&mut rest).is_err() {
            self.lose(lines(rest));
            self.line_is_cut =
                rest.len() < batch.len() && batch[batch.len() - rest.len() - 1] != b'\n';
        }
    }

    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.sink.lost.add(lines);
    }

    fn tell_losses(&mut self) -> io::Result<()> {
        if self.line_is_cut {
            self.write_all(&mut &b"\n"[..])?;
            self.line_is_cut = false;
        }
        if self.lost > 0 {
            let notice = lost_lines(self.lost, self.format, SystemTime::now());
            self.write_all(&mut notice.as_bytes())?;
            self.lost = 0;
        }
        Ok(())
    }

    /// Like `write_all`, but on an error `rest` says what was not written.
    fn write_all(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.destination.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.destination.flush()
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A destination whose every write waits for an answer: how many bytes it takes, or an error.
    struct Scripted {
        answers: mpsc::Receiver<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.answers.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = &bytes[..bytes.len().min(most)];
            self.written.lock().extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Script = (
        Arc<Sink>,
        mpsc::Sender<io::Result<usize>>,
        Arc<Mutex<Vec<u8>>>,
    );

    fn scripted() -> Script {
        let (answer, answers) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let destination = Scripted {
            answers,
            written: Arc::clone(&written),
        };
        let sink = Sink::start("test-log", destination, Format::Human, Lost::default());
        let sink = sink.expect("a thread can be started");
        (sink, answer, written)
    }

    /// What was written, with times replaced.
    fn text(written: &Mutex<Vec<u8>>) -> String {
        let text = String::from_utf8(written.lock().clone()).expect("lines are UTF-8");
        let time = regex::Regex::new(r"\d{4}-\S+Z").expect("a constant");
        time.replace_all(&text, "TIME").into_owned()
    }

    #[test]
    fn writes_everything_before_it_closes() {
        let (sink, answer, written) = scripted();
        drop(answer);
        sink.push(b"one\n");
        sink.push(b"two\n");
        sink.close();
        assert_eq!(text(&written), "one\ntwo\n");
    }

    #[test]
    fn counts_lines_that_do_not_fit_and_says_so_later() {
        let (sink, answer, written) = scripted();
        let line = [b"x".repeat(CAPACITY / 4 - 1), b"\n".to_vec()].concat();
        for _ in 0..4 {
            sink.push(&line);
        }
        sink.push(b"no room\n");
        sink.push(b"no room\n");
        drop(answer);
        while written.lock().len() < CAPACITY {
            std::thread::yield_now();
        }
        sink.push(b"room\n");
        sink.close();
        let text = text(&written);
        let lost: u64 = text
            .match_indices("log lines dropped: ")
            .filter_map(|(at, said)| text[at + said.len()..].lines().next()?.parse::<u64>().ok())
            .sum();
        let came_through = text.matches("no room").count() as u64;
        assert_eq!(lost + came_through, 2);
        assert_eq!(sink.lost.count(), lost);
        assert!(text.ends_with("room\n"));
    }

    #[test]
    fn counts_lines_that_the_destination_refuses() {
        let (sink, answer, written) = scripted();
        sink.push(b"whole\ncut in two\nlost\n");
        for step in [Ok(9), Err(io::ErrorKind::StorageFull.into())] {
            answer.send(step).expect("the writer waits");
        }
        while !text(&written).contains("cut") {
            std::thread::yield_now();
        }
        drop(answer);
        sink.push(b"works again\n");
        sink.close();
        assert_eq!(
            text(&written),
            "whole\ncut\nTIME WARN  log lines dropped: 2\nworks again\n"
        );
    }

    #[test]
    fn a_stuck_destination_holds_up_neither_callers_nor_the_end() {
        let (sink, answer, written) = scripted();
        let line = b"y".repeat(CAPACITY / 8);
        let begun = Instant::now();
        for _ in 0..64 {
            sink.push(&line);
        }
        sink.close();
        assert!(begun.elapsed() < LAST_CALL * 3);
        assert!(written.lock().is_empty());
        drop(answer);
    }
}
