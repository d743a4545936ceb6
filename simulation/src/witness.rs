//! Somebody who follows the run from outside, whatever becomes of the server, and takes down what it is told.

use proto::{
    Assembler, Expected, limits, transport,
    v1::{self, observation::Message, training_client::TrainingClient},
};
use tokio::time;
use tonic::{Request, Status};

use crate::{
    bug::Bug,
    stage::{BREATH, Stage, WITNESS, endpoint, token},
    trace::Fact,
};

/// Follows until the server says that it is over.
pub(crate) async fn follow(stage: Stage) -> turmoil::Result {
    while !matches!(life(&stage).await, Ok(true)) {
        time::sleep(BREATH).await;
    }
    Ok(())
}

/// Follows one life of the server; answers whether it came to its end.
async fn life(stage: &Stage) -> Result<bool, Status> {
    let channel = stage.witness.dialer().connect(&transport::client(endpoint())).await;
    let channel = channel.map_err(|error| Status::unavailable(error.to_string()))?;
    let most = limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX;
    let mut client = TrainingClient::new(channel).max_decoding_message_size(most);
    let mut request = Request::new(v1::ObserveRequest { every_model: true, reports_only: false });
    token(WITNESS).sign(&mut request);
    let mut stream = client.observe(request).await?.into_inner();
    let mut expected = None;
    let mut assembler = None;
    let mut report = None;
    while let Some(observation) = stream.message().await? {
        match observation.message {
            Some(Message::Run(run)) => {
                expected = Some(Expected { run: run.run, dimension: run.dimension });
            }
            Some(Message::Report(told)) => report = Some(told),
            Some(Message::Model(frame)) => {
                let Some(expected) = expected else { continue };
                let model: &mut Assembler =
                    assembler.get_or_insert_with(|| Assembler::new(expected, Vec::new()));
                let complete = model.push(&frame).map_err(|why| Status::data_loss(why.to_string()))?;
                if let (true, Some(model)) = (complete, assembler.take()) {
                    let (_, model) = model.finish().map_err(|why| Status::data_loss(why.to_string()))?;
                    stage.trace.note(match report.take() {
                        Some(report) => Fact::Closed(Box::new(seen(stage.bug, report)), model),
                        None => Fact::Shown(model),
                    });
                }
            }
            Some(Message::Stop(_)) => return Ok(true),
            None => (),
        }
    }
    Ok(false)
}

/// The report without what the clock of the machine says.
fn seen(bug: Option<Bug>, report: v1::RoundReport) -> v1::RoundReport {
    let mut report = v1::RoundReport { collect_seconds: 0.0, aggregate_seconds: 0.0, ..report };
    if let (Some(Bug::TwoVotes), [.., last]) = (bug, report.verdicts.as_slice()) {
        report.verdicts.push(*last);
    }
    report
}
