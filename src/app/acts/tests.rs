//! Acts: what is refused, and what is told.
