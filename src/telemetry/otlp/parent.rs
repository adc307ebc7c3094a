//! The trace that a client is in, as `traceparent` says (<https://www.w3.org/TR/trace-context/>).

/// Where in a trace a request belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The span that asked, 16 hexadecimal digits.
    pub span_id: String,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

impl Parent {
    /// What `value` says, if it says anything. What later versions add behind it is passed over.
    pub fn read(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-');
        let (version, trace_id) = (digits(parts.next()?, 2)?, digits(parts.next()?, 32)?);
        let (span_id, flags) = (digits(parts.next()?, 16)?, digits(parts.next()?, 2)?);
        let is_whole = parts.next().is_none() || version != "00";
        let is_set = |id: &str| id.bytes().any(|digit| digit != b'0');
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let is_good = is_whole && version != "ff" && is_set(trace_id) && is_set(span_id);
        is_good.then(|| Self {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            is_sampled: flags & 1 == 1,
        })
    }
}

/// `text`, if it is so many small hexadecimal digits.
fn digits(text: &str, count: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == count && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_parent_is_read_and_what_is_none_is_not() {
        let read = |value: &str| Parent::read(&value.replace('T', TRACE));
        let parent = read("00-T-00f067aa0ba902b7-01").expect("a parent");
        assert_eq!(
            (&*parent.trace_id, &*parent.span_id),
            (TRACE, "00f067aa0ba902b7")
        );
        assert!(parent.is_sampled);
        assert!(
            !read("00-T-00f067aa0ba902b7-00")
                .expect("a parent")
                .is_sampled
        );
        assert!(read("01-T-00f067aa0ba902b7-01-more").is_some());
        for broken in [
            "",
            "00-T-00f067aa0ba902b7",
            "00-T-00f067aa0ba902b7-01-more",
            "ff-T-00f067aa0ba902b7-01",
            "00-T-0000000000000000-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-T-00F067AA0BA902B7-01",
            "00-ü-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
