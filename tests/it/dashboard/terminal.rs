//! The terminal: given back as it was, however the dashboard ends; and what is done to it meanwhile.

use rustix::process::Signal;
use vt100::MouseProtocolMode;

use super::{SIZES, Stage, answering, home, is_right};
use crate::support::client::Endpoint;
use crate::support::{Client, Config, Screen, chat};

#[track_caller]
fn assert_given_back(screen: &Screen) {
    screen.look(|at| {
        let shown = at.contents();
        assert!(!at.alternate_screen(), "its own screen is left: {shown}");
        assert!(!at.hide_cursor(), "no cursor: {shown}");
        assert!(!at.bracketed_paste(), "pasted text is marked: {shown}");
        assert_eq!(at.mouse_protocol_mode(), MouseProtocolMode::None);
    });
}

async fn took_it(screen: &Screen) {
    screen.shows("> a ").await;
    is_right(screen).await;
    screen.look(|at| {
        assert!(at.bracketed_paste());
        assert_ne!(at.mouse_protocol_mode(), MouseProtocolMode::None);
    });
}

#[tokio::test]
async fn the_terminal_is_given_back_whoever_ends_it() {
    let stage = Stage::new().await;
    let mut screen = stage.watched().await;
    took_it(&screen).await;
    screen.types("q");
    let status = screen.exit().await;
    assert_eq!(status.exit_code(), 0, "{}", screen.text());
    assert_given_back(&screen);
    for signal in [Signal::TERM, Signal::INT] {
        let mut screen = stage.watched().await;
        took_it(&screen).await;
        screen.signal(signal);
        let status = screen.exit().await;
        assert_eq!(status.exit_code(), 0, "{signal:?}: {}", screen.text());
        assert_given_back(&screen);
    }
    assert_eq!(stage.answers().await, "a", "the gateway goes on");
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn the_terminal_is_given_back_when_the_dashboard_panics() {
    let stage = Stage::new().await;
    let mut screen = stage.watched().await;
    took_it(&screen).await;
    screen.types(":panic\r");
    let status = screen.exit().await;
    assert_eq!(status.exit_code(), 1, "{}", screen.text());
    assert_given_back(&screen);
    let said = screen.text();
    assert!(said.contains("the dashboard broke"), "{said}");
    assert_eq!(stage.answers().await, "a", "the gateway goes on");
}

#[tokio::test]
async fn a_stop_gives_the_terminal_back_and_going_on_takes_it_again() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    took_it(&screen).await;
    screen.forget();
    screen.types("\u{1a}");
    screen.sends("\u{1b}[?1049l").await;
    screen.sends("\u{1b}[?1049h").await;
    took_it(&screen).await;
    // Somebody else has drawn while it was stopped.
    screen.signal(Signal::STOP);
    screen.forget();
    screen.signal(Signal::CONT);
    screen.sends("\u{1b}[?1049h").await;
    took_it(&screen).await;
}

/// Numbers that look like dice and are the same in each run.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + u16::try_from(self.0 % u64::from(most)).expect("it is below")
    }
}

#[tokio::test]
async fn after_a_storm_of_sizes_the_picture_is_right() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for turn in 0..200 {
        screen.resize((dice.up_to(250), dice.up_to(80)));
        if turn % 25 == 0 {
            screen.types(["2", "3", "4", "5", "6", "1", "?", "q"][turn / 25]);
            stage.answers().await;
        }
    }
    // A key that comes together with a size is read with the next key.
    screen.types("1");
    for size in SIZES {
        screen.resize(size);
        screen.shows("PROVIDER").await;
        screen.shows("> a ").await;
        is_right(&screen).await;
    }
    screen.resize((30, 5));
    screen.shows("needs 40x10, has 30x5").await;
    screen.resize(SIZES[0]);
    is_right(&screen).await;
}

#[tokio::test]
async fn a_terminal_that_does_not_read_holds_up_no_request() {
    let upstreams = [answering("A").await];
    let home = home(&Config::over(&upstreams).text());
    let file = home.path().join("test.json");
    let file = file.to_string_lossy().into_owned();
    let args = ["start", "--tui", "--port", "0", "--config", &*file];
    let mut screen = Screen::run(home.clone(), SIZES[2], args, []);
    screen.shows("> a ").await;
    let address = screen.find("the address", |at| {
        let shown = at.contents();
        let (_, rest) = shown.split_once("http://")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    let client = Client::new(Endpoint::Tcp(address.await));
    screen.hold(true);
    // More pictures than any pseudo-terminal keeps for its reader.
    for turn in 0..60 {
        screen.types(["1", "2", "3", "6"][turn % 4]);
        screen.types("\u{c}");
        let answer = client.chat(chat::ask("m")).send().await;
        answer.expect_status(200);
    }
    screen.hold(false);
    screen.types("2");
    screen.shows("60 done").await;
    is_right(&screen).await;
    screen.types("q");
    assert_eq!(screen.exit().await.exit_code(), 0, "{}", screen.text());
    assert_given_back(&screen);
}
