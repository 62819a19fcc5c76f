use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::masked::Masked;
use super::{Action, Cancel, ExecutionError, Executor, Lent, Secret, processes};
use crate::store::{Scratch, StoreError};

/// How often time limit and cancellation are looked at.
const BEAT: Duration = Duration::from_millis(20);
/// How long the output of an ended program is waited for.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs programs on this machine, each in a scratch folder, with an environment that holds nothing
/// of the user's but the search path and what is [lent](Lent). It keeps programs apart; it does
/// not keep them in: they may read and write what the user may.
#[derive(Debug)]
pub struct HostExecutor {
    lent: Lent,
    cancel: Cancel,
}

impl HostExecutor {
    /// An executor that ends its programs when `cancel` says so.
    pub fn new(lent: Lent, cancel: Cancel) -> Self {
        Self { lent, cancel }
    }

    fn command(&self, action: &Action, scratch: &Scratch) -> Result<Command, ExecutionError> {
        let (program, arguments) = action.command.split_first().expect("an action has a command");
        let folder = |name: &str| {
            let folder = scratch.path().join(name);
            fs::create_dir_all(&folder).map(|()| folder.clone()).map_err(StoreError::io("create", &folder))
        };
        fs::create_dir_all(self.lent.downloads()).map_err(StoreError::io("create", self.lent.downloads()))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
        command.envs(steady_variables()).env("HOME", folder("home")?).env("TMPDIR", folder("tmp")?);
        command.envs(self.lent.variables_here()).envs(&action.variables);
        command.envs(action.secret_variables.iter().map(|(name, secret)| (name, secret.expose())));
        command.current_dir(action.working_directory.below(&scratch.path().join("input")));
        command.stdin(Stdio::null()).process_group(0);
        Ok(command)
    }
}

/// What makes programs do the same every time and everywhere.
pub(super) fn steady_variables() -> BTreeMap<String, String> {
    [
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        // The earliest time that a zip can hold: https://reproducible-builds.org/specs/source-date-epoch/
        ("SOURCE_DATE_EPOCH", "315532800"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONHASHSEED", "0"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_INPUT", "1"),
        ("npm_config_update_notifier", "false"),
        ("NO_COLOR", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The secrets that must not be shown when an action runs.
pub(super) fn secrets(action: &Action, lent: &Lent) -> Vec<String> {
    let own = action.secret_variables.values().map(Secret::expose);
    let parts = own.clone().flat_map(str::split_whitespace).flat_map(super::lent::logins);
    lent.secrets().into_iter().chain(parts).chain(own.map(str::to_owned)).collect()
}

impl Executor for HostExecutor {
    fn run(
        &self,
        action: &Action,
        scratch: &Scratch,
        log: &mut (dyn Write + Send),
    ) -> Result<(), ExecutionError> {
        self.cancel.check()?;
        let program = action.program();
        let mut command = self.command(action, scratch)?;
        let pipe = |error| ExecutionError::Io { action: "make a pipe for a program's output", source: error };
        let (output, writer) = io::pipe().map_err(pipe)?;
        command.stdout(writer.try_clone().map_err(pipe)?).stderr(writer);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ExecutionError::NoProgram {
                program: program.clone(),
                hint: "install it, or build with --executor docker".to_owned(),
            },
            _ => ExecutionError::Io { action: "start a program", source: error },
        })?;
        // It holds the writing end of the pipe, which must not outlive the program.
        drop(command);
        let mut log = Masked::new(secrets(action, &self.lent), log);
        let end_all = |child: &Child| {
            processes::end_group(child);
            processes::end_all_at_home_in(scratch.path());
        };
        let output = read_in_background(output);
        let watched = watch(&mut child, output, action.time_limit, &self.cancel, &mut log, &end_all);
        // Whatever came of it, nothing that it started lives on.
        end_all(&child);
        let status =
            child.wait().map_err(|error| ExecutionError::Io { action: "wait for a program", source: error });
        match watched? {
            End::ByItself => {}
            End::Cancelled => return Err(ExecutionError::Cancelled),
            End::TimedOut => {
                return Err(ExecutionError::TimedOut { program, seconds: action.time_limit.as_secs() });
            }
        }
        let status = status?;
        match status.code().or_else(|| status.signal().map(|signal| 128 + signal)) {
            Some(0) => Ok(()),
            status => Err(ExecutionError::Failed { program, status: status.unwrap_or(-1) }),
        }
    }
}

/// How a program came to its end.
enum End {
    ByItself,
    TimedOut,
    Cancelled,
}

/// Passes a program's output on until it ends, or has to.
fn watch(
    child: &mut Child,
    output: Receiver<Vec<u8>>,
    time_limit: Duration,
    cancel: &Cancel,
    log: &mut dyn Write,
    end_all: &dyn Fn(&Child),
) -> Result<End, ExecutionError> {
    let fail = |action| move |source| ExecutionError::Io { action, source };
    let deadline = Instant::now() + time_limit;
    let mut ended = None;
    loop {
        match output.recv_timeout(BEAT) {
            Ok(bytes) => log.write_all(&bytes).map_err(fail("write the log"))?,
            // All that had the pipe have closed it; the program itself may still run.
            Err(RecvTimeoutError::Disconnected) if ended.is_some() => return Ok(End::ByItself),
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if ended.is_none() && processes::has_ended(child).map_err(fail("wait for a program"))? {
            ended = Some(Instant::now());
            end_all(child);
        }
        if ended.is_some_and(|at| at.elapsed() > DRAIN) {
            return Ok(End::ByItself);
        }
        if ended.is_none() && cancel.is_set() {
            return Ok(End::Cancelled);
        }
        if ended.is_none() && Instant::now() > deadline {
            return Ok(End::TimedOut);
        }
    }
}

/// Reads on a thread of its own, because a pipe cannot be read with a time limit.
fn read_in_background(mut output: io::PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The folder of a program that a search path finds.
pub(super) fn find_program(program: &str) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable = |path: &Path| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(Path::new(program).to_path_buf()).filter(|path| executable(path));
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| executable(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Environment;
    use crate::store::Store;
    use crate::tree::{RelPath, Tree};

    struct Bench {
        _folder: tempfile::TempDir,
        store: Store,
        cancel: Cancel,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            Self { _folder: folder, store, cancel: Cancel::default() }
        }

        fn run(&self, script: &str, limit: Duration) -> (Result<(), ExecutionError>, String) {
            let action = Action {
                title: "test".into(),
                command: vec!["/bin/sh".into(), "-c".into(), script.into()],
                variables: BTreeMap::from([("GIVEN".into(), "value".into())]),
                secret_variables: BTreeMap::from([("LOGIN".into(), Secret::new("hidden-word"))]),
                input: Tree::empty(),
                working_directory: RelPath::root(),
                outputs: Action::single_output("out"),
                environment: Environment::Host { tools: BTreeMap::new() },
                network: false,
                time_limit: limit,
            };
            let scratch = self.store.scratch().unwrap();
            fs::create_dir(scratch.path().join("input")).unwrap();
            let executor = HostExecutor::new(Lent::new(&self.store, None), self.cancel.clone());
            let mut log = Vec::new();
            let result = executor.run(&action, &scratch, &mut log);
            assert!(processes_at(scratch.path()).is_empty(), "processes are left");
            (result, String::from_utf8(log).unwrap())
        }
    }

    fn processes_at(folder: &Path) -> Vec<String> {
        let here = folder.to_str().unwrap();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let environments = entries.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
        let texts = environments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        texts.filter(|text| text.contains(here)).collect()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_sees_what_it_is_given_and_nothing_of_the_users() {
        let (result, log) =
            Bench::new().run("echo \"$GIVEN $LANG\"; echo \"$LOGIN\" >&2; echo \"[$USER$CARGO]\"", LONG);
        result.unwrap();
        assert_eq!(log, "value C.UTF-8\n****\n[]\n");
    }

    #[test]
    fn a_failure_tells_the_status() {
        let (result, log) = Bench::new().run("echo why; exit 7", LONG);
        assert!(matches!(result, Err(ExecutionError::Failed { status: 7, .. })), "{result:?}");
        assert_eq!(log, "why\n");
        let (result, _) = Bench::new().run("kill -TERM $$", LONG);
        assert!(matches!(result, Err(ExecutionError::Failed { status: 143, .. })), "{result:?}");
    }

    #[test]
    fn all_that_a_program_started_ends_with_it() {
        // Also what left its group, and what holds its output.
        let start = Instant::now();
        let (result, _) = Bench::new().run("sleep 1000 & setsid sleep 1000 & exit 0", LONG);
        result.unwrap();
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_time_limit_ends_it() {
        let (result, log) =
            Bench::new().run("trap '' TERM; echo started; sleep 1000", Duration::from_millis(300));
        assert!(matches!(result, Err(ExecutionError::TimedOut { .. })), "{result:?}");
        assert_eq!(log, "started\n");
    }

    #[test]
    fn cancelling_ends_it() {
        let bench = Bench::new();
        let flag = bench.cancel.flag();
        let (result, _) = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                flag.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            bench.run("sleep 1000", LONG)
        });
        assert!(matches!(result, Err(ExecutionError::Cancelled)), "{result:?}");
    }
}
