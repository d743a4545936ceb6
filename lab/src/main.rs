//! The command people type.

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use lab::{cli::Cli, failure::Code};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("EQUIPOISE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        if nobody_reads(panic.payload()) {
            std::process::exit(0);
        }
        eprintln!(
            "error: this is a bug of equipoise: {panic}\nhint: please report it with the seed and the command line"
        );
    }));
    match std::panic::catch_unwind(|| lab::execute(cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            eprintln!("{failure}");
            failure.code.into()
        }
        Err(_) => Code::Bug.into(),
    }
}

/// Whether the panic is `println!`'s because whoever read the output, `head` say, has seen enough.
fn nobody_reads(payload: &dyn std::any::Any) -> bool {
    let said = payload.downcast_ref::<String>();
    said.is_some_and(|said| said.starts_with("failed printing to stdout") && said.contains("Broken pipe"))
}
