//! JSON as bytes: reading and editing bodies without turning them into values.

pub mod repair;
