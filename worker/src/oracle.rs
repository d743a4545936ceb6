//! What the honest sent, from a server that reveals it to who has the token.

use proto::{
    Assembler, Expected, limits, oracle,
    v1::{self, oracle_client::OracleClient},
};
use tonic::{Code, Request, transport::Channel};

use crate::WorkerError;

/// Asks the oracle.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    client: OracleClient<Channel>,
    token: String,
}

impl Oracle {
    pub(crate) fn new(channel: Channel, token: String) -> Self {
        let client = OracleClient::new(channel).max_decoding_message_size(limits::MESSAGE_BYTES_MAX);
        Self { client, token }
    }

    /// The honest rows of `round` in order of rank; `None` when it is over.
    pub(crate) async fn reveal(
        &mut self,
        round: u32,
        expected: Expected,
    ) -> Result<Option<Vec<Vec<f32>>>, WorkerError> {
        let mut request = Request::new(v1::RevealRequest { round });
        oracle::sign(&self.token, &mut request);
        let lost = |status| WorkerError::Lost { round, status: Some(Box::new(status)) };
        let mut stream = match self.client.reveal(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) if status.code() == Code::FailedPrecondition => return Ok(None),
            Err(status) if status.code() == Code::Unavailable => return Err(lost(status)),
            Err(status) => return Err(WorkerError::Oracle(Box::new(status))),
        };
        let mut rows = Vec::new();
        let mut assembler = Assembler::new(expected, Vec::new());
        while let Some(v1::Revealed { frame, .. }) = stream.message().await.map_err(lost)? {
            let Some(frame) = frame else { continue };
            if assembler.push(&frame).map_err(WorkerError::BadModel)? {
                let done = std::mem::replace(&mut assembler, Assembler::new(expected, Vec::new()));
                rows.push(done.finish().map_err(WorkerError::BadModel)?.1);
            }
        }
        Ok(Some(rows))
    }
}
