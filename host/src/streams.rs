//! Standard error, for people, and standard output, for results. Neither ends the process when
//! nobody reads it any more.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why results could not be written, the first time that they could not.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints a line on standard error. That it cannot be written is no error: nobody can be told, and
/// what was to be done is done all the same.
pub fn say(line: Arguments) {
    let _ = write_line(&mut io::stderr().lock(), line);
}

/// Prints a line on standard output. That nobody reads it any more (`fnpack list ... | head`) is no
/// error; any other failure is kept for [`lost`].
pub fn print(line: Arguments) {
    if let Err(error) = write_line(&mut io::stdout().lock(), line)
        && is_loss(&error)
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Why a line of standard output could not be written, if one could not.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// In one piece, so that lines of several threads and processes stay whole.
fn write_line(stream: &mut impl Write, line: Arguments) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    stream.flush()
}

fn is_loss(error: &io::Error) -> bool {
    error.kind() != ErrorKind::BrokenPipe
}

/// [`say`], with the arguments of `format!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::streams::say(format_args!($($text)*)) };
}

/// [`print`], with the arguments of `format!`.
macro_rules! out {
    ($($text:tt)*) => { $crate::streams::print(format_args!($($text)*)) };
}

pub(crate) use {out, tell};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_loss() {
        assert!(!is_loss(&io::Error::from(ErrorKind::BrokenPipe)));
        assert!(is_loss(&io::Error::from(ErrorKind::StorageFull)));
    }
}
