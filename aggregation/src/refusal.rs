//! Why a rule does not answer: a skipped round, not a crash.

/// The rule cannot answer for these rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing arrived.
    #[error("no row to aggregate")]
    NoRows,
    /// More liars are declared than the rule can stand among so many rows.
    #[error("{stage} needs {needs}: of {n} rows at most {f_max} may be Byzantine, f = {f} was declared")]
    TooManyByzantine {
        /// Name of the rule or pre-aggregator.
        stage: &'static str,
        /// What it needs of n and f.
        needs: &'static str,
        /// Rows it gets, after the stages before it.
        n: usize,
        /// Byzantine rows declared.
        f: usize,
        /// Largest f it allows.
        f_max: usize,
    },
    /// Even with f = 0 the rule needs more rows.
    #[error("{stage} needs {needs}: it got {n} rows, f = {f} was declared")]
    TooFewRows {
        /// Name of the rule or pre-aggregator.
        stage: &'static str,
        /// What it needs of n and f.
        needs: &'static str,
        /// Rows it gets, after the stages before it.
        n: usize,
        /// Byzantine rows declared.
        f: usize,
    },
    /// A parameter asks for more rows than there are.
    #[error("{stage} is to select {got} rows, of {n} rows with f = {f} it can select 1 to {max}")]
    Selection {
        /// Name of the rule.
        stage: &'static str,
        /// Rows it is to select.
        got: usize,
        /// Rows it gets.
        n: usize,
        /// Byzantine rows declared.
        f: usize,
        /// Most rows it can select.
        max: usize,
    },
    /// More rows than f are not finite: the declared f is wrong.
    #[error("{broken} of {n} rows are not finite, at most f = {f} may be Byzantine")]
    NotFinite {
        /// Rows with a NaN or an infinity.
        broken: usize,
        /// Rows that arrived.
        n: usize,
        /// Byzantine rows declared.
        f: usize,
    },
    /// A row is longer or shorter than the model.
    #[error("row of rank {rank} has {got} numbers, expected {want}")]
    Length {
        /// Rank of the worker that sent it.
        rank: u32,
        /// Its length.
        got: usize,
        /// The model's length.
        want: usize,
    },
    /// The search would not end in reasonable time.
    #[error(
        "{stage} gave up after {visited} steps, {subsets} subsets of {n} rows are too many for an exact search"
    )]
    TooManySubsets {
        /// Name of the rule.
        stage: &'static str,
        /// Steps of the search that were made.
        visited: u64,
        /// n over f.
        subsets: String,
        /// Rows it got.
        n: usize,
    },
    /// The trusted row is not among those that arrived.
    #[error("{stage} trusts rank {rank}, whose row is missing or not finite")]
    PivotMissing {
        /// Name of the rule.
        stage: &'static str,
        /// Rank of the trusted worker.
        rank: u32,
    },
    /// The rule compares rows with the server's own gradient and was given none.
    #[error("{stage} needs the server's own gradient, finite and as long as the rows, none was given")]
    NoRoot {
        /// Name of the rule.
        stage: &'static str,
    },
    /// The rule kept nobody.
    #[error("{stage} kept none of {n} rows")]
    NothingKept {
        /// Name of the rule.
        stage: &'static str,
        /// Rows it got.
        n: usize,
    },
}
