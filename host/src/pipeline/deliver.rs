use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::direct::{assembled, push, write_layout, write_load_archive};
use super::engine_base::on_fitting_base;
use super::images::{ImageBuilder, ImagePlace, TAG_END};
use super::limits;
use super::pinned::with_pinned_base;
use super::record::{ImageArtifact, ImageRecord};
use super::{Context, Job};
use crate::archive::directory_digest;
use crate::image::{self, Image, Plan, Reference, build_in_engine, has_layout, write_context};
use crate::platform::Subject;
use crate::store::{Fingerprint, RecordKind};
use crate::tree::{Digest, Tree};

/// An image that was brought to its place.
#[derive(Debug, Serialize, Deserialize)]
struct Delivered {
    digest: String,
    /// Of the file, where it is one.
    fingerprint: Option<Fingerprint>,
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
    let (place, plan, key) = placed(context, job, build, image, true)?;
    let artifact =
        |digest: String| ImageArtifact { name: place.name().to_owned(), digest, place: place.to_string() };
    let image = &ImageRecord { plan, ..image.clone() };
    // One question tells that a build need do nothing; a command that is there to push looks for
    // every blob, as the push itself does.
    let is_looked_through =
        context.only_built && matches!(place, ImagePlace::Registry { builder: ImageBuilder::Direct, .. });
    let is_asked = !context.force && !is_looked_through;
    if is_asked && let Some(digest) = there(context, job, &key, &place)? {
        return Ok((artifact(digest), false));
    }
    let waiting = || context.progress.step(&job.target, "waiting for another build of the same image");
    let _lock = context.store.lock_work(&key.hex(), waiting)?;
    if is_asked && let Some(digest) = there(context, job, &key, &place)? {
        return Ok((artifact(digest), false));
    }
    let mut is_new = true;
    let digest = match &place {
        ImagePlace::Engine { name } => in_engine(context, job, image, name)?,
        ImagePlace::Registry { name, builder: ImageBuilder::Engine } => {
            in_engine(context, job, image, name)?;
            push_from_engine(context, job, name)?
        }
        ImagePlace::Registry { name, builder: ImageBuilder::Direct } => {
            let whole = assembled(context, job, image)?;
            check_own_size(context, job, image, &whole)?;
            let (digest, sent) = push(context, job, &whole, name)?;
            is_new = sent;
            digest
        }
        ImagePlace::Layout { name, path } => {
            let whole = assembled(context, job, image)?;
            check_own_size(context, job, image, &whole)?;
            write_layout(context, job, &whole, name, path)?
        }
        ImagePlace::LoadArchive { name, path } => {
            let whole = assembled(context, job, image)?;
            check_own_size(context, job, image, &whole)?;
            write_load_archive(context, job, &whole, name, path)?
        }
        ImagePlace::Context { path, .. } => {
            context.progress.step(&job.target, "write Dockerfile and context");
            write_context(context.store, &image.plan, path)?.to_string()
        }
    };
    let fingerprint = match &place {
        ImagePlace::LoadArchive { path, .. } => {
            std::fs::metadata(path).ok().map(|found| Fingerprint::of(&found))
        }
        _ => None,
    };
    let delivered = Delivered { digest: digest.clone(), fingerprint };
    context.store.put_record(RecordKind::Image, &key, &delivered)?;
    Ok((artifact(digest), is_new))
}

/// What bringing a build's image to its place would be called, and whether it is there. Nothing is
/// done.
pub fn plan_delivery(
    context: &Context,
    job: &Job,
    build: &Digest,
    image: &ImageRecord,
) -> Result<(String, bool)> {
    let (place, _, key) = placed(context, job, build, image, false)?;
    let is_there = !context.force && there(context, job, &key, &place)?.is_some();
    Ok((format!("image {} ({place})", place.name()), is_there))
}

/// Where an image belongs, its plan with what the base's name stands for, and what its delivery is
/// remembered under. Unless it `may_get`, nothing is recorded, and no engine asked to get a base.
fn placed(
    context: &Context,
    job: &Job,
    build: &Digest,
    image: &ImageRecord,
    may_get: bool,
) -> Result<(ImagePlace, Plan, Digest)> {
    let mut place = ImagePlace::of(context, job, image)?;
    let (plan, base) = with_pinned_base(context, job, &place, &image.plan, may_get)?;
    let is_known = plan.base.contains('@') || base.is_some();
    let made_of = format!("{build} {} {} {:?}", plan.base, base.unwrap_or_default(), place.builder());
    // What the base's name stands for may not be known when it is only asked what would be done.
    if context.settings.registry.content_tags && (may_get || is_known) {
        place = place.with_tag_end(&Digest::of(made_of.as_bytes()).hex()[..TAG_END])?;
    }
    let key = Digest::of(format!("{made_of} {}", place.identity()).as_bytes());
    Ok((place, plan, key))
}

/// The digest of an image that was delivered earlier and is still in its place.
fn there(context: &Context, job: &Job, key: &Digest, place: &ImagePlace) -> Result<Option<String>> {
    let Some(delivered) = context.store.record::<Delivered>(RecordKind::Image, key)? else { return Ok(None) };
    let digest = delivered.digest;
    let found = match place {
        ImagePlace::Engine { name } => {
            let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
            engine.image_digest(name)?.is_some_and(|found| found == digest)
        }
        ImagePlace::Registry { name, .. } => {
            let name: Reference = name.parse()?;
            let wanted = digest.parse().map_err(|error| anyhow!("{error}"))?;
            context.images.registries().verify(&name, wanted, &super::direct::Shown { context, job })?
        }
        ImagePlace::Layout { name, path } => {
            let (name, wanted): (Reference, _) = (name.parse()?, digest.parse());
            let wanted = wanted.map_err(|error| anyhow!("{error}"))?;
            has_layout(context.store, path, wanted, name.tag())?
        }
        ImagePlace::LoadArchive { path, .. } => {
            let now = std::fs::metadata(path).ok().map(|found| Fingerprint::of(&found));
            now.is_some() && now == delivered.fingerprint
        }
        ImagePlace::Context { path, .. } => {
            directory_digest(path).is_ok_and(|found| found.to_string() == digest)
        }
    };
    Ok(found.then_some(digest))
}

fn in_engine(context: &Context, job: &Job, image: &ImageRecord, name: &str) -> Result<String> {
    let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
    let plan = on_fitting_base(context, job, engine, &image.plan)?;
    context.progress.step(&job.target, &format!("build image (engine, {name})"));
    let said = &mut |line: &str| context.progress.output(&job.target, line);
    let network = &context.settings.docker.network;
    let digest = build_in_engine(context.store, engine, &plan, name, network, said)
        .map_err(|error| anyhow!(error).context(format!("the image {name} cannot be built")))?;
    let refused = check_size(context, job, image, engine.image_size(&digest)?);
    if let Err(error) = refused {
        engine.remove_image(name)?;
        return Err(error);
    }
    Ok(digest)
}

/// Has the engine push an image that it built, unless its tag is another's.
fn push_from_engine(context: &Context, job: &Job, name: &str) -> Result<String> {
    let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
    let (registries, shown) = (context.images.registries(), super::direct::Shown { context, job });
    let reference: Reference = name.parse()?;
    let before = registries.digest_of(&reference, &shown)?;
    engine.forget(name);
    if let Some(there) = &before
        && !context.images.options.overwrite
        && !engine.repository_digests(name)?.contains(&there.to_string())
    {
        bail!("{name} is another image there ({there}); give --overwrite to take the tag from it");
    }
    context.progress.step(&job.target, &format!("push image (engine, {name})"));
    context.images.prepare_repository(reference.repository())?;
    let login = context.images.login(&reference)?;
    let said = &mut |line: &str| context.progress.output(&job.target, line);
    image::push_by_engine(engine, &reference, login, said)
        .map_err(|error| anyhow!("{name} cannot be pushed: {error}"))?;
    let pushed = registries.digest_of(&reference, &shown)?;
    pushed.map(|digest| digest.to_string()).ok_or_else(|| anyhow!("{name} was pushed, and is not there"))
}

/// Checks an image that no engine has unpacked: its base has at least its compressed bytes.
fn check_own_size(context: &Context, job: &Job, image: &ImageRecord, whole: &Image) -> Result<()> {
    check_size(context, job, image, whole.base_size() + own_files(context, image)?.size())
}

/// The files that an image adds to its base.
fn own_files(context: &Context, image: &ImageRecord) -> Result<Tree> {
    let mut layers = image.plan.layers.iter();
    layers.try_fold(Tree::empty(), |own, layer| Ok(own.overlay(&context.store.tree(&layer.tree)?)))
}

/// An image over a hard limit is an error; over another, the user is told.
fn check_size(context: &Context, job: &Job, image: &ImageRecord, bytes: u64) -> Result<()> {
    let limits = &job.plugin.description().deployment(&job.target.deployment).limits;
    for passed in limits::passed(limits, Subject::Image, bytes, &own_files(context, image)?) {
        if passed.hard {
            bail!("{}", passed.text);
        }
        context.progress.warn(&job.target, &passed.text);
    }
    Ok(())
}
