//! How a key is put into a request: one header, marked sensitive so that nothing prints it.

use http::{HeaderName, HeaderValue, header};

use super::{Auth, Secret};

/// The header that carries `key`; `None` if the key cannot stand in a header.
pub fn header(auth: Auth, key: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let (name, text) = match auth {
        Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {}", key.expose())),
        Auth::XApiKey => (
            HeaderName::from_static("x-api-key"),
            key.expose().to_owned(),
        ),
        Auth::ApiKey => (HeaderName::from_static("api-key"), key.expose().to_owned()),
        Auth::XGoogApiKey => (
            HeaderName::from_static("x-goog-api-key"),
            key.expose().to_owned(),
        ),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
