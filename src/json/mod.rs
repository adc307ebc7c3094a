//! JSON without values: what the request path needs to know of a body, found by looking and not by parsing.
//!
//! [`scan`] walks and validates text by its `grammar`, [`raw`] edits the top level of an object and leaves every
//! nested byte alone, [`repair`] reads sloppy text for observers only, [`mend`] what is
//! text but for half a character. [`fields`] is for translation, where a
//! body is parsed after all: it reads values so that nothing is overlooked.

pub mod fields;
mod grammar;
pub mod mend;
pub mod raw;
pub mod repair;
pub mod scan;
