use super::turns::Turns;
use crate::tree::Digest;

/// The actions that a command with `--force` has run anew: each is, once, however many targets need it.
#[derive(Debug, Default)]
pub struct Forced(Turns<Digest, bool>);

impl Forced {
    /// Has `run` give an action's result, anew if it has not been in this command; those that need it
    /// meanwhile wait.
    pub fn once<T, E>(&self, action: Digest, run: impl FnOnce(bool) -> Result<T, E>) -> Result<T, E> {
        self.0.take(action, |is_done| {
            let result = run(!*is_done)?;
            *is_done = true;
            Ok(result)
        })
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
