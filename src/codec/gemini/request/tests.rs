//! Requests both ways.
