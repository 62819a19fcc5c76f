use anyhow::Result;

use super::build::Run;
use crate::platform::FileContents;
use crate::tree::{FileEntry, Node, Tree};

/// Adds the plugin's shims between the platform's API and the benchmark's. A file of the
/// benchmark's own wins.
pub fn add_wrappers(run: &Run, tree: Tree) -> Result<Tree> {
    let mut wrappers = Tree::empty();
    for file in run.job.plugin.wrappers(&run.plugin_target)? {
        let bytes = match &file.contents {
            FileContents::Text(text) => text.as_bytes(),
            FileContents::Binary(bytes) => bytes,
        };
        let entry = FileEntry { digest: run.context.store.write(bytes)?, executable: file.executable };
        wrappers.insert(&file.path, Node::File(entry))?;
    }
    Ok(wrappers.overlay(&tree))
}
