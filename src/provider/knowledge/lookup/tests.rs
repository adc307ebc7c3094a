//! The rows are sound, and every way of writing a name finds its row.

use std::collections::HashSet;

use super::*;
use crate::provider::knowledge::{Accepts, Family, Off, Thinking};

/// The first pattern of the row that `model` means.
fn found(model: &str) -> Option<&'static str> {
    let name = plain(model);
    let row = row_of(&name).or_else(|| newest_of(&name))?;
    Some(&row.matches[0])
}

fn is_exact(model: &str) -> bool {
    row_of(&plain(model)).is_some()
}

#[test]
fn every_family_says_everything_once() {
    let groups: Vec<Group> =
        serde_json::from_str(include_str!("../../../../assets/models.json")).expect("JSON");
    let keys = |group: &Group| -> Vec<String> { group.all.keys().cloned().collect() };
    let first = keys(&groups[0]);
    assert_eq!(first.len(), 21, "{first:?}");
    let mut families = HashSet::new();
    for group in &groups {
        assert!(families.insert(group.family.to_string()));
        assert_eq!(keys(group), first, "{}", group.family);
        for model in &group.models {
            for (key, value) in model {
                let said = group.all.get(key);
                assert!(
                    said != Some(value),
                    "{}: {key} says nothing new",
                    model["match"]
                );
            }
        }
    }
}

#[test]
fn patterns_are_plain_and_unique() {
    let (mut matches, mut lines) = (HashSet::new(), HashSet::new());
    for row in ROWS.iter() {
        assert!(!row.matches.is_empty());
        for pattern in &row.matches {
            assert_eq!(&plain(pattern), pattern);
            assert!(matches.insert(pattern), "{pattern} stands twice");
        }
        for line in &row.newest_of {
            assert_eq!(&without_versions(line), line);
            assert!(lines.insert(line), "{line} has two newest");
        }
    }
    assert!(matches.len() > 150, "{}", matches.len());
}

#[test]
fn the_newest_of_a_line_stands_before_the_rest_of_it() {
    for (at, row) in ROWS.iter().enumerate() {
        for pattern in &row.matches {
            let newest = newest_of(pattern).expect("every row is of a line");
            let newest_at = ROWS.iter().position(|other| std::ptr::eq(other, newest));
            assert!(
                newest_at <= Some(at),
                "{pattern} after {:?}",
                newest.matches
            );
            assert_eq!(newest.knowledge.family, row.knowledge.family, "{pattern}");
        }
    }
}

#[test]
fn every_row_is_found_by_its_own_names() {
    for row in ROWS.iter() {
        for pattern in &row.matches {
            assert_eq!(found(pattern), Some(row.matches[0].as_str()), "{pattern}");
            let dated = format!("vendor/{pattern}-20260101");
            assert_eq!(found(&dated), Some(row.matches[0].as_str()), "{dated}");
        }
    }
}

#[test]
fn numbers_are_sane() {
    for Row {
        matches, knowledge, ..
    } in ROWS.iter()
    {
        let Knowledge {
            context,
            max_output,
            min_cache,
            ..
        } = *knowledge;
        let is_between = |tokens: Option<u64>, least, most| {
            tokens.is_none_or(|tokens| (least..=most).contains(&tokens))
        };
        assert!(is_between(context, 4_096, 2_097_152), "{matches:?}");
        assert!(is_between(max_output, 4_096, 400_000), "{matches:?}");
        assert!(is_between(min_cache, 512, 4_096), "{matches:?}");
        assert!(max_output <= context || context.is_none(), "{matches:?}");
        let price = [knowledge.input_price, knowledge.output_price];
        assert_eq!(price[0].is_some(), price[1].is_some(), "{matches:?}");
        if let [Some(input), Some(output)] = price {
            assert!(
                0.01 < input && input < output && output <= 600.0,
                "{matches:?}"
            );
            assert!(knowledge.cached_price.is_none_or(|cached| cached < input));
            assert!(
                knowledge
                    .cache_write_price
                    .is_none_or(|write| write >= input)
            );
        } else {
            assert_eq!(knowledge.cached_price, None, "{matches:?}");
        }
        if let Thinking::GeminiBudget { min, max, .. } = knowledge.thinking {
            assert!(min < max);
        }
        let levels = match &knowledge.thinking {
            Thinking::Effort { levels, default } => {
                assert!(levels.contains(default), "{matches:?}");
                levels
            }
            Thinking::ClaudeAdaptive { levels, .. } | Thinking::GeminiLevel { levels } => levels,
            _ => continue,
        };
        assert!(!levels.is_empty() && levels.is_sorted(), "{matches:?}");
    }
}

#[test]
fn a_name_is_read_however_it_is_decorated() {
    let table = [
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("anthropic/claude-opus-4.5:thinking", "claude-opus-4-5"),
        (
            "us.anthropic.claude-opus-4-5-20251101-v1:0",
            "claude-opus-4-5",
        ),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("Claude-Sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("anthropic/claude-4.5-sonnet-20250929", "claude-sonnet-4-5"),
        ("system.ai.claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-4-0", "claude-opus-4"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("openai/gpt-5.1-codex-max", "gpt-5-1-codex-max"),
        ("gpt-5.1-2025-11-13", "gpt-5-1"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "gpt-4o-mini"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4-32k", "gpt-4"),
        ("o1-preview", "o1"),
        ("models/gemini-2.5-pro-preview-05-06", "gemini-2-5-pro"),
        (
            "gemini-2.5-flash-lite-preview-09-2025",
            "gemini-2-5-flash-lite",
        ),
        ("gemini-2.0-flash-001", "gemini-2-0-flash"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama-3-1"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-reasoner"),
        ("deepseek-v4-pro:0813-cloud", "deepseek-v4-pro"),
        ("x-ai/grok-4-fast:free", "grok-4-1-fast"),
        ("mistral-small-2506", "mistral"),
    ];
    for (name, row) in table {
        assert_eq!(found(name), Some(row), "{name}");
        assert!(is_exact(name), "{name}");
    }
}

#[test]
fn an_unknown_model_is_taken_as_the_newest_of_its_line_without_a_price() {
    let table = [
        ("claude-opus-9", "claude-opus-5-5"),
        ("claude-opus-5-6", "claude-opus-5-5"),
        ("claude-haiku-6", "claude-haiku-5-5"),
        ("claude-6-sonnet", "claude-sonnet-5-5"),
        ("claude-epos-1", "claude-opus-5-5"),
        ("claude-next", "claude-opus-5-5"),
        ("gpt-7", "gpt-6-2-sol"),
        ("gpt-6.3", "gpt-6-2-sol"),
        ("openai/gpt-7-astra", "gpt-6-2-astra"),
        ("gpt-7-mini", "gpt-5-4-mini"),
        ("o5", "o3"),
        ("o6-mini", "o4-mini"),
        ("gemini-5-pro", "gemini-3-1-pro"),
        ("gemini-4.5-flash", "gemini-3-8-flash"),
        ("gemini-flash-lite-latest", "gemini-3-5-flash-lite"),
        ("gemini-5-neon", "gemini-4-argon"),
        ("grok-5", "grok-4-7"),
        ("deepseek-v5", "deepseek-v4-pro"),
        ("qwen4-max", "qwen"),
        ("kimi-k4", "kimi-k3"),
        ("llama5", "llama-4"),
    ];
    for (name, row) in table {
        assert_eq!(found(name), Some(row), "{name}");
        assert!(!is_exact(name), "{name}");
        assert_eq!(of(name).input_price, None, "{name}");
    }
    assert!(of("claude-opus-5-5").input_price.is_some());
}

#[test]
fn nothing_is_known_of_a_strange_model_and_nothing_is_forbidden_to_it() {
    let strange = [
        "",
        "/",
        "...",
        "house-model",
        "claudette",
        "ordinary",
        "e\u{301}tude-1",
        "phi-4",
    ];
    for name in strange {
        assert_eq!(known(name), None, "{name:?}");
        assert_eq!(of(name), Knowledge::nothing());
    }
    let nothing = Knowledge::nothing();
    assert_eq!(nothing.family, Family::Other);
    assert!(nothing.prefill && nothing.structured_output);
    assert_eq!(nothing.sampling, Accepts::Always);
}

/// The table of Claude's generations, as the reference has it.
#[test]
fn claude_grew_stricter_with_every_generation() {
    use Accepts::{Always, Never, WhileNotThinking as Idle};
    let budget = |name: &str| matches!(of(name).thinking, Thinking::ClaudeBudget);
    let off = |name: &str| match of(name).thinking {
        Thinking::ClaudeAdaptive { off, .. } => Some(off),
        _ => None,
    };
    let table = [
        ("claude-opus-4-1", true, None, Idle, Idle, true),
        ("claude-sonnet-4-5", true, None, Idle, Idle, true),
        ("claude-opus-4-6", false, Some(Off::Yes), Idle, Idle, false),
        ("claude-opus-4-7", false, Some(Off::Yes), Never, Idle, false),
        (
            "claude-opus-5",
            false,
            Some(Off::UpToHigh),
            Never,
            Always,
            false,
        ),
        (
            "claude-sonnet-5",
            false,
            Some(Off::Yes),
            Never,
            Always,
            false,
        ),
        ("claude-fable-5", false, Some(Off::No), Never, Always, false),
        (
            "claude-fable-5-1",
            false,
            Some(Off::No),
            Never,
            Never,
            false,
        ),
        ("claude-opus-5-5", false, Some(Off::No), Never, Never, false),
        (
            "claude-sonnet-5-5",
            false,
            Some(Off::BetweenTools),
            Never,
            Never,
            false,
        ),
        (
            "claude-haiku-5-5",
            false,
            Some(Off::UpToHigh),
            Never,
            Always,
            false,
        ),
    ];
    for (name, has_budget, switch, sampling, forced, prefill) in table {
        let knowledge = of(name);
        assert_eq!(budget(name), has_budget, "{name}");
        assert_eq!(off(name), switch, "{name}");
        assert_eq!(knowledge.sampling, sampling, "{name}");
        assert_eq!(knowledge.forced_tool_choice, forced, "{name}");
        assert_eq!(knowledge.prefill, prefill, "{name}");
        assert_eq!(knowledge.stop, Always, "{name}");
    }
}

#[test]
fn tools_and_thinking_need_responses_from_gpt_5_4_on() {
    let need = |name: &str| of(name).tools_need_responses;
    for name in ["gpt-5.4", "gpt-5.5", "gpt-5.6-terra", "gpt-6-luna", "gpt-9"] {
        assert!(need(name), "{name}");
    }
    for name in [
        "gpt-4o",
        "gpt-5",
        "gpt-5.2",
        "o3",
        "gpt-oss-20b",
        "gpt-5-chat-latest",
    ] {
        assert!(!need(name), "{name}");
    }
}
