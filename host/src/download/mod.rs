//! Files by their SHA-256: fetched once, from where they are or from a mirror, checked, kept in the
//! store, and unpacked there. Nothing here knows benchmarks or targets.

mod address;
mod error;
mod fetch;
mod http;
mod proxy;
mod transfer;
mod unpack;

pub use address::check_mirror;
pub use error::DownloadError;
pub use fetch::{Fetcher, file_is_kept};
pub use unpack::{Unpacking, unpacked_is_kept};
