use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tree::Digest;

/// The actions that a command with `--force` has run anew: each is, once, however many targets need it.
#[derive(Debug, Default)]
pub struct Forced(Mutex<BTreeMap<Digest, Arc<Mutex<bool>>>>);

impl Forced {
    /// Has `run` give an action's result, anew if it has not been in this command; those that need it
    /// meanwhile wait.
    pub fn once<T, E>(&self, action: Digest, run: impl FnOnce(bool) -> Result<T, E>) -> Result<T, E> {
        // What is kept is whole between any two steps.
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(action).or_default().clone();
        let mut is_done = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(!*is_done)?;
        *is_done = true;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_run_anew_until_it_has_gone_well_once() {
        let (forced, action) = (Forced::default(), Digest::of(b"action"));
        let told = |anew: bool| if anew { Ok::<_, ()>("anew") } else { Ok("found") };
        assert_eq!(forced.once(action, |_| Err::<(), _>("failed")), Err("failed"));
        assert_eq!(forced.once(action, told), Ok("anew"));
        assert_eq!(forced.once(action, told), Ok("found"));
        assert_eq!(forced.once(Digest::of(b"other"), told), Ok("anew"));
    }
}
