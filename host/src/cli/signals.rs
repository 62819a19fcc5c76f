use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use anyhow::{Context as _, Result};

use crate::executor::Cancel;

/// The first signal asks for an orderly end, the second ends at once. Gives where the number of
/// the signal will be; 0 until there is one.
pub fn end_on_signals(cancel: &Cancel) -> Result<Arc<AtomicUsize>> {
    let received = Arc::new(AtomicUsize::new(0));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, cancel.flag())
            .and_then(|_| signal_hook::flag::register_usize(signal, received.clone(), signal as usize))
            .and_then(|_| signal_hook::flag::register(signal, cancel.flag()))
            .context("cannot listen for signals")?;
    }
    Ok(received)
}
