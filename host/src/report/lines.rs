use super::Display;
use crate::pipeline::Progress;
use crate::streams::tell;
use crate::target::Target;

/// A line for everything that happens: for logs, files and pipes.
#[derive(Debug)]
pub struct Lines;

impl Progress for Lines {
    fn step(&self, target: &Target, step: &str) {
        tell!("{target}: {step}");
    }

    fn warn(&self, target: &Target, text: &str) {
        tell!("warning: {target}: {text}");
    }

    fn note(&self, target: &Target, text: &str) {
        tell!("{target}: {text}");
    }

    fn output(&self, _: &Target, _: &str) {
        // It is in the log, and shown when the program fails.
    }
}

impl Display for Lines {
    fn done(&self, _: &Target, line: &str) {
        tell!("{line}");
    }

    fn say(&self, text: &str) {
        tell!("{text}");
    }
}
