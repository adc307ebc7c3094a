//! Fit: which requests can be gone on with by another model, and which models go on from a prefix.

use crate::chat::request::{Format, Thinking, Tool, ToolChoice};
use crate::chat::{Effort, Message, Request, Role};
use crate::provider::knowledge::Family;
use crate::route::Offer;

/// Whether words that follow other words are all that is wanted. Tools may be on offer as long as none has
/// to be called, and none is.
pub(super) fn is_plain(request: &Request) -> bool {
    let is_own = |tool: &Tool| matches!(tool, Tool::Function(_) | Tool::Freeform(_));
    let is_free = matches!(
        request.tool_choice,
        None | Some(ToolChoice::Auto | ToolChoice::None)
    );
    let thinks = |thinking: &Thinking| thinking.level() != Some(Effort::None);
    let is_answered = |message: &Message| message.role == Role::Assistant;
    request.candidates.is_none_or(|candidates| candidates == 1)
        && request.logprobs.is_none()
        && matches!(request.format, None | Some(Format::Text))
        && request.tools.iter().all(is_own)
        && (request.tools.is_empty() || is_free)
        && !request.thinking.as_ref().is_some_and(thinks)
        && request.store != Some(true)
        // A prefix of the client's own: the words told are not all that there is of the answer.
        && !request.messages.last().is_some_and(is_answered)
}

/// Whether the model goes on from a prefix: it accepts one, and is not of those that answer anew. What the
/// configuration says of it wins.
pub(super) fn takes_prefix(offer: &Offer) -> bool {
    let known = offer.knowledge();
    let said = offer.known.configured().and_then(|model| model.prefill);
    let answers_anew = matches!(known.family, Family::Gpt | Family::Grok);
    known.prefill && (said == Some(true) || !answers_anew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::request::Function;
    use crate::chat::{Dialect, Part};
    use crate::provider::Model;
    use crate::route::Known;

    fn asked(change: impl FnOnce(&mut Request)) -> bool {
        let mut request = Request::new(Dialect::OpenAiChat);
        let user = Message::new(Role::User, vec![Part::text("hi")]);
        request.messages.push(user);
        change(&mut request);
        is_plain(&request)
    }

    #[test]
    fn only_words_are_gone_on_with() {
        let function = || Tool::Function(Function::default());
        assert!(asked(|_| ()));
        assert!(asked(|request| request.candidates = Some(1)));
        assert!(asked(|request| request.format = Some(Format::Text)));
        assert!(asked(|request| request.tools.push(function())));
        assert!(asked(|request| {
            request.thinking = Some(Thinking {
                effort: Some(Effort::None),
                ..Thinking::default()
            });
        }));
        assert!(!asked(|request| request.candidates = Some(2)));
        assert!(!asked(|request| request.logprobs = Some(0)));
        assert!(!asked(|request| request.format = Some(Format::Json)));
        assert!(!asked(|request| request.store = Some(true)));
        assert!(!asked(
            |request| request.thinking = Some(Thinking::default())
        ));
        assert!(!asked(|request| {
            request.tools.push(function());
            request.tool_choice = Some(ToolChoice::Required);
        }));
        assert!(!asked(|request| {
            let said = Message::new(Role::Assistant, vec![Part::text("{")]);
            request.messages.push(said);
        }));
    }

    #[test]
    fn a_model_that_answers_anew_is_asked_only_if_the_configuration_says_so() {
        let takes = |name: &str, prefill| {
            let model = Model {
                prefill,
                ..Model::named(name)
            };
            let mut offer = Offer::new(0, name, name, None);
            offer.known = Known::given(&model);
            takes_prefix(&offer)
        };
        for (name, prefill, expected) in [
            ("llama-4", None, true),
            ("nobody-knows", None, true),
            ("claude-sonnet-4-5", None, true),
            ("claude-opus-5", None, false),
            ("gpt-5", None, false),
            ("grok-4", None, false),
            ("gpt-5", Some(true), true),
            ("llama-4", Some(false), false),
        ] {
            assert_eq!(takes(name, prefill), expected, "{name} {prefill:?}");
        }
    }
}
