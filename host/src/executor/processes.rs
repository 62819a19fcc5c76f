//! Ending processes, and finding those that an ended fnpack left behind.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::store::Store;

/// How often processes are looked for that do not end.
const ROUNDS: usize = 500;

/// Whether a child has ended; it is not yet reaped, so that its group's id is still its own.
pub fn has_ended(child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(id_of(child)), options)?.is_some())
}

/// Ends all processes of a child's group, the child included. It must not have been reaped.
pub fn end_group(child: &Child) {
    // Nobody left is no error.
    let _ = kill_process_group(id_of(child), Signal::KILL);
}

fn id_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Ends all processes whose home folder lies in `folder`: those that a program started and that
/// left its group. Programs on this machine get a home of their own in their scratch folder.
pub fn end_all_at_home_in(folder: &Path) {
    // One that is being made while the others are looked for is found the next time.
    for _ in 0..ROUNDS {
        let found = at_home_in(folder);
        if found.is_empty() {
            return;
        }
        for id in found {
            let _ = kill_process(id, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Ends what the programs of ended fnpacks left running.
pub fn end_abandoned(store: &Store) {
    let scratch = store.root().join("scratch");
    for entry in fs::read_dir(&scratch).into_iter().flatten().flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !store.scratch_is_alive(&id) {
            end_all_at_home_in(&entry.path());
        }
    }
}

fn at_home_in(folder: &Path) -> Vec<Pid> {
    let mut home = b"HOME=".to_vec();
    home.extend_from_slice(folder.as_os_str().as_encoded_bytes());
    home.push(b'/');
    let is_there = |entry: &fs::DirEntry| {
        fs::read(entry.path().join("environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|one| one.starts_with(&home)))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        Some((Pid::from_raw(id)?, entry))
    });
    numbered.filter(|(_, entry)| is_there(entry)).map(|(id, _)| id).collect()
}
