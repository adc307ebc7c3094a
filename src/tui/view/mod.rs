//! The panes: each a pure function of the model, one per file; and what they draw with.

pub mod figures;
pub mod filter;
pub mod input;
pub mod pen;
pub mod scroll;
pub mod table;
pub mod text;
