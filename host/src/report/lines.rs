use super::Display;
use crate::pipeline::Progress;
use crate::target::Target;

/// A line for everything that happens: for logs, files and pipes.
#[derive(Debug)]
pub struct Lines;

impl Progress for Lines {
    fn step(&self, target: &Target, step: &str) {
        eprintln!("{target}: {step}");
    }

    fn warn(&self, target: &Target, text: &str) {
        eprintln!("warning: {target}: {text}");
    }

    fn note(&self, target: &Target, text: &str) {
        eprintln!("{target}: {text}");
    }

    fn output(&self, _: &Target, _: &str) {
        // It is in the log, and shown when the program fails.
    }
}

impl Display for Lines {
    fn done(&self, _: &Target, line: &str) {
        eprintln!("{line}");
    }

    fn say(&self, text: &str) {
        eprintln!("{text}");
    }
}
