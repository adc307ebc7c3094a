//! The panes: each a pure function of the model, one per file.

pub mod filter;
pub mod input;
pub mod scroll;
pub mod table;
pub mod text;
