use std::process::ExitCode;

use anyhow::Result;

use super::session::Session;
use super::{FAILED, SuiteArguments};
use crate::executor::{Cancel, DockerExecutor, Lent, tool_version};
use crate::language::{self, Language};
use crate::report::{Colour, coloured};
use crate::streams::out;

/// What was found of one thing that builds use.
enum Finding {
    Good(String),
    /// Builds go on without it, in the way that is said.
    Lacking(String),
    /// Builds fail.
    Bad(String),
}

/// Looks at everything that a build uses, and says what is missing and what to do.
pub fn run(arguments: &SuiteArguments) -> Result<ExitCode> {
    let session = Session::open(arguments)?;
    let mut findings = vec![("cache", cache(&session)), ("plugins", plugins(&session, arguments))];
    findings.push(("docker", docker(&session)));
    findings.push(("bash", program(&session, "bash", "init.sh and package.sh cannot be run")));
    for name in language::NAMES {
        if let Some(language) = language::language(name) {
            findings.push((name, installer(&session, language)));
        }
    }
    let mut bad = false;
    for (what, finding) in &findings {
        let (word, text) = match finding {
            Finding::Good(text) => (coloured("ok     ", Colour::Green), text),
            Finding::Lacking(text) => (coloured("lacking", Colour::Yellow), text),
            Finding::Bad(text) => {
                bad = true;
                (coloured("bad    ", Colour::Red), text)
            }
        };
        out!("{word}  {what:<8} {text}");
    }
    Ok(if bad { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn cache(session: &Session) -> Finding {
    let root = session.store.root().display();
    match session.store.scratch() {
        Ok(_) => Finding::Good(format!("{root} can be written")),
        Err(error) => {
            Finding::Bad(format!("{error}; finished builds can be handed out, nothing can be built"))
        }
    }
}

fn plugins(session: &Session, arguments: &SuiteArguments) -> Finding {
    match session.plugins(arguments) {
        Ok(plugins) => {
            let names: Vec<_> = plugins.all().map(|plugin| plugin.description().name.clone()).collect();
            match plugins.warnings() {
                [] => Finding::Good(names.join(", ")),
                warnings => Finding::Lacking(format!("{}; {}", names.join(", "), warnings.join("; "))),
            }
        }
        Err(error) => Finding::Bad(crate::report::chain(&error)),
    }
}

fn docker(session: &Session) -> Finding {
    let settings = &session.settings.docker;
    let lent = Lent::new(&session.store, settings.ca_bundle.as_deref());
    match DockerExecutor::connect(&session.store, settings, lent, Cancel::default()) {
        Ok(docker) => Finding::Good(format!("an engine on {} answers", docker.engine().machine())),
        Err(error) => Finding::Lacking(format!("{error}; packages are installed on this machine")),
    }
}

fn program(session: &Session, program: &str, without: &str) -> Finding {
    match tool_version(&session.store, program, &["--version"]) {
        Ok(Some(version)) => Finding::Good(version),
        Ok(None) => Finding::Lacking(format!("not installed; {without}")),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

/// What installs a language's packages on this machine.
fn installer(session: &Session, language: &dyn Language) -> Finding {
    let (mut found, mut hints) = (Vec::new(), Vec::new());
    for tool in language.host_tools() {
        let Some((program, arguments)) = tool.version_command.split_first() else { continue };
        match tool_version(&session.store, program, arguments) {
            Ok(Some(version)) => found.push(format!("{} {version}", tool.name)),
            Ok(None) => hints.push(tool.hint),
            Err(error) => return Finding::Bad(error.to_string()),
        }
    }
    let all = language.takes_all_tools();
    if (all && hints.is_empty()) || (!all && !found.is_empty()) {
        found.truncate(if all { found.len() } else { 1 });
        return Finding::Good(format!("packages are installed by {}", found.join(", ")));
    }
    Finding::Lacking(format!(
        "no installer on this machine: {}; or build with --executor docker",
        hints.join(if all { ", and " } else { ", or " })
    ))
}
