//! What a demo provider says: who it is, what it was asked, and what to try next.

use super::tokens;

/// Longest answer in tokens; all of it is in memory before it is sent.
const MAX_TOKENS: usize = 100_000;

/// Words of the question that are echoed.
const ECHOED_WORDS: usize = 8;

/// Characters of a text that are echoed, however few words it has.
const ECHOED_CHARS: usize = 80;

/// Said in turn until the answer is long enough.
const HINTS: [&str; 5] = [
    " Ask with \"stream\": true to see an answer arrive word by word.",
    " Send tools and name one of them in your message to get a tool call.",
    " No key and no network are used here.",
    " Add a provider to your config.json to talk to a real model.",
    " The header x-autogw-provider tells who answered.",
];

/// The answer of provider `name` to `asked`: whole sentences, at most about `tokens` tokens but never
/// without the first two.
pub(super) fn answer(name: &str, asked: &str, tokens: u32) -> String {
    let mut text = format!(
        "This is {name}, a demo provider built into autogw. {}",
        echo(asked)
    );
    let limit = usize::try_from(tokens).map_or(MAX_TOKENS, |tokens| tokens.min(MAX_TOKENS));
    let mut length = tokens::count(&text);
    for hint in HINTS.iter().cycle() {
        length += tokens::count(hint);
        if length > limit {
            break;
        }
        text.push_str(hint);
    }
    text
}

/// The answer to what tools said.
pub(super) fn report(results: &[String]) -> String {
    let quoted: Vec<String> = results
        .iter()
        .map(|result| format!("“{}”", shorten(result, usize::MAX)))
        .collect();
    match quoted.as_slice() {
        [one] => format!("The tool answered {one}."),
        several => format!("The tools answered {}.", several.join(" and ")),
    }
}

fn echo(asked: &str) -> String {
    match shorten(asked, ECHOED_WORDS).as_str() {
        "" => "You asked nothing yet.".to_owned(),
        words => format!("You asked: “{words}”"),
    }
}

/// The first `words` words of `text`, with an ellipsis if that is not all.
fn shorten(text: &str, words: usize) -> String {
    let kept: Vec<&str> = text.split_whitespace().take(words).collect();
    let kept = kept.join(" ");
    let short: String = kept.chars().take(ECHOED_CHARS).collect();
    let all = short.len() == kept.len() && text.split_whitespace().nth(words).is_none();
    if all { short } else { short + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_it_is_and_what_was_asked() {
        assert_eq!(
            answer("demo-fast", "What is a gateway?", 0),
            "This is demo-fast, a demo provider built into autogw. You asked: “What is a gateway?”"
        );
    }

    #[test]
    fn echoes_a_long_question_in_a_few_words() {
        let text = answer("d", "one two three four five six seven eight nine", 0);
        assert!(text.ends_with("“one two three four five six seven eight…”"));
        let text = answer("d", &"x".repeat(500), 0);
        assert!(text.ends_with(&format!("“{}…”", "x".repeat(80))));
    }

    #[test]
    fn grows_to_the_wanted_length() {
        for wanted in [100, 1000] {
            let length = tokens::count(&answer("d", "hi", wanted));
            let wanted = usize::try_from(wanted).expect("fits");
            assert!((wanted - 20..=wanted).contains(&length), "{length}");
        }
    }
}
