//! The oracle: what an experiment lets attackers see before they answer. It exists only where the scenario grants that
//! knowledge, and speaks only to who has its token.

use std::{collections::BTreeSet, pin::Pin, sync::Arc};

use proto::{
    frames, oracle,
    v1::{self, oracle_server},
};
use round::Rank;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::hub::Message;

/// What the oracle is told when the server starts.
#[derive(Clone, PartialEq, Eq)]
pub struct Oracle {
    /// Honest workers have the ranks below this; the server knows it for this purpose only.
    pub honest: u32,
    /// Whoever has it may ask.
    pub token: String,
}

/// A token is not printed.
impl std::fmt::Debug for Oracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oracle").field("honest", &self.honest).finish_non_exhaustive()
    }
}

/// The honest rows of a round, in order of rank, as frames.
pub(crate) type Revelation = Arc<Vec<(Rank, Vec<v1::Frame>)>>;

/// The honest rows of the open round, and who waits for them.
#[derive(Debug)]
pub(crate) struct Reveals {
    honest: u32,
    run: u64,
    round: u32,
    awaited: BTreeSet<Rank>,
    rows: Vec<(Rank, Vec<v1::Frame>)>,
    waiting: Vec<oneshot::Sender<Revelation>>,
}

impl Reveals {
    pub(crate) const fn new(oracle: &Oracle, run: u64) -> Self {
        Self {
            honest: oracle.honest,
            run,
            round: 0,
            awaited: BTreeSet::new(),
            rows: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// A round opens; who still waits for the one before learns that it is over.
    pub(crate) fn open(&mut self, round: u32, members: &[Rank]) {
        self.round = round;
        self.awaited = members.iter().copied().filter(|rank| rank.0 < self.honest).collect();
        self.rows.clear();
        self.waiting.clear();
    }

    /// The row of a worker, if it is one that will be shown.
    pub(crate) fn copy(&self, rank: Rank, row: &[f32]) -> Option<Vec<v1::Frame>> {
        self.awaited.contains(&rank).then(|| frames(self.run, self.round, row))
    }

    /// A row was taken, or a worker is not waited for any more.
    pub(crate) fn settle(&mut self, rank: Rank, row: Option<Vec<v1::Frame>>) {
        if self.awaited.remove(&rank) {
            self.rows.extend(row.map(|row| (rank, row)));
            self.show();
        }
    }

    /// Somebody asks; a round that is not open has no answer.
    pub(crate) fn ask(&mut self, round: u32, answer: oneshot::Sender<Revelation>) {
        if round == self.round {
            self.waiting.push(answer);
            self.show();
        }
    }

    fn show(&mut self) {
        if self.awaited.is_empty() && !self.waiting.is_empty() {
            self.rows.sort_by_key(|(rank, _)| *rank);
            let all = Arc::new(self.rows.clone());
            self.waiting.drain(..).for_each(|answer| drop(answer.send(Arc::clone(&all))));
        }
    }
}

/// The oracle's side of the sockets.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    hub: mpsc::Sender<Message>,
    token: String,
}

impl Service {
    pub(crate) fn server(hub: mpsc::Sender<Message>, oracle: &Oracle) -> oracle_server::OracleServer<Self> {
        oracle_server::OracleServer::new(Self { hub, token: oracle.token.clone() })
            .max_encoding_message_size(proto::limits::MESSAGE_BYTES_MAX)
            .max_decoding_message_size(proto::limits::MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl oracle_server::Oracle for Service {
    type RevealStream = Pin<Box<dyn Stream<Item = Result<v1::Revealed, Status>> + Send>>;

    async fn reveal(
        &self,
        request: Request<v1::RevealRequest>,
    ) -> Result<Response<Self::RevealStream>, Status> {
        if !oracle::knows(&request, &self.token) {
            return Err(Status::permission_denied("the oracle speaks only to who has its token"));
        }
        let round = request.into_inner().round;
        let (answer, answered) = oneshot::channel();
        let message = Message::Reveal { round, answer };
        self.hub.send(message).await.map_err(|_| Status::unavailable("the run is over"))?;
        let all = answered
            .await
            .map_err(|_| Status::failed_precondition(format!("round {round} is not open any more")))?;
        let count = all.len();
        let rows = (0..count).flat_map(move |index| {
            let (rank, frames) = all[index].clone();
            frames.into_iter().map(move |frame| Ok(v1::Revealed { rank: rank.0, frame: Some(frame) }))
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(rows.collect::<Vec<_>>()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Reveals {
        let mut reveals = Reveals::new(&Oracle { honest: 2, token: String::new() }, 7);
        reveals.open(3, &[Rank(0), Rank(1), Rank(2)]);
        reveals
    }

    fn settle(reveals: &mut Reveals, rank: u32) {
        let row = reveals.copy(Rank(rank), &[rank as f32]);
        reveals.settle(Rank(rank), row);
    }

    #[test]
    fn who_asks_waits_for_all_honest_rows_and_sees_them_in_order() {
        let mut reveals = open();
        let (answer, mut answered) = oneshot::channel();
        reveals.ask(3, answer);
        settle(&mut reveals, 1);
        settle(&mut reveals, 2);
        assert!(answered.try_recv().is_err(), "worker 0 is not in");
        settle(&mut reveals, 0);
        let ranks: Vec<u32> = answered.try_recv().unwrap().iter().map(|(rank, _)| rank.0).collect();
        assert_eq!(ranks, [0, 1], "a liar's row is not shown");
    }

    #[test]
    fn who_is_gone_is_not_waited_for_and_a_round_that_is_over_has_no_answer() {
        let mut reveals = open();
        settle(&mut reveals, 0);
        reveals.settle(Rank(1), None);
        let (answer, mut answered) = oneshot::channel();
        reveals.ask(3, answer);
        assert_eq!(answered.try_recv().unwrap().len(), 1);
        for round in [2, 4] {
            let (answer, mut answered) = oneshot::channel();
            reveals.ask(round, answer);
            assert!(matches!(answered.try_recv(), Err(oneshot::error::TryRecvError::Closed)), "{round}");
        }
    }
}
