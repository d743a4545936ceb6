//! Who somebody is, by a secret: carried in the metadata of Join and Observe, over TLS.

use std::fmt;

use tonic::{Request, metadata::MetadataValue};

/// Metadata key of the token.
pub const KEY: &str = "equipoise-token";

/// Thirty-two bytes that only the server and one other know.
#[derive(Clone, Copy)]
pub struct Token([u8; 32]);

impl Token {
    /// From random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits; `None` when they are not.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, two) in bytes.iter_mut().zip(digits.chunks(2)) {
            let [high, low] = two else { return None };
            let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
            *byte = u8::try_from(16 * high + low).ok()?;
        }
        Some(Self(bytes))
    }

    /// As files and metadata carry it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    /// From the metadata of a request.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        Self::from_hex(request.metadata().get(KEY)?.to_str().ok()?)
    }

    /// Puts the token into the metadata of a request, where it is marked as not to be shown.
    ///
    /// # Panics
    /// Never: hexadecimal digits are valid metadata.
    pub fn sign<T>(&self, request: &mut Request<T>) {
        let mut value =
            MetadataValue::try_from(self.to_hex()).expect("hexadecimal digits are valid metadata");
        value.set_sensitive(true);
        request.metadata_mut().insert(KEY, value);
    }
}

/// Takes the same time wherever they differ.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl Eq for Token {}

/// A secret is not printed.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = Token::new(std::array::from_fn(|place| place as u8));
        assert_eq!(Token::from_hex(&token.to_hex()), Some(token));
        let mut request = Request::new(());
        token.sign(&mut request);
        assert_eq!(Token::of(&request), Some(token));
        for bad in ["", "00", &"g0".repeat(32), &"+0".repeat(32), &"0".repeat(65), &"é".repeat(32)] {
            assert_eq!(Token::from_hex(bad), None, "{bad}");
        }
        assert!(!format!("{token:?}{:?}", request.metadata()).contains(&token.to_hex()[2..20]));
    }
}
