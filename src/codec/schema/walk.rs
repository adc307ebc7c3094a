//! What all rewritings share: where schemas stand inside a schema, how deep one may go, paths.
