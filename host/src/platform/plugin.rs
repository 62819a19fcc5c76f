use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;

use super::bindings::exports::fnpack::plugin::platform::Guest;
use super::bindings::fnpack::plugin::types::Failure;
use super::builtin::Builtin;
use super::contract::{self, Facts, Refusal};
use super::convert::{self, Wrong};
use super::engine::engine;
use super::lent::TreeView;
use super::limits::{Limits, MAX_COMPONENT};
use super::sandbox::{Failed, Sandbox, State};
use super::text::shown;
use super::{Cause, Description, ImagePlan, Layout, PluginError, PluginFile, PluginTarget, compiled};
use crate::language::Requirement;
use crate::store::{Fingerprint, RecordKind, Store, open_regular};
use crate::tree::{Digest, Tree};

/// Where a plugin is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// It travels inside the command; its name.
    Builtin(&'static str),
    /// A component file.
    File(PathBuf),
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "the built-in plugin `{name}`"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A platform's plugin. Each call runs in a sandbox of its own; the component is loaded when the
/// first is made, and shared between threads.
#[derive(Debug)]
pub struct Plugin {
    component: ComponentFile,
    facts: Facts,
    description: Description,
    limits: Limits,
    sandbox: OnceLock<Sandbox>,
}

/// A component, and where it and its compiled code are.
#[derive(Debug)]
struct ComponentFile {
    source: PluginSource,
    digest: Digest,
    /// Where compiled code is kept.
    compiled: PathBuf,
    /// The component itself, where it is in memory anyway.
    builtin: Option<&'static [u8]>,
}

/// What is remembered of a component, by its digest, so that it need not be loaded.
#[derive(Serialize, Deserialize)]
struct Described {
    facts: Facts,
    description: Description,
}

/// What is remembered of a file, by its path, so that it need not be read.
#[derive(Serialize, Deserialize)]
struct KnownFile {
    fingerprint: Fingerprint,
    digest: Digest,
}

/// Changes when a plugin is to be asked anew what it is, because another answer would be taken.
const DESCRIBED: &str = "description 1";

impl Plugin {
    /// The plugin of a component file. Unless the file is new or changed, it is not read.
    pub fn open_file(store: &Store, path: &Path) -> Result<Self, PluginError> {
        Self::open_file_within(store, path, Limits::default())
    }

    pub(super) fn open_file_within(store: &Store, path: &Path, limits: Limits) -> Result<Self, PluginError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let source = PluginSource::File(path.clone());
        let metadata = fs::metadata(&path)
            .map_err(|error| source.refuse(format!("it cannot be read: {error}"), None))?;
        if !metadata.is_file() {
            return Err(source.refuse("it is no file".to_owned(), None));
        }
        let fingerprint = Fingerprint::of(&metadata);
        let key = Digest::of(&[b"plugin file\0", path.as_os_str().as_encoded_bytes()].concat());
        // A lost or unreadable memory only costs time.
        let known: Option<KnownFile> = store.record(RecordKind::Plugin, &key).ok().flatten();
        let known = known.filter(|known| known.fingerprint == fingerprint).map(|known| known.digest);
        let component = |digest| ComponentFile {
            source: source.clone(),
            digest,
            compiled: store.compiled_plugins(),
            builtin: None,
        };
        if let Some(digest) = known
            && let Some(plugin) = Self::remembered(store, component(digest), limits)
        {
            return Ok(plugin);
        }
        let bytes = read_file(&source, &path)?;
        let digest = Digest::of(&bytes);
        if fingerprint.is_settled() {
            let _ = store.put_record(RecordKind::Plugin, &key, &KnownFile { fingerprint, digest });
        }
        match Self::remembered(store, component(digest), limits) {
            Some(plugin) => Ok(plugin),
            None => Self::ask(store, component(digest), &bytes, limits),
        }
    }

    /// One of the command's own plugins.
    pub(super) fn open_builtin(store: &Store, builtin: &'static Builtin) -> Result<Self, PluginError> {
        let component = || ComponentFile {
            source: PluginSource::Builtin(builtin.name),
            digest: Digest::new(builtin.sha256, builtin.bytes.len() as u64),
            compiled: store.compiled_plugins(),
            builtin: Some(builtin.bytes),
        };
        match Self::remembered(store, component(), Limits::default()) {
            Some(plugin) => Ok(plugin),
            None => Self::ask(store, component(), builtin.bytes, Limits::default()),
        }
    }

    fn remembered(store: &Store, component: ComponentFile, limits: Limits) -> Option<Self> {
        let described: Described =
            store.record(RecordKind::Plugin, &described_key(&component.digest)).ok().flatten()?;
        let Described { facts, description } = described;
        Some(Self { component, facts, description, limits, sandbox: OnceLock::new() })
    }

    /// Asks a plugin that was not seen before what it is.
    fn ask(
        store: &Store,
        component: ComponentFile,
        bytes: &[u8],
        limits: Limits,
    ) -> Result<Self, PluginError> {
        let facts = contract::read(bytes)
            .map_err(|Refusal { reason, hint }| component.source.refuse(reason, hint))?;
        let sandbox = component.load(&facts, || Ok(Cow::Borrowed(bytes)))?;
        let name = component.source.to_string();
        let answer = sandbox.call(&name, &limits, None, |guest, call| guest.call_describe(call));
        let answer = answer.map_err(|failed| failed.named(&name, "describe"))?;
        let description = convert::description(answer)
            .map_err(|wrong| Failed::Plugin(Cause::Answer(wrong)).named(&name, "describe"))?;
        let described = Described { facts, description };
        let _ = store.put_record(RecordKind::Plugin, &described_key(&component.digest), &described);
        let Described { facts, description } = described;
        Ok(Self { component, facts, description, limits, sandbox: OnceLock::from(sandbox) })
    }

    /// Where it is from.
    pub fn source(&self) -> &PluginSource {
        &self.component.source
    }

    /// The digest of the component.
    pub fn digest(&self) -> &Digest {
        &self.component.digest
    }

    /// What the platform is and can do.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What the component says of itself: the contract that it was made for, and what it wants of
    /// the host.
    pub fn facts(&self, _store: &Store) -> Result<&Facts, PluginError> {
        Ok(&self.facts)
    }

    /// Shims between the platform's API and the benchmark's.
    pub fn wrappers(&self, target: &PluginTarget) -> Result<Vec<PluginFile>, PluginError> {
        let target = convert::target(target);
        self.call("wrappers", None, |guest, call| guest.call_wrappers(call, &target), convert::files)
    }

    /// Packages that the wrappers and modules need.
    pub fn packages(&self, target: &PluginTarget) -> Result<Vec<Requirement>, PluginError> {
        let target = convert::target(target);
        self.call("packages", None, |guest, call| guest.call_packages(call, &target), convert::requirements)
    }

    /// A Dockerfile, and the files that it copies, for the build image of a target whose row
    /// names a recipe.
    pub fn build_recipe(&self, target: &PluginTarget) -> Result<Vec<PluginFile>, PluginError> {
        let target = convert::target(target);
        self.call("build-recipe", None, |guest, call| guest.call_build_recipe(call, &target), convert::files)
    }

    /// The platform's layout of the installed tree.
    pub fn arrange(&self, store: &Store, target: &PluginTarget, tree: &Tree) -> Result<Layout, PluginError> {
        let (target, view) = (convert::target(target), TreeView::new(tree.clone(), store.blob_reader()));
        self.call("arrange", Some(view), |guest, call| guest.call_arrange(call, &target), convert::layout)
    }

    /// How the function image is made of the arranged tree.
    pub fn plan_image(
        &self,
        store: &Store,
        target: &PluginTarget,
        tree: &Tree,
    ) -> Result<ImagePlan, PluginError> {
        let (target, view) = (convert::target(target), TreeView::new(tree.clone(), store.blob_reader()));
        let function =
            |guest: &Guest, call: &mut wasmtime::Store<State>| guest.call_plan_image(call, &target);
        self.call("plan-image", Some(view), function, convert::image_plan)
    }

    /// The tag of the function image.
    pub fn name_image(&self, target: &PluginTarget) -> Result<String, PluginError> {
        let target = convert::target(target);
        let function = |guest: &Guest, call: &mut wasmtime::Store<State>| {
            guest.call_name_image(call, &target, env!("CARGO_PKG_VERSION"))
        };
        self.call("name-image", None, function, convert::image_name)
    }

    fn call<A, B>(
        &self,
        function: &'static str,
        tree: Option<TreeView>,
        ask: impl FnOnce(&Guest, &mut wasmtime::Store<State>) -> wasmtime::Result<Result<A, Failure>>,
        check: impl FnOnce(A) -> Result<B, Wrong>,
    ) -> Result<B, PluginError> {
        let answer = self.sandbox()?.call(&self.description.name, &self.limits, tree, ask);
        match answer.map_err(|failed| failed.named(&self.named(), function))? {
            Ok(answer) => check(answer).map_err(|wrong| self.failed(function, Cause::Answer(wrong), None)),
            Err(failure) => {
                let (message, hint) = convert::failure(failure);
                Err(self.failed(function, Cause::Failure(message), hint))
            }
        }
    }

    fn sandbox(&self) -> Result<&Sandbox, PluginError> {
        if let Some(sandbox) = self.sandbox.get() {
            return Ok(sandbox);
        }
        let component = &self.component;
        let sandbox = component.load(&self.facts, || component.read())?;
        Ok(self.sandbox.get_or_init(|| sandbox))
    }

    fn named(&self) -> String {
        match &self.component.source {
            PluginSource::Builtin(name) => (*name).to_owned(),
            PluginSource::File(path) => format!("{} ({})", self.description.name, path.display()),
        }
    }

    /// The error of a call.
    pub(super) fn failed(&self, function: &'static str, cause: Cause, hint: Option<String>) -> PluginError {
        PluginError::Call { plugin: self.named(), function, cause: Box::new(cause), hint_text: hint }
    }
}

impl ComponentFile {
    /// The component, compiled and linked; its bytes are asked for only when it must be compiled.
    fn load<'a>(
        &self,
        facts: &Facts,
        bytes: impl FnOnce() -> Result<Cow<'a, [u8]>, PluginError>,
    ) -> Result<Sandbox, PluginError> {
        let component = match compiled::load(engine(), &self.compiled, &self.digest) {
            Some(component) => component,
            None => {
                let component = Component::new(engine(), bytes()?).map_err(|error| {
                    self.source
                        .refuse(format!("it cannot be compiled: {}", shown(&format!("{error:#}"))), None)
                })?;
                compiled::keep(engine(), &self.compiled, &self.digest, &component);
                component
            }
        };
        Sandbox::new(&component, facts.wants_wasi()).map_err(|error| {
            let hint = format!("build it for version {} of the contract, as it says it is", facts.contract);
            self.source.refuse(format!("its functions are not those of the contract: {error}"), Some(hint))
        })
    }

    fn read(&self) -> Result<Cow<'static, [u8]>, PluginError> {
        match (&self.source, self.builtin) {
            (_, Some(bytes)) => Ok(Cow::Borrowed(bytes)),
            (PluginSource::File(path), None) => {
                let bytes = read_file(&self.source, path)?;
                if Digest::of(&bytes) != self.digest {
                    let hint = Some("build again when nothing writes to it".to_owned());
                    return Err(self.source.refuse("it changed during the build".to_owned(), hint));
                }
                Ok(Cow::Owned(bytes))
            }
            (PluginSource::Builtin(_), None) => unreachable!("a built-in plugin is in memory"),
        }
    }
}

impl PluginSource {
    fn refuse(&self, reason: String, hint: Option<String>) -> PluginError {
        PluginError::Refused { plugin: self.clone(), reason, hint_text: hint }
    }
}

impl Failed {
    fn named(self, plugin: &str, function: &'static str) -> PluginError {
        match self {
            Self::Store(error) => PluginError::Store(error),
            Self::Plugin(cause) => PluginError::Call {
                plugin: plugin.to_owned(),
                function,
                cause: Box::new(cause),
                hint_text: None,
            },
        }
    }
}

fn described_key(digest: &Digest) -> Digest {
    Digest::of(format!("{DESCRIBED} {digest}").as_bytes())
}

fn read_file(source: &PluginSource, path: &Path) -> Result<Vec<u8>, PluginError> {
    use std::io::Read;
    let refuse = |error: std::io::Error| source.refuse(format!("it cannot be read: {error}"), None);
    let mut bytes = Vec::new();
    open_regular(path).map_err(refuse)?.take(MAX_COMPONENT + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() as u64 > MAX_COMPONENT {
        let reason =
            format!("it is larger than {} MiB, the most that a plugin may have", MAX_COMPONENT >> 20);
        return Err(source.refuse(reason, None));
    }
    Ok(bytes)
}
