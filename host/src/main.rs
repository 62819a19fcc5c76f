//! The `fnpack` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fnpack::cli::run()
}
