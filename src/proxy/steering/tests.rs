//! Steering: what holds, for how long, and how it is shown.
