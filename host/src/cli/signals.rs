use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::executor::Cancel;

/// How often cancellation is looked at.
const LOOK: Duration = Duration::from_millis(50);

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

/// Does some work, and calls `stop` when it is to end early: for what waits on others and looks at
/// nothing meanwhile.
pub fn with_stop<T>(cancel: &Cancel, stop: impl Fn() + Send, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (_done, ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if cancel.is_set() {
                    return stop();
                }
            }
        });
        work()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_stopped_when_it_is_to_end_and_not_waited_for_when_it_is_done() {
        let cancel = Cancel::default();
        assert_eq!(with_stop(&cancel, || panic!("nobody asked for it"), || 1), 1);
        let (stop, stopped) = mpsc::channel();
        with_stop(
            &cancel,
            move || stop.send(()).unwrap(),
            || {
                cancel.flag().store(true, std::sync::atomic::Ordering::Relaxed);
                stopped.recv_timeout(Duration::from_secs(10)).unwrap();
            },
        );
    }
}
