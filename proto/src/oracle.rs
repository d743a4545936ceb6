//! Who may ask the oracle: whoever has the token of the experiment, carried in the metadata of the call.

use tonic::{Request, metadata::MetadataValue};

/// Metadata key of the token.
pub const KEY: &str = "equipoise-oracle";

/// Puts the token into the metadata of a request, where it is marked as not to be shown; a token that cannot stand there is left out, and refused.
pub fn sign<T>(token: &str, request: &mut Request<T>) {
    if let Ok(mut value) = MetadataValue::try_from(token) {
        value.set_sensitive(true);
        request.metadata_mut().insert(KEY, value);
    }
}

/// Whether the request carries the token. All of it is compared, whatever differs first.
#[must_use]
pub fn knows<T>(request: &Request<T>, token: &str) -> bool {
    let Some(said) = request.metadata().get(KEY) else { return false };
    let (said, token) = (said.as_bytes(), token.as_bytes());
    let differ = said.iter().zip(token).fold(0, |differ, (a, b)| differ | (a ^ b));
    !token.is_empty() && said.len() == token.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_known() {
        for (said, known) in [("secret", true), ("secre", false), ("secret1", false), ("Secret", false)] {
            let mut request = Request::new(());
            assert!(!knows(&request, "secret"));
            sign(said, &mut request);
            assert_eq!(knows(&request, "secret"), known, "{said}");
            assert!(!knows(&request, ""));
        }
    }
}
