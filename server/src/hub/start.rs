//! A hub at its start: of a run that begins, or of one that goes on from its checkpoint.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;
use proto::{share, v1};
use round::{Engine, Resumed};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Closed, GRACE, Hub, PATIENCE, Shared, Spare};
use crate::{
    Config, Descent, ServerError,
    deadline::Pace,
    keeper::{self, Keeper},
    observers::Observers,
    oracle::Reveals,
    places::Places,
};

impl Hub {
    pub(crate) fn new(mut config: Config, stop: CancellationToken) -> Result<Self, ServerError> {
        let plan = config.spec.plan(config.workers, config.seed)?;
        let inherited = keeper::load(&config)?;
        // The start is not kept beside the model.
        let mut descent = Descent::new(&config.spec, std::mem::take(&mut config.start), config.seed);
        let run = match &inherited {
            Some(checkpoint) => checkpoint.run,
            None => config
                .secrets
                .draw()
                .map(|secret| u128::from_be_bytes(secret) as u64)
                .map_err(ServerError::Random)?,
        };
        let keeper = Keeper::new(&config, run);
        let mut from = Resumed::default();
        let (mut previous, mut report) = (None, None);
        match inherited {
            None => keeper.begin(&descent)?,
            Some(checkpoint) => {
                from = Resumed {
                    closed: checkpoint.closed,
                    ledgers: checkpoint.ledgers.into_iter().collect(),
                    answered: checkpoint.answered.into_iter().collect(),
                };
                previous = checkpoint.previous.map(|previous| Closed::new(run, from.closed, previous));
                report = v1::RoundReport::decode(&*checkpoint.report).ok().filter(|_| from.closed > 0);
                if !descent.restore(checkpoint.descent) {
                    return Err(keeper::other_state(&config).into());
                }
                tracing::info!(round = from.closed, "resumed");
            }
        }
        let closed = from.closed;
        // When all is done, whoever is still there only has to be told.
        let gathering = if closed < config.spec.rounds { config.spec.join_deadline } else { GRACE };
        let (model, receiver) = watch::channel(Arc::new(share(run, closed + 1, descent.shared_model())));
        let description = v1::JoinReply {
            session: Vec::new().into(),
            rank: 0,
            workers: config.workers as u32,
            dimension: descent.model().len() as u64,
            rounds: config.spec.rounds,
            run,
            heartbeat_seconds: config.spec.heartbeat.as_secs_f64(),
            scenario: config.scenario.clone(),
        };
        let shared = Shared {
            description: Arc::new(description),
            model: receiver,
            spare: Spare::default(),
            staleness_max: config.spec.mode.staleness_max(),
            strangers: Arc::default(),
        };
        Ok(Self {
            engine: Engine::resume(plan, from),
            places: Places::new(config.workers, PATIENCE * config.spec.heartbeat),
            observers: Observers::default(),
            descent: Some(Box::new(descent)),
            aggregating: None,
            shared,
            model,
            run,
            keeper,
            unkept: None,
            inherited: report,
            deadline: Some((None, Instant::now() + gathering)),
            opened: Instant::now(),
            previous,
            round: closed,
            step: 0.0,
            early: Vec::new(),
            pace: Pace::default(),
            joins: (Instant::now(), 0),
            watched: false,
            rejections: HashMap::new(),
            reason: None,
            reveals: config.oracle.as_ref().map(|oracle| Reveals::new(oracle, run)),
            stop,
            config,
        })
    }
}
