use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is done by one at a time for each key, and what is known of it: a lock a key.
#[derive(Debug)]
pub struct Turns<K, T>(Mutex<BTreeMap<K, Arc<Mutex<T>>>>);

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, T: Default> Turns<K, T> {
    /// Runs `work` alone among those with the same key.
    pub fn take<R>(&self, key: K, work: impl FnOnce(&mut T) -> R) -> R {
        // What is kept is whole between any two steps.
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        let mut known = turn.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut known)
    }
}
