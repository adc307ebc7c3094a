//! Lines of `NAME=value`.

use serde_json::Value;

use super::change::Language;
use super::{EditError, odd};

/// Lines of `NAME=value`.
pub(super) struct Env;

impl Language for Env {
    fn read(_: &str) -> Result<Option<Value>, EditError> {
        Err(odd(&[], "not yet"))
    }

    fn put(_: &str, at: &[String], _: &Value) -> Result<String, EditError> {
        Err(odd(at, "not yet"))
    }

    fn push(_: &str, at: &[String], _: &Value) -> Result<String, EditError> {
        Err(odd(at, "not yet"))
    }

    fn swap(_: &str, at: &[String], _: usize, _: &Value) -> Result<String, EditError> {
        Err(odd(at, "not yet"))
    }

    fn cut(_: &str, at: &[String]) -> Result<String, EditError> {
        Err(odd(at, "not yet"))
    }

    fn cut_item(_: &str, at: &[String], _: usize) -> Result<String, EditError> {
        Err(odd(at, "not yet"))
    }

    fn bare(_: &str, at: &[String], _: Option<&str>) -> Result<bool, EditError> {
        Err(odd(at, "not yet"))
    }
}
