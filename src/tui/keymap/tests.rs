//! The table of keys, held against the screens and the commands.

use super::*;

/// Lists the commands so that one that is forgotten here does not compile.
macro_rules! every {
    ($($name:ident),* $(,)?) => {
        const EVERY: &[Command] = &[$(Command::$name),*];
        fn is_listed(command: Command) -> bool {
            match command {
                Command::Screen(_) => true,
                $(Command::$name => EVERY.contains(&command)),*
            }
        }
    };
}

every!(
    Quit,
    Help,
    NextScreen,
    PreviousScreen,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    Top,
    Bottom,
    Open,
    Back,
    Filter,
    Sort,
    Invert,
    Pause,
    Copy,
    Mouse,
    Theme,
    Redraw,
    Suspend,
    Prompt,
    Reload,
    Drain,
    ResetBreaker,
    Revive,
    Pin,
    Strategy,
    Chaos,
    TunnelOpen,
    TunnelClose,
    TunnelRestart,
    Picture,
    Follow,
    Wrap,
    Times,
    LevelUp,
    LevelDown,
    ErrorsOnly,
    Edit,
);

#[test]
fn no_key_means_two_things_on_one_screen() {
    for screen in ALL {
        let mut seen: Vec<(Key, Command)> = Vec::new();
        for binding in on(*screen) {
            for key in binding.keys {
                let other = seen.iter().find(|(one, _)| one == key);
                assert!(other.is_none(), "{} on {screen:?}: {other:?}", key.name());
                seen.push((*key, binding.command));
            }
        }
        assert!(seen.len() > 20);
    }
}

#[test]
fn every_command_has_a_key() {
    let screens = (1..=6).map(Command::Screen);
    for command in EVERY.iter().copied().chain(screens) {
        assert!(is_listed(command));
        let bound = BINDINGS.iter().any(|binding| binding.command == command);
        assert!(bound, "{command:?}");
    }
}

#[test]
fn the_same_key_means_what_suits_the_screen() {
    let pressed = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE);
    assert_eq!(command(pressed, Overview), Some(Command::Chaos));
    assert_eq!(command(pressed, Tunnel), Some(Command::TunnelClose));
    assert_eq!(command(pressed, Config), None);
    let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
    assert_eq!(command(shifted, Logs), Some(Command::Bottom));
    let control = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL);
    assert_eq!(command(control, Overview), Some(Command::HalfDown));
}
