//! `.env` files.

use serde_json::json;

use super::super::{Change, EditError, Format, apply, value_at};
use super::{lawful, set};

#[test]
fn a_variable_is_changed_where_it_counts() {
    let cases = [
        ("", "A=b\n"),
        ("# keys\nX=1\n", "# keys\nX=1\nA=b\n"),
        ("X=1", "X=1\nA=b"),
        ("export X=1\r\n", "export X=1\r\nexport A=b\r\n"),
        ("A=1 # one\nA=2 # two\n", "A=1 # one\nA=b # two\n"),
        ("export A=\"old one\"\n", "export A=\"b\"\n"),
        ("  A='x#y' # c\n", "  A='b' # c\n"),
        ("A=\n", "A=b\n"),
        ("X='1\nA=2'\n", "X='1\nA=2'\nA=b\n"),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            lawful(Format::Env, text, &[set(&["A"], json!("b"))]),
            wanted
        );
    }
}

#[test]
fn values_are_written_so_that_all_readers_agree() {
    let cases = [
        ("http://127.0.0.1:4000/v1", "A=http://127.0.0.1:4000/v1\n"),
        ("two words", "A='two words'\n"),
        ("a#b", "A='a#b'\n"),
        ("$5", "A='$5'\n"),
        ("it's", "A=\"it's\"\n"),
        ("~/x", "A='~/x'\n"),
        ("", "A=\n"),
        ("\u{e9}", "A='\u{e9}'\n"),
    ];
    for (value, wanted) in cases {
        assert_eq!(
            lawful(Format::Env, "", &[set(&["A"], json!(value))]),
            wanted
        );
    }
}

#[test]
fn what_readers_would_take_differently_is_refused() {
    let refused = |text: &str, change: Change| {
        let answer = apply(Format::Env, text, &[change]);
        matches!(answer, Err(EditError::Odd { .. }))
    };
    for value in ["a\nb", "'\"", "\\", "${X}"] {
        assert!(refused("", set(&["A"], json!(value))), "{value}");
    }
    assert!(refused("", set(&["A B"], json!("x"))));
    assert!(refused("", set(&["A"], json!(1))));
    assert!(refused("A=$(pass show key)\n", set(&["A"], json!("x"))));
    assert!(refused("A=\"$HOME/x\"\n", set(&["A"], json!("x"))));
}

#[test]
fn a_variable_that_goes_is_gone_everywhere() {
    let at = vec!["A".to_owned()];
    let gone = Change::Remove {
        at: at.clone(),
        made: 0,
    };
    let edited = apply(Format::Env, "A=1\nB=2\nexport A=3\n", &[gone]).expect("it can go");
    assert_eq!(edited.text, "B=2\n");
    let found = value_at(Format::Env, "A=1\nexport A= 'x y' #c\n", &at);
    assert_eq!(found, Ok(Some(json!("x y"))));
}
