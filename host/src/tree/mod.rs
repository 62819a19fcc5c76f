//! Content-addressed directories, as the [Remote Execution API] defines them: digests, paths that
//! cannot leave their tree, trees and the edits of them. Everything here is metadata in memory; it
//! knows neither files nor the store.
//!
//! [Remote Execution API]: https://github.com/bazelbuild/remote-apis

mod digest;
mod edit;
mod links;
pub mod message;
mod path;
mod reach;
mod sorted;

pub(crate) use digest::parse_hex;
pub use digest::{Digest, Hasher};
pub use edit::EditError;
pub use links::LinkError;
pub use path::{Name, PathError, RelPath, shortened};
pub use sorted::{Directory, FileEntry, Node, Tree, TreeError};
