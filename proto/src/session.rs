//! Who is calling: an opaque secret handed out by Join, carried in the metadata of every later call.

use std::fmt;

use tonic::{Request, metadata::MetadataValue};

/// Metadata key of the session.
pub const KEY: &str = "equipoise-session";

/// Sixteen bytes that only the server and one worker know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session(pub [u8; 16]);

impl Session {
    /// From the bytes of a [`crate::v1::JoinReply`]; `None` when they are not sixteen.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From the metadata of a request; `None` when it has none or it is not 32 hexadecimal digits.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Option<Self> {
        let text = request.metadata().get(KEY)?.to_str().ok()?;
        let value =
            u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32 && !text.starts_with('+'))?;
        Some(Self(value.to_be_bytes()))
    }

    /// As the metadata carry it: 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// Puts the session into the metadata of a request, where it is marked as not to be shown.
    ///
    /// # Panics
    /// Never: hexadecimal digits are valid metadata.
    pub fn sign<T>(self, request: &mut Request<T>) {
        let mut value =
            MetadataValue::try_from(self.to_hex()).expect("hexadecimal digits are valid metadata");
        value.set_sensitive(true);
        request.metadata_mut().insert(KEY, value);
    }
}

/// A secret is not printed.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_is_recognised_and_nothing_else() {
        let session = Session([7; 16]);
        let mut request = Request::new(());
        assert_eq!(Session::of(&request), None);
        session.sign(&mut request);
        assert_eq!(Session::of(&request), Some(session));
        assert!(!format!("{:?}", request.metadata()).contains("0707"));
        for bad in ["", "07", "zz070707070707070707070707070707", "+7070707070707070707070707070707"] {
            request.metadata_mut().insert(KEY, bad.parse().unwrap());
            assert_eq!(Session::of(&request), None, "{bad}");
        }
        assert_eq!(Session::from_bytes(&[7; 15]), None);
    }
}
