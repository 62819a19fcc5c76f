use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Subcommand;

use super::SuiteArguments;
use super::session::{Session, usage};
use crate::platform::{ImageSource, Plugin};
use crate::report::size;
use crate::streams::{out, tell};

#[derive(Subcommand)]
pub enum PluginCommand {
    /// List plugins, and where each comes from
    List(SuiteArguments),
    /// Show all that a plugin says of itself
    Inspect {
        /// A platform's name, or a component file
        plugin: PathBuf,
        #[command(flatten)]
        suite: SuiteArguments,
    },
}

pub fn run(command: &PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::List(arguments) => {
            let plugins = Session::open(arguments)?.plugins(arguments)?;
            plugins.warnings().iter().for_each(|warning| tell!("warning: {warning}"));
            for plugin in plugins.all() {
                let description = plugin.description();
                out!("{:<12} {:<24} {}", description.name, description.title, plugin.source());
            }
        }
        PluginCommand::Inspect { plugin, suite } => {
            let session = Session::open(suite)?;
            let name = plugin.to_string_lossy();
            let found = if plugin.is_file() {
                std::sync::Arc::new(Plugin::open_file(&session.store, plugin).map_err(usage)?)
            } else {
                let plugins = session.plugins(suite)?;
                let names: Vec<_> = plugins.all().map(|plugin| plugin.description().name.clone()).collect();
                plugins.named(&name).cloned().ok_or_else(|| {
                    usage(anyhow!("there is no file and no platform `{name}`; there is {}", names.join(", ")))
                })?
            };
            inspect(&session, &found)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(session: &Session, plugin: &Plugin) -> Result<()> {
    let description = plugin.description();
    let facts = plugin.facts(&session.store)?;
    out!("{} ({})", description.name, description.title);
    out!("  from      {}", plugin.source());
    out!("  digest    sha256:{}", plugin.digest().hex());
    out!("  size      {}", size(plugin.digest().size()));
    out!("  contract  {}", facts.contract);
    out!(
        "  imports   {}",
        if facts.imports.is_empty() { "nothing".to_owned() } else { facts.imports.join(", ") }
    );
    for deployment in &description.deployments {
        let image = if deployment.image { ", with an image" } else { "" };
        out!("deployment {}{image}", deployment.name);
        for limit in &deployment.limits {
            let kind = if limit.hard { "at most" } else { "preferably at most" };
            out!("  {:?} {kind} {}: {}", limit.subject, size(limit.bytes()), limit.note);
        }
    }
    for support in &description.supports {
        let architectures: Vec<&str> = support.architectures.iter().map(|a| a.name()).collect();
        out!(
            "{} {} {}: {}, {}, {}",
            support.language,
            support.version,
            support.variant,
            architectures.join(" "),
            support.deployments.join(" "),
            support.libc
        );
        for image in &support.build_images {
            let source = match &image.source {
                ImageSource::Reference(reference) => reference.clone(),
                ImageSource::Recipe(name) => format!("made from the recipe `{name}`"),
            };
            out!("  build image for {}: {source}", image.architecture);
        }
    }
    for setting in &description.settings {
        out!("setting {} (default `{}`): {}", setting.key, setting.default, setting.note);
    }
    Ok(())
}
