//! Images that are named by a tag, as what they stood for when the suite first used them.

use anyhow::{Result, anyhow};

use super::direct::Shown;
use super::images::{ImageBuilder, ImagePlace};
use super::{Context, Job};
use crate::executor::Engine;
use crate::image::{Plan, Reference, pull_by_engine};

/// The name by which an image is asked for: with the digest that was recorded for it.
pub fn pinned(context: &Context, image: &str) -> String {
    match context.pins.digest(image) {
        Some(digest) if !image.contains('@') => format!("{image}@{digest}"),
        _ => image.to_owned(),
    }
}

/// Whether an image's registry is to be asked what its name stands for now, whatever the engine has.
pub fn is_to_update(context: &Context, image: &str) -> bool {
    context.pins.are_forgotten() && !image.contains('@') && context.pins.digest(image).is_none()
}

/// Records the digest of an image that an engine has from a registry; others have none.
pub fn pin(context: &Context, job: &Job, engine: &Engine, image: &str) -> Result<()> {
    if image.contains('@') || context.pins.digest(image).is_some() {
        return Ok(());
    }
    let digests = engine.repository_digests(image)?;
    let digest = match &digests[..] {
        [] => return Ok(()),
        [digest] => digest.clone(),
        // An image that several names led to: the registry knows which digest is this name's.
        [first, ..] => {
            let name: Reference = image.parse()?;
            let found = context.images.registries().digest_of(&name, &Shown { context, job });
            let found = found.ok().flatten().map(|digest| digest.to_string());
            found.filter(|found| digests.contains(found)).unwrap_or_else(|| first.clone())
        }
    };
    record(context, job, image, &digest);
    Ok(())
}

/// A function image's plan with its base by digest, which is recorded where none was. The second is
/// what else tells one base from another: the engine's digest of an image that no registry has.
/// Unless it `may_get`, nothing is recorded, and no engine asked to get a base.
pub fn with_pinned_base(
    context: &Context,
    job: &Job,
    place: &ImagePlace,
    plan: &Plan,
    may_get: bool,
) -> Result<(Plan, Option<String>)> {
    let base = &plan.base;
    let mut local = None;
    if !base.contains('@') && context.pins.digest(base).is_none() {
        if place.builder() == ImageBuilder::Engine {
            local = base_of_engine(context, job, plan, may_get)?;
        } else if may_get {
            let name: Reference = base.parse()?;
            // That it is not there is told where it is needed.
            let found = context.images.registries().digest_of(&name, &Shown { context, job });
            if let Ok(Some(digest)) = found {
                record(context, job, base, &digest.to_string());
            }
        }
    }
    Ok((Plan { base: pinned(context, base), ..plan.clone() }, local))
}

/// Has the engine get a base that it does not have; gives the engine's digest of a base without one
/// in a registry.
fn base_of_engine(context: &Context, job: &Job, plan: &Plan, may_get: bool) -> Result<Option<String>> {
    let engine = context.executors.engine().map_err(|error| anyhow!("{error}"))?;
    let base = &plan.base;
    if !may_get {
        return Ok(engine.image_digest(base)?);
    }
    let there = context.images.bases.take(base.clone(), |()| -> Result<_> {
        let there = match engine.image_digest(base)? {
            Some(there) if !is_to_update(context, base) => there,
            _ => get_base(context, job, engine, plan)?,
        };
        pin(context, job, engine, base)?;
        Ok(Some(there))
    })?;
    Ok(there.filter(|_| context.pins.digest(base).is_none()))
}

/// Has an engine get a base by the user's login; gives the engine's digest of it.
pub fn get_base(context: &Context, job: &Job, engine: &Engine, plan: &Plan) -> Result<String> {
    let base = &plan.base;
    let name: Reference = base.parse()?;
    context.progress.step(&job.target, &format!("pulling {base}"));
    let said = &mut |line: &str| context.progress.output(&job.target, line);
    let login = context.images.login(&name)?;
    let pulled = pull_by_engine(engine, &name, Some(plan.architecture), login, said);
    // By the name as the user gave it, which is not the whole one.
    engine.forget(base);
    pulled.map_err(|error| anyhow!(error).context(base_image(job, base, "cannot be pulled")))
}

/// What cannot be done with a base, and what to do about it.
pub fn base_image(job: &Job, base: &str, problem: &str) -> String {
    let gone = match base.contains('@') {
        true => {
            "; if fnpack.lock names it and it is gone, --update-images takes what its name stands for now"
        }
        false => "",
    };
    format!(
        "the base image {base} {problem} (another can be named in [platform.{}.base-images] of fnpack.toml{gone})",
        job.target.platform
    )
}

fn record(context: &Context, job: &Job, image: &str, digest: &str) {
    if let Err(error) = context.pins.record(image, digest) {
        let text = format!("{error}; another build may use another image named {image}");
        context.progress.warn(&job.target, &text);
    }
}
