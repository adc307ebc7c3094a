//! Each target's rewriting by example, and the laws that hold for all of them.
