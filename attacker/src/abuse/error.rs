//! Why an attack could not be carried out.

/// An attack could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AbuseError {
    /// Nobody answers there.
    #[error("cannot connect to {server}")]
    Connect {
        /// The address
        server: String,
        /// Why
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server has no place to attack from.
    #[error("the server gives us no place: {}", .0.message())]
    NoPlace(Box<tonic::Status>),
    /// The server let us join and then ended the stream.
    #[error("the server ended our stream before a round opened")]
    NoRound,
    /// HTTP/2 broke before the attack began.
    #[error("cannot speak HTTP/2 to the server")]
    Http2(#[from] h2::Error),
    /// The socket broke before the attack began.
    #[error("cannot use the socket")]
    Socket(#[from] std::io::Error),
}
