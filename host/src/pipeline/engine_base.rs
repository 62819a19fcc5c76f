//! The base of an image that an engine builds. An engine has one image under a name, which may be for
//! another processor than the one that is wanted.

use anyhow::{Result, anyhow};

use super::direct::Shown;
use super::pinned::{base_image, get_base};
use super::turns::Turns;
use super::{Context, Job};
use crate::executor::Engine;
use crate::image::{Plan, Reference};
use crate::language::Architecture;

/// The bases that an engine is being told to get: each is looked for and got by one at a time.
pub type Bases = Turns<String, ()>;

/// The plan on a base that the engine has for the plan's processor, which it is told to get where it has
/// none or one for another. That one keeps the name; the other is known by the digest of its manifest.
pub fn on_fitting_base(context: &Context, job: &Job, engine: &Engine, plan: &Plan) -> Result<Plan> {
    context.images.bases.take(plan.base.clone(), |()| {
        if engine.image_digest(&plan.base)?.is_none() {
            get_base(context, job, engine, plan)?;
        }
        if !is_for_another_processor(engine, plan)? {
            return Ok(plan.clone());
        }
        let name: Reference = plan.base.parse()?;
        let (registries, shown) = (context.images.registries(), Shown { context, job });
        let fitting = registries
            .resolve_base(&name, plan.architecture.into(), context.store, &shown)
            .map_err(|error| anyhow!(error).context(base_image(job, &plan.base, "cannot be used")))?;
        let plan = Plan { base: fitting.reference.to_string(), ..plan.clone() };
        if engine.image_digest(&plan.base)?.is_none() {
            get_base(context, job, engine, &plan)?;
        }
        Ok(plan)
    })
}

/// What no registry has was imported, and engines then write their own processor, whatever is in it.
fn is_for_another_processor(engine: &Engine, plan: &Plan) -> Result<bool> {
    if engine.repository_digests(&plan.base)?.is_empty() {
        return Ok(false);
    }
    let there = engine.image_architecture(&plan.base)?;
    Ok(there.is_some_and(|there| Architecture::of_machine(&there) != Some(plan.architecture)))
}
