//! `tripline`: parses the command line, runs the command, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use tripline::cli::{Cli, Quiet};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A command that has said all there is to say fails without another word.
            if !error.is::<Quiet>() {
                tripline::cli::complain(&error);
            }
            ExitCode::FAILURE
        }
    }
}
