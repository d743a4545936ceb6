//! The engine: who is there, which round is open, whose update is in.

mod open;

use std::collections::{BTreeMap, BTreeSet};

use open::{OpenRound, Taken};

use crate::{
    Absent, Buffer, Command, Event, Ledger, Pace, Plan, Rank, Reason, Rejection, Resumed, Round, Stragglers,
    ledger::Ledgers,
};

/// The state of a training run, apart from the model.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    phase: Phase,
    /// The last round that was behind it at the start.
    closed: u32,
    members: BTreeMap<Rank, Presence>,
    /// The latest round whose model each worker's updates that were taken answer.
    answered: BTreeMap<Rank, Round>,
    /// The round that each member was told of and did not answer yet.
    working: BTreeMap<Rank, Round>,
    ledgers: Ledgers,
    skipped_in_a_row: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    /// It missed a deadline: its vote counts if it comes in time, but nobody waits for it until it has shown work.
    Late,
    Gone,
    Banned,
}

#[derive(Debug)]
enum Phase {
    Gathering,
    Open(OpenRound),
    /// The round, and whose rows are in.
    Aggregating(Round, Vec<Rank>),
    Over,
}

/// Why an update that was taken is discarded: its round moved nothing.
pub const SKIPPED: &str = "skipped";

/// Why an update that was taken is discarded: a later one of the same worker took its place.
pub const SUPERSEDED: &str = "superseded";

impl Engine {
    /// An engine at which nobody has arrived.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            phase: Phase::Gathering,
            closed: 0,
            members: BTreeMap::new(),
            answered: BTreeMap::new(),
            working: BTreeMap::new(),
            ledgers: Ledgers::default(),
            skipped_in_a_row: 0,
        }
    }

    /// An engine at which nobody has arrived, and that goes on where another one was left.
    #[must_use]
    pub fn resume(plan: Plan, from: Resumed) -> Self {
        let mut engine = Self { closed: from.closed, ..Self::new(plan) };
        let banned = from.ledgers.iter().filter(|(_, ledger)| plan.conduct.bans(ledger.misbehaved));
        engine.members = banned.map(|(rank, _)| (*rank, Presence::Banned)).collect();
        engine.ledgers.run = from.ledgers;
        engine.answered = from.answered;
        engine
    }

    /// What each worker did so far.
    #[must_use]
    pub const fn ledgers(&self) -> &BTreeMap<Rank, Ledger> {
        &self.ledgers.run
    }

    /// The latest round whose model each worker's updates that were taken answer.
    #[must_use]
    pub const fn answered(&self) -> &BTreeMap<Rank, Round> {
        &self.answered
    }

    /// What each worker did since this was asked last, of those whose updates were not all taken.
    pub fn report(&mut self) -> BTreeMap<Rank, Ledger> {
        self.ledgers.report()
    }

    /// The round that takes updates now.
    #[must_use]
    pub const fn open_round(&self) -> Option<Round> {
        match &self.phase {
            Phase::Open(open) => Some(open.round),
            _ => None,
        }
    }

    /// Takes an event in; total: no event, in whatever order, is an error.
    #[must_use]
    pub fn handle(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Joined(rank) => self.joined(rank),
            Event::Left(rank) => self.left(rank),
            Event::Delivered { rank, round, row } => self.delivered(rank, round, row),
            Event::Malformed { rank, why } => self.malformed(rank, why),
            Event::GatheringOver => self.gathering_over(),
            Event::DeadlinePassed(round) => self.deadline_passed(round),
            Event::Aggregated(round) => self.aggregated(round),
            Event::Refused(round) => self.refused(round),
        }
    }

    fn joined(&mut self, rank: Rank) -> Vec<Command> {
        let presence = self.members.entry(rank).or_insert(Presence::Here);
        if *presence == Presence::Banned {
            return Vec::new();
        }
        *presence = Presence::Here;
        self.ledgers.run.entry(rank).or_default();
        if let Phase::Open(open) = &mut self.phase
            && open.owes(rank)
        {
            open.awaited.insert(rank);
            self.working.insert(rank, open.round);
            return vec![Command::Remind { round: open.round, rank }];
        }
        match self.phase {
            Phase::Gathering if self.present() >= self.plan.workers => self.begin(),
            _ => Vec::new(),
        }
    }

    fn left(&mut self, rank: Rank) -> Vec<Command> {
        if let Some(presence) = self.members.get_mut(&rank)
            && *presence != Presence::Banned
        {
            *presence = Presence::Gone;
        }
        self.working.remove(&rank);
        if let Phase::Open(open) = &mut self.phase
            && self.plan.absent == Absent::GoOn
        {
            open.awaited.remove(&rank);
        }
        self.close_if_complete()
    }

    fn delivered(&mut self, rank: Rank, round: Round, row: Vec<f32>) -> Vec<Command> {
        let banned = self.members.get(&rank) == Some(&Presence::Banned);
        let taken = match &mut self.phase {
            Phase::Open(_) if banned => Err(Rejection::Banned),
            Phase::Open(open) => {
                if self.working.get(&rank).is_some_and(|asked| *asked <= round) {
                    self.working.remove(&rank);
                }
                open.take(rank, (round, row), self.answered.get(&rank).copied(), self.plan.pace)
            }
            _ => Err(Rejection::WrongRound { got: round, open: None }),
        };
        self.ledgers.record(rank, |ledger| match &taken {
            Ok(Taken::Anew) => ledger.accepted += 1,
            Ok(Taken::Instead) => {
                ledger.accepted += 1;
                ledger.discard(SUPERSEDED);
            }
            Err(why) => ledger.refuse(why),
        });
        if taken.is_ok() {
            self.answered.insert(rank, round);
        }
        let superseded = taken == Ok(Taken::Instead);
        let taken = taken.map(|_| round);
        self.note_work(rank, &taken);
        let mut commands = vec![Command::Answer { rank, taken }];
        if superseded {
            commands.push(Command::Superseded(rank));
        }
        commands.extend(self.ask_again(rank));
        commands.append(&mut self.close_if_complete());
        commands
    }

    /// Without waiting for everybody, members work on one model at a time; one that is done and whose row is not in is told of
    /// the open round at once.
    fn ask_again(&mut self, rank: Rank) -> Option<Command> {
        let Phase::Open(open) = &self.phase else { return None };
        if self.plan.pace == Pace::Synchronous || self.working.contains_key(&rank) || !open.owes(rank) {
            return None;
        }
        self.working.insert(rank, open.round);
        Some(Command::Remind { round: open.round, rank })
    }

    /// Whoever answers the open round, or the one before, works: it is waited for again.
    fn note_work(&mut self, rank: Rank, taken: &Result<Round, Rejection>) {
        let works = match taken {
            Ok(_) => true,
            Err(Rejection::WrongRound { got, open: Some(open) }) => got.next() == *open,
            Err(_) => false,
        };
        if let Some(presence) = self.members.get_mut(&rank)
            && works
            && *presence == Presence::Late
        {
            *presence = Presence::Here;
        }
    }

    fn malformed(&mut self, rank: Rank, why: Rejection) -> Vec<Command> {
        self.ledgers.record(rank, |ledger| ledger.refuse(&why));
        self.note_work(rank, &Err(why));
        if let Phase::Open(open) = &mut self.phase
            && why.is_misbehaviour()
            && open.owes(rank)
        {
            open.awaited.remove(&rank);
            open.spent.insert(rank);
        }
        let mut commands = vec![Command::Answer { rank, taken: Err(why) }];
        self.working.remove(&rank);
        commands.extend(self.ask_again(rank));
        let misbehaved = self.ledgers.run.get(&rank).map_or(0, |ledger| ledger.misbehaved);
        if why.is_misbehaviour()
            && self.plan.conduct.bans(misbehaved)
            && self.members.insert(rank, Presence::Banned) != Some(Presence::Banned)
        {
            commands.push(Command::Ban(rank));
        }
        commands.append(&mut self.close_if_complete());
        commands
    }

    fn gathering_over(&mut self) -> Vec<Command> {
        let (joined, quorum) = (self.present(), self.plan.quorum);
        match self.phase {
            Phase::Gathering if joined >= quorum || self.closed >= self.plan.rounds => self.begin(),
            Phase::Gathering => self.finish(Reason::TooFewJoined { joined, quorum }),
            _ => Vec::new(),
        }
    }

    fn deadline_passed(&mut self, round: Round) -> Vec<Command> {
        match &self.phase {
            // A late timer for a round that already closed is normal.
            Phase::Open(open) if open.round == round => {
                for rank in &open.awaited {
                    self.members.insert(*rank, Presence::Late);
                }
                self.close()
            }
            _ => Vec::new(),
        }
    }

    fn aggregated(&mut self, round: Round) -> Vec<Command> {
        match self.phase {
            Phase::Aggregating(aggregating, _) if aggregating == round => {
                self.skipped_in_a_row = 0;
                self.advance(round)
            }
            _ => Vec::new(),
        }
    }

    fn refused(&mut self, round: Round) -> Vec<Command> {
        match &mut self.phase {
            Phase::Aggregating(aggregating, rows) if *aggregating == round => {
                let rows = std::mem::take(rows);
                self.discard(&rows);
                self.skipped_in_a_row += 1;
                self.advance(round)
            }
            _ => Vec::new(),
        }
    }

    /// Takes down that the round of these rows came to nothing.
    fn discard(&mut self, rows: &[Rank]) {
        for rank in rows {
            self.ledgers.record(*rank, |ledger| ledger.discard(SKIPPED));
        }
    }

    fn present(&self) -> usize {
        self.members.values().filter(|presence| **presence == Presence::Here).count()
    }

    /// Opens the first round that is not behind it, if there is one.
    fn begin(&mut self) -> Vec<Command> {
        match Round::new(self.closed) {
            None => self.open(Round::FIRST),
            Some(closed) => self.advance(closed),
        }
    }

    fn open(&mut self, round: Round) -> Vec<Command> {
        let waits = self.plan.absent == Absent::Wait;
        let who = |wanted: &[Presence]| {
            let among = self
                .members
                .iter()
                .filter(|(_, presence)| wanted.contains(presence) || (waits && **presence == Presence::Gone));
            among.map(|(rank, _)| *rank).collect::<BTreeSet<Rank>>()
        };
        let (there, on_time) = (who(&[Presence::Here, Presence::Late]), who(&[Presence::Here]));
        let sampled = self.plan.sample.is_some();
        let members =
            self.plan.sample.map_or_else(|| there.clone(), |sample| sample.draw(round, there.clone()));
        let on_time: BTreeSet<Rank> = on_time.intersection(&members).copied().collect();
        if self.plan.pace == Pace::Synchronous {
            self.working.clear();
        }
        let busy = |rank: &Rank| self.working.contains_key(rank);
        let to: Vec<Rank> = members.iter().copied().filter(|rank| !busy(rank)).collect();
        self.working.extend(to.iter().map(|rank| (*rank, round)));
        // When most were late, it was not they who were slow.
        let awaited = if on_time.len() < self.plan.quorum { members.clone() } else { on_time };
        let (rows, spent) = (BTreeMap::new(), BTreeSet::new());
        self.phase = Phase::Open(OpenRound { round, members, awaited, rows, spent, sampled });
        vec![Command::Open { round, to }]
    }

    fn close_if_complete(&mut self) -> Vec<Command> {
        let Phase::Open(open) = &self.phase else { return Vec::new() };
        // With too few rows the round stays open until its deadline: somebody may come back.
        let everybody = open.awaited.is_empty() && open.rows.len() >= self.plan.quorum;
        let full = (self.plan.pace.buffer())
            .is_some_and(|buffer| open.rows.len() >= buffer.rows && !self.holds_up(open, buffer));
        if everybody || full { self.close() } else { Vec::new() }
    }

    /// Whether somebody works on a model that would be too old after this round, and is waited for.
    fn holds_up(&self, open: &OpenRound, buffer: Buffer) -> bool {
        let next = open.round.next().get();
        let too_old = |since: &Round| next.saturating_sub(since.get()) > buffer.staleness_max;
        buffer.stragglers == Stragglers::Wait
            && open.awaited.iter().any(|rank| self.working.get(rank).is_some_and(too_old))
    }

    fn close(&mut self) -> Vec<Command> {
        let Phase::Open(open) = &mut self.phase else { return Vec::new() };
        let round = open.round;
        let rows = std::mem::take(&mut open.rows);
        let missing = open.members.iter().copied().filter(|rank| !rows.contains_key(rank));
        // Nobody has to be in every buffer.
        let absent: Vec<Rank> = missing.filter(|_| self.plan.pace.buffer().is_none()).collect();
        let byzantine = self.plan.conduct.left(self.plan.byzantine, open.spent.len());
        for rank in &absent {
            self.ledgers.record(*rank, |ledger| ledger.absent += 1);
        }
        if rows.len() >= self.plan.quorum {
            self.phase = Phase::Aggregating(round, rows.keys().copied().collect());
            let stale = |of: &Round| round.get() - of.get();
            let staleness: Vec<u32> = rows.values().map(|(of, _)| stale(of)).collect();
            for (rank, rounds) in rows.keys().zip(&staleness) {
                self.ledgers.record(*rank, |ledger| ledger.staleness += rounds);
            }
            let rows = rows.into_iter().map(|(rank, (_, row))| (rank, row)).collect();
            return vec![Command::Aggregate { round, rows, staleness, absent, byzantine }];
        }
        self.skipped_in_a_row += 1;
        let rows: Vec<Rank> = rows.into_keys().collect();
        self.discard(&rows);
        let mut commands = vec![Command::Skip { round, rows, absent }];
        commands.append(&mut self.advance(round));
        commands
    }

    fn advance(&mut self, closed: Round) -> Vec<Command> {
        if self.skipped_in_a_row >= self.plan.skips_max {
            self.finish(Reason::TooManySkipped { skipped: self.skipped_in_a_row })
        } else if closed.get() >= self.plan.rounds {
            self.finish(Reason::Done)
        } else {
            self.open(closed.next())
        }
    }

    fn finish(&mut self, reason: Reason) -> Vec<Command> {
        self.phase = Phase::Over;
        vec![Command::Finish(reason)]
    }
}

#[cfg(test)]
mod tests;
