use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Colour, Display, coloured};
use crate::pipeline::Progress;
use crate::streams::tell;
use crate::target::Target;

/// A bar for all targets, and a moving line for each that is being built.
#[derive(Debug)]
pub struct Terminal {
    bars: MultiProgress,
    all: ProgressBar,
    targets: Mutex<HashMap<Target, ProgressBar>>,
}

impl Terminal {
    /// For so many targets.
    pub fn new(targets: usize) -> Self {
        let bars = MultiProgress::new();
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} targets  {elapsed}").expect("a constant");
        let all = bars.add(ProgressBar::new(targets as u64).with_style(style));
        Self { bars, all, targets: Mutex::default() }
    }

    fn bar(&self, target: &Target) -> ProgressBar {
        let mut targets = self.targets.lock().expect("no panic while held");
        let new = || {
            let style = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}").expect("a constant");
            let bar = self.bars.insert_before(&self.all, ProgressBar::new_spinner().with_style(style));
            bar.set_prefix(target.to_string());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        targets.entry(target.clone()).or_insert_with(new).clone()
    }
}

impl Progress for Terminal {
    fn step(&self, target: &Target, step: &str) {
        self.bar(target).set_message(step.to_owned());
    }

    fn warn(&self, target: &Target, text: &str) {
        self.say(&format!("{} {target}: {text}", coloured("warning:", Colour::Yellow)));
    }

    fn note(&self, target: &Target, text: &str) {
        self.say(&format!("{target}: {text}"));
    }

    fn output(&self, target: &Target, line: &str) {
        self.bar(target).set_message(line.to_owned());
    }
}

impl Display for Terminal {
    fn done(&self, target: &Target, line: &str) {
        if let Some(bar) = self.targets.lock().expect("no panic while held").remove(target) {
            bar.finish_and_clear();
        }
        self.say(line);
        self.all.inc(1);
    }

    fn say(&self, text: &str) {
        self.bars.suspend(|| tell!("{text}"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.all.finish_and_clear();
    }
}
