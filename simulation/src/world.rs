//! A run from its start to its end: the simulated network, what goes wrong with it, and when it has been watched enough.

use std::{
    cell::RefCell,
    panic,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use turmoil::{Builder, Sim};

use crate::{
    bug::Bug,
    log,
    plan::{Plan, TICK, Trouble},
    stage::{SERVER, Stage},
    trace::{Entry, Fact, Trace},
    witness,
};

/// Segments that a connection holds: what is slow is the network, not its buffers.
const SEGMENTS: usize = 4096;

/// Probability that a line which lost a message carries the next.
const REPAIR: f64 = 0.2;

/// Where files are in memory, on systems that have that: to synchronise a disk would take most of the time of a run.
const MEMORY: &str = "/dev/shm";

/// Time for everybody to hear of the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// The host of the witness.
const WITNESS: &str = "witness";

/// What happened in a run.
#[derive(Debug)]
pub struct Run {
    /// What was to happen.
    pub plan: Arc<Plan>,
    /// All that did.
    pub entries: Vec<Entry>,
    /// What no process of ours may do, whatever happens to it.
    pub panics: Vec<String>,
}

fn host(rank: u32) -> String {
    format!("worker-{rank}")
}

/// Runs a plan, with a bug if one is planted.
///
/// # Panics
/// When the folder for the checkpoint cannot be made.
#[must_use]
pub fn play(plan: Plan, bug: Option<Bug>) -> Run {
    let plan = Arc::new(plan);
    let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a folder for the checkpoint");
    let trace = Trace::default();
    let logging = tracing::subscriber::set_default(log::subscriber(trace.clone()));
    hear_panics();
    PANICS.set(Some(Vec::new()));
    let stage = Stage::new(Arc::clone(&plan), trace.clone(), bug, folder.path().join("checkpoint"));
    let mut world = World { sim: network(&plan, bug), stage, first: Vec::new() };
    world.people();
    let failure = world.run();
    drop(world);
    drop(logging);
    let mut panics = PANICS.take().unwrap_or_default();
    panics.extend(failure);
    Run { plan, entries: trace.take(), panics }
}

fn network(plan: &Plan, bug: Option<Bug>) -> Sim<'static> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let seed = match bug {
        Some(Bug::Unseeded) => RUNS.fetch_add(1, Ordering::Relaxed),
        _ => plan.seed,
    };
    Builder::new()
        .rng_seed(seed)
        .epoch(SystemTime::UNIX_EPOCH)
        .simulation_duration(Duration::MAX)
        .tick_duration(TICK)
        .min_message_latency(plan.latency.0)
        .max_message_latency(plan.latency.1)
        .repair_rate(REPAIR)
        .tcp_capacity(SEGMENTS)
        .enable_random_order()
        .build()
}

struct World {
    sim: Sim<'static>,
    stage: Stage,
    /// The checkpoint from before the first round.
    first: Vec<u8>,
}

impl World {
    fn people(&mut self) {
        let stage = self.stage.clone();
        self.sim.host(SERVER, move || stage.clone().server());
        for rank in self.ranks() {
            let stage = self.stage.clone();
            self.sim.host(host(rank), move || stage.clone().worker(rank));
        }
        let stage = self.stage.clone();
        self.sim.host(WITNESS, move || witness::follow(stage.clone()));
        // The witness hears of a round before the next can end, so that it misses none.
        self.sim.set_link_latency(SERVER, WITNESS, TICK);
    }

    fn ranks(&self) -> std::ops::Range<u32> {
        0..self.stage.plan.script.processes() as u32
    }

    /// Goes on until everybody has heard of the end, or it should have come long ago; answers what must not happen.
    fn run(&mut self) -> Option<String> {
        let plan = Arc::clone(&self.stage.plan);
        let mut changes: Vec<(Duration, bool, Trouble)> = (plan.worries.iter())
            .flat_map(|worry| [(worry.from, true, worry.trouble), (worry.to, false, worry.trouble)])
            .collect();
        changes.sort_by_key(|(at, ..)| *at);
        let mut changes = changes.into_iter().peekable();
        let (mut calm, mut end) = (false, plan.calm_at + plan.patience());
        while self.sim.elapsed() < end {
            while let Some((_, begins, trouble)) = changes.next_if(|(at, ..)| *at <= self.sim.elapsed()) {
                if begins { self.begin(trouble) } else { self.end(trouble) }
            }
            if !calm && self.sim.elapsed() >= plan.calm_at {
                calm = true;
                self.note(Fact::Calm);
                if self.stage.bug == Some(Bug::NeverRepaired) {
                    self.ranks().for_each(|rank| self.sim.partition(SERVER, host(rank)));
                }
            }
            if let Err(error) = self.sim.step() {
                return Some(error.to_string());
            }
            self.stage.trace.set_now(self.sim.elapsed());
            if self.first.is_empty() {
                self.first = std::fs::read(&self.stage.checkpoint).unwrap_or_default();
            }
            if self.stage.trace.is_over() {
                end = end.min(self.sim.elapsed() + FAREWELL);
            }
        }
        None
    }

    fn note(&self, fact: Fact) {
        self.stage.trace.note(fact);
    }

    fn begin(&mut self, trouble: Trouble) {
        self.note(Fact::Trouble(trouble.to_string()));
        match trouble {
            Trouble::Partition(rank) => self.sim.partition(SERVER, host(rank)),
            Trouble::Mute(rank) => self.sim.partition_oneway(host(rank), SERVER),
            Trouble::Deaf(rank) => self.sim.partition_oneway(SERVER, host(rank)),
            Trouble::Hold(rank) => self.sim.hold(SERVER, host(rank)),
            Trouble::Slow(rank, most) => self.sim.set_link_max_message_latency(SERVER, host(rank), most),
            Trouble::Drop(rank, probability) => {
                self.sim.set_link_fail_rate(SERVER, host(rank), probability);
            }
            Trouble::Break(rank) => self.stage.lines[rank as usize].break_all(),
            Trouble::Kill(rank) => self.sim.crash(host(rank)),
            Trouble::KillServer => {
                // Nobody hears of its death: in which order its connections close is the runtime's business.
                self.ranks().for_each(|rank| self.sim.partition(SERVER, host(rank)));
                self.sim.partition(SERVER, WITNESS);
                self.stage.witness.break_all();
                self.sim.crash(SERVER);
            }
        }
    }

    fn end(&mut self, trouble: Trouble) {
        self.note(Fact::Trouble(format!("no longer: {trouble}")));
        let latency = self.stage.plan.latency.1;
        match trouble {
            Trouble::Partition(rank) | Trouble::Mute(rank) | Trouble::Deaf(rank) | Trouble::Hold(rank) => {
                self.sim.release(SERVER, host(rank));
            }
            Trouble::Slow(rank, _) => self.sim.set_link_max_message_latency(SERVER, host(rank), latency),
            Trouble::Drop(rank, _) => {
                self.sim.set_link_fail_rate(SERVER, host(rank), 0.0);
                self.sim.release(SERVER, host(rank));
            }
            Trouble::Break(_) => (),
            Trouble::Kill(rank) => self.sim.bounce(host(rank)),
            Trouble::KillServer => {
                self.ranks().for_each(|rank| self.sim.release(SERVER, host(rank)));
                self.sim.release(SERVER, WITNESS);
                if self.stage.bug == Some(Bug::OldState) {
                    std::fs::write(&self.stage.checkpoint, &self.first).expect("a checkpoint of our own");
                }
                self.sim.bounce(SERVER);
            }
        }
    }
}

thread_local! {
    /// Panics of the run on this thread; where none is run there is no list.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Takes down the panics of spawned tasks too, which the runtime swallows.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.with_borrow_mut(|panics| match panics {
                Some(panics) => panics.push(info.to_string()),
                None => usual(info),
            });
        }));
    });
}
