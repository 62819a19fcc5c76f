use std::collections::BTreeMap;

use anyhow::Result;

use super::build::Run;
use super::sources::{Sources, child};
use crate::executor::Action;
use crate::tree::{Node, RelPath, Tree};

/// Where a script's inputs and output lie in its action.
const FOLDER: &str = "benchmark";
const OUT: &str = "out";

/// Runs the benchmark's init.sh, then the language's. Each works on a private copy of the
/// benchmark's folder, starts in its own folder there, and is called `init.sh OUT false ARCH`; what
/// it leaves in OUT is the tree from then on.
///
/// They run on this machine, whatever runs the installers: that is their contract, and they need
/// tools (wget, tar) that a platform's build image does not have.
pub fn add_data(run: &Run, sources: &Sources, tree: Tree) -> Result<Tree> {
    let mut tree = tree;
    for folder in &sources.init_scripts {
        let script = RelPath::root().join(folder).join(&child("init.sh"));
        run.step(&format!("add data ({script})"));
        let mut input = Tree::empty();
        input.insert(&child(FOLDER), Node::Directory(sources.folder.clone()))?;
        input.insert(&child(OUT), Node::Directory(tree))?;
        let up = "../".repeat(folder.names().len() + 1);
        let start = "out=$(cd \"$1\" && pwd) && shift && exec /bin/bash \"$PWD/init.sh\" \"$out\" \"$@\"";
        let command = [
            "/bin/bash",
            "-c",
            start,
            "init.sh",
            &format!("{up}{OUT}"),
            "false",
            run.job.target.architecture.name(),
        ];
        let action = Action {
            title: format!("{script} of {}", run.job.target.benchmark),
            command: command.map(str::to_owned).to_vec(),
            variables: BTreeMap::new(),
            input,
            working_directory: child(FOLDER).join(folder),
            outputs: vec![child(OUT)],
            environment: run.context.executors.host_environment(&["bash"])?,
            network: true,
            time_limit: run.time_limit(),
            secret_variables: BTreeMap::new(),
        };
        tree = run.action(&action, run.context.executors.host())?;
    }
    Ok(tree)
}
