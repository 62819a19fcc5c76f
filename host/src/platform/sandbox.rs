//! One call of a plugin: a fresh instance with limits, and words for how it can end.

use std::time::Instant;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use super::Cause;
use super::bindings::exports::fnpack::plugin::platform::Guest;
use super::bindings::{Plugin as Instance, PluginPre};
use super::engine::{Ticking, engine};
use super::lent::{Log, TreeView};
use super::limits::{Exceeded, Limiter, Limits, MAX_HANDLES};
use super::text::shown;
use super::wasi::{self, Wasi};
use crate::store::StoreError;

/// What the host keeps for a call.
pub struct State {
    limiter: Limiter,
    /// What the plugin logged.
    pub log: Log,
    /// The build tree, in calls that have one.
    pub tree: Option<TreeView>,
    /// Made when the plugin first uses it.
    pub wasi: Option<Wasi>,
}

impl State {
    /// For a call of the plugin of that name.
    pub fn new(name: &str, limits: &Limits, tree: Option<TreeView>) -> Self {
        Self { limiter: Limiter::new(limits.memory), log: Log::new(name), tree, wasi: None }
    }
}

/// A component that is ready to be called, shared between threads.
pub struct Sandbox {
    instance: PluginPre<State>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

/// Why a call gave nothing.
pub enum Failed {
    /// It is the plugin's doing.
    Plugin(Cause),
    /// The cache could not be read.
    Store(StoreError),
}

impl Sandbox {
    /// Links a component with what it is lent; fails, in words, when its types are not those of
    /// the contract.
    pub fn new(component: &Component, wants_wasi: bool) -> Result<Self, String> {
        let link = || {
            let mut linker = Linker::<State>::new(engine());
            Instance::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
            if wants_wasi {
                wasi::add_to_linker(&mut linker)?;
            }
            PluginPre::new(linker.instantiate_pre(component)?)
        };
        let words = |error: wasmtime::Error| shown(&format!("{error:#}"));
        link().map(|instance| Self { instance }).map_err(words)
    }

    /// Makes one call, in an instance of its own. `name` is the plugin's, for its log.
    pub fn call<T>(
        &self,
        name: &str,
        limits: &Limits,
        tree: Option<TreeView>,
        function: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Failed> {
        let mut store = Store::new(engine(), State::new(name, limits, tree));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.answer);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        let (began, deadline) = (Instant::now(), limits.deadline);
        store.epoch_deadline_callback(move |_| match began.elapsed() < deadline {
            true => Ok(UpdateDeadline::Continue(1)),
            false => Err(wasmtime::Error::new(Exceeded::Deadline(deadline))),
        });
        let _ticking = Ticking::start();
        let answer = self
            .instance
            .instantiate(&mut store)
            .and_then(|instance| function(instance.fnpack_plugin_platform(), &mut store));
        answer.map_err(|error| {
            let state = store.data_mut();
            match state.tree.as_mut().and_then(TreeView::take_error) {
                Some(error) => Failed::Store(error),
                None => Failed::Plugin(cause(&error, state, limits)),
            }
        })
    }
}

fn cause(error: &wasmtime::Error, state: &State, limits: &Limits) -> Cause {
    match error.downcast_ref::<Exceeded>() {
        Some(Exceeded::Memory(allowed)) => return Cause::Memory(*allowed),
        Some(Exceeded::Deadline(deadline)) => return Cause::Deadline(*deadline),
        Some(other) => return Cause::Limit(other.to_string()),
        None => {}
    }
    let written = || state.wasi.as_ref().and_then(Wasi::last_errors);
    let with_trap = |trap: String| match (state.log.last_error(), written()) {
        (Some(said), _) => format!("{said} ({trap})"),
        (None, Some(written)) => format!("{trap}; it wrote to standard error:\n{}", shown(&written)),
        (None, None) => trap,
    };
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Cause::Trap(with_trap(format!("it ended itself with status {}", exit.0)));
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => Cause::Trap(with_trap(trap.to_string().trim_start_matches("wasm trap: ").to_owned())),
        None => {
            let words = format!("{error:#}");
            if words.contains("fuel allocated for hostcalls has been exhausted") {
                return Cause::Limit(format!("it handed over more than {} MiB at once", limits.answer >> 20));
            }
            Cause::Trap(with_trap(shown(&words)))
        }
    }
}
