//! Function images without an engine: assembled here, and pushed or written.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::pinned::base_image;
use super::record::ImageRecord;
use super::{Context, Job, size};
use crate::image::{
    self, ConfigChanges, Event, Image, ImageError, Progress, PushOptions, Reference, assemble, write_layer,
};
use crate::store::remove_stale_temporaries;

/// Shows what happens to an image's blobs as the progress of its target.
pub struct Shown<'a> {
    pub context: &'a Context<'a>,
    pub job: &'a Job,
}

impl Progress for Shown<'_> {
    fn report(&self, event: Event<'_>) {
        let target = &self.job.target;
        let bytes = |verb: &str, blob: &crate::tree::Digest, bytes: u64| {
            let line = format!("{verb} {} of {} of {}", size(bytes), size(blob.size()), &blob.hex()[..12]);
            self.context.progress.output(target, &line);
        };
        match event {
            Event::Sent { blob, bytes: sent } => bytes("sent", blob, sent),
            Event::Received { blob, bytes: received } => bytes("received", blob, received),
            Event::Retrying { reason, wait } => {
                let text = format!("{reason}; trying again in {:.1} s", wait.as_secs_f64());
                self.context.progress.warn(target, &text);
            }
            Event::AlreadyThere { .. } | Event::Mounted { .. } => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.context.cancel.is_set()
    }
}

/// The whole image: the base as its registry has it, and a layer for each of the plan's.
pub fn assembled(context: &Context, job: &Job, image: &ImageRecord) -> Result<Image> {
    let plan = &image.plan;
    let shown = Shown { context, job };
    context.progress.step(&job.target, &format!("build image (direct, on {})", plan.base));
    let name: Reference = plan.base.parse()?;
    let base =
        context.images.registries().resolve_base(&name, plan.architecture.into(), context.store, &shown);
    let base = base.map_err(|error| anyhow!(error).context(base_image(job, &plan.base, "cannot be used")))?;
    let mut layers = Vec::new();
    for layer in &plan.layers {
        let tree = context.store.tree(&layer.tree)?;
        let cancelled = || context.cancel.is_set();
        layers.push(write_layer(context.store, &tree, &layer.directory, context.threads, &cancelled)?);
    }
    let told: Vec<String> = plan.layers.iter().map(|layer| format!("fnpack: {}", layer.directory)).collect();
    let layers: Vec<_> = layers.into_iter().zip(told.iter().map(String::as_str)).collect();
    let list = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    let changes = ConfigChanges {
        environment: plan.environment.clone(),
        entry_point: list(&plan.entrypoint),
        command: list(&plan.command),
        working_directory: plan.working_directory.clone(),
        user: plan.user.clone(),
        labels: plan.labels.clone(),
    };
    Ok(assemble(&base, &layers, &changes)?)
}

/// Pushes an image; gives the digest of its manifest, and whether anything had to be sent.
pub fn push(context: &Context, job: &Job, image: &Image, name: &str) -> Result<(String, bool)> {
    let name: Reference = name.parse()?;
    context.progress.step(&job.target, &format!("push image ({name})"));
    let options = PushOptions { overwrite: context.images.options.overwrite };
    let (registries, shown) = (context.images.registries(), Shown { context, job });
    context.images.prepare_repository(name.repository())?;
    let pushed = registries.push(image, &name, context.store, options, &shown).map_err(|error| {
        let hint = matches!(error, ImageError::TagTaken { .. });
        let error = anyhow!(error);
        if hint { error.context("the tag is another image's; give --overwrite to take it") } else { error }
    })?;
    context.progress.output(
        &job.target,
        &format!(
            "{} blobs sent ({}), {} were there, {} mounted",
            pushed.uploaded,
            size(pushed.uploaded_bytes),
            pushed.there,
            pushed.mounted
        ),
    );
    Ok((image.digest.to_string(), !pushed.was_there))
}

/// Writes an image as an OCI layout; gives the digest of its manifest.
pub fn write_layout(context: &Context, job: &Job, image: &Image, name: &str, path: &Path) -> Result<String> {
    let (registries, shown) = (context.images.registries(), Shown { context, job });
    let name: Reference = name.parse()?;
    path.parent().into_iter().for_each(remove_stale_temporaries);
    image::write_layout(registries, image, name.tag(), context.store, path, &shown)?;
    Ok(image.digest.to_string())
}

/// Writes an image as an archive for `docker load`; gives the digest of its manifest.
pub fn write_load_archive(
    context: &Context,
    job: &Job,
    image: &Image,
    name: &str,
    path: &Path,
) -> Result<String> {
    let (registries, shown) = (context.images.registries(), Shown { context, job });
    path.parent().into_iter().for_each(remove_stale_temporaries);
    image::write_load_archive(registries, image, &[name.parse()?], context.store, path, &shown)?;
    Ok(image.digest.to_string())
}
