//! The server under attack.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use network::{Dialer, Socket};
use proto::{Token, limits, transport, v1::training_client::TrainingClient};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::AbuseError;

/// How long a server may take to be itself again after an attack.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long it is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// What we have to show to a server that asks who we are.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Our secret.
    pub token: Option<Token>,
    /// Whom we believe and our certificate, for a server that is spoken to over TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A server to attack.
#[derive(Debug)]
pub struct Target {
    endpoint: Endpoint,
    credentials: Credentials,
    dialer: Dialer,
    /// The place we had before; -1: none yet.
    rank: AtomicI64,
}

impl Target {
    /// The server at `endpoint`, attacked from the place `rank`, or from the highest that is free.
    #[must_use]
    pub fn new(endpoint: Endpoint, rank: Option<u32>, credentials: Credentials) -> Self {
        let rank = AtomicI64::new(rank.map_or(-1, i64::from));
        Self { endpoint: transport::client(endpoint), credentials, dialer: Dialer::tcp(), rank }
    }

    /// The same over connections that `dialer` makes.
    #[must_use]
    pub fn over(self, dialer: Dialer) -> Self {
        Self { dialer, ..self }
    }

    /// The message with our secret, if we have one.
    pub(crate) fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.credentials.token.iter().for_each(|token| token.sign(&mut request));
        request
    }

    pub(crate) fn token(&self) -> Option<Token> {
        self.credentials.token
    }

    pub(crate) fn rank(&self) -> Option<u32> {
        u32::try_from(self.rank.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn remember(&self, rank: u32) {
        self.rank.store(rank.into(), Ordering::Relaxed);
    }

    /// A connection of its own.
    pub(crate) async fn channel(&self) -> Result<Channel, AbuseError> {
        self.dialer.connect(&self.endpoint).await.map_err(|source| self.unreachable(source))
    }

    pub(crate) async fn client(&self) -> Result<TrainingClient<Channel>, AbuseError> {
        let most = limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX;
        Ok(TrainingClient::new(self.channel().await?).max_decoding_message_size(most))
    }

    /// A connection of its own for whoever wants to speak HTTP/2 by hand: encrypted where the server wants that.
    pub(crate) async fn connection(&self) -> Result<Box<dyn Socket>, AbuseError> {
        let socket = self.socket().await?;
        let Some(config) = &self.credentials.tls else { return Ok(socket) };
        let host = self.endpoint.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|source| self.unreachable(source))?;
        let encrypted = TlsConnector::from(Arc::clone(config)).connect(name, socket).await;
        Ok(Box::new(encrypted.map_err(|source| self.unreachable(source))?))
    }

    /// A bare socket, for whoever wants to speak bytes.
    pub(crate) async fn socket(&self) -> Result<Box<dyn Socket>, AbuseError> {
        self.dialer.dial(self.endpoint.uri().clone()).await.map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: impl std::error::Error + Send + Sync + 'static) -> AbuseError {
        AbuseError::Connect { server: self.endpoint.uri().to_string(), source: Box::new(source) }
    }

    /// Whether the server still answers for itself. It is asked again while it does not: connections that an attack has just
    /// left may hold their places for a moment.
    pub(crate) async fn healthy(&self) -> bool {
        let check = async || {
            let channel = self.channel().await.ok()?;
            let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await.ok()?;
            Some(answer.into_inner().status() == ServingStatus::Serving)
        };
        let checks = async {
            while check().await != Some(true) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(RECOVERY, checks).await.is_ok()
    }
}
