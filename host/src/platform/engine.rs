use std::sync::{Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel};

/// How often a running call is looked at: a deadline is kept to this precision.
const TICK: Duration = Duration::from_millis(10);

/// Bytes of stack that a plugin may use; well below what a thread has.
const MAX_WASM_STACK: usize = 1 << 20;

/// The engine of this process, made when the first plugin is loaded. Its settings are part of the
/// name under which compiled code is kept.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .max_wasm_stack(MAX_WASM_STACK)
            .cranelift_opt_level(OptLevel::Speed)
            // The same bits on every machine.
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false);
        Engine::new(&config).expect("the settings fit this machine")
    })
}

/// While one of these lives, epochs pass.
pub struct Ticking;

struct Ticker {
    running: Mutex<usize>,
    changed: Condvar,
}

static TICKER: Ticker = Ticker { running: Mutex::new(0), changed: Condvar::new() };

impl Ticking {
    /// Lets epochs pass.
    pub fn start() -> Self {
        static THREAD: OnceLock<()> = OnceLock::new();
        THREAD.get_or_init(|| {
            let started = thread::Builder::new().name("plugin deadlines".to_owned()).spawn(tick);
            started.expect("a thread can be started");
        });
        *TICKER.running.lock().expect("no panic while held") += 1;
        TICKER.changed.notify_one();
        Self
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        *TICKER.running.lock().expect("no panic while held") -= 1;
    }
}

fn tick() {
    let mut running = TICKER.running.lock().expect("no panic while held");
    loop {
        if *running == 0 {
            running = TICKER.changed.wait(running).expect("no panic while held");
            continue;
        }
        drop(running);
        thread::sleep(TICK);
        engine().increment_epoch();
        running = TICKER.running.lock().expect("no panic while held");
    }
}
