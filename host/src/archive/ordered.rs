//! Work on several threads whose results are wanted in order.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

/// Jobs, and how many of them may be under way.
pub struct Ordered<'j, J> {
    /// What is to be done, in the order of the results.
    pub jobs: &'j [J],
    /// How many threads work.
    pub threads: usize,
    /// How heavy a job is, from its beginning until its result is consumed.
    pub weight: fn(&J) -> u64,
    /// How heavy all jobs under way may be together; a single one may be heavier.
    pub budget: u64,
}

struct Progress<R> {
    next: usize,
    under_way: u64,
    results: HashMap<usize, R>,
    stopped: bool,
}

struct Shared<R> {
    progress: Mutex<Progress<R>>,
    /// A job may have become light enough to begin.
    room: Condvar,
    /// A result is there.
    ready: Condvar,
}

impl<R> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, Progress<R>> {
        self.progress.lock().expect("no panic while held")
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.room.notify_all();
        self.ready.notify_all();
    }
}

/// Stops everybody when its thread panics, who would wait for it forever.
struct StopOnPanic<'s, R>(&'s Shared<R>);

impl<R> Drop for StopOnPanic<'_, R> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

impl<J: Sync> Ordered<'_, J> {
    /// Does the jobs, each thread with a state of its own, and hands the results in order to
    /// `consume`, on the calling thread. Its first error ends everything.
    pub fn run<S, R: Send, E>(
        &self,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &J) -> R + Sync,
        mut consume: impl FnMut(&J, R) -> Result<(), E>,
    ) -> Result<(), E> {
        let progress = Progress { next: 0, under_way: 0, results: HashMap::new(), stopped: false };
        let shared = Shared { progress: Mutex::new(progress), room: Condvar::new(), ready: Condvar::new() };
        thread::scope(|scope| {
            for _ in 0..self.threads.clamp(1, self.jobs.len().max(1)) {
                scope.spawn(|| {
                    let _guard = StopOnPanic(&shared);
                    let mut state = state();
                    while let Some(index) = self.begin(&shared) {
                        let result = work(&mut state, &self.jobs[index]);
                        shared.lock().results.insert(index, result);
                        shared.ready.notify_one();
                    }
                });
            }
            let _guard = StopOnPanic(&shared);
            for (index, job) in self.jobs.iter().enumerate() {
                let waiting =
                    |progress: &mut Progress<R>| !progress.stopped && !progress.results.contains_key(&index);
                let found = shared.ready.wait_while(shared.lock(), waiting);
                // Stopped by a panic, which goes on when the scope ends.
                let Some(result) = found.expect("no panic while held").results.remove(&index) else { break };
                if let Err(error) = consume(job, result) {
                    shared.stop();
                    return Err(error);
                }
                shared.lock().under_way -= (self.weight)(job);
                shared.room.notify_all();
            }
            Ok(())
        })
    }

    /// The next job, once there is room for it; none at the end.
    fn begin<R>(&self, shared: &Shared<R>) -> Option<usize> {
        let waiting = |progress: &mut Progress<R>| {
            let room =
                |job| progress.under_way == 0 || progress.under_way + (self.weight)(job) <= self.budget;
            !progress.stopped && self.jobs.get(progress.next).is_some_and(|job| !room(job))
        };
        let mut progress = shared.room.wait_while(shared.lock(), waiting).expect("no panic while held");
        let job = self.jobs.get(progress.next).filter(|_| !progress.stopped)?;
        progress.under_way += (self.weight)(job);
        progress.next += 1;
        Some(progress.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_the_budget_is_kept() {
        let jobs: Vec<u64> = (0..500).map(|job| job % 7).collect();
        let ordered = Ordered { jobs: &jobs, threads: 4, weight: |job| *job, budget: 10 };
        let under_way = AtomicU64::new(0);
        let mut seen = Vec::new();
        let work = |_: &mut (), job: &u64| {
            assert!(under_way.fetch_add(*job, Ordering::SeqCst) + job <= 10);
            *job
        };
        let consume = |job: &u64, result| {
            seen.push(result);
            under_way.fetch_sub(*job, Ordering::SeqCst);
            Ok::<_, ()>(())
        };
        ordered.run(|| (), work, consume).unwrap();
        assert_eq!(seen, jobs);
    }

    #[test]
    fn an_error_ends_the_work() {
        let jobs = [0; 100];
        let ordered = Ordered { jobs: &jobs, threads: 2, weight: |_| 1, budget: 2 };
        let mut consumed = 0;
        let result = ordered.run(
            || (),
            |_, _| (),
            |_, ()| {
                consumed += 1;
                if consumed == 3 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((result, consumed), (Err("enough"), 3));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_goes_on_and_nobody_waits_for_it() {
        let jobs = [0; 100];
        let ordered = Ordered { jobs: &jobs, threads: 2, weight: |_| 1, budget: 2 };
        let _ = ordered.run(|| (), |_, _| panic!("in a job"), |_, ()| Ok::<_, ()>(()));
    }
}
