use std::fs;

use anyhow::{Result, bail};

use super::build::{Built, Run};
use super::package;
use super::record::{ArchiveArtifact, Artifact, BuildRecord, ImageRecord, TargetRecord, Told};
use super::{Context, Inputs, Job};
use crate::store::{Fingerprint, RecordKind, StoreError};
use crate::tree::Digest;

/// What is known of a target before anything is done for it.
pub struct Known {
    /// The finished artifact for exactly these inputs, whole and in its place.
    pub artifact: Option<(Artifact, Told)>,
    /// The function image of exactly these inputs, to be delivered.
    pub image: Option<ImageRecord>,
    /// What differs from the last build of the target.
    pub reasons: Vec<String>,
}

/// Asks the cache for a finished artifact. One whose file is gone or was changed is made again
/// from the kept tree; one that cannot be is no hit.
pub fn query(context: &Context, job: &Job, key: &Digest, inputs: &Inputs) -> Result<Known> {
    let at = target_key(context, job);
    let last: Option<TargetRecord> = context.store.record(RecordKind::Target, &at)?;
    if context.force {
        return Ok(Known { artifact: None, image: None, reasons: vec!["forced".to_owned()] });
    }
    let Some(build) = context.store.record::<BuildRecord>(RecordKind::Build, key)? else {
        return Ok(Known { artifact: None, image: None, reasons: reasons(context, inputs, last)? });
    };
    match in_place(context, job, key, &at, &build, last) {
        Ok(artifact) => {
            Ok(Known { artifact: Some((artifact, build.told)), image: build.image, reasons: Vec::new() })
        }
        Err(error) if missing(&error).is_some() => {
            let reasons =
                vec!["the finished archive and what it is made of are gone from the cache".to_owned()];
            Ok(Known { artifact: None, image: None, reasons })
        }
        Err(error) => Err(error),
    }
}

/// The blob that an error says was lost, so that its maker has to run again.
pub fn missing(error: &anyhow::Error) -> Option<Digest> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(StoreError::Missing(digest)) => Some(*digest),
        _ => None,
    })
}

fn reasons(context: &Context, inputs: &Inputs, last: Option<TargetRecord>) -> Result<Vec<String>> {
    let Some(last) = last else { return Ok(vec!["the first build of this target here".to_owned()]) };
    let before: Option<BuildRecord> = context.store.record(RecordKind::Build, &last.key)?;
    Ok(match before {
        Some(before) if before.inputs != *inputs => inputs.reasons(&before.inputs),
        _ => vec!["the record of the last build is gone from the cache".to_owned()],
    })
}

/// The finished artifact in its place in the output folder.
fn in_place(
    context: &Context,
    job: &Job,
    key: &Digest,
    at: &Digest,
    build: &BuildRecord,
    last: Option<TargetRecord>,
) -> Result<Artifact> {
    let artifact = |archive| Artifact { archive, image: None, deploy: build.deploy.clone() };
    let Some(archive) = &build.archive else { return Ok(artifact(None)) };
    let path = context.out.join(job.target.folder()).join(&archive.name);
    let now = fs::symlink_metadata(&path).ok().map(|found| Fingerprint::of(&found));
    let archive = ArchiveArtifact { path, archive: archive.clone() };
    let untouched =
        last.is_some_and(|last| last.key == *key && last.fingerprint.is_some() && last.fingerprint == now);
    // A directory's own times say nothing of the files in it.
    if untouched && archive.archive.format != "directory" {
        return Ok(artifact(Some(archive)));
    }
    if !package::is_whole(&archive)? {
        let tree = context.store.tree(&archive.archive.tree)?;
        let digest = package::write(context, job, &archive.archive.format, &tree, &archive.path)?;
        if digest != archive.archive.digest {
            bail!(
                "{} was made again from the cache and came out different: a defect of fnpack",
                archive.path.display()
            );
        }
    }
    let artifact = artifact(Some(archive));
    // Not remembering costs the next run a look at the file, no more: the cache may be read-only.
    let _ = remember(context, at, key, &artifact);
    Ok(artifact)
}

/// Writes down what a build made.
pub fn keep(
    run: &Run,
    key: &Digest,
    inputs: &Inputs,
    artifact: Artifact,
    image: Option<ImageRecord>,
) -> Result<Built> {
    let archive = artifact.archive.as_ref().map(|archive| archive.archive.clone());
    let layers = image.iter().flat_map(|image| &image.plan.layers).map(|layer| layer.tree);
    let record = BuildRecord {
        inputs: inputs.clone(),
        trees: archive.iter().map(|archive| archive.tree).chain(layers).collect(),
        archive,
        image: image.clone(),
        deploy: artifact.deploy.clone(),
        told: run.told(),
    };
    run.context.store.put_record(RecordKind::Build, key, &record)?;
    remember(run.context, &target_key(run.context, run.job), key, &artifact)?;
    Ok((artifact, image, record.told))
}

/// Writes down that a target's artifact is whole and in its place.
pub fn remember(context: &Context, at: &Digest, key: &Digest, artifact: &Artifact) -> Result<(), StoreError> {
    let fingerprint = match &artifact.archive {
        Some(archive) => {
            let found = fs::symlink_metadata(&archive.path).map_err(StoreError::io("read", &archive.path))?;
            Some(Fingerprint::of(&found))
        }
        None => None,
    };
    context.store.put_record(RecordKind::Target, at, &TargetRecord { key: *key, fingerprint })
}

/// The key of what is known about a target in an output folder.
pub fn target_key(context: &Context, job: &Job) -> Digest {
    use std::os::unix::ffi::OsStrExt;
    let place = [context.out.as_os_str().as_bytes(), job.target.to_string().as_bytes()].join(&0);
    Digest::of(&place)
}
