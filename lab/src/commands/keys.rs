//! `equipoise keys init`: keys for a server, its workers and an observer.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{
    failure::Failure,
    keys::{self, Days, Split},
};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make an authority, and a certificate and a token for each, in a new folder
    Init(Init),
}

/// Arguments of `keys init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Workers
    #[arg(long, value_name = "N")]
    workers: usize,
    /// Attackers, whose keys are the last
    #[arg(long, value_name = "N", default_value_t = 0)]
    attackers: usize,
    /// Lay out for each what it needs, and no more
    #[arg(long, value_enum, default_value_t)]
    split: Split,
    /// Leave keys that are there as they are
    #[arg(long)]
    keep: bool,
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A further name or address that the server is found by; localhost and server are there already
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Days from now until the certificates expire
    #[arg(long, default_value_t = 90)]
    days: u32,
}

pub(super) fn keys(command: &Keys) -> Result<(), Failure> {
    let Keys::Init(Init { workers, attackers, split, keep, out, name, days }) = command;
    let last = match split {
        Split::None => "server.pem",
        Split::Folders => "server/server.pem",
        Split::Files => "server.keys",
    };
    if *keep && out.join(last).exists() {
        return Ok(());
    }
    keys::init(out, (*workers, *attackers), name, Days { from: -1, to: i64::from(*days) }, *split)
}
