//! What the processes of a run share, and how each of them is started.

use std::{
    future::pending,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use attacker::{
    Liar,
    abuse::{self, Credentials, Target, Watch},
};
use proto::Token;
use round::Rank;
use server::{Identity, Keep, Secrets, Who};
use tokio::time;
use tonic::transport::Endpoint;
use turmoil::net::TcpListener;
use worker::{Config, End, Honest, Joined, Place, Rows, WorkerError};

use crate::{
    bug::Bug,
    participant::{Noted, Noting},
    plan::Plan,
    trace::{Fact, Trace},
    wire::{self, Lines},
};

/// The host that serves, and its port.
pub(crate) const SERVER: &str = "server";
const PORT: u16 = 4747;

/// Longest time for which a worker tries to get back: longer than any run.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Time after which something that did not work is tried again.
pub(crate) const BREATH: Duration = Duration::from_millis(50);

/// What the processes of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) plan: Arc<Plan>,
    pub(crate) trace: Trace,
    pub(crate) bug: Option<Bug>,
    /// Where the server's checkpoints are.
    pub(crate) checkpoint: PathBuf,
    /// The connections of each place.
    pub(crate) lines: Arc<Vec<Lines>>,
    /// Those of the witness, which notices at once when the server dies.
    pub(crate) witness: Lines,
    /// How often the server was started.
    lives: Arc<AtomicU32>,
}

impl Stage {
    pub(crate) fn new(plan: Arc<Plan>, trace: Trace, bug: Option<Bug>, checkpoint: PathBuf) -> Self {
        let lines = (0..plan.script.processes()).map(|_| Lines::default()).collect();
        Self {
            plan,
            trace,
            bug,
            checkpoint,
            lines: Arc::new(lines),
            witness: Lines::default(),
            lives: Arc::default(),
        }
    }

    /// How the server is run in one of its lives.
    pub(crate) fn server_config(&self, life: u32) -> server::Config {
        let Plan { seed, script, .. } = self.plan.as_ref();
        let workers = script.processes();
        let owner = |rank: u32| (token(rank), Who::Worker(Rank(rank)));
        let tokens = (0..workers as u32).map(owner).chain([(token(WITNESS), Who::Observer)]).collect();
        server::Config {
            spec: script.server.clone(),
            workers,
            start: script.task.initial_model(script.seed).expect("a task that there is"),
            seed: *seed,
            scenario: script.to_toml(),
            observers: 1,
            identity: Identity::Token { tls: None, tokens },
            oracle: None,
            keep: Some(Keep { file: self.checkpoint.clone(), resume: life > 0 }),
            secrets: Secrets::Guessable(seed.rotate_left(32) ^ u64::from(life)),
            threads: false,
        }
    }

    /// A life of the server.
    pub(crate) async fn server(self) -> turmoil::Result {
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        self.trace.note(Fact::ServerUp { resumed: life > 0 });
        let serving = server::serve(wire::incoming(listener), self.server_config(life), pending());
        let outcome = Box::pin(serving).await;
        let (reason, ledgers) = match outcome {
            Ok(outcome) => (Ok(outcome.reason), outcome.ledgers),
            Err(error) => (Err(sentence(&error)), Vec::new()),
        };
        self.trace.note(Fact::Over { reason, ledgers });
        Ok(())
    }

    fn worker_config(&self, rank: u32) -> Config {
        Config {
            token: Some(token(rank)),
            dialer: self.lines[rank as usize].dialer(),
            patience: Some(PATIENCE),
            threads: false,
            ..Config::new(endpoint(), Place::Rank(rank))
        }
    }

    /// A life of whoever has this place.
    pub(crate) async fn worker(self, rank: u32) -> turmoil::Result {
        self.trace.note(Fact::WorkerUp(Rank(rank)));
        if self.plan.abuser() == Some(rank) {
            self.abuse(rank).await;
            return Ok(());
        }
        let config = self.worker_config(rank);
        let notes = Noting::new(Rank(rank), self.trace.clone(), self.bug);
        let ended = if self.plan.is_honest(rank) {
            let honest =
                |joined: &Joined| Honest::new(joined, &Rows::default()).map(|one| Noted::new(one, notes));
            worker::run(config, honest, pending()).await.map(|(end, _)| end)
        } else {
            let liar = |joined: &Joined| {
                let liar = Liar::new(joined, None).map(|one| Noted::new(one, notes));
                liar.map_err(|error| WorkerError::Participant(Box::new(error)))
            };
            worker::run(config, liar, pending()).await.map(|(end, _)| end)
        };
        let ended = match ended {
            Ok(End::Done) => Ok("done".to_owned()),
            Ok(End::Stopped(why)) => Ok(format!("stopped: {why}")),
            Err(error) => Err(sentence(&error)),
        };
        self.trace.note(Fact::WorkerEnd(Rank(rank), ended));
        Ok(())
    }

    /// Attacks the protocol, again from the first attack when all are through.
    async fn abuse(self, rank: u32) {
        let credentials = Credentials { token: Some(token(rank)), tls: None };
        let target =
            Target::new(endpoint(), Some(rank), credentials).over(self.lines[rank as usize].dialer());
        let suite = abuse::suite();
        let chosen: Vec<_> =
            (self.plan.abuses.iter()).filter_map(|name| suite.iter().find(|one| one.name == *name)).collect();
        for one in chosen.into_iter().cycle() {
            let Ok(watch) = Watch::start(&target).await else {
                time::sleep(BREATH).await;
                continue;
            };
            let verdict = abuse::commit(one, &target, &watch).await;
            self.trace.note(Fact::Abused(verdict.attack, verdict.answer));
            time::sleep(BREATH).await;
        }
    }
}

/// The rank that stands for the witness where tokens are dealt.
pub(crate) const WITNESS: u32 = u32::MAX;

/// The secret of a place.
pub(crate) fn token(rank: u32) -> Token {
    Token::new(std::array::from_fn(|place| rank.to_le_bytes()[place % 4] ^ place as u8))
}

/// Where the server is.
pub(crate) fn endpoint() -> Endpoint {
    let address = format!("http://{SERVER}:{PORT}");
    Endpoint::from_shared(address).expect("a name and a port are an address")
}

/// An error with all its causes.
fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
