use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::http::{self, Request};

/// Why an attempt failed.
#[derive(Clone, Debug)]
pub struct Fault {
    pub text: String,
    /// Whether it may go well the next time.
    pub passes: bool,
    /// The wait that the server asks for.
    pub after: Option<Duration>,
}

impl Fault {
    /// One that would come again.
    pub fn lasting(text: String) -> Self {
        Self { text, passes: false, after: None }
    }

    fn passing(text: String) -> Self {
        Self { text, passes: true, after: None }
    }
}

/// What arrives of a file.
pub enum Piece {
    /// It begins at this byte; the whole file has so many.
    Begin {
        at: u64,
        whole: Option<u64>,
    },
    Bytes(Vec<u8>),
    End,
}

/// What is to be read.
pub enum Source {
    Http(Request),
    File(PathBuf),
}

const CHUNK: usize = 256 * 1024;

/// Reads a source in a thread of its own, so that who waits for the pieces can stop at any time.
pub fn run(source: &Source, pieces: &SyncSender<Result<Piece, Fault>>) {
    // Sending fails when nobody waits any more.
    if let Err(fault) = read(source, pieces) {
        let _ = pieces.send(Err(fault));
    }
}

fn read(source: &Source, pieces: &SyncSender<Result<Piece, Fault>>) -> Result<(), Fault> {
    let request = match source {
        Source::Http(request) => request,
        Source::File(path) => {
            let cannot =
                |error: io::Error| Fault::lasting(format!("cannot read {}: {error}", path.display()));
            let mut file = File::open(path).map_err(cannot)?;
            let whole = file.metadata().map(|found| found.len()).ok();
            return pass_on(&mut file, 0, whole, pieces).map_err(|fault| Fault { passes: false, ..fault });
        }
    };
    let answer = http::get(request)?;
    let length = http::header(&answer, "content-length").and_then(|length| length.parse::<u64>().ok());
    let at = match answer.status().as_u16() {
        206 => {
            let range = http::header(&answer, "content-range").and_then(first_byte);
            // Without a range that fits the pieces could not be put together.
            range
                .filter(|at| *at == request.from)
                .ok_or_else(|| Fault::passing("it sends another part".into()))?
        }
        _ => 0,
    };
    let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
    pass_on(&mut body, at, length.map(|length| at + length), pieces)
}

fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

fn pass_on(
    reader: &mut dyn Read,
    at: u64,
    whole: Option<u64>,
    pieces: &SyncSender<Result<Piece, Fault>>,
) -> Result<(), Fault> {
    let mut position = at;
    let mut piece = Piece::Begin { at, whole };
    loop {
        if pieces.send(Ok(piece)).is_err() {
            return Ok(());
        }
        let mut bytes = vec![0; CHUNK];
        match reader.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => bytes.truncate(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => bytes.clear(),
            Err(error) => return Err(Fault::passing(format!("the connection broke off ({error})"))),
        }
        position += bytes.len() as u64;
        piece = Piece::Bytes(bytes);
    }
    if let Some(whole) = whole.filter(|whole| *whole != position) {
        return Err(Fault::passing(format!("the connection broke off after {position} of {whole} bytes")));
    }
    let _ = pieces.send(Ok(Piece::End));
    Ok(())
}
