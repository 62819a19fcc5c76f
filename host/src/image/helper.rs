//! Other programs that know logins.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::executor::Cancel;

/// A program that does not answer so long is taken for dead.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// More than this is no login.
const LONGEST: u64 = 1 << 20;
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    pub complaint: String,
}

/// Why a program said nothing.
#[derive(Debug)]
pub enum Silence {
    NotInstalled,
    /// It cannot be run, or does not end.
    Failed(String),
    Cancelled,
}

/// Runs a program with an input until it ends, it was waited for long enough, or somebody cancels;
/// then it is killed. It stays in the terminal's own group of processes, for it may ask its user.
pub fn ask(
    command: &mut Command,
    input: &[u8],
    patience: Duration,
    cancel: &Cancel,
) -> Result<Said, Silence> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Silence::NotInstalled,
        _ => Silence::Failed(format!("it cannot be run: {error}")),
    })?;
    // One that does not read its input says why on its output.
    let _ = child.stdin.take().expect("it was piped").write_all(input);
    // What it left running may hold these open, so that nobody waits for their ends.
    let output = read(child.stdout.take().expect("it was piped"));
    let complaint = read(child.stderr.take().expect("it was piped"));
    let end = Instant::now() + patience;
    let mut said = [None, None];
    loop {
        let ended = child.try_wait();
        for (said, pipe) in said.iter_mut().zip([&output, &complaint]) {
            *said = said.take().or_else(|| pipe.try_recv().ok());
        }
        match (ended, &mut said) {
            (Err(error), _) => return Err(Silence::Failed(error.to_string())),
            (Ok(Some(status)), [Some(output), Some(complaint)]) => {
                let complaint = String::from_utf8_lossy(complaint).trim().to_owned();
                return Ok(Said { status, output: std::mem::take(output), complaint });
            }
            _ if cancel.is_set() => return Err(kill(child, Silence::Cancelled)),
            _ if Instant::now() >= end => {
                let reason = format!("it did not answer within {} s", patience.as_secs_f32());
                return Err(kill(child, Silence::Failed(reason)));
            }
            _ => thread::sleep(LOOK),
        }
    }
}

fn kill(mut child: Child, why: Silence) -> Silence {
    let _ = child.kill().and_then(|()| child.wait());
    why
}

/// All that comes out of a pipe, once it ends.
fn read(pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(LONGEST).read_to_end(&mut bytes);
        // Nobody may be waiting any more.
        let _ = sender.send(bytes);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn shell(script: &str, patience: Duration, cancel: &Cancel) -> Result<Said, Silence> {
        ask(Command::new("/bin/sh").args(["-c", script]), b"in", patience, cancel)
    }

    #[test]
    fn what_a_program_says_is_told_whole() {
        let script = "cat; head -c 500000 /dev/zero; echo no >&2; exit 3";
        let said = shell(script, PATIENCE, &Cancel::default()).unwrap();
        assert_eq!(
            (said.output.len(), said.complaint.as_str(), said.status.code()),
            (500_002, "no", Some(3))
        );
        assert!(said.output.starts_with(b"in"));
    }

    #[test]
    fn one_that_hangs_is_killed_and_what_it_started_is_not_waited_for() {
        let begin = Instant::now();
        let cancel = Cancel::default();
        let late = shell("sleep 5; true", Duration::from_millis(100), &cancel).unwrap_err();
        assert!(matches!(&late, Silence::Failed(reason) if reason.contains("within 0.1 s")), "{late:?}");
        cancel.flag().store(true, Ordering::Relaxed);
        let cancelled = shell("sleep 5; true", PATIENCE, &cancel).unwrap_err();
        assert!(matches!(cancelled, Silence::Cancelled), "{cancelled:?}");
        assert!(begin.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn one_that_is_not_there_is_told_apart() {
        let asked = ask(&mut Command::new("/nowhere/helper"), b"", PATIENCE, &Cancel::default());
        assert!(matches!(asked, Err(Silence::NotInstalled)));
    }
}
