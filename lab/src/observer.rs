//! Follows the model stream of a running server like anyone else could, and judges every model.

use proto::{
    Assembler, Expected, Token, limits, transport,
    v1::{self, observation::Message, stop, training_client::TrainingClient},
};
use tonic::{Request, Streaming, transport::Endpoint};

use crate::{
    failure::{Failure, chain},
    judge::Judge,
    results::{RoundLine, Timing},
};

/// A stream of models being followed.
#[derive(Debug)]
pub struct Observer {
    stream: Streaming<v1::Observation>,
    description: v1::RunDescription,
    assembler: Assembler,
    report: Option<v1::RoundReport>,
}

/// What an observer sees next.
#[derive(Debug)]
pub enum Sighting {
    /// The model that the first seen round starts from.
    Start(Vec<f32>),
    /// A round is over.
    Round(v1::RoundReport, Vec<f32>),
    /// The run is over: all rounds are done, or why not.
    Stop(Result<(), String>),
}

impl Observer {
    /// Starts to follow the run of a server, every model of it.
    ///
    /// # Errors
    /// When the server cannot be reached or says what it must not.
    pub async fn follow(server: Endpoint) -> Result<Self, Failure> {
        Self::follow_as(server, None).await
    }

    /// The same, of a server that wants to know who follows.
    ///
    /// # Errors
    /// As [`Self::follow`].
    pub async fn follow_as(server: Endpoint, token: Option<Token>) -> Result<Self, Failure> {
        let address = server.uri().to_string();
        let channel = transport::client(server)
            .connect()
            .await
            .map_err(|error| Failure::because(format!("cannot connect to {address}: {}", chain(&error))))?;
        let mut client = TrainingClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX);
        let refused = |status: tonic::Status| Failure::because(format!("{address}: {}", status.message()));
        let mut request = Request::new(v1::ObserveRequest { every_model: true, reports_only: false });
        token.iter().for_each(|token| token.sign(&mut request));
        let mut stream = client.observe(request).await.map_err(refused)?.into_inner();
        let first = stream.message().await.map_err(refused)?.and_then(|observation| observation.message);
        let Some(Message::Run(description)) = first else {
            return Err(Failure::because(format!("{address} does not describe its run")));
        };
        if !(1..=limits::DIMENSION_MAX).contains(&description.dimension) {
            return Err(Failure::because(format!(
                "{address} has a model of {} numbers",
                description.dimension
            )));
        }
        let assembler = assembler(&description);
        Ok(Self { stream, description, assembler, report: None })
    }

    /// What is followed.
    #[must_use]
    pub const fn description(&self) -> &v1::RunDescription {
        &self.description
    }

    /// What happens next.
    ///
    /// # Errors
    /// When the server is lost or says what it must not.
    pub async fn next(&mut self) -> Result<Sighting, Failure> {
        loop {
            let message = self
                .stream
                .message()
                .await
                .map_err(|status| Failure::because(format!("lost the server: {}", status.message())))?
                .ok_or_else(|| Failure::because("lost the server: it closed the connection"))?;
            match message.message {
                Some(Message::Report(report)) => self.report = Some(report),
                Some(Message::Model(frame)) => {
                    let bad = |why| Failure::because(format!("the server sent a bad model: {why}"));
                    if self.assembler.push(&frame).map_err(bad)? {
                        let done = std::mem::replace(&mut self.assembler, assembler(&self.description));
                        let (_, model) = done.finish().map_err(bad)?;
                        return Ok(match self.report.take() {
                            Some(report) => Sighting::Round(report, model),
                            None => Sighting::Start(model),
                        });
                    }
                }
                Some(Message::Stop(stop)) => {
                    let done = stop.reason() == stop::Reason::Done;
                    return Ok(Sighting::Stop(if done { Ok(()) } else { Err(stop.detail) }));
                }
                Some(Message::Run(_)) | None => (),
            }
        }
    }
}

fn assembler(description: &v1::RunDescription) -> Assembler {
    Assembler::new(Expected { run: description.run, dimension: description.dimension }, Vec::new())
}

/// The line of a round in the results.
#[must_use]
pub fn line(report: v1::RoundReport, model: &[f32], judge: &Judge) -> RoundLine {
    RoundLine {
        round: report.round,
        judgement: judge.judge_after(report.round, model),
        step: report.step,
        aggregate_norm: report.aggregate_norm,
        verdicts: report.verdicts.iter().map(|verdict| (verdict.rank, verdict.weight)).collect(),
        staleness: (report.verdicts.iter().filter(|verdict| verdict.staleness > 0))
            .map(|verdict| (verdict.rank, verdict.staleness))
            .collect(),
        byzantine: report.byzantine,
        absent: report.absent,
        skipped: Some(report.skipped).filter(|why| !why.is_empty()),
        rejected: untaken(report.rejected),
        discarded: untaken(report.discarded),
        strangers: report.strangers,
        timing: Timing {
            collect_seconds: report.collect_seconds,
            aggregate_seconds: report.aggregate_seconds,
        },
        squares: report.squares,
    }
}

fn untaken(entries: Vec<v1::Untaken>) -> Vec<(u32, String, u32)> {
    entries.into_iter().map(|one| (one.rank, one.reason, one.count)).collect()
}
