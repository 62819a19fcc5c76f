//! Artifacts that are the same bytes every time: the zip, the directory the lone file and the tar. An
//! archive is streamed from the store, and each blob's deflated form is kept there, so that an
//! archive after an edit is mostly copied, not deflated.

mod blocks;
mod deflated;
mod directory;
mod error;
mod file;
mod ordered;
mod records;
mod tar;
mod zip;

pub use directory::{directory_digest, write_directory};
pub use error::ArchiveError;
pub use file::write_file;
pub use tar::write_tar;
pub use zip::write_zip;
