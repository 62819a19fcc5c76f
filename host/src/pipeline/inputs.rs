use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::Chosen;
use super::sources::Sources;
use super::{Context, Job};
use crate::tree::{Digest, FileEntry, Node, Tree};

/// Goes up when fnpack itself makes something else of the same inputs.
const RECIPE: &str = "3";

/// Everything that can change a build's output, each under a name that a user understands. The
/// key of a build is the digest of this list; the reasons for a rebuild are the difference of two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// The inputs of a build.
    pub fn of(context: &Context, job: &Job, sources: &Sources, chosen: &Chosen) -> Self {
        let mut inputs = Self::default();
        inputs.set("recipe", RECIPE);
        let target = job.plugin_target(context.settings);
        inputs.set("platform", &job.target.platform);
        inputs.set("benchmark", &target.benchmark);
        inputs.set("language", &target.language);
        inputs.set("language version", &target.version);
        inputs.set("variant", &target.variant);
        inputs.set("architecture", target.architecture.name());
        inputs.set("deployment", &target.deployment);
        inputs.set("config.json modules", &target.modules.join(","));
        inputs.set("config.json cpp_dependencies", &target.native_dependencies.join(","));
        inputs.set("config.json timeout", &target.timeout_seconds.to_string());
        inputs.set("config.json memory", &target.memory_mib.to_string());
        for (key, value) in &target.settings {
            inputs.set(&format!("setting {}.{key}", job.target.platform), value);
        }
        if !job.config.shrink.is_empty() {
            inputs.set("shrink", &job.config.shrink.to_string());
        }
        // In whatever order they are declared: two that meet in one place are an error.
        let mut downloads: Vec<_> = job.downloads().map(|one| (one.path.as_str(), one.input())).collect();
        downloads.sort();
        for one_place in downloads.chunk_by(|(one, _), (other, _)| one == other) {
            let values: Vec<&str> = one_place.iter().map(|(_, input)| input.as_str()).collect();
            inputs.set(&format!("download {}", one_place[0].0), &values.join("; "));
        }
        inputs.set("plugin", &job.plugin.digest().hex());
        for (name, value) in chosen.inputs() {
            inputs.set(&name, &value);
        }
        if let Some(base) = job.base_image(context.settings) {
            inputs.set("base image", base);
        }
        for (name, value) in context.settings.indexes.inputs() {
            inputs.set(&format!("setting indexes.{name}"), &value);
        }
        inputs
            .set("setting build.time-limit-seconds", &context.settings.build.time_limit_seconds.to_string());

        inputs.tree("source", &sources.tree);
        if let Some(patch) = &sources.patch {
            inputs.set("patch.diff", &file(patch));
        }
        if let Some(script) = &sources.package_script {
            inputs.set("package.sh", &file(script));
        }
        if !sources.init_scripts.is_empty() {
            inputs.tree("file that init.sh may read", &sources.folder);
        }
        inputs
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    fn tree(&mut self, kind: &str, tree: &Tree) {
        for (path, node) in tree.entries() {
            let value = match node {
                Node::File(entry) => file(entry),
                Node::Symlink(target) => format!("link to {}", String::from_utf8_lossy(target)),
                Node::Directory(below) if below.is_empty() => "empty directory".to_owned(),
                Node::Directory(_) => continue,
            };
            // Escaped, so that no two paths look alike.
            self.0.insert(format!("{kind} {}", path.to_bytes().escape_ascii()), value);
        }
    }

    /// The key of the build.
    pub fn key(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&self.0).expect("a list of texts"))
    }

    /// What differs from an earlier build, in words.
    pub fn reasons(&self, before: &Self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (name, value) in &self.0 {
            match before.0.get(name) {
                None => reasons.push(format!("new: {name}")),
                Some(old) if old != value => reasons.push(changed(name, old, value)),
                Some(_) => {}
            }
        }
        reasons.extend(
            before.0.keys().filter(|name| !self.0.contains_key(*name)).map(|name| format!("gone: {name}")),
        );
        reasons
    }
}

/// A digest tells nobody anything; a version or a number does.
fn changed(name: &str, old: &str, new: &str) -> String {
    let tells = |value: &str| value.len() < 40;
    if tells(old) && tells(new) {
        format!("changed: {name} (`{old}` to `{new}`)")
    } else {
        format!("changed: {name}")
    }
}

fn file(entry: &FileEntry) -> String {
    format!("{}{}", entry.digest, if entry.executable { " executable" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        Inputs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_reasons_are_the_difference_of_two_lists() {
        let before = inputs(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let now = inputs(&[("a", "1"), ("b", "9"), ("d", "4")]);
        assert_eq!(now.reasons(&before), ["changed: b (`2` to `9`)", "new: d", "gone: c"]);
        assert_ne!(now.key(), before.key());
        assert!(before.reasons(&before).is_empty());
    }

    #[test]
    fn paths_that_look_alike_are_two_inputs() {
        let entry = Node::File(FileEntry { digest: Digest::of(b""), executable: false });
        let mut tree = Tree::empty();
        for name in [b"\xff".as_slice(), b"\xfe".as_slice()] {
            tree.insert(&crate::tree::RelPath::new(name).unwrap(), entry.clone()).unwrap();
        }
        let mut inputs = Inputs::default();
        inputs.tree("source", &tree);
        assert_eq!(inputs.0.len(), 2);
    }
}
