//! Following a server that may not be there yet, or be started again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use proto::Token;
use tonic::transport::Endpoint;

use crate::{
    failure::Failure,
    observer::{Observer, Sighting},
};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// Follows a server, and the one that takes its place.
#[derive(Debug)]
pub struct Following {
    observer: Option<Observer>,
    /// Whom to look for when the server is lost, and how long.
    again: Option<(Endpoint, Option<Token>, Duration)>,
}

impl Following {
    /// Follows on with an observer.
    #[must_use]
    pub const fn new(observer: Observer, again: Option<(Endpoint, Option<Token>, Duration)>) -> Self {
        Self { observer: Some(observer), again }
    }

    /// Starts to follow a server, within `patience` if there is any.
    ///
    /// # Errors
    /// When there is no server to follow.
    pub async fn start(
        server: Endpoint,
        token: Option<Token>,
        patience: Option<Duration>,
    ) -> Result<Self, Failure> {
        match patience {
            None => Ok(Self::new(Observer::follow_as(server, token).await?, None)),
            Some(patience) => {
                Ok(Self::new(find(&server, token, patience).await?, Some((server, token, patience))))
            }
        }
    }

    /// The scenario of what is followed.
    #[must_use]
    pub fn scenario(&self) -> &str {
        self.observer.as_ref().map_or("", |observer| &observer.description().scenario)
    }

    /// What happens next: with patience, rounds may come again that were seen. Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// When the server is lost and none takes its place.
    pub async fn next(&mut self) -> Result<Sighting, Failure> {
        loop {
            match (&mut self.observer, &self.again) {
                (Some(observer), again) => match observer.next().await {
                    Err(failure) if again.is_none() => return Err(failure),
                    Err(_) => self.observer = None,
                    sighting => return sighting,
                },
                (None, Some((server, token, patience))) => {
                    self.observer = Some(find(server, *token, *patience).await?);
                }
                (None, None) => return Err(Failure::because("nobody is followed")),
            }
        }
    }
}

async fn find(server: &Endpoint, token: Option<Token>, patience: Duration) -> Result<Observer, Failure> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_total_delay(Some(patience));
    (|| Observer::follow_as(server.clone(), token)).retry(pauses).sleep(tokio::time::sleep).await
}
