use std::time::Duration;

use crate::tree::Digest;

/// What happens to an image on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// So many bytes of a blob have been sent. It may be fewer than before, when an upload begins
    /// again.
    Sent {
        /// The blob.
        blob: &'e Digest,
        /// How many of its bytes.
        bytes: u64,
    },
    /// So many bytes of a blob have been received.
    Received {
        /// The blob.
        blob: &'e Digest,
        /// How many of its bytes.
        bytes: u64,
    },
    /// A blob need not be sent: the repository has it.
    AlreadyThere {
        /// The blob.
        blob: &'e Digest,
    },
    /// A blob need not be sent: the registry had it in another repository.
    Mounted {
        /// The blob.
        blob: &'e Digest,
    },
    /// Something failed and is tried again after a wait.
    Retrying {
        /// What failed, and why.
        reason: &'e str,
        /// How long the wait is.
        wait: Duration,
    },
}

/// Hears of events, on any thread, and may ask to stop.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn report(&self, event: Event<'_>);

    /// Whether to stop soon.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn report(&self, _: Event<'_>) {}
}
