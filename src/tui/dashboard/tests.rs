//! The dashboard without a terminal: every picture, every key, every odd thing.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::attach::News;
use crate::telemetry::act::Whom;
use crate::telemetry::event::{Event, Hello};
use crate::tui::fixture::{self, NOW, SIZES, as_text};
use crate::tui::keymap::BINDINGS;
use crate::tui::theme::Palette;

fn dashboard(model: Model, manners: Manners) -> Dashboard {
    let mut dashboard = Dashboard::new(manners, NOW);
    dashboard.model = model;
    dashboard
}

fn busy() -> Dashboard {
    dashboard(fixture::model(), Manners::default())
}

fn drawn(dashboard: &mut Dashboard, (width, height): (u16, u16)) -> String {
    let backend = TestBackend::new(width, height);
    let mut terminal = Terminal::new(backend).expect("a terminal of memory");
    let frame = terminal.draw(|frame| {
        let area = frame.area();
        dashboard.draw(area, frame.buffer_mut());
    });
    as_text(frame.expect("memory does not fail").buffer)
}

fn press(dashboard: &mut Dashboard, keys: &str) {
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            letter => KeyCode::Char(letter),
        };
        dashboard.key(KeyEvent::new(code, KeyModifiers::NONE), NOW);
    }
}

fn ascii() -> Manners {
    Manners {
        theme: Theme {
            palette: Palette::Mono,
            is_ascii: true,
        },
        ..Manners::default()
    }
}

#[test]
fn the_overview_in_every_size() {
    for size in SIZES {
        let name = format!("overview_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, drawn(&mut busy(), size));
    }
}

#[test]
fn the_overview_in_ascii() {
    for size in [(80, 24), (120, 40)] {
        let text = drawn(&mut dashboard(fixture::model(), ascii()), size);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(format!("overview_ascii_{}x{}", size.0, size.1), text);
    }
}

#[test]
fn the_page_of_a_provider_in_every_size() {
    for size in SIZES {
        let mut dashboard = busy();
        press(&mut dashboard, "jj\n");
        let name = format!("provider_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, drawn(&mut dashboard, size));
    }
}

#[test]
fn dialogs_stand_above_the_screen() {
    for (name, keys) in [
        ("help", "?"),
        ("confirm", "d"),
        ("choose", "x"),
        ("prompt", ":pro"),
        ("mistake", ":dance\n"),
        ("filter", "/groq"),
    ] {
        let mut dashboard = busy();
        press(&mut dashboard, keys);
        insta::assert_snapshot!(format!("dialog_{name}"), drawn(&mut dashboard, (80, 24)));
    }
}

#[test]
fn a_gateway_that_is_gone_is_said_on_every_screen() {
    let mut dashboard = busy();
    let reason = "nobody listens".to_owned();
    let again_in = Duration::from_millis(1_900);
    dashboard.news(News::Disconnected { reason, again_in }, NOW);
    let text = drawn(&mut dashboard, (80, 24));
    let head = text.lines().next().unwrap_or_default();
    assert!(
        head.contains("gateway gone, looking again in 2 s (nobody listens)"),
        "{head}"
    );
    dashboard.tick(NOW + 1_000);
    let text = drawn(&mut dashboard, (80, 24));
    assert!(text.contains("again in 1 s"), "{text}");
    press(&mut dashboard, "b");
    assert_eq!(dashboard.take_jobs(), [], "nobody is there to be told");
    let hello = Hello {
        instance: "another".to_owned(),
        ..Hello::default()
    };
    dashboard.news(News::Connected(hello), NOW + 2_000);
    let text = drawn(&mut dashboard, (80, 24));
    assert!(
        text.contains("127.0.0.1:8000") && text.contains("another run"),
        "{text}"
    );
}

#[test]
fn a_terminal_that_is_too_small_gets_one_message() {
    for size in [(39, 24), (80, 9)] {
        let text = drawn(&mut busy(), size);
        assert!(text.starts_with("needs 40x10"), "{text}");
        assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 2);
    }
}

#[test]
fn what_is_done_is_asked_before_where_it_hurts() {
    let mut dashboard = busy();
    press(&mut dashboard, "jjd");
    assert_eq!(dashboard.take_jobs(), []);
    press(&mut dashboard, "n");
    assert_eq!(dashboard.take_jobs(), []);
    press(&mut dashboard, "dy");
    let whom = Whom {
        provider: "groq".to_owned(),
        ..Whom::default()
    };
    assert_eq!(dashboard.take_jobs(), [Job::Act(Act::Drain { whom })]);
    press(&mut dashboard, "x1");
    assert_eq!(dashboard.take_jobs(), []);
    press(&mut dashboard, "y");
    let jobs = dashboard.take_jobs();
    assert!(matches!(&jobs[..], [Job::Act(Act::Chaos { provider, .. })] if provider == "groq"));
    press(&mut dashboard, "b");
    let reset = Act::ResetBreaker {
        provider: "groq".to_owned(),
        model: None,
    };
    assert_eq!(dashboard.take_jobs(), [Job::Act(reset)]);
    press(&mut dashboard, "R");
    assert_eq!(dashboard.take_jobs(), [Job::Act(Act::Reload)]);
    press(&mut dashboard, "S3");
    assert!(matches!(
        &dashboard.take_jobs()[..],
        [Job::Act(Act::Strategy { name: Some(_) })]
    ));
}

#[test]
fn whoever_only_looks_changes_nothing() {
    let manners = Manners {
        is_read_only: true,
        ..Manners::default()
    };
    for binding in BINDINGS.iter().filter(|binding| binding.is_act()) {
        for screen in binding.screens {
            let mut dashboard = dashboard(fixture::model(), manners);
            dashboard.go(*screen);
            dashboard.take_jobs();
            dashboard.command(binding.command);
            press(&mut dashboard, "1y");
            let acts = dashboard.take_jobs();
            let acts = acts.iter().filter(|job| matches!(job, Job::Act(_)));
            assert_eq!(acts.count(), 0, "{:?}", binding.command);
        }
    }
    let mut dashboard = dashboard(fixture::model(), manners);
    press(&mut dashboard, "b");
    let text = drawn(&mut dashboard, (80, 24));
    assert!(text.contains("read-only"), "{text}");
    assert!(!text.contains("drain  "), "{text}");
}

#[test]
fn the_page_of_a_provider_is_asked_for_and_kept_fresh() {
    let mut dashboard = busy();
    dashboard.model.provider = None;
    press(&mut dashboard, ":provider groq\n");
    let wanted = Wanted::Provider("groq".to_owned());
    assert_eq!(dashboard.take_jobs(), [Job::Fetch(wanted.clone())]);
    dashboard.tick(NOW + 1_000);
    assert_eq!(dashboard.take_jobs(), [], "not twice at once");
    let detail = Box::new(fixture::provider_detail());
    dashboard.answered(Answer::Provider(Ok(detail)));
    dashboard.tick(NOW + 2_000);
    assert_eq!(dashboard.take_jobs(), [Job::Fetch(wanted)]);
    assert!(drawn(&mut dashboard, (80, 24)).contains("spare"));
    press(&mut dashboard, "\u{1b}");
    dashboard.tick(NOW + 3_000);
    assert_eq!(dashboard.take_jobs(), []);
}

#[test]
fn acts_of_the_page_are_about_the_selected_key_or_model() {
    let mut dashboard = busy();
    press(&mut dashboard, "jj\n");
    drawn(&mut dashboard, (80, 24));
    press(&mut dashboard, "jv");
    let revive = Act::Revive {
        provider: "groq".to_owned(),
        key: Some(2),
    };
    assert!(dashboard.take_jobs().contains(&Job::Act(revive)));
    press(&mut dashboard, "jjb");
    let reset = Act::ResetBreaker {
        provider: "groq".to_owned(),
        model: Some("llama-3.3-70b".to_owned()),
    };
    assert_eq!(dashboard.take_jobs(), [Job::Act(reset)]);
}

#[test]
fn the_selection_stays_with_its_provider() {
    let mut dashboard = busy();
    press(&mut dashboard, "jj");
    dashboard.model.snapshot.providers.rotate_left(1);
    press(&mut dashboard, "b");
    let jobs = dashboard.take_jobs();
    assert!(
        matches!(&jobs[..], [Job::Act(Act::ResetBreaker { provider, .. })] if provider == "groq")
    );
    dashboard
        .model
        .snapshot
        .providers
        .retain(|row| row.name != "groq");
    press(&mut dashboard, "b");
    assert_eq!(dashboard.take_jobs().len(), 1, "another one is selected");
}

#[test]
fn a_filter_is_kept_by_enter_and_cleared_by_esc() {
    let mut dashboard = busy();
    press(&mut dashboard, "/state=open\n");
    let text = drawn(&mut dashboard, (60, 15));
    assert!(
        text.contains("ollama-local") && !text.contains("mistral"),
        "{text}"
    );
    press(&mut dashboard, "\u{1b}");
    assert!(drawn(&mut dashboard, (60, 15)).contains("mistral"));
    press(&mut dashboard, "/!open\u{1b}");
    assert!(drawn(&mut dashboard, (60, 15)).contains("ollama-local"));
}

#[test]
fn a_click_on_a_title_sorts_and_a_second_click_on_a_row_opens() {
    let click = |dashboard: &mut Dashboard, column, row| {
        let event = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column,
            row,
            modifiers: KeyModifiers::NONE,
        };
        dashboard.mouse(event, NOW);
    };
    let mut dashboard = busy();
    let first = |text: &str| {
        text.lines()
            .nth(3)
            .unwrap_or_default()
            .trim_start_matches(['>', ' '])
            .to_owned()
    };
    drawn(&mut dashboard, (60, 15));
    click(&mut dashboard, 3, 2);
    assert!(first(&drawn(&mut dashboard, (60, 15))).starts_with("pin anthropic"));
    click(&mut dashboard, 3, 2);
    assert!(!first(&drawn(&mut dashboard, (60, 15))).starts_with("pin anthropic"));
    click(&mut dashboard, 5, 5);
    click(&mut dashboard, 5, 5);
    assert!(drawn(&mut dashboard, (60, 15)).contains("provider "));
    click(&mut dashboard, 14, 1);
    assert_eq!(dashboard.model.screen, Screen::Requests);
}

#[test]
fn a_picture_that_is_held_still_goes_on_behind() {
    let mut dashboard = busy();
    press(&mut dashboard, " ");
    let before = drawn(&mut dashboard, (80, 24));
    assert!(before.contains("PAUSED"));
    let names = vec!["groq".to_owned()];
    dashboard.news(News::Event(Box::new(Event::Providers(names))), NOW + 5_000);
    assert_eq!(drawn(&mut dashboard, (80, 24)), before);
    press(&mut dashboard, " ");
    assert!(!drawn(&mut dashboard, (80, 24)).contains("ollama-local  "));
}

#[test]
fn quitting_asks_only_if_somebody_would_be_cut_off() {
    let mut attached = busy();
    press(&mut attached, "q");
    assert_eq!(attached.take_jobs(), [Job::Quit]);
    let manners = Manners {
        owns_gateway: true,
        ..Manners::default()
    };
    let mut owner = dashboard(fixture::model(), manners);
    press(&mut owner, "q");
    assert_eq!(owner.take_jobs(), []);
    press(&mut owner, "y");
    assert_eq!(owner.take_jobs(), [Job::Quit]);
    let stop = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    owner.key(stop, NOW);
    assert_eq!(owner.take_jobs(), []);
    owner.key(stop, NOW);
    assert_eq!(owner.take_jobs(), [Job::Quit], "a second Ctrl-C means it");
}

#[test]
fn nothing_is_drawn_where_nothing_has_changed() {
    let mut dashboard = busy();
    drawn(&mut dashboard, (80, 24));
    assert!(!dashboard.is_dirty());
    dashboard.tick(NOW + 1);
    dashboard.news(News::Event(Box::new(Event::Tick { now_ms: NOW })), NOW + 2);
    assert!(!dashboard.is_dirty());
    dashboard.tick(NOW + 1_000);
    assert!(dashboard.is_dirty(), "another second");
}

#[test]
fn no_size_and_no_odd_gateway_breaks_it() {
    let models: [fn() -> Model; 3] = [fixture::model, fixture::empty, fixture::odd];
    for model in models {
        for screen in Screen::ALL {
            let mut dashboard = dashboard(model(), Manners::default());
            dashboard
                .toasts
                .say("a toast that says a few words", Tone::Bad, NOW);
            dashboard.go(screen);
            for (width, height) in sizes() {
                let area = Rect::new(0, 0, width, height);
                dashboard.draw(area, &mut Buffer::empty(area));
            }
        }
    }
}

/// All widths and all heights up to 250 by 60, though not all pairs.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    (0..=250_u16)
        .map(|n| (n, n * 7 % 61))
        .chain((0..=60).map(|n| (n * 83 % 251, n)))
}

#[test]
fn every_command_on_every_screen_is_survived() {
    let models: [fn() -> Model; 3] = [fixture::model, fixture::empty, fixture::odd];
    for model in models {
        for screen in Screen::ALL {
            let mut dashboard = dashboard(model(), Manners::default());
            // Ten odd ones are as odd as a thousand.
            dashboard.model.snapshot.providers.truncate(10);
            for binding in BINDINGS {
                dashboard.go(screen);
                dashboard.command(binding.command);
                drawn(&mut dashboard, (80, 24));
                press(&mut dashboard, "jk\n\ty1");
                drawn(&mut dashboard, (44, 11));
                press(&mut dashboard, "\u{1b}\u{1b}\u{1b}");
                dashboard.command(binding.command);
                press(&mut dashboard, "\u{1b}\u{1b}\u{1b}");
            }
        }
    }
}

#[test]
fn every_key_is_told_in_the_help_of_its_screen() {
    for screen in Screen::ALL {
        let mut dashboard = busy();
        dashboard.go(screen);
        press(&mut dashboard, "?");
        let text = drawn(&mut dashboard, (120, 70));
        for binding in crate::tui::keymap::on(screen) {
            let head: String = binding.help.chars().take(30).collect();
            assert!(
                text.contains(&head),
                "{} on {screen:?}: {text}",
                binding.help
            );
        }
    }
}

#[test]
fn nothing_foreign_reaches_the_terminal_as_a_command() {
    let mut dashboard = dashboard(fixture::odd(), Manners::default());
    let text = drawn(&mut dashboard, (200, 50));
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
}
