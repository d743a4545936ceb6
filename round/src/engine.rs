//! The engine: who is there, which round is open, whose update is in.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Conduct, Ledger, Rank, Rejection, Round, ledger::Ledgers};

/// What the engine has to know beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Workers to wait for before the first round.
    pub workers: usize,
    /// Rounds to go through.
    pub rounds: u32,
    /// Updates without which a round is skipped; at least 1.
    pub quorum: usize,
    /// Rounds skipped one after another before giving up; at least 1.
    pub skips_max: u32,
    /// What misbehaviour costs.
    pub conduct: Conduct,
    /// What a round does about a member that is gone.
    pub absent: Absent,
}

/// What a round does about a member that is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Absent {
    /// It goes on without: nobody waits for a member that left until it is back.
    #[default]
    GoOn,
    /// It waits until the member is back or the deadline has passed.
    Wait,
}

/// Where an earlier run was left, when this one goes on from there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resumed {
    /// The last round that is behind it.
    pub closed: u32,
    /// What each worker did until then.
    pub ledgers: BTreeMap<Rank, Ledger>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker is there, for the first time or again; it votes from the next round that opens.
    Joined(Rank),
    /// A worker is gone.
    Left(Rank),
    /// A well-formed update came.
    Delivered {
        /// From whom.
        rank: Rank,
        /// For which round.
        round: Round,
        /// The numbers.
        row: Vec<f32>,
    },
    /// A worker sent something that is no update.
    Malformed {
        /// Who.
        rank: Rank,
        /// What was wrong.
        why: Rejection,
    },
    /// Nobody else is waited for before the first round.
    GatheringOver,
    /// The time of a round is up.
    DeadlinePassed(Round),
    /// The rows of a round were aggregated and the model has moved.
    Aggregated(Round),
    /// The rule could not answer for the rows of a round.
    Refused(Round),
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Send the model to `to` and start the round's clock.
    Open {
        /// The round.
        round: Round,
        /// Who votes in it.
        to: Vec<Rank>,
    },
    /// Send the model again to a member that came back while the round is open; the clock goes on.
    Remind {
        /// The round.
        round: Round,
        /// Who is back.
        rank: Rank,
    },
    /// Tell a worker what became of what it sent.
    Answer {
        /// The worker.
        rank: Rank,
        /// Whether it was taken.
        taken: Result<Round, Rejection>,
    },
    /// Aggregate these rows and answer [`Event::Aggregated`] or [`Event::Refused`].
    Aggregate {
        /// The round, now closed.
        round: Round,
        /// Its rows in order of rank.
        rows: Vec<(Rank, Vec<f32>)>,
        /// Members whose row is missing, those of `spent` included.
        absent: Vec<Rank>,
        /// Members that lost their vote to a lie, which the rule need not tolerate any more.
        spent: Vec<Rank>,
    },
    /// The round closed without an aggregate.
    Skip {
        /// The round.
        round: Round,
        /// Updates that were in.
        rows: usize,
        /// Members whose row is missing.
        absent: Vec<Rank>,
    },
    /// A worker misbehaved too often and has no place any more.
    Ban(Rank),
    /// It is over.
    Finish(Reason),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// All rounds are done.
    #[error("all rounds are done")]
    Done,
    /// Too few workers came for a first round.
    #[error("{joined} workers joined in time, a round needs {quorum}")]
    TooFewJoined {
        /// Workers that came
        joined: usize,
        /// Workers a round needs
        quorum: usize,
    },
    /// Too many rounds in a row were skipped.
    #[error("{skipped} rounds in a row were skipped")]
    TooManySkipped {
        /// How many
        skipped: u32,
    },
}

/// The state of a training run, apart from the model.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    phase: Phase,
    /// The last round that was behind it at the start.
    closed: u32,
    members: BTreeMap<Rank, Presence>,
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
    Aggregating(Round),
    Over,
}

#[derive(Debug)]
struct OpenRound {
    round: Round,
    members: BTreeSet<Rank>,
    awaited: BTreeSet<Rank>,
    rows: BTreeMap<Rank, Vec<f32>>,
    spent: BTreeSet<Rank>,
}

impl Engine {
    /// An engine at which nobody has arrived.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            phase: Phase::Gathering,
            closed: 0,
            members: BTreeMap::new(),
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
        engine
    }

    /// What each worker did so far.
    #[must_use]
    pub const fn ledgers(&self) -> &BTreeMap<Rank, Ledger> {
        &self.ledgers.run
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
            Phase::Open(open) => open.take(rank, round, row),
            _ => Err(Rejection::WrongRound { got: round, open: None }),
        };
        self.ledgers.record(rank, |ledger| match &taken {
            Ok(_) => ledger.accepted += 1,
            Err(why) => ledger.reject(why),
        });
        self.note_work(rank, &taken);
        let mut commands = vec![Command::Answer { rank, taken }];
        commands.append(&mut self.close_if_complete());
        commands
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
        self.ledgers.record(rank, |ledger| ledger.reject(&why));
        if let Phase::Open(open) = &mut self.phase
            && why.is_misbehaviour()
            && open.awaited.remove(&rank)
        {
            open.spent.insert(rank);
        }
        let mut commands = vec![Command::Answer { rank, taken: Err(why) }];
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
            Phase::Open(open) if open.round == round => self.close(),
            _ => Vec::new(),
        }
    }

    fn aggregated(&mut self, round: Round) -> Vec<Command> {
        if !matches!(self.phase, Phase::Aggregating(aggregating) if aggregating == round) {
            return Vec::new();
        }
        self.skipped_in_a_row = 0;
        self.advance(round)
    }

    fn refused(&mut self, round: Round) -> Vec<Command> {
        if !matches!(self.phase, Phase::Aggregating(aggregating) if aggregating == round) {
            return Vec::new();
        }
        self.skipped_in_a_row += 1;
        self.advance(round)
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
        let (members, on_time) = (who(&[Presence::Here, Presence::Late]), who(&[Presence::Here]));
        let to = members.iter().copied().collect();
        // When most were late, it was not they who were slow.
        let awaited = if on_time.len() < self.plan.quorum { members.clone() } else { on_time };
        self.phase =
            Phase::Open(OpenRound { round, awaited, members, rows: BTreeMap::new(), spent: BTreeSet::new() });
        vec![Command::Open { round, to }]
    }

    fn close_if_complete(&mut self) -> Vec<Command> {
        match &self.phase {
            // With too few rows the round stays open until its deadline: somebody may come back.
            Phase::Open(open) if open.awaited.is_empty() && open.rows.len() >= self.plan.quorum => {
                self.close()
            }
            _ => Vec::new(),
        }
    }

    fn close(&mut self) -> Vec<Command> {
        let Phase::Open(open) = &mut self.phase else { return Vec::new() };
        let round = open.round;
        let rows = std::mem::take(&mut open.rows);
        let absent: Vec<Rank> =
            open.members.iter().copied().filter(|rank| !rows.contains_key(rank)).collect();
        let spent = std::mem::take(&mut open.spent).into_iter().collect();
        for rank in std::mem::take(&mut open.awaited) {
            self.members.insert(rank, Presence::Late);
        }
        for rank in &absent {
            self.ledgers.record(*rank, |ledger| ledger.absent += 1);
        }
        if rows.len() >= self.plan.quorum {
            self.phase = Phase::Aggregating(round);
            return vec![Command::Aggregate { round, rows: rows.into_iter().collect(), absent, spent }];
        }
        self.skipped_in_a_row += 1;
        let mut commands = vec![Command::Skip { round, rows: rows.len(), absent }];
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

impl OpenRound {
    /// Whether this rank still has a vote that it did not use.
    fn owes(&self, rank: Rank) -> bool {
        self.members.contains(&rank) && !self.rows.contains_key(&rank) && !self.spent.contains(&rank)
    }

    fn take(&mut self, rank: Rank, round: Round, row: Vec<f32>) -> Result<Round, Rejection> {
        if round != self.round {
            Err(Rejection::WrongRound { got: round, open: Some(self.round) })
        } else if self.rows.contains_key(&rank) {
            Err(Rejection::Duplicate(round))
        } else if self.spent.contains(&rank) {
            Err(Rejection::VoteLost(round))
        } else if !self.members.contains(&rank) {
            Err(Rejection::NotAdmitted(round))
        } else {
            // A member that left and came back within the round still has its vote.
            self.awaited.remove(&rank);
            self.rows.insert(rank, row);
            Ok(round)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const PLAN: Plan =
        Plan { workers: 3, rounds: 2, quorum: 2, skips_max: 2, conduct: Conduct::Drop, absent: Absent::GoOn };

    fn started() -> Engine {
        let mut engine = Engine::new(PLAN);
        for rank in 0..3 {
            let commands = engine.handle(Event::Joined(Rank(rank)));
            assert_eq!(commands.is_empty(), rank < 2, "the third worker starts the first round");
        }
        engine
    }

    fn deliver(engine: &mut Engine, rank: u32, round: u32) -> Vec<Command> {
        let round = Round::new(round).unwrap();
        engine.handle(Event::Delivered { rank: Rank(rank), round, row: vec![rank as f32] })
    }

    fn ranks(ranks: &[u32]) -> Vec<Rank> {
        ranks.iter().copied().map(Rank).collect()
    }

    #[test]
    fn rows_are_aggregated_in_order_of_rank_whatever_the_order_of_arrival() {
        let mut engine = started();
        deliver(&mut engine, 2, 1);
        deliver(&mut engine, 0, 1);
        let commands = deliver(&mut engine, 1, 1);
        let [Command::Answer { taken: Ok(_), .. }, Command::Aggregate { rows, absent, .. }] =
            commands.as_slice()
        else {
            panic!("{commands:?}")
        };
        assert_eq!(rows.iter().map(|(rank, _)| rank.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(absent.is_empty());
    }

    #[test]
    fn a_replayed_update_does_not_replace_the_first() {
        let mut engine = started();
        deliver(&mut engine, 1, 1);
        let commands =
            engine.handle(Event::Delivered { rank: Rank(1), round: Round::FIRST, row: vec![99.0] });
        let taken = Err(Rejection::Duplicate(Round::FIRST));
        assert_eq!(commands, [Command::Answer { rank: Rank(1), taken }]);
        deliver(&mut engine, 0, 1);
        let commands = deliver(&mut engine, 2, 1);
        let Command::Aggregate { rows, .. } = &commands[1] else { panic!("{commands:?}") };
        assert_eq!(rows[1], (Rank(1), vec![1.0]));
    }

    #[test]
    fn a_worker_that_leaves_is_no_longer_waited_for() {
        let mut engine = started();
        deliver(&mut engine, 0, 1);
        deliver(&mut engine, 1, 1);
        let commands = engine.handle(Event::Left(Rank(2)));
        let [Command::Aggregate { absent, .. }] = commands.as_slice() else { panic!("{commands:?}") };
        assert_eq!(*absent, ranks(&[2]));
        let commands = engine.handle(Event::Aggregated(Round::FIRST));
        assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1]) }]);
        assert_eq!(engine.ledgers()[&Rank(2)].absent, 1);
    }

    #[test]
    fn who_joins_during_a_round_votes_from_the_next() {
        let mut engine = started();
        assert!(engine.handle(Event::Joined(Rank(7))).is_empty());
        let commands = deliver(&mut engine, 7, 1);
        let taken = Err(Rejection::NotAdmitted(Round::FIRST));
        assert_eq!(commands, [Command::Answer { rank: Rank(7), taken }]);
        for rank in 0..3 {
            deliver(&mut engine, rank, 1);
        }
        let commands = engine.handle(Event::Aggregated(Round::FIRST));
        assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1, 2, 7]) }]);
    }

    #[test]
    fn a_lie_costs_the_vote_of_the_round_and_a_late_update_nothing() {
        let mut engine = started();
        let why = Rejection::NonFinite { index: 3, value: f32::INFINITY };
        let _ = engine.handle(Event::Malformed { rank: Rank(0), why });
        let commands = deliver(&mut engine, 0, 1);
        assert_eq!(
            commands,
            [Command::Answer { rank: Rank(0), taken: Err(Rejection::VoteLost(Round::FIRST)) }]
        );
        let late = deliver(&mut engine, 1, 2);
        assert!(matches!(late[0], Command::Answer { taken: Err(Rejection::WrongRound { .. }), .. }));
        deliver(&mut engine, 1, 1);
        let commands = deliver(&mut engine, 2, 1);
        let Command::Aggregate { spent, absent, rows, .. } = &commands[1] else { panic!("{commands:?}") };
        assert_eq!((spent, absent, rows.len()), (&ranks(&[0]), &ranks(&[0]), 2));
        assert_eq!(
            engine.ledgers()[&Rank(0)].rejected,
            BTreeMap::from([("non-finite", 1), ("vote-lost", 1)])
        );
    }

    #[test]
    fn a_deadline_closes_with_a_quorum_and_skips_without_one() {
        let mut engine = started();
        deliver(&mut engine, 0, 1);
        let commands = engine.handle(Event::DeadlinePassed(Round::FIRST));
        let round = Round::FIRST;
        let skip = Command::Skip { round, rows: 1, absent: ranks(&[1, 2]) };
        assert_eq!(commands, [skip, Command::Open { round: round.next(), to: ranks(&[0, 1, 2]) }]);
        assert!(engine.handle(Event::DeadlinePassed(round)).is_empty(), "a late timer is normal");
        deliver(&mut engine, 0, 2);
        deliver(&mut engine, 1, 2);
        let commands = engine.handle(Event::DeadlinePassed(round.next()));
        assert!(matches!(&commands[..], [Command::Aggregate { rows, .. }] if rows.len() == 2));
        assert_eq!(engine.handle(Event::Aggregated(round.next())), [Command::Finish(Reason::Done)]);
    }

    #[test]
    fn a_member_that_comes_back_is_told_of_the_open_round_again_and_has_one_vote() {
        let mut engine = started();
        deliver(&mut engine, 1, 1);
        for rank in [0, 1] {
            assert!(engine.handle(Event::Left(Rank(rank))).is_empty());
        }
        let back = engine.handle(Event::Joined(Rank(0)));
        assert_eq!(back, [Command::Remind { round: Round::FIRST, rank: Rank(0) }]);
        assert!(engine.handle(Event::Joined(Rank(1))).is_empty(), "its row is in");
        assert_eq!(deliver(&mut engine, 2, 1).len(), 1, "the one that is back is waited for");
        assert_eq!(deliver(&mut engine, 0, 1).len(), 2);
    }

    #[test]
    fn a_round_that_waits_has_every_member_there_ever_was() {
        let mut engine = Engine::new(Plan { absent: Absent::Wait, ..PLAN });
        for rank in 0..3 {
            let _ = engine.handle(Event::Joined(Rank(rank)));
        }
        deliver(&mut engine, 0, 1);
        deliver(&mut engine, 1, 1);
        assert!(engine.handle(Event::Left(Rank(2))).is_empty(), "a quorum is there, the round waits");
        let _ = engine.handle(Event::Joined(Rank(2)));
        let _ = engine.handle(Event::Left(Rank(1)));
        assert_eq!(deliver(&mut engine, 2, 1).len(), 2);
        let commands = engine.handle(Event::Aggregated(Round::FIRST));
        assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1, 2]) }]);
        let back = engine.handle(Event::Joined(Rank(1)));
        assert_eq!(back, [Command::Remind { round: Round::FIRST.next(), rank: Rank(1) }]);
    }

    #[test]
    fn a_resumed_run_opens_the_round_after_the_last_or_is_done() {
        for (closed, rounds, expected) in [(0, 2, Some(1)), (1, 2, Some(2)), (2, 2, None)] {
            let from = Resumed { closed, ..Resumed::default() };
            let mut engine = Engine::resume(Plan { rounds, ..PLAN }, from.clone());
            let _ = engine.handle(Event::Joined(Rank(0)));
            let _ = engine.handle(Event::Joined(Rank(1)));
            let commands = engine.handle(Event::Joined(Rank(2)));
            match (&commands[..], expected) {
                ([Command::Open { round, .. }], Some(expected)) => assert_eq!(round.get(), expected),
                ([Command::Finish(Reason::Done)], None) => (),
                _ => panic!("{commands:?}"),
            }
            let mut alone = Engine::resume(Plan { rounds, ..PLAN }, from);
            let over = alone.handle(Event::GatheringOver);
            let done = over == [Command::Finish(Reason::Done)];
            assert_eq!(done, expected.is_none(), "nobody is needed when all rounds are done: {over:?}");
        }
    }

    #[test]
    fn rounds_skipped_one_after_another_end_the_run() {
        let mut engine = Engine::new(Plan { rounds: 9, ..PLAN });
        for rank in 0..3 {
            let _ = engine.handle(Event::Joined(Rank(rank)));
        }
        let _ = engine.handle(Event::DeadlinePassed(Round::FIRST));
        let commands = engine.handle(Event::DeadlinePassed(Round::FIRST.next()));
        assert_eq!(commands[1], Command::Finish(Reason::TooManySkipped { skipped: 2 }));
    }

    #[test]
    fn gathering_ends_with_a_quorum_or_in_words() {
        for (joined, expected) in [(1, false), (2, true)] {
            let mut engine = Engine::new(PLAN);
            for rank in 0..joined {
                let _ = engine.handle(Event::Joined(Rank(rank)));
            }
            let commands = engine.handle(Event::GatheringOver);
            assert_eq!(matches!(commands[..], [Command::Open { .. }]), expected, "{commands:?}");
        }
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let rank = (0..4_u32).prop_map(Rank);
        let round = (1..5_u32).prop_map(|round| Round::new(round).unwrap());
        prop_oneof![
            rank.clone().prop_map(Event::Joined),
            rank.clone().prop_map(Event::Left),
            (rank.clone(), round.clone()).prop_map(|(rank, round)| Event::Delivered {
                rank,
                round,
                row: vec![]
            }),
            rank.prop_map(|rank| Event::Malformed { rank, why: Rejection::RoundZero }),
            Just(Event::GatheringOver),
            round.clone().prop_map(Event::DeadlinePassed),
            round.clone().prop_map(Event::Aggregated),
            round.prop_map(Event::Refused),
        ]
    }

    proptest! {
        /// Whatever happens: one vote a rank and round, rounds only go forward, nothing after the end.
        #[test]
        fn no_order_of_events_breaks_the_round(events in vec(any_event(), 0..120), waits: bool) {
            let absent = if waits { Absent::Wait } else { Absent::GoOn };
            let mut engine = Engine::new(Plan { rounds: 4, absent, ..PLAN });
            let (mut last_opened, mut over) = (0, false);
            for event in events {
                for command in engine.handle(event) {
                    let refusal = matches!(command, Command::Answer { taken: Err(_), .. });
                    prop_assert!(!over || refusal, "after the end: {:?}", command);
                    match command {
                        Command::Open { round, .. } => {
                            prop_assert_eq!(round.get(), last_opened + 1);
                            last_opened = round.get();
                        }
                        Command::Aggregate { round, rows, absent, spent } => {
                            prop_assert_eq!(round.get(), last_opened);
                            prop_assert!(rows.len() >= PLAN.quorum);
                            prop_assert!(rows.windows(2).all(|two| two[0].0 < two[1].0));
                            prop_assert!(spent.iter().all(|rank| absent.contains(rank)));
                            prop_assert!(rows.iter().all(|(rank, _)| !absent.contains(rank)));
                        }
                        Command::Finish(_) => over = true,
                        Command::Remind { round, .. } => prop_assert_eq!(round.get(), last_opened),
                        Command::Answer { .. } | Command::Skip { .. } | Command::Ban(_) => (),
                    }
                }
            }
        }
    }
}
