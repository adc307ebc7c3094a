//! Which dialect a provider is spoken to in.

use super::call::Endpoint;
use crate::chat::{Dialect, Operation};
use crate::provider::Provider;

/// The dialect in which `provider` is asked for what a client of `client` wants; `None` if there is none.
///
/// Today that is the client's own or nothing: nothing is translated.
pub fn choose(client: Dialect, operation: Operation, provider: &Provider) -> Option<Dialect> {
    let speaks = provider.preset.dialects.contains(&client);
    (speaks && Endpoint::of(client, operation).is_some()).then_some(client)
}

/// The endpoint of `provider` that serves what `asked` is to the client.
pub fn endpoint(asked: &'static Endpoint, provider: &Provider) -> Option<&'static Endpoint> {
    let dialect = choose(asked.dialect, asked.operation, provider)?;
    if dialect == asked.dialect {
        Some(asked)
    } else {
        Endpoint::of(dialect, asked.operation)
    }
}
