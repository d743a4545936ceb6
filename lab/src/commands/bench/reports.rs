//! What became of each round, without the models: following costs the server nothing to speak of.

use proto::{
    limits, transport,
    v1::{
        Observation, ObserveRequest, RoundReport, observation::Message, stop, training_client::TrainingClient,
    },
};
use tonic::{Streaming, transport::Endpoint};

use crate::failure::{Failure, chain};

/// The reports of a running server.
pub(super) struct Reports(Streaming<Observation>);

impl Reports {
    pub(super) async fn follow(url: &str) -> Result<Self, Failure> {
        let unfinished = |error| Failure::because(format!("cannot follow {url}: {}", chain(&error)));
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(unfinished)?;
        let channel = transport::client(endpoint).connect().await.map_err(unfinished)?;
        let most = limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX;
        let mut client = TrainingClient::new(channel).max_decoding_message_size(most);
        let request = ObserveRequest { every_model: false, reports_only: true };
        let stream = client.observe(request).await.map_err(|error| Failure::unfinished(&error))?;
        Ok(Self(stream.into_inner()))
    }

    /// The next report; `None` when all rounds are done.
    pub(super) async fn next(&mut self) -> Result<Option<RoundReport>, Failure> {
        loop {
            let observation = self.0.message().await.map_err(|error| Failure::unfinished(&error))?;
            match observation.map(|observation| observation.message) {
                Some(Some(Message::Report(report))) => return Ok(Some(report)),
                Some(Some(Message::Stop(stop))) if stop.reason() == stop::Reason::Done => return Ok(None),
                Some(Some(Message::Stop(stop))) => return Err(Failure::because(stop.detail)),
                Some(_) => (),
                None => return Err(Failure::because("lost the server")),
            }
        }
    }
}
