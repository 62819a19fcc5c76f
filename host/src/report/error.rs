use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Error;

use crate::executor::{ActionFailure, ExecutionError};

/// How much of a program's output is shown when it fails.
const OUTPUT_LINES: usize = 40;
const OUTPUT_BYTES: u64 = 16 * 1024;

/// An error and its causes in one line, each said once.
pub fn chain(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // A cause that an error repeats in its own words, and the mark of wrong usage.
        if text.contains(&cause) || cause == "wrong usage" {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// An error and its causes, and below it what the program that failed printed.
pub fn cause_with_output(error: &Error) -> String {
    let mut text = chain(error);
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<ActionFailure>());
    let failure = failure.or_else(|| error.downcast_ref::<ActionFailure>());
    if let Some(ActionFailure { cause, log: Some(log), .. }) = failure
        && !matches!(cause, ExecutionError::Cancelled)
    {
        let lines = last_lines(log);
        if !lines.is_empty() {
            text.push_str("\nit printed:");
            lines.iter().for_each(|line| text.push_str(&format!("\n  | {line}")));
        }
        text.push_str(&format!("\nthe whole output is in {}", log.display()));
    }
    text
}

fn last_lines(log: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |found| found.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES)));
        let _ = file.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("disk full").context("cannot write x: disk full").context("building y");
        assert_eq!(chain(&error), "building y: cannot write x: disk full");
    }

    #[test]
    fn the_output_of_a_failed_program_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let printed: String = (1..=100).map(|line| format!("line {line}\n")).collect();
        std::fs::write(&log, printed).unwrap();
        let cause = ExecutionError::Failed { program: "npm".into(), status: 1 };
        let failure = ActionFailure { title: "install".into(), cause, log: Some(log) };
        let text = cause_with_output(&Error::new(failure).context("no such package"));
        assert!(text.starts_with("no such package: install: npm ended with exit status 1\n"), "{text}");
        assert!(text.contains("  | line 100\n") && !text.contains("line 60\n"), "{text}");
    }
}
