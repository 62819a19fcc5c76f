//! Artifacts that are the same bytes every time: deflating, and the zip.
