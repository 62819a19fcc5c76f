use std::thread;
use std::time::{Duration, Instant};

use super::{Event, ImageError, Progress, Retry};

/// Between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Counts the attempts at one piece of work.
pub struct Attempts<'a> {
    retry: Retry,
    failed: u32,
    progress: &'a dyn Progress,
}

impl<'a> Attempts<'a> {
    pub fn new(retry: Retry, progress: &'a dyn Progress) -> Self {
        Self { retry, failed: 0, progress }
    }

    /// After a failure: waits, when it may go well the next time, else gives the error back.
    pub fn wait(&mut self, error: ImageError) -> Result<(), ImageError> {
        if self.progress.cancelled() {
            return Err(ImageError::Cancelled);
        }
        self.failed += 1;
        let asked = error.after();
        let too_long = asked.is_some_and(|asked| asked > self.retry.longest_wait);
        if !error.passes() || self.failed >= self.retry.attempts || too_long {
            return Err(error);
        }
        let doubled = self.retry.first_wait.saturating_mul(1 << (self.failed - 1).min(16));
        // Jitter: those that failed together do not come back together.
        let jittered = doubled.min(self.retry.longest_wait).mul_f64(0.5 + fastrand::f64() / 2.0);
        let wait = asked.unwrap_or_default().max(jittered);
        self.progress.report(Event::Retrying { reason: &error.to_string(), wait });
        let end = Instant::now() + wait;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.progress.cancelled() {
                return Err(ImageError::Cancelled);
            }
            thread::sleep(left.min(LOOK));
        }
        Ok(())
    }

    /// Something went well in between, so that later failures count anew.
    pub fn went_on(&mut self) {
        self.failed = 0;
    }

    /// Does the work until it goes well or there is no more hope.
    pub fn run<T>(&mut self, mut work: impl FnMut() -> Result<T, ImageError>) -> Result<T, ImageError> {
        loop {
            match work() {
                Ok(done) => return Ok(done),
                Err(error) => self.wait(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Quiet;

    fn unavailable(after: Option<Duration>) -> ImageError {
        ImageError::Unavailable { what: "x".into(), status: 503, words: String::new(), after }
    }

    fn retry(attempts: u32) -> Retry {
        Retry { attempts, first_wait: Duration::from_millis(4), longest_wait: Duration::from_millis(100) }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let count = |error: fn() -> ImageError| {
            let mut tried = 0;
            let work = || {
                tried += 1;
                Err::<(), _>(error())
            };
            Attempts::new(retry(3), &Quiet).run(work).unwrap_err();
            tried
        };
        assert_eq!(count(|| unavailable(None)), 3);
        assert_eq!(count(|| ImageError::Connection { what: "x".into(), reason: "y".into() }), 3);
        assert_eq!(count(|| ImageError::Forbidden { what: "x".into(), words: "y".into() }), 1);
        assert_eq!(count(|| unavailable(Some(Duration::from_secs(1)))), 1, "asks for too much patience");
    }

    #[test]
    fn the_registrys_wish_is_waited_for() {
        let begin = Instant::now();
        let mut attempts = Attempts::new(retry(2), &Quiet);
        attempts.wait(unavailable(Some(Duration::from_millis(60)))).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn a_wait_ends_when_somebody_asks_to_stop() {
        struct Stop;
        impl Progress for Stop {
            fn report(&self, _: Event<'_>) {}
            fn cancelled(&self) -> bool {
                true
            }
        }
        let error = Attempts::new(retry(2), &Stop).wait(unavailable(None)).unwrap_err();
        assert!(matches!(error, ImageError::Cancelled));
    }
}
