//! How a server tells whoever started it that it listens: one line of JSON on stdout.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// `{"listening":"127.0.0.1:41234"}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where.
    pub(crate) listening: SocketAddr,
}

impl Ready {
    /// Reads the line.
    ///
    /// # Errors
    /// When it is another.
    pub(crate) fn parse(line: &str) -> Result<Self, Failure> {
        serde_json::from_str(line).map_err(|_| {
            Failure::because(format!("the server said {:?} instead of where it listens", line.trim()))
        })
    }

    /// The address as a URL.
    #[must_use]
    pub(crate) fn url(self) -> String {
        format!("http://{}", self.listening)
    }
}
