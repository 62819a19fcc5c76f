use std::io::{self, Read};

use tar::{Archive, EntryType};

use super::Limits;
use super::collector::{Collector, refused};
use crate::download::DownloadError;

/// Reads the entries of a tar.
pub fn read(reader: impl Read, collector: &mut Collector) -> Result<(), DownloadError> {
    let broken = |error: io::Error| match error.downcast::<TooLong>() {
        Ok(long) => DownloadError::Archive(long.to_string()),
        Err(error) => DownloadError::Archive(format!("it is no tar, or a damaged one: {error}")),
    };
    let limits = collector.limits();
    let mut archive = Archive::new(Capped { reader, left: limits.bytes.saturating_mul(2), limits });
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let name = entry.path_bytes().into_owned();
        let placed = collector.place(&name)?;
        let target = entry.link_name_bytes().map(|target| target.into_owned());
        let target = || target.clone().ok_or_else(|| refused(&name, "is a link to nothing"));
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let executable = entry.header().mode().map_err(broken)? & 0o100 != 0;
                // The oldest tars have no other mark of a folder.
                match name.ends_with(b"/") && entry.size() == 0 {
                    true => collector.directory(&placed)?,
                    false => collector.file(&placed, executable, &mut entry)?,
                }
            }
            EntryType::Directory => collector.directory(&placed)?,
            EntryType::Symlink => collector.link(&placed, &target()?)?,
            EntryType::Link => {
                let target = collector.place(&target()?)?;
                collector.hard_link(&placed, &target)?;
            }
            EntryType::Char | EntryType::Block => return Err(refused(&name, "is a device file")),
            EntryType::Fifo => return Err(refused(&name, "is a pipe")),
            other => {
                let reason =
                    format!("is neither a file, a folder nor a link (type {:?})", other.as_byte() as char);
                return Err(refused(&name, &reason));
            }
        }
    }
    Ok(())
}

/// Ends what decompresses without end, also in what is not taken.
struct Capped<R> {
    reader: R,
    left: u64,
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
#[error("it decompresses to far more than {0}")]
struct TooLong(String);

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooLong(self.limits.shown()))),
        }
        Ok(read)
    }
}
