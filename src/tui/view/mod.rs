//! The panes: each a pure function of the model, one per file.
