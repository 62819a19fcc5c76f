use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use super::session::Session;
use super::{FAILED, Format, SuiteArguments};
use crate::streams::{out, tell};

#[derive(clap::Args)]
pub struct ListArguments {
    /// What to list
    #[arg(value_enum)]
    what: What,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    suite: SuiteArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The suite's benchmarks, with their languages and modules
    Benchmarks,
    /// The platforms that there are plugins for, with what they support
    Platforms,
}

pub fn run(arguments: &ListArguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.suite)?;
    match arguments.what {
        What::Benchmarks => benchmarks(arguments, &session),
        What::Platforms => platforms(arguments, &session),
    }
}

fn benchmarks(arguments: &ListArguments, session: &Session) -> Result<ExitCode> {
    let mut status = ExitCode::SUCCESS;
    for benchmark in session.suite()?.benchmarks().map_err(super::session::usage)? {
        let config = match benchmark.config() {
            Ok((config, _)) => config,
            Err(error) => {
                tell!("error: {error}");
                status = ExitCode::from(FAILED);
                continue;
            }
        };
        if arguments.format == Format::Json {
            let line = serde_json::json!({
                "benchmark": benchmark.name(),
                "folder": benchmark.folder().to_string_lossy(),
                "config": config,
            });
            out!("{line}");
            continue;
        }
        let language = |entry: &crate::suite::LanguageConfig| match entry.variants.as_slice() {
            [only] if only == "default" => entry.language.to_string(),
            variants => format!("{} ({})", entry.language, variants.join(", ")),
        };
        let languages: Vec<String> = config.languages.iter().map(language).collect();
        let modules: Vec<&str> = config.modules.iter().map(|module| module.name()).collect();
        let modules =
            if modules.is_empty() { String::new() } else { format!("  needs {}", modules.join(", ")) };
        out!("{:<24} {}{modules}", benchmark.name(), languages.join(", "));
    }
    Ok(status)
}

fn platforms(arguments: &ListArguments, session: &Session) -> Result<ExitCode> {
    let plugins = session.plugins(&arguments.suite)?;
    plugins.warnings().iter().for_each(|warning| tell!("warning: {warning}"));
    for plugin in plugins.all() {
        let description = plugin.description();
        if arguments.format == Format::Json {
            out!("{}", serde_json::to_string(description)?);
            continue;
        }
        out!("{} ({})", description.name, description.title);
        let deployments: Vec<&str> = description.deployments.iter().map(|d| d.name.as_str()).collect();
        out!("  deployments: {}", deployments.join(", "));
        // Versions that are supported alike are listed together.
        let mut rows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for support in &description.supports {
            let variant = if support.variant == "default" { "" } else { &support.variant };
            let language = format!("{} {variant}", support.language).trim_end().to_owned();
            let architectures: Vec<&str> = support.architectures.iter().map(|a| a.name()).collect();
            let how = format!("{} as {}", architectures.join(", "), support.deployments.join(", "));
            rows.entry((language, how)).or_default().push(support.version.clone());
        }
        for ((language, how), versions) in rows {
            out!("  {language} {} on {how}", versions.join(", "));
        }
    }
    Ok(ExitCode::SUCCESS)
}
