//! A gateway of which each answer is written down: for tests.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::door::Door;

/// It listens for as long as it lives.
pub(super) struct Scripted {
    directory: Arc<TempDir>,
    asked: Arc<Mutex<Vec<String>>>,
    answers: mpsc::UnboundedSender<Answer>,
    task: JoinHandle<()>,
}

/// What is done with a connection.
pub(super) enum Answer {
    /// This is sent, and the connection closed.
    Whole(String),
    /// This is sent, and the connection held.
    Held(String),
}

impl Scripted {
    pub(super) fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        Self::at(directory)
    }

    /// Another one at the place of one that is gone.
    pub(super) fn again(self) -> Self {
        let directory = self.directory.clone();
        drop(self);
        Self::at(directory)
    }

    fn at(directory: Arc<TempDir>) -> Self {
        let path = directory.path().join("s");
        _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("a socket");
        let (answers, mut script) = mpsc::unbounded_channel();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = asked.clone();
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let question = read(&mut connection).await;
                seen.lock().push(question);
                let Some(answer) = script.recv().await else {
                    return;
                };
                let (Answer::Whole(text) | Answer::Held(text)) = &answer;
                // Who does not listen to the end has not failed.
                _ = connection.write_all(text.as_bytes()).await;
                if matches!(answer, Answer::Held(_)) {
                    held.push(connection);
                }
            }
        });
        Self {
            directory,
            asked,
            answers,
            task,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    pub(super) fn door(&self) -> Door {
        Door::Unix(self.path())
    }

    /// The next connection is answered like this.
    pub(super) fn answers(&self, answer: Answer) {
        self.answers.send(answer).expect("it listens");
    }

    /// What was asked so far, head and body.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A whole answer of JSON.
pub(super) fn json(status: &str, body: &str) -> Answer {
    Answer::Whole(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The head of a stream and its hello.
pub(super) fn greeting(version: u32, instance: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n\
         : ping\n\nevent: hello\ndata: {{\"version\":{version},\"autogw\":\"9.9.9\",\"instance\":\"{instance}\"}}\n\n"
    )
}

async fn read(connection: &mut UnixStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = connection.read(&mut buffer).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "half a question: {text}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        if body.len() >= length {
            return text;
        }
    }
}
