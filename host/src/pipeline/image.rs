use anyhow::{Context as _, Result};

use super::build::Run;
use super::images::TAG_END;
use super::record::ImageRecord;
use crate::image::{Plan, PlannedLayer, check_tag};
use crate::platform::{Layer, LayerPath};
use crate::tree::{Node, RelPath, Tree};

/// Files of the code's layer from this size on, in bytes, are taken for data.
const DATA: u64 = 1 << 20;

/// The tag of a target's function image; none for a deployment without an image. It is looked at before
/// anything is built.
pub fn image_tag(run: &Run) -> Result<Option<String>> {
    let job = run.job;
    if !job.has_image() {
        return Ok(None);
    }
    let tag = job.plugin.name_image(&run.plugin_target)?;
    let end = match run.context.settings.registry.content_tags {
        true => format!("-{}", "0".repeat(TAG_END)),
        false => String::new(),
    };
    check_tag(&format!("{tag}{end}")).with_context(|| {
        format!(
            "an image of {} cannot have the name that {} gives it; rename the benchmark's folder",
            job.target.benchmark,
            job.plugin.description().title
        )
    })?;
    Ok(Some(tag))
}

/// Asks the plugin how the function image is made of the arranged tree, and keeps what goes into
/// it under this tag; none for a deployment without an image. Dependencies are in it as they were
/// installed: no image build installs anything again.
pub fn plan_image(run: &Run, arranged: &Tree, tag: Option<String>) -> Result<Option<ImageRecord>> {
    let (context, job) = (run.context, run.job);
    let Some(tag) = tag else { return Ok(None) };
    run.step("plan image");
    arranged.check_links().context("in the image")?;
    let answer = job.plugin.plan_image(context.store, &run.plugin_target, arranged)?;
    let (mut layers, last) = (Vec::new(), answer.layers.len().saturating_sub(1));
    for (number, layer) in answer.layers.into_iter().enumerate() {
        let tree = contents(arranged, &layer)
            .with_context(|| format!("the layer for {} of the plugin's image plan", layer.directory))?;
        let parts = if number == last { data_and_code(&tree) } else { vec![tree] };
        for part in parts {
            let tree = context.store.put_tree(&part)?;
            layers.push(PlannedLayer { directory: layer.directory.clone(), tree });
        }
    }
    let plan = Plan {
        base: job.base_image(context.settings).map_or(answer.base, str::to_owned),
        architecture: job.target.architecture,
        run: answer.run,
        layers,
        environment: answer.environment,
        labels: answer.labels,
        working_directory: answer.working_directory,
        user: answer.user,
        entrypoint: answer.entrypoint,
        command: answer.command,
    };
    Ok(Some(ImageRecord { tag, plan }))
}

/// The layer of the code in two where it has large files, these first: an edit of the code seldom
/// changes them, and is then not followed by them to the registry.
fn data_and_code(tree: &Tree) -> Vec<Tree> {
    let is_data = |node: &Node| matches!(node, Node::File(file) if file.digest.size() >= DATA);
    let is_directory = |node: &Node| matches!(node, Node::Directory(_));
    let data = tree.filter(&mut |_, node| is_directory(node) || is_data(node)).without_empty_directories();
    let code = tree.filter(&mut |_, node| !is_data(node));
    match data.is_empty() || code.files().next().is_none() {
        true => vec![tree.clone()],
        false => vec![data, code],
    }
}

/// The files of a layer, as they lie below its directory.
fn contents(arranged: &Tree, layer: &Layer) -> Result<Tree> {
    let mut tree = Tree::empty();
    for path in &layer.paths {
        match path {
            LayerPath::Everything(directory) => {
                let all = arranged.directory(directory);
                tree = tree.overlay(all.with_context(|| format!("`{directory}` is no directory"))?);
            }
            LayerPath::Entry(path) => {
                let node = arranged.get(path).with_context(|| format!("there is no `{path}`"))?;
                let name = path.name().context("the root has no name")?.clone();
                tree = tree.overlay(&Tree::empty().with(&RelPath::root().child(name), node.clone())?);
            }
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    fn tree(files: &[(&str, u64)]) -> Tree {
        files.iter().fold(Tree::empty(), |tree, (path, size)| {
            let file = FileEntry { digest: Digest::new([1; 32], *size), executable: false };
            tree.with(&RelPath::new(path).unwrap(), Node::File(file)).unwrap()
        })
    }

    #[test]
    fn large_files_are_a_layer_below_the_code() {
        let (code, data) = (("function/function.py", 10), ("function/model/data.bin", DATA));
        let whole = tree(&[code, data]);
        assert_eq!(data_and_code(&whole)[0], tree(&[data]));
        let files: Vec<_> = data_and_code(&whole)[1].files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(files, [code.0]);
        for one in [tree(&[code]), tree(&[data])] {
            assert_eq!(data_and_code(&one), [one]);
        }
    }
}
