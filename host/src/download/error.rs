use crate::store::StoreError;

/// Why a file could not be had, or not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// It could not be fetched.
    #[error("cannot download {from}: {reason}")]
    Fetch {
        /// The address, and that of its mirror; without logins.
        from: String,
        /// What went wrong, and what to do.
        reason: String,
    },
    /// What came is something else.
    #[error(
        "{from} has the SHA-256\n  {found}, but config.json wants\n  {wanted}; nothing was kept. If the file \
         was meant to change, put its new digest into config.json; else somebody has replaced it"
    )]
    Digest {
        /// The address, and that of its mirror; without logins.
        from: String,
        /// The digest of what came.
        found: String,
        /// The declared one.
        wanted: String,
    },
    /// The archive holds what is not unpacked.
    #[error("cannot unpack it: the entry `{entry}` {reason}")]
    Entry {
        /// The name of the entry.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive as a whole cannot be unpacked.
    #[error("cannot unpack it: {0}")]
    Archive(String),
    /// The user wants everything to end.
    #[error("interrupted")]
    Cancelled,
    /// The cache.
    #[error(transparent)]
    Store(#[from] StoreError),
}
