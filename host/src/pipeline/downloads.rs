use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::build::Run;
use super::limits::size;
use super::record::StepState;
use crate::download::{DownloadError, Fetcher, Unpacking, file_is_kept, unpacked_is_kept};
use crate::executor::{ExecutionError, Lent};
use crate::suite::Download;
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// How often it is shown how far a download is.
const SHOW: Duration = Duration::from_millis(200);

/// Adds the files that config.json declares under `downloads`. Nothing that is there is replaced.
pub fn add_downloads(run: &Run, tree: Tree) -> Result<Tree> {
    if run.is_plan() {
        return plan(run, tree);
    }
    let mut tree = tree;
    for download in run.job.downloads() {
        let what = || format!("config.json downloads `{}`", download.path);
        let node = obtain(run, download).map_err(cancelled).with_context(what)?;
        put(&mut tree, &download.place(), &node).with_context(what)?;
    }
    Ok(tree)
}

/// What would be fetched, each a step; then the tree, if that is nothing.
fn plan(run: &Run, mut tree: Tree) -> Result<Tree> {
    let store = run.context.store;
    let mut missing = false;
    for download in run.job.downloads() {
        let cached = match download.unpack {
            true => unpacked_is_kept(store, &unpacking(download))? || file_is_kept(store, &download.sha256)?,
            false => file_is_kept(store, &download.sha256)?,
        };
        missing |= !cached;
        let state = if cached { StepState::Cached } else { StepState::Runs };
        run.planned(format!("download {}", download.url), state);
    }
    if missing {
        return Err(run.plan_ends());
    }
    for download in run.job.downloads() {
        put(&mut tree, &download.place(), &obtain(run, download).map_err(cancelled)?)?;
    }
    Ok(tree)
}

fn unpacking(download: &Download) -> Unpacking<'_> {
    Unpacking { sha256: &download.sha256, strip: download.strip, include: &download.include }
}

/// A file or a folder, from the cache or else from where it is.
fn obtain(run: &Run, download: &Download) -> Result<Node, DownloadError> {
    let (context, archive) = (run.context, unpacking(download));
    let is_cancelled = || context.cancel.is_set();
    if download.unpack
        && !context.force
        && let Some(tree) = archive.kept(context.store)?
    {
        return Ok(Node::Directory(tree));
    }
    let shown = Cell::new(Instant::now());
    let progress = |bytes, whole: Option<u64>| {
        if shown.get().elapsed() > SHOW {
            shown.set(Instant::now());
            let whole = whole.map(|whole| format!(" of {}", size(whole))).unwrap_or_default();
            let line = format!("add data (download {}: {}{whole})", download.path, size(bytes));
            context.progress.output(&run.job.target, &line);
        }
    };
    let settings = &context.settings.downloads;
    let lent = Lent::new(context.store, settings.ca_bundle.as_deref());
    let fetcher = Fetcher {
        store: context.store,
        mirrors: &settings.mirrors,
        certificates: lent.certificates().map(Into::into),
        cancelled: &is_cancelled,
        step: &|text| run.step(&format!("add data ({text})")),
        progress: &progress,
    };
    let digest = fetcher.fetch(&download.url, &download.sha256)?;
    if !download.unpack {
        return Ok(Node::File(FileEntry { digest, executable: download.executable }));
    }
    run.step(&format!("add data (unpack {})", download.path));
    Ok(Node::Directory(archive.unpack(context.store, &digest, &is_cancelled)?))
}

/// Puts a node where nothing is; folders are merged.
fn put(tree: &mut Tree, at: &RelPath, node: &Node) -> Result<()> {
    if let Node::Directory(below) = node
        && tree.directory(at).is_some()
    {
        for (name, node) in below {
            put(tree, &at.child(name.clone()), node)?;
        }
        return Ok(());
    }
    if tree.get(at).is_some() {
        bail!("`{at}` is there already, from the sources or another download; choose another `path`");
    }
    Ok(tree.insert(at, node.clone())?)
}

fn cancelled(error: DownloadError) -> anyhow::Error {
    match error {
        DownloadError::Cancelled => ExecutionError::Cancelled.into(),
        other => other.into(),
    }
}
