use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::images::ImagePlace;
use super::limits;
use super::record::{ImageArtifact, ImageRecord};
use super::{Context, Job};
use crate::image::build_in_engine;
use crate::platform::Subject;
use crate::store::RecordKind;
use crate::tree::{Digest, Tree};

/// An image that was brought to its place.
#[derive(Debug, Serialize, Deserialize)]
struct Delivered {
    digest: String,
}

/// Brings the function image of a build to where it belongs: builds it there, or builds and pushes
/// it. Nothing is done when it is there, which one question tells. Also tells whether something
/// was done.
pub fn deliver_image(
    context: &Context,
    job: &Job,
    build: &Digest,
    image: &ImageRecord,
) -> Result<(ImageArtifact, bool)> {
    let place = ImagePlace::of(context, job, image)?;
    let artifact =
        |digest: String| ImageArtifact { name: place.name().to_owned(), digest, place: place.to_string() };
    let key = Digest::of(format!("{build} {}", place.identity()).as_bytes());
    if !context.force
        && let Some(digest) = there(context, &key, &place)?
    {
        return Ok((artifact(digest), false));
    }
    let waiting = || context.progress.step(&job.target, "waiting for another build of the same image");
    let _lock = context.store.lock_work(&key.hex(), waiting)?;
    if !context.force
        && let Some(digest) = there(context, &key, &place)?
    {
        return Ok((artifact(digest), false));
    }
    let digest = match &place {
        ImagePlace::Engine { name } => in_engine(context, job, image, name)?,
        other => bail!("an image cannot be {other} yet"),
    };
    context.store.put_record(RecordKind::Image, &key, &Delivered { digest: digest.clone() })?;
    Ok((artifact(digest), true))
}

/// The digest of an image that was delivered earlier and is still in its place.
fn there(context: &Context, key: &Digest, place: &ImagePlace) -> Result<Option<String>> {
    let Some(Delivered { digest }) = context.store.record(RecordKind::Image, key)? else { return Ok(None) };
    let found = match place {
        ImagePlace::Engine { name } => {
            let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
            engine.image_digest(name)?.is_some_and(|found| found == digest)
        }
        _ => false,
    };
    Ok(found.then_some(digest))
}

fn in_engine(context: &Context, job: &Job, image: &ImageRecord, name: &str) -> Result<String> {
    let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
    context.progress.step(&job.target, &format!("build image (engine, {name})"));
    let said = &mut |line: &str| context.progress.output(&job.target, line);
    let network = &context.settings.docker.network;
    let digest = build_in_engine(context.store, engine, &image.plan, name, network, said)
        .map_err(|error| anyhow!("the image {name} cannot be built: {error}"))?;
    let refused = check_size(context, job, image, engine.image_size(&digest)?);
    if let Err(error) = refused {
        engine.remove_image(name)?;
        return Err(error);
    }
    Ok(digest)
}

/// An image over a hard limit is an error; over another, the user is told.
fn check_size(context: &Context, job: &Job, image: &ImageRecord, bytes: u64) -> Result<()> {
    let limits = &job.plugin.description().deployment(&job.target.deployment).limits;
    let mut own = Tree::empty();
    for layer in &image.plan.layers {
        own = own.overlay(&context.store.tree(&layer.tree)?);
    }
    for passed in limits::passed(limits, Subject::Image, bytes, &own) {
        if passed.hard {
            bail!("{}", passed.text);
        }
        context.progress.warn(&job.target, &passed.text);
    }
    Ok(())
}
