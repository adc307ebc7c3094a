//! How systemd reads what is written into a unit: quotes, escapes, specifiers, variables.

use std::fmt::Write as _;

/// A word of `ExecStart=` behind the program.
pub(super) fn argument(word: &str) -> String {
    quoted(&word.replace('%', "%%").replace('$', "$$"))
}

/// The program of `ExecStart=`: no variable is looked for in it.
pub(super) fn program(path: &str) -> String {
    quoted(&path.replace('%', "%%"))
}

/// A word of `Environment=`, `ReadWritePaths=` and the like: a `$` is nothing special there.
pub(super) fn word(word: &str) -> String {
    quoted(&word.replace('%', "%%"))
}

/// A path that is a whole value, as of `EnvironmentFile=`: there are no quotes.
pub(super) fn whole(path: &str) -> String {
    path.replace('%', "%%")
}

/// A word that stays one: with quotes where it needs them.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%$~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            // A string takes everything.
            c if c.is_ascii_control() => _ = write!(text, "\\x{:02x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_a_word() {
        for (path, as_program, as_argument, as_word) in [
            (
                "/usr/bin/a-b_c",
                "/usr/bin/a-b_c",
                "/usr/bin/a-b_c",
                "/usr/bin/a-b_c",
            ),
            ("/a b", r#""/a b""#, r#""/a b""#, r#""/a b""#),
            ("/50%", "/50%%", "/50%%", "/50%%"),
            ("/$HOME", "/$HOME", "/$$HOME", "/$HOME"),
            (r#"/"q""#, r#""/\"q\"""#, r#""/\"q\"""#, r#""/\"q\"""#),
            ("/it's", r#""/it's""#, r#""/it's""#, r#""/it's""#),
            (r"/a\b", r#""/a\\b""#, r#""/a\\b""#, r#""/a\\b""#),
            ("/a\nb", r#""/a\nb""#, r#""/a\nb""#, r#""/a\nb""#),
            ("/a\u{1}", r#""/a\x01""#, r#""/a\x01""#, r#""/a\x01""#),
            ("/ü", "/ü", "/ü", "/ü"),
            (";", r#"";""#, r#"";""#, r#"";""#),
            ("", r#""""#, r#""""#, r#""""#),
        ] {
            assert_eq!(program(path), as_program);
            assert_eq!(argument(path), as_argument);
            assert_eq!(word(path), as_word);
        }
        assert_eq!(whole("/a b/50%"), "/a b/50%%");
    }
}
