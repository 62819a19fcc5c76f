//! WASI with nothing behind it, for plugins whose language cannot do without: no file, no
//! variable, no input, a clock that stands still, and the same random numbers in every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sync};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult, subscribe};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::limits::{MAX_HANDLES, MAX_RANDOM, MAX_TEXT};
use super::sandbox::State;

/// Lines of standard error that are shown when a plugin crashed.
const MAX_LINES: usize = 10;

/// The WASI of one call.
pub struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    errors: Tail,
}

impl Wasi {
    /// A new one; it is the same for every call.
    pub fn new() -> Self {
        let errors = Tail::default();
        // Any bytes do; a linear congruential generator gives some that do not repeat soon.
        let mut state = 1_u32;
        let mut bytes = || {
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            std::iter::repeat_with(next).take(4096).collect::<Vec<u8>>()
        };
        let context = WasiCtx::builder()
            .stderr(errors.clone())
            .secure_random(Deterministic::new(bytes()))
            .insecure_random(Deterministic::new(bytes()))
            .insecure_random_seed(1)
            .max_random_size(MAX_RANDOM)
            .wall_clock(Still)
            .monotonic_clock(Still)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self { context, table, errors }
    }

    /// The last lines that were written to standard error, if any.
    pub fn last_errors(&self) -> Option<String> {
        let bytes = self.errors.0.lock().expect("no panic while held");
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim().lines().collect();
        let last = lines[lines.len().saturating_sub(MAX_LINES)..].join("\n");
        Some(last).filter(|last| !last.is_empty())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(Wasi::new);
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Lends the interfaces that `contract` lets through.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let table: fn(&mut State) -> &mut ResourceTable = |state| state.ctx().table;
    sync::io::error::add_to_linker::<State, HasTable>(linker, table)?;
    sync::io::poll::add_to_linker::<State, HasTable>(linker, table)?;
    sync::io::streams::add_to_linker::<State, HasTable>(linker, table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    sync::filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    random::random::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;

    // No sleep: it would hold the host where no deadline reaches.
    let ready = |mut store: StoreContextMut<'_, State>, (_,): (u64,)| {
        let table = store.data_mut().ctx().table;
        let pollable = table.push(Ready)?;
        Ok::<(Resource<DynPollable>,), wasmtime::Error>((subscribe(table, pollable)?,))
    };
    linker.allow_shadowing(true);
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("subscribe-instant", ready)?;
    clock.func_wrap("subscribe-duration", ready)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What is over at once.
struct Ready;

#[wasmtime_wasi::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

/// A clock that stands still.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        // 1980, the first year that a zip archive can tell.
        Duration::from_secs(315_532_800)
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// Keeps the end of what is written.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().expect("no panic while held");
        kept.extend_from_slice(&bytes[bytes.len().saturating_sub(MAX_TEXT)..]);
        let excess = kept.len().saturating_sub(MAX_TEXT);
        kept.drain(..excess);
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use wasmtime::Store;
    use wasmtime::component::Component;

    use super::super::engine::engine;
    use super::super::limits::Limits;
    use super::*;

    /// Runs a component's function `run` with nothing but WASI.
    fn run(component: &str) -> (u64, Store<State>) {
        let component = Component::new(engine(), wat::parse_str(component).unwrap()).unwrap();
        let mut linker = Linker::new(engine());
        add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(engine(), State::new("test", &Limits::default(), None));
        store.set_epoch_deadline(1000);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(), (u64,)>(&mut store, "run").unwrap();
        let (answer,) = run.call(&mut store, ()).unwrap();
        (answer, store)
    }

    #[test]
    fn a_sleep_is_over_at_once() {
        let began = Instant::now();
        let (now, _) = run(r#"(component
          (import "wasi:io/poll@0.2.0" (instance $poll
            (export "pollable" (type $p (sub resource)))
            (export "[method]pollable.block" (func (param "self" (borrow $p))))))
          (alias export $poll "pollable" (type $pollable))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $outer))
            (export "pollable" (type $p (eq $outer)))
            (export "now" (func (result u64)))
            (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
          (core func $now (canon lower (func $clock "now")))
          (core func $subscribe (canon lower (func $clock "subscribe-duration")))
          (core func $block (canon lower (func $poll "[method]pollable.block")))
          (core module $m
            (import "" "now" (func $now (result i64)))
            (import "" "subscribe" (func $subscribe (param i64) (result i32)))
            (import "" "block" (func $block (param i32)))
            (func (export "run") (result i64)
              (call $block (call $subscribe (i64.const 3600000000000)))
              (call $now)))
          (core instance $i (instantiate $m (with "" (instance
            (export "now" (func $now)) (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
          (func (export "run") (result u64) (canon lift (core func $i "run"))))"#);
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(now, 0);
    }

    #[test]
    fn random_numbers_are_the_same_every_time() {
        let component = r#"(component
          (import "wasi:random/random@0.2.3" (instance $random (export "get-random-u64" (func (result u64)))))
          (core func $get (canon lower (func $random "get-random-u64")))
          (core module $m (import "" "get" (func $get (result i64))) (func (export "run") (result i64) (call $get)))
          (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
          (func (export "run") (result u64) (canon lift (core func $i "run"))))"#;
        assert_eq!(run(component).0, run(component).0);
    }

    #[test]
    fn the_last_lines_of_standard_error_are_kept() {
        let wasi = Wasi::new();
        assert_eq!(wasi.last_errors(), None);
        wasi.errors.add(&[b'x'; 10_000]);
        wasi.errors.add(&b"\nline".repeat(20));
        wasi.errors.add(b"\nTypeError: no\n\n");
        let last = wasi.last_errors().unwrap();
        assert!(last.ends_with("\nTypeError: no") && last.lines().count() == MAX_LINES, "{last}");
        assert!(wasi.errors.0.lock().unwrap().len() <= MAX_TEXT);
    }
}
