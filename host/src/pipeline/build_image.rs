use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow, bail};

use super::pinned::pinned;
use super::{Context, Job};
use crate::archive::{ArchiveError, write_tar};
use crate::executor::{BuildError, Engine, ImageBuild};
use crate::language::{Architecture, Place};
use crate::platform::ImageSource;
use crate::store::RecordKind;
use crate::suite::{BuildImageSetting, Snapshot};
use crate::target::Target;
use crate::tree::{Digest, FileEntry, Node, RelPath, Tree};

/// What the engine calls images that fnpack makes: this, the recipe's name, and its digest.
const REPOSITORY: &str = "fnpack";
/// Part of what a plugin's recipe is remembered under; changes when it is asked for differently.
const REMEMBERED: &str = "build recipe 1";

/// The image to install a target's dependencies in, and the processor that its containers have.
pub struct BuildImage {
    /// As the engine is asked for it: with its digest where one is recorded.
    pub name: String,
    architecture: Architecture,
    /// Where it comes from.
    pub origin: ImageOrigin,
}

/// Where a build image comes from.
pub enum ImageOrigin {
    /// A registry has it.
    Registry,
    /// fnpack has the engine make it.
    Recipe(Recipe),
}

/// Who says how an image is made.
pub enum Recipe {
    /// The target's plugin.
    Plugin,
    /// A folder that fnpack.toml names.
    Folder(Snapshot),
}

impl BuildImage {
    /// The image for a target. A container of another processor than the engine's would need
    /// emulation; the image for the engine's own is taken then, and packages are chosen for the
    /// target's.
    pub fn of(context: &Context, job: &Job, machine: &str) -> Result<Option<Self>> {
        let target = &job.target;
        let architecture = Architecture::of_machine(machine).unwrap_or(target.architecture);
        let key = Target { architecture, ..target.clone() }.runtime_name();
        let set = context.settings.platform.get(&target.platform);
        let image = |name: String, origin| {
            let name = match origin {
                ImageOrigin::Registry => pinned(context, &name),
                ImageOrigin::Recipe(_) => name,
            };
            Ok(Some(Self { name, architecture, origin }))
        };
        match set.and_then(|set| set.build_images.get(&key)) {
            Some(BuildImageSetting::Image(name)) => image(name.clone(), ImageOrigin::Registry),
            Some(BuildImageSetting::Recipe { recipe: folder }) => {
                let recipe = Snapshot::take(context.store, folder)
                    .with_context(|| format!("cannot read the recipe of the build image for {key}"))?;
                let stem = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let name = recipe_name(&stem, &recipe.tree.digest());
                image(name, ImageOrigin::Recipe(Recipe::Folder(recipe)))
            }
            None => match job.support.build_image(architecture) {
                Some(ImageSource::Reference(name)) => image(name.clone(), ImageOrigin::Registry),
                Some(ImageSource::Recipe(stem)) => {
                    let name = recipe_name(stem, &plugin_recipe(context, job)?);
                    image(name, ImageOrigin::Recipe(Recipe::Plugin))
                }
                None => Ok(None),
            },
        }
    }

    /// The place that a container of the image is; `digest` is the engine's. What is made from a
    /// recipe counts by the recipe: no two makings of it give the same digest.
    pub fn place(&self, digest: String) -> Place {
        let digest = match self.origin {
            ImageOrigin::Registry => digest,
            ImageOrigin::Recipe(_) => self.name.clone(),
        };
        Place::Docker { image: self.name.clone(), digest, architecture: self.architecture }
    }

    /// Has the engine make the image; of any number of processes that need it, one does. Gives the
    /// digest by which the engine knows it.
    pub fn make(
        &self,
        context: &Context,
        job: &Job,
        recipe: &Recipe,
        engine: &Engine,
        said: &mut dyn FnMut(&str),
    ) -> Result<String> {
        let waiting = || context.progress.step(&job.target, &format!("waiting for {}", self.name));
        let _lock = context.store.lock_work(&Digest::of(self.name.as_bytes()).hex(), waiting)?;
        engine.forget(&self.name);
        if let (Some(digest), false) = (engine.image_digest(&self.name)?, context.force) {
            return Ok(digest);
        }
        let files = match recipe {
            Recipe::Plugin => plugin_files(context, job)?,
            Recipe::Folder(folder) => {
                folder.keep(context.store, &folder.tree, &RelPath::root())?;
                folder.tree.clone()
            }
        };
        if files.file(&RelPath::new("Dockerfile")?).is_none() {
            bail!("its recipe has no file Dockerfile");
        }
        let build = ImageBuild {
            tag: &self.name,
            platform: None,
            labels: HashMap::from([("fnpack.recipe".to_owned(), files.digest().to_string())]),
            network: &context.settings.docker.network,
        };
        let write = |mut writer: &mut dyn std::io::Write| {
            write_tar(context.store, &files, &RelPath::root(), &mut writer)
        };
        engine.build(&build, write, said).map_err(|error: BuildError<ArchiveError>| match error {
            BuildError::Context(error) => anyhow!(error).context("cannot send the recipe to the engine"),
            BuildError::Engine(error) => anyhow!(error),
        })
    }
}

/// `fnpack/aws-cpp:3f9c...`; in it only what the engine takes in names.
fn recipe_name(stem: &str, recipe: &Digest) -> String {
    let stem: String =
        stem.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let stem = stem.trim_matches('-');
    let stem = if stem.is_empty() { "image" } else { stem };
    format!("{REPOSITORY}/{stem}:{}", &recipe.hex()[..20])
}

/// The digest of the plugin's recipe for a target; the plugin is asked once.
fn plugin_recipe(context: &Context, job: &Job) -> Result<Digest> {
    let target = job.plugin_target(context.settings);
    let key = Digest::of(format!("{REMEMBERED} {} {target:?}", job.plugin.digest()).as_bytes());
    if let Some(digest) = context.store.record::<Digest>(RecordKind::Plugin, &key)? {
        return Ok(digest);
    }
    let digest = plugin_files(context, job)?.digest();
    // Not remembering costs the next run a question, no more: the cache may be read-only.
    let _ = context.store.put_record(RecordKind::Plugin, &key, &digest);
    Ok(digest)
}

fn plugin_files(context: &Context, job: &Job) -> Result<Tree> {
    let mut files = Tree::empty();
    for file in job.plugin.build_recipe(&job.plugin_target(context.settings))? {
        let digest = context.store.write(file.contents.as_bytes())?;
        files.insert(&file.path, Node::File(FileEntry { digest, executable: file.executable }))?;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipes_image_has_a_name_that_engines_take() {
        let digest = Digest::of(b"recipe");
        for (stem, name) in
            [("aws-cpp", "fnpack/aws-cpp:"), ("My Images", "fnpack/my-images:"), ("...", "fnpack/image:")]
        {
            let tag = recipe_name(stem, &digest);
            assert!(tag.starts_with(name) && tag.len() == name.len() + 20, "{tag}");
        }
    }
}
