//! The command line: a file a command. Nothing else knows flags.

mod build;
mod build_images;
mod cache;
mod doctor;
mod list;
mod platform_settings;
mod plugin;
mod selection;
mod session;
mod signals;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::streams::{self, out, tell};

/// How a command ends that did not end well.
const FAILED: u8 = 1;
/// The command line, the selection or the settings are wrong.
const WRONG_USAGE: u8 = 2;

/// Turns one serverless function's source into what each platform wants.
#[derive(Parser)]
#[command(name = "fnpack", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build benchmarks for platforms
    Build(build::BuildArguments),
    /// Push function images that are built to their registry
    Push(build::PushArguments),
    /// Get or make the images that dependencies are installed in, ahead of a build
    BuildImages(build_images::BuildImagesArguments),
    /// List benchmarks, or platforms and what they support
    List(list::ListArguments),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Look at the cache, or make it smaller
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Check what this machine has for building, and say what is missing
    Doctor(SuiteArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where the suite and its plugins are.
#[derive(clap::Args, Clone)]
struct SuiteArguments {
    /// The suite's folder [default: the nearest with a fnpack.toml, or this one]
    #[arg(long, value_name = "DIR")]
    suite: Option<PathBuf>,
    /// A platform plugin (a WebAssembly component) to use besides those that are installed
    #[arg(long = "plugin", value_name = "FILE")]
    plugins: Vec<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Parses the command line and runs the command.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Build(arguments) => build::build(&arguments),
        Command::Push(arguments) => build::push(&arguments),
        Command::BuildImages(arguments) => build_images::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Plugin(command) => plugin::run(&command),
        Command::Cache(command) => cache::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "fnpack", &mut script);
            out!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
    };
    let status = result.unwrap_or_else(|error| {
        tell!("error: {}", crate::report::chain(&error));
        ExitCode::from(if error.is::<session::WrongUsage>() { WRONG_USAGE } else { FAILED })
    });
    match streams::lost() {
        Some(reason) => {
            tell!("error: results could not be written to standard output: {reason}");
            ExitCode::from(FAILED)
        }
        None => status,
    }
}
