//! What a user is told: progress while targets are built, a line for each result, errors with
//! their causes. People's words go to standard error, machines' to standard output.

mod error;
mod json;
mod lines;
mod terminal;

use std::io::IsTerminal;

pub use error::{cause_with_output, chain};
pub use json::JsonLine;
pub use lines::Lines;
pub use terminal::Terminal;

use crate::pipeline::Progress;
use crate::target::Target;

pub use crate::pipeline::size;

/// Shows how builds go.
pub trait Display: Progress {
    /// A target is done; `line` says how it ended.
    fn done(&self, target: &Target, line: &str);
    /// Something to say that belongs to no target.
    fn say(&self, text: &str);
}

/// The display for standard error as it is: moving where that is a terminal, lines elsewhere.
pub fn display(targets: usize) -> Box<dyn Display> {
    let plain_terminal = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !plain_terminal {
        Box::new(Terminal::new(targets))
    } else {
        Box::new(Lines)
    }
}

/// Text in a colour where standard error is a terminal and NO_COLOR (<https://no-color.org>) is not
/// set.
pub fn coloured(text: &str, colour: Colour) -> String {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && std::io::stderr().is_terminal() {
        format!("\x1b[{}m{text}\x1b[0m", colour as u8)
    } else {
        text.to_owned()
    }
}

/// The colours that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It failed.
    Red = 31,
    /// It was made.
    Green = 32,
    /// Take note.
    Yellow = 33,
    /// Nothing had to be done.
    Blue = 34,
}
