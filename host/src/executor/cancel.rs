use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ExecutionError;

/// How often it is looked at.
const BEAT: Duration = Duration::from_millis(50);

/// Whether the user wants everything to end. Copies share one state.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The flag that a signal handler sets.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns when it is time to end.
    pub async fn wait(&self) {
        while !self.is_set() {
            tokio::time::sleep(BEAT).await;
        }
    }

    /// An error if it is time to end.
    pub fn check(&self) -> Result<(), ExecutionError> {
        if self.is_set() { Err(ExecutionError::Cancelled) } else { Ok(()) }
    }
}
