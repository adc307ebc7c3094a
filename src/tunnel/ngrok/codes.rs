//! What ngrok's error codes mean, as data: <https://ngrok.com/docs/errors/reference>.
//!
//! A row is here because people meet it, or because waiting does not mend it. For any other code ngrok's
//! own words are shown, and the tunnel is tried again.

use std::time::Duration;

use crate::telemetry::tunnel::Trouble;

/// What helps against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Somebody must change something here first.
    Change,
    /// Time.
    Time,
    /// At least this much of it.
    Rest(Duration),
    /// The end of another session, which may be a dead one of our own.
    Release,
}

/// What a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// Look after the token, which is said to come from where it came from.
    Token,
    /// This.
    Say(&'static str),
}

/// Codes that mean the same to us.
#[derive(Debug)]
pub(super) struct Row {
    codes: &'static [u32],
    /// What happened.
    pub(super) what: &'static str,
    /// Why; `None` = ngrok's own words.
    pub(super) why: Option<&'static str>,
    /// What to do.
    pub(super) advice: Advice,
    /// What helps.
    pub(super) remedy: Remedy,
}

const REJECTED: &str = "ngrok rejected the authtoken";
const NO_DOMAIN: &str = "ngrok does not give this account the domain";

/// A minute is what ngrok's own limits are counted in.
const MINUTE: Duration = Duration::from_mins(1);

const DOMAINS: Advice = Advice::Say(
    "reserve it at https://dashboard.ngrok.com/domains, or leave the domain out for the one that ngrok assigns",
);
const BILLING: Advice = Advice::Say("see https://dashboard.ngrok.com/billing");
const UPDATE: Advice = Advice::Say("update autogw");

const ROWS: &[Row] = &[
    // Which token.
    Row {
        codes: &[105],
        what: REJECTED,
        why: Some("it does not look like a proper ngrok authtoken"),
        advice: Advice::Token,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[106],
        what: REJECTED,
        why: Some("it is one of ngrok's first version"),
        advice: Advice::Token,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[107, 300],
        what: REJECTED,
        why: Some("it was reset or revoked, or this account was removed from its team"),
        advice: Advice::Token,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[4018],
        what: REJECTED,
        why: Some("it belongs to no account that ngrok knows"),
        advice: Advice::Token,
        remedy: Remedy::Change,
    },
    // Which account.
    Row {
        codes: &[102, 103, 336, 337, 338],
        what: "ngrok suspended the account",
        why: None,
        advice: BILLING,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[123, 382],
        what: "ngrok waits for the account's email address to be verified",
        why: None,
        advice: Advice::Say("verify it at https://dashboard.ngrok.com/user/settings"),
        remedy: Remedy::Time,
    },
    // Waiting is right: a session that ends elsewhere makes room, and one of them may be our own, which
    // ngrok has not yet given up.
    Row {
        codes: &[108, 348],
        what: "ngrok admits no more agents of this account",
        why: None,
        advice: Advice::Say("stop another one at https://dashboard.ngrok.com/agents"),
        remedy: Remedy::Time,
    },
    Row {
        codes: &[349, 350, 351],
        what: "ngrok limits how often this account may connect",
        why: None,
        advice: Advice::Say("stop other agents of the account if there are any"),
        remedy: Remedy::Rest(MINUTE),
    },
    Row {
        codes: &[115, 116],
        what: "ngrok does not admit this account from here",
        why: None,
        advice: Advice::Say("see https://dashboard.ngrok.com/security/ip-restrictions"),
        remedy: Remedy::Time,
    },
    Row {
        codes: &[118, 122],
        what: "ngrok does not admit this account at this address",
        why: None,
        advice: Advice::Say("check `server_addr` of the tunnel"),
        remedy: Remedy::Change,
    },
    Row {
        codes: &[119, 120, 121],
        what: "ngrok no longer admits this version",
        why: None,
        advice: UPDATE,
        remedy: Remedy::Change,
    },
    // Which domain. Pooling would let two gateways share one, silently, each with half of the requests.
    Row {
        codes: &[334],
        what: "the domain is in use by another agent",
        why: None,
        advice: Advice::Say(
            "stop the other agent (https://dashboard.ngrok.com/agents), or choose another domain",
        ),
        remedy: Remedy::Release,
    },
    Row {
        codes: &[
            313, 314, 315, 316, 317, 318, 319, 320, 321, 322, 354, 381, 401, 415,
        ],
        what: NO_DOMAIN,
        why: None,
        advice: DOMAINS,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[326, 327, 328, 329, 330, 331, 347, 355, 396, 397],
        what: "ngrok cannot use the domain",
        why: None,
        advice: DOMAINS,
        remedy: Remedy::Change,
    },
    Row {
        codes: &[15002],
        what: "ngrok assigns no domain to this account",
        why: Some("it must name one of its own"),
        advice: Advice::Say(
            "reserve one at https://dashboard.ngrok.com/domains and set the tunnel's `domain`",
        ),
        remedy: Remedy::Change,
    },
    // What visitors see.
    Row {
        codes: &[3200],
        what: "ngrok knows of no agent behind the URL",
        why: None,
        advice: Advice::Say("see https://dashboard.ngrok.com/endpoints"),
        remedy: Remedy::Time,
    },
    Row {
        codes: &[3004, 3005, 3006, 3007, 3008, 8012],
        what: "ngrok reached this gateway, which did not answer",
        why: None,
        advice: Advice::Say("the log of this gateway says more"),
        remedy: Remedy::Time,
    },
    Row {
        codes: &[6022, 6024],
        what: "ngrok shows a page of warning first, as it does to browsers on the free plan",
        why: None,
        advice: Advice::Say("send the header `ngrok-skip-browser-warning: 1`"),
        remedy: Remedy::Time,
    },
];

/// The row of `code`, if it is known.
pub(super) fn row(code: &str) -> Option<&'static Row> {
    let number = number(code)?;
    ROWS.iter().find(|row| row.codes.contains(&number))
}

/// The number of `ERR_NGROK_…`, which is foreign text until it is one.
pub(super) fn number(code: &str) -> Option<u32> {
    let digits = code.strip_prefix("ERR_NGROK_")?;
    let are_digits = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    are_digits.then(|| digits.parse().ok())?
}

/// Whether `code` is one of ngrok's, known or not: anything else is not shown.
pub fn is_code(code: &str) -> bool {
    number(code).is_some()
}

/// What a code means that ngrok answered a visitor with (header `ngrok-error-code`).
pub fn explain(code: &str) -> Option<Trouble> {
    let row = row(code)?;
    let Advice::Say(hint) = row.advice else {
        return None;
    };
    let trouble = Trouble::new(format!("{} ({code})", row.what));
    Some(trouble.with_code(code).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_row() {
        let mut all: Vec<u32> = ROWS.iter().flat_map(|row| row.codes).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn only_a_number_is_a_code() {
        assert_eq!(number("ERR_NGROK_105"), Some(105));
        for foreign in [
            "",
            "105",
            "ERR_NGROK_",
            "ERR_NGROK_+5",
            "ERR_NGROK_105\u{1b}",
            "ERR_NGROK_9999999",
        ] {
            assert_eq!(number(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn a_visitors_code_is_explained() {
        let trouble = explain("ERR_NGROK_3200").expect("a known code");
        assert_eq!(
            trouble.message,
            "ngrok knows of no agent behind the URL (ERR_NGROK_3200)"
        );
        assert_eq!(explain("ERR_NGROK_1"), None);
    }
}
