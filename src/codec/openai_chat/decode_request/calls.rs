//! Ids of calls, where the client has none: legacy functions and some shapes of other vendors match a
//! result to its call by name or by order.

/// The calls so far, as far as their results may still need an id.
#[derive(Debug, Default)]
pub(super) struct Calls {
    made: usize,
    /// Id and name of calls without a result.
    open: Vec<(String, String)>,
}

/// More calls than this without a result are not matched by order.
const MAX_OPEN: usize = 1024;

impl Calls {
    /// The id of a call: its own, or one that follows from its place.
    pub(super) fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            self.made += 1;
            format!("call_{}", self.made)
        });
        if self.open.len() < MAX_OPEN {
            self.open.push((id.clone(), name.to_owned()));
        }
        id
    }

    /// The id a result refers to: its own, or that of the first open call (of its name, if it has one).
    pub(super) fn result(&mut self, id: Option<String>, name: Option<&str>) -> String {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.open.retain(|(open, _)| *open != id);
            return id;
        }
        let is_its = |(_, called): &(String, String)| name.is_none_or(|name| name == called);
        match self.open.iter().position(is_its) {
            Some(place) => self.open.remove(place).0,
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_without_an_id_goes_to_the_first_open_call_of_its_name() {
        let mut calls = Calls::default();
        let ids: Vec<_> = ["f", "g", "f"].map(|name| calls.call(None, name)).into();
        assert_eq!(calls.result(None, Some("g")), ids[1]);
        assert_eq!(calls.result(None, Some("f")), ids[0]);
        assert_eq!(calls.result(None, None), ids[2]);
        assert_eq!(calls.result(None, None), "");
    }

    #[test]
    fn an_id_of_the_clients_is_kept() {
        let mut calls = Calls::default();
        assert_eq!(calls.call(Some("a".to_owned()), "f"), "a");
        assert_eq!(calls.result(Some("a".to_owned()), None), "a");
        assert_eq!(calls.result(None, None), "");
    }
}
