use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Action, ExecutionError, Executor};
use crate::store::{Links, Store, StoreError};
use crate::tree::message::{ActionResultMessage, OutputDirectory};
use crate::tree::{Digest, RelPath, Tree};

/// What an action gave.
#[derive(Debug)]
pub struct ActionResult {
    /// The output directories, in the action's order.
    pub outputs: Vec<Tree>,
    /// Whether it ran now, and was not found among earlier results.
    pub ran: bool,
}

/// Why an action gave no result, with what the program printed.
#[derive(Debug, thiserror::Error)]
#[error("{title}: {cause}")]
pub struct ActionFailure {
    /// What the action was for.
    pub title: String,
    /// Why it failed.
    #[source]
    pub cause: ExecutionError,
    /// Everything that it printed; where it is kept.
    pub log: Option<PathBuf>,
}

/// Gives an action's result: an earlier one if all of it is still there, else by running it. Of
/// any number of threads and processes that need it at once, one runs it. `force` runs it again
/// even so. `echo` gets what the program prints, while it runs.
pub fn run_cached(
    store: &Store,
    executor: &dyn Executor,
    action: &Action,
    force: bool,
    echo: &mut (dyn Write + Send),
) -> Result<ActionResult, ActionFailure> {
    let digest = action.digest();
    let log_path = log_path(store, &digest);
    let fail = |cause: ExecutionError| ActionFailure {
        title: action.title.clone(),
        cause,
        log: log_path.exists().then(|| log_path.clone()),
    };
    if !force && let Some(outputs) = kept(store, action, &digest).map_err(|error| fail(error.into()))? {
        return Ok(ActionResult { outputs, ran: false });
    }
    let waiting = || log_waiting(action);
    let _lock = store.lock_work(&digest.hex(), waiting).map_err(|error| fail(error.into()))?;
    if !force && let Some(outputs) = kept(store, action, &digest).map_err(|error| fail(error.into()))? {
        return Ok(ActionResult { outputs, ran: false });
    }
    let outputs = run(store, executor, action, &digest, &log_path, echo).map_err(fail)?;
    Ok(ActionResult { outputs, ran: true })
}

/// Whether an earlier result of an action is there, with all its blobs.
pub fn has_result(store: &Store, action: &Action) -> Result<bool, StoreError> {
    Ok(kept(store, action, &action.digest())?.is_some())
}

fn log_waiting(action: &Action) {
    let _ = writeln!(io::stderr(), "waiting: {} is being done by another build", action.title);
}

/// Where the output of an action's last run is kept.
fn log_path(store: &Store, action: &Digest) -> PathBuf {
    store.root().join("logs").join(format!("{}.log", action.hex()))
}

/// An earlier result, if all its blobs are there.
fn kept(store: &Store, action: &Action, digest: &Digest) -> Result<Option<Vec<Tree>>, StoreError> {
    let Some(result) = store.action_result(digest)? else { return Ok(None) };
    let mut outputs = Vec::new();
    for path in &action.outputs {
        let path = path.to_string();
        let directory = result.output_directories.iter().find(|directory| directory.path == path);
        let tree = directory.and_then(|directory| directory.tree_digest.as_ref());
        let Some(tree) = tree.and_then(|digest| Digest::try_from(digest).ok()) else { return Ok(None) };
        match store.tree(&tree) {
            Ok(tree) if store.has_all(&tree) => outputs.push(tree),
            Ok(_) | Err(StoreError::Missing(_) | StoreError::Tree { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(outputs))
}

fn run(
    store: &Store,
    executor: &dyn Executor,
    action: &Action,
    digest: &Digest,
    log_path: &PathBuf,
    echo: &mut (dyn Write + Send),
) -> Result<Vec<Tree>, ExecutionError> {
    let scratch = store.scratch()?;
    let input = scratch.path().join("input");
    store.materialise(&action.input, &input)?;
    let logs = log_path.parent().expect("a log is in a folder");
    fs::create_dir_all(logs).map_err(StoreError::io("create", logs))?;
    let log = File::create(log_path).map_err(StoreError::io("create", log_path))?;
    executor.run(action, &scratch, &mut Tee { log, echo })?;

    let mut outputs = Vec::new();
    let mut result = ActionResultMessage::default();
    for path in &action.outputs {
        let folder = path.below(&input);
        // A program may have put a link where its output was expected.
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
        let tree = if is_folder { store.absorb(&folder, Links::Inside)? } else { Tree::empty() };
        let tree_digest = Some(store.put_tree(&tree)?.into());
        result.output_directories.push(OutputDirectory { path: path.to_string(), tree_digest });
        outputs.push(tree);
    }
    store.put_action_result(digest, &result)?;
    Ok(outputs)
}

/// Writes to the log and to the one who watches; only the log's errors count.
struct Tee<'a> {
    log: File,
    echo: &'a mut (dyn Write + Send),
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.write_all(bytes)?;
        let _ = self.echo.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}

impl Action {
    /// The action's outputs when there is but one.
    pub fn single_output(path: &str) -> Vec<RelPath> {
        vec![RelPath::new(path).expect("a constant path")]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::executor::Environment;
    use crate::store::Scratch;

    /// Writes a file and counts its runs: no program is needed to test what is kept.
    #[derive(Default)]
    struct Writer(AtomicUsize);

    impl Executor for Writer {
        fn run(
            &self,
            _: &Action,
            scratch: &Scratch,
            log: &mut (dyn Write + Send),
        ) -> Result<(), ExecutionError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            fs::create_dir_all(scratch.path().join("input/out")).unwrap();
            fs::write(scratch.path().join("input/out/file"), "made").unwrap();
            writeln!(log, "working").unwrap();
            Ok(())
        }
    }

    fn action() -> Action {
        Action {
            title: "test".into(),
            command: vec!["make".into()],
            variables: BTreeMap::new(),
            secret_variables: BTreeMap::new(),
            input: Tree::empty(),
            working_directory: RelPath::root(),
            outputs: Action::single_output("out"),
            environment: Environment::Host { tools: BTreeMap::new() },
            network: false,
            time_limit: Duration::from_secs(1),
        }
    }

    #[test]
    fn threads_that_need_the_same_action_run_it_once() {
        let cache = tempfile::tempdir().unwrap();
        let (store, executor) = (Store::open(cache.path()).unwrap(), Writer::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let result = run_cached(&store, &executor, &action(), false, &mut io::sink()).unwrap();
                    assert_eq!(result.outputs[0].files().count(), 1);
                });
            }
        });
        assert_eq!(executor.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_result_with_a_missing_blob_does_not_count() {
        let cache = tempfile::tempdir().unwrap();
        let (store, executor) = (Store::open(cache.path()).unwrap(), Writer::default());
        run_cached(&store, &executor, &action(), false, &mut io::sink()).unwrap();
        fs::remove_file(store.blob_path(&Digest::of(b"made"))).unwrap();
        assert!(run_cached(&store, &executor, &action(), false, &mut io::sink()).unwrap().ran);
        assert!(!run_cached(&store, &executor, &action(), false, &mut io::sink()).unwrap().ran);
        assert!(run_cached(&store, &executor, &action(), true, &mut io::sink()).unwrap().ran);
    }
}
