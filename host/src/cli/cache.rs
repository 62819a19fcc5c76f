use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;

use super::session::{cache_folder, usage};
use super::{FAILED, SuiteArguments};
use crate::report::size;
use crate::store::{Policy, Store};
use crate::streams::{out, tell};
use crate::suite::Settings;

#[derive(Subcommand)]
pub enum CacheCommand {
    /// Show where the cache is and what it takes
    Info,
    /// Remove what was not used for long, then what was used longest ago
    Gc {
        /// What the cache may take afterwards, in GiB [default: 20, or cache.max-size-gib of fnpack.toml]
        #[arg(long, value_name = "GIB")]
        max_size: Option<f64>,
        /// Days after which what was not used goes [default: 30, or cache.max-age-days of fnpack.toml]
        #[arg(long, value_name = "DAYS")]
        max_age: Option<f64>,
        #[command(flatten)]
        suite: SuiteArguments,
    },
    /// Read everything and check it; what is damaged is removed, and made again when it is needed
    Verify,
    /// Remove everything
    Clear,
}

pub fn run(command: &CacheCommand) -> Result<ExitCode> {
    let folder = cache_folder()?;
    let alone = || Store::open_alone(&folder, || tell!("waiting: the cache is in use by running builds"));
    match command {
        CacheCommand::Info => info(&Store::open(&folder)?),
        CacheCommand::Gc { max_size, max_age, suite } => {
            let settings =
                Settings::read(suite.suite.as_deref().unwrap_or(".".as_ref())).map_err(usage)?.cache;
            let gib = max_size.unwrap_or(settings.max_size_gib as f64);
            let days = max_age.unwrap_or(settings.max_age_days as f64);
            let age = Duration::try_from_secs_f64(days * 24.0 * 3600.0);
            let policy = Policy {
                max_bytes: (gib * f64::from(1 << 30)) as u64,
                max_age: age.map_err(|_| usage(anyhow::anyhow!("--max-age {days} is no number of days")))?,
            };
            out!("{} freed", size(alone()?.collect(policy)?));
        }
        CacheCommand::Verify => {
            let found = Store::open(&folder)?.verify()?;
            out!(
                "{} blobs read, {} damaged, {} incomplete records",
                found.blobs,
                found.damaged.len(),
                found.incomplete
            );
            for digest in &found.damaged {
                out!("damaged and removed: {}", digest.hex());
            }
            if !found.damaged.is_empty() || found.incomplete > 0 {
                out!("what is gone is made again when it is needed");
                return Ok(ExitCode::from(FAILED));
            }
        }
        CacheCommand::Clear => out!("{} freed", size(alone()?.clear()?)),
    }
    Ok(ExitCode::SUCCESS)
}

fn info(store: &Store) {
    out!("{}", store.root().display());
    let mut total = 0;
    for (part, usage) in store.usage() {
        total += usage.bytes;
        out!("{:>12}  {:>7} files  {part}", size(usage.bytes), usage.files);
    }
    out!("{:>12}  in all", size(total));
}
