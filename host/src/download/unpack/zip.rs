use std::fs::File;
use std::io::{BufReader, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::collector::{Collector, refused};
use crate::download::DownloadError;

/// The kinds of files in a Unix mode.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// The longest target of a link, as Linux has it.
const LONGEST_TARGET: u64 = 4096;

/// Reads the entries of a zip.
pub fn read(file: File, collector: &mut Collector) -> Result<(), DownloadError> {
    let broken = |error: ZipError| DownloadError::Archive(format!("it is a damaged zip: {error}"));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    for index in 0..archive.len() {
        // First as it is: a method that fnpack does not know is an error that names the entry.
        let (name, encrypted) = {
            let entry = archive.by_index_raw(index).map_err(broken)?;
            (entry.name_raw().to_vec(), entry.encrypted())
        };
        let placed = collector.place(&name)?;
        if encrypted {
            return Err(refused(&name, "is encrypted"));
        }
        let mut entry = archive.by_index(index).map_err(|error| refused(&name, &error.to_string()))?;
        let mode = entry.unix_mode().unwrap_or(0);
        match mode & KIND {
            LINK => {
                let mut target = Vec::new();
                let read = (&mut entry).take(LONGEST_TARGET + 1).read_to_end(&mut target);
                read.map_err(|error| refused(&name, &format!("cannot be read: {error}")))?;
                if target.len() as u64 > LONGEST_TARGET {
                    return Err(refused(&name, "is a link with a target longer than 4096 bytes"));
                }
                collector.link(&placed, &target)?;
            }
            DIRECTORY => collector.directory(&placed)?,
            // Archives made elsewhere tell no mode.
            0 | REGULAR if name.ends_with(b"/") => collector.directory(&placed)?,
            0 | REGULAR => collector.file(&placed, mode & 0o100 != 0, &mut entry)?,
            _ => return Err(refused(&name, "is neither a file, a folder nor a link")),
        }
    }
    Ok(())
}
