//! `equipoise keys init`: keys for a server, its workers and an observer.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{
    failure::Failure,
    keys::{self, Days},
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
    /// Workers, liars included
    #[arg(long, value_name = "N")]
    workers: usize,
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
    let Keys::Init(Init { workers, out, name, days }) = command;
    keys::init(out, *workers, name, Days { from: -1, to: i64::from(*days) })
}
