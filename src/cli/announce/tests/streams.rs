//! What is said reaches its stream, and no second one.

use std::io;

use tokio::sync::mpsc;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// A stream whose reader is a test.
struct Pipe(mpsc::UnboundedSender<u8>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = bytes.iter().all(|byte| self.0.send(*byte).is_ok());
        if sent {
            Ok(bytes.len())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn line_of(pipe: &mut mpsc::UnboundedReceiver<u8>) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(pipe.recv().await.expect("somebody writes"));
    }
    let line = String::from_utf8(line).expect("text");
    anstream::adapter::strip_str(&line).to_string()
}

/// Follows the board of `stage` while `play` runs, which reads what is written to either stream.
async fn followed(
    mut stage: Stage,
    play: impl AsyncFnOnce(board::Line, mpsc::UnboundedReceiver<u8>, mpsc::UnboundedReceiver<u8>),
) {
    let (out, out_reader) = mpsc::unbounded_channel();
    let (err, err_reader) = mpsc::unbounded_channel();
    let speaker = Speaker::start(Pipe(out), Pipe(err)).expect("a thread");
    let mut board = stage.board.subscribe();
    tokio::select! {
        never = stage.announcer.follow(&mut board, &speaker) => match never {},
        () = play(stage.line, out_reader, err_reader) => {}
    }
}

#[tokio::test]
async fn changes_reach_a_program_as_they_come() {
    let stage = Stage::of(Tunnel::Ngrok, Audience::Program);
    followed(stage, async |line, mut out, _err| {
        line.update(|status| status.url = Some("https://gw.example.com".to_owned()));
        line.phase(Phase::Online);
        let said: serde_json::Value =
            serde_json::from_str(&line_of(&mut out).await).expect("a JSON object");
        assert_eq!(said["tunnel"]["state"], "online");
        line.phase(Phase::Stopped(None));
        assert!(line_of(&mut out).await.contains("stopped"));
    })
    .await;
}

#[tokio::test]
async fn what_is_held_back_is_told_when_its_time_has_come() {
    followed(Stage::person(), async |line, _out, mut err| {
        line.phase(Phase::Degraded(trouble("the edge is gone")));
        assert_eq!(
            line_of(&mut err).await,
            "warning: tunnel: cloudflared: the edge is gone\n"
        );
    })
    .await;
}

/// Notes from which modules events come.
struct Origins(mpsc::UnboundedSender<&'static str>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Origins {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let module = event.metadata().module_path().expect("a module");
        self.0.send(module).expect("the test listens");
    }
}

#[test]
fn the_log_lines_of_what_is_told_are_known_by_their_module() {
    let (origins, mut heard) = mpsc::unbounded_channel();
    let subscriber = tracing_subscriber::registry().with(Origins(origins));
    let board = Board::default();
    let line = board.open(Tunnel::Ngrok);
    tracing::subscriber::with_default(subscriber, || line.phase(Phase::Online));
    assert_eq!(heard.blocking_recv(), Some(TOLD[0]));
}
