//! What is said in each phase, in which width, and when.

mod streams;

use std::time::Duration;

use super::*;
use crate::app::MadeKey;
use crate::provider::Secret;
use crate::telemetry::tunnel::{self as board, Board, Streams};

const URL: &str = "https://alpha-bravo-charlie-delta.trycloudflare.com";
const OTHER: &str = "https://echo-foxtrot-golf-hotel.trycloudflare.com";
const LIVE: Check = Check::Passed {
    streams: Streams::Live,
};

/// A tunnel, somebody who hears of it, and a clock that only the test moves.
struct Stage {
    announcer: Announcer,
    board: Board,
    line: board::Line,
    now: Instant,
    width: usize,
}

fn facts() -> Facts {
    Facts {
        client_key: ClientKey::Made(MadeKey::Shown(Secret::new("agw-canary"))),
        cursor_model: "autogw/gpt-4o".to_owned(),
        shows_qr: false,
    }
}

impl Stage {
    fn of(tunnel: Tunnel, audience: Audience) -> Self {
        let board = Board::default();
        let line = board.open(tunnel);
        let redactor = Arc::new(Redactor::new(&[Secret::new("canary-token")]));
        Self {
            announcer: Announcer::new(audience, Some((tunnel, line.status())), redactor),
            board,
            line,
            now: Instant::now(),
            width: 80,
        }
    }

    fn person() -> Self {
        Self::of(Tunnel::Cloudflared, Audience::Person(facts()))
    }

    /// What is said now; no colours.
    fn said(&mut self) -> String {
        let statuses = self.board.statuses();
        let words = self.announcer.hear(&statuses, self.now, self.width);
        let texts = words.into_iter().map(|words| match words {
            Words::Talk(text) => anstream::adapter::strip_str(&text).to_string(),
            Words::Data(line) => format!("{line}\n"),
        });
        texts.collect()
    }

    /// What is said after a while in which nothing changed.
    fn after(&mut self, time: Duration) -> String {
        self.now += time;
        self.said()
    }

    fn later(&mut self) -> String {
        self.after(Duration::from_mins(1))
    }

    fn phase(&mut self, phase: Phase) -> String {
        self.line.phase(phase);
        self.said()
    }

    /// It comes up at `url`, and the check passes within 84 ms.
    fn opens(&mut self, url: &str) -> String {
        self.line.update(|status| status.url = Some(url.to_owned()));
        self.line.phase(Phase::Online);
        self.line.latency(Duration::from_millis(84));
        self.line.check(LIVE);
        self.said()
    }

    fn waits(&mut self, message: &str) -> String {
        let phase = Phase::Waiting {
            attempt: 1,
            until: self.now + Duration::from_secs(5),
            trouble: trouble(message),
        };
        self.phase(phase)
    }
}

fn trouble(message: &str) -> Trouble {
    Trouble {
        code: None,
        message: message.to_owned(),
        hint: None,
    }
}

fn assert_within(width: usize, text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= width, "{line:?} in\n{text}");
    }
}

#[test]
fn an_open_door_comes_with_everything_to_paste() {
    let mut stage = Stage::person();
    let text = stage.opens(URL);
    assert!(
        !text.contains("agw-canary"),
        "the key was shown once, by the banner"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn an_open_door_fits_sixty_columns() {
    let mut stage = Stage::of(
        Tunnel::Cloudflared,
        Audience::Person(Facts {
            shows_qr: true,
            ..facts()
        }),
    );
    stage.width = 60;
    let text = stage.opens(URL);
    assert_within(60, &text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_terminal_too_narrow_for_the_picture_gets_none() {
    let mut stage = Stage::of(
        Tunnel::Ngrok,
        Audience::Person(Facts {
            shows_qr: true,
            ..facts()
        }),
    );
    stage.width = 40;
    let text =
        stage.opens("https://a-name-of-some-length-that-makes-a-large-picture.ngrok-free.app");
    assert!(!text.contains('█'), "{text}");
    assert!(text.contains("too narrow"), "{text}");
}

#[test]
fn every_kind_of_key_is_told_where_it_is() {
    let open = |client_key: ClientKey| {
        let mut stage = Stage::of(
            Tunnel::Ngrok,
            Audience::Person(Facts {
                client_key,
                ..facts()
            }),
        );
        stage.opens("https://gw.example.com")
    };
    let path = "/home/ada/.auto-gateway/run/client.key";
    insta::assert_snapshot!(
        "kept_key",
        open(ClientKey::Made(MadeKey::Kept(path.into())))
    );
    insta::assert_snapshot!("configured_key", open(ClientKey::Configured));
    insta::assert_snapshot!("no_key", open(ClientKey::Public));
    let untold = open(ClientKey::Open);
    assert!(untold.contains("required: made for this run\n"), "{untold}");
}

#[test]
fn every_trouble_is_told_with_what_to_do() {
    let mut phases = Vec::new();
    for width in [80, 60] {
        let mut say = |tunnel: Tunnel, phase: &dyn Fn(Instant) -> Phase| {
            let mut stage = Stage::of(tunnel, Audience::Person(facts()));
            stage.width = width;
            let phase = phase(stage.now + Duration::from_secs(1));
            let text = stage.phase(phase) + &stage.after(Duration::from_secs(1));
            assert_within(width, &text);
            phases.push(text);
        };
        say(Tunnel::Ngrok, &|_| {
            Phase::Failed(Trouble {
                code: Some("ERR_NGROK_105".to_owned()),
                message:
                    "ngrok rejected the authtoken: it does not look like a proper ngrok authtoken"
                        .to_owned(),
                hint: Some(
                    "source: NGROK_AUTHTOKEN; https://ngrok.com/docs/errors/err_ngrok_105"
                        .to_owned(),
                ),
            })
        });
        say(Tunnel::Cloudflared, &|_| {
            Phase::Failed(Trouble {
                code: None,
                message: "cloudflared is not on PATH".to_owned(),
                hint: Some(
                    "apt install cloudflared (pkg.cloudflare.com), or `--tunnel ngrok`".to_owned(),
                ),
            })
        });
        say(Tunnel::Cloudflared, &|now| Phase::Waiting {
            attempt: 3,
            until: now + Duration::from_millis(3200),
            trouble: Trouble {
                code: Some("1015".to_owned()),
                message: "too many quick tunnels were asked for".to_owned(),
                hint: Some("wait for a minute, or use a named tunnel".to_owned()),
            },
        });
        say(Tunnel::Cloudflared, &|_| {
            Phase::Degraded(trouble("the connection to the edge was lost"))
        });
        say(Tunnel::Ngrok, &|now| Phase::Waiting {
            attempt: 1,
            until: now,
            trouble: trouble("no network"),
        });
    }
    insta::assert_snapshot!(phases.join("\n"));
}

#[test]
fn a_check_that_takes_its_time_is_told_when_it_comes() {
    for (check, words) in [
        (
            LIVE,
            "tunnel: cloudflared: seen through the public URL, streams flow\n",
        ),
        (
            Check::Passed {
                streams: Streams::Buffered,
            },
            "warning: tunnel: cloudflared: seen through the public URL, but streams are held\n  back until their end\n",
        ),
        (
            Check::Failed {
                reason: "the name is not known yet".to_owned(),
            },
            "warning: tunnel: cloudflared: check failed: the name is not known yet\n",
        ),
    ] {
        let mut stage = Stage::person();
        stage
            .line
            .update(|status| status.url = Some(URL.to_owned()));
        assert_eq!(stage.phase(Phase::Online), "", "the check may come at once");
        let block = stage.after(Duration::from_secs(3));
        assert!(
            block.contains("not seen through the public URL yet"),
            "{block}"
        );
        stage.line.check(check);
        assert_eq!(stage.after(Duration::from_secs(1)), words);
        assert_eq!(stage.later(), "");
    }
}

#[test]
fn a_bad_check_is_part_of_the_first_word_if_it_comes_in_time() {
    let mut stage = Stage::person();
    stage
        .line
        .update(|status| status.url = Some(URL.to_owned()));
    assert_eq!(stage.phase(Phase::Online), "");
    stage.line.check(Check::Failed {
        reason: "the edge answered 530 for as long as anybody cared to ask".to_owned(),
    });
    let text = stage.said();
    assert_within(80, &text);
    insta::assert_snapshot!(text);
}

#[test]
fn an_address_that_does_not_answer_is_told_after_a_while() {
    let mut stage = Stage::person();
    stage
        .line
        .update(|status| status.url = Some(URL.to_owned()));
    assert_eq!(stage.phase(Phase::UrlKnown), "");
    assert_eq!(
        stage.after(Duration::from_secs(5)),
        format!("tunnel: cloudflared: {URL} does\n  not answer yet\n")
    );
    assert_eq!(stage.later(), "");
}

#[test]
fn a_new_address_is_announced_in_full() {
    let mut stage = Stage::person();
    stage.opens(URL);
    stage.now += Duration::from_mins(1);
    stage.waits("cloudflared ended with exit code 1");
    assert!(stage.after(Duration::from_secs(1)).starts_with("warning: "));
    stage.line.update(|status| status.url = None);
    assert_eq!(stage.phase(Phase::Starting), "");
    stage.now += Duration::from_mins(1);
    let text = stage.opens(OTHER);
    assert!(text.contains("new address"), "{text}");
    assert!(text.contains(OTHER) && !text.contains(URL), "{text}");
}

#[test]
fn a_blip_is_not_worth_a_word() {
    let mut stage = Stage::person();
    stage.opens(URL);
    stage.now += Duration::from_mins(1);
    assert_eq!(stage.waits("the connection was lost"), "");
    assert_eq!(stage.after(Duration::from_millis(600)), "");
    assert_eq!(stage.opens(URL), "");
    assert_eq!(stage.later(), "");
}

#[test]
fn a_return_is_one_line() {
    let mut stage = Stage::person();
    stage.opens(URL);
    stage.now += Duration::from_mins(1);
    stage.waits("the connection was lost");
    assert_eq!(
        stage.after(Duration::from_secs(1)),
        "warning: tunnel: cloudflared: the connection was lost; tried again in 4 s\n"
    );
    stage.now += Duration::from_mins(1);
    assert_eq!(
        stage.opens(URL),
        format!("tunnel: cloudflared: up again:\n  {URL}\n")
    );
}

#[test]
fn a_return_says_how_many_it_took() {
    for (times, words) in [(1, "after 1 restart:"), (3, "after 3 restarts:")] {
        let mut stage = Stage::person();
        stage.opens(URL);
        stage.now += Duration::from_mins(1);
        stage.waits("the connection was lost");
        stage.after(Duration::from_secs(1));
        for _ in 0..times {
            stage.line.update(Status::count_restart);
        }
        stage.now += Duration::from_mins(1);
        let text = stage.opens(URL);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn an_end_that_its_provider_made_is_explained_once() {
    let mut stage = Stage::of(Tunnel::Ngrok, Audience::Person(facts()));
    stage.opens("https://gw.example.com");
    let why = Trouble {
        code: None,
        message: "ngrok stopped it: canary-token was\u{1b}[2J revoked".to_owned(),
        hint: Some("start it again when that is settled".to_owned()),
    };
    assert_eq!(
        stage.phase(Phase::Stopped(Some(why))),
        "warning: tunnel: ngrok: closed: ngrok stopped it: [redacted] was [2J revoked\n  \
         hint: start it again when that is settled\n"
    );
    assert_eq!(stage.phase(Phase::Stopped(None)), "");
    assert_eq!(stage.later(), "");
}

#[test]
fn whose_trouble_it_is_is_said_once() {
    let mut stage = Stage::of(Tunnel::Ngrok, Audience::Person(facts()));
    let text = stage.phase(Phase::Failed(trouble(
        "the tunnel's ca_file /ca.pem is empty",
    )));
    assert_eq!(text, "error: tunnel: ngrok: ca_file /ca.pem is empty\n");
}

#[test]
fn the_same_trouble_is_told_once_however_often_it_is_tried() {
    let mut stage = Stage::person();
    stage.waits("no network");
    assert!(stage.after(Duration::from_secs(1)).contains("no network"));
    for _ in 0..20 {
        assert_eq!(stage.phase(Phase::Starting), "");
        stage.now += Duration::from_secs(30);
        assert_eq!(stage.waits("no network"), "");
    }
    stage.waits("the account is suspended");
    assert!(stage.later().contains("the account is suspended"));
}

#[test]
fn attempts_that_fail_quickly_are_one_trouble() {
    let mut stage = Stage::person();
    let mut said = String::new();
    for _ in 0..10 {
        said += &stage.waits("no network");
        stage.now += Duration::from_millis(200);
        said += &stage.phase(Phase::Starting);
        stage.now += Duration::from_millis(200);
    }
    assert_eq!(said.matches("no network").count(), 1, "{said}");
}

#[test]
fn a_tunnel_that_comes_and_goes_does_not_flood_the_terminal() {
    let mut stage = Stage::person();
    stage.opens(URL);
    let mut words = 0;
    for turn in 0..600 {
        let said = if turn % 4 < 2 {
            stage.waits(&format!("failure {turn}"))
        } else {
            stage.opens(if turn % 8 < 4 { URL } else { OTHER })
        };
        words += usize::from(!said.is_empty());
        words += usize::from(!stage.after(Duration::from_secs(1)).is_empty());
    }
    // Ten minutes at one word in half a minute, and the quicker ones of the beginning.
    assert!((10..=26).contains(&words), "{words} words");
    stage.opens(URL);
    stage.later();
    assert_eq!(stage.later(), "", "in the end it is told how it is");
}

#[test]
fn the_end_is_told_at_once_and_a_new_beginning_too() {
    let mut stage = Stage::person();
    stage.opens(URL);
    assert_eq!(
        stage.phase(Phase::Stopped(None)),
        "tunnel: cloudflared: closed\n"
    );
    stage.line = stage.board.open(Tunnel::Cloudflared);
    assert_eq!(
        stage.after(Duration::from_secs(1)),
        "tunnel: cloudflared: opening…\n"
    );
}

#[test]
fn a_tunnel_that_nobody_announced_is_introduced() {
    let mut stage = Stage::person();
    stage.board.open(Tunnel::Ngrok);
    assert_eq!(stage.said(), "tunnel: ngrok: opening…\n");
}

#[test]
fn somebody_waits_only_as_long_as_there_is_something_to_say() {
    let mut stage = Stage::person();
    assert_eq!(stage.said(), "");
    assert_eq!(stage.announcer.due(), None);
    stage
        .line
        .update(|status| status.url = Some(URL.to_owned()));
    stage.phase(Phase::Online);
    assert_eq!(
        stage.announcer.due(),
        Some(stage.now + Duration::from_secs(3))
    );
    stage.after(Duration::from_secs(3));
    assert_eq!(stage.announcer.due(), None);
}

#[test]
fn what_others_wrote_cannot_command_the_terminal_or_hold_a_secret() {
    let mut stage = Stage::person();
    let nasty = format!(
        "\u{1b}]0;title\u{7}bad\r\n\u{202e}canary-token{}",
        "x".repeat(10_000)
    );
    stage.phase(Phase::Failed(Trouble {
        code: Some("A\u{1b}[2J".to_owned()),
        message: nasty.clone(),
        hint: Some(nasty),
    }));
    let statuses = stage.board.statuses();
    let mut fresh = Stage::person();
    let words = fresh.announcer.hear(&statuses, fresh.now, 80);
    let [Words::Talk(text)] = &words[..] else {
        panic!("{words:?}")
    };
    for bad in [
        "\u{1b}]",
        "\u{1b}[2J",
        "\u{7}",
        "\r",
        "\u{202e}",
        "canary-token",
    ] {
        assert!(!text.contains(bad), "{bad:?} in {text:?}");
    }
    assert!(text.len() < 2000, "{}", text.len());
}

#[test]
fn a_program_is_told_every_change_and_no_heartbeat() {
    let mut stage = Stage::of(Tunnel::Ngrok, Audience::Program);
    let mut lines = stage.said();
    assert_eq!(lines, "", "the first object has said it");
    stage
        .line
        .update(|status| status.url = Some("https://gw.example.com".to_owned()));
    lines += &stage.phase(Phase::Online);
    stage.line.latency(Duration::from_micros(41_900));
    assert_eq!(stage.said(), "");
    stage.line.check(LIVE);
    lines += &stage.said();
    stage.line.check(Check::Failed {
        reason: "canary-token did it".to_owned(),
    });
    lines += &stage.said();
    stage.line.update(Status::count_restart);
    lines += &stage.phase(Phase::Failed(Trouble {
        code: Some("ERR_NGROK_108".to_owned()),
        message: "ngrok allows no more sessions".to_owned(),
        hint: None,
    }));
    lines += &stage.phase(Phase::Stopped(None));
    insta::assert_snapshot!(lines);
}
