use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What a plugin may use in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take to answer.
    pub deadline: Duration,
    /// Bytes of all its memories together.
    pub memory: usize,
    /// Bytes that it may hand over in one call, either way.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10), memory: 256 << 20, answer: 64 << 20 }
    }
}

/// Bytes of a component; a larger one is not even read.
pub const MAX_COMPONENT: u64 = 64 << 20;
/// Files, edits or other things in one list of an answer.
pub const MAX_ITEMS: usize = 10_000;
/// Bytes of a line of text, such as a message or a name.
pub const MAX_TEXT: usize = 4096;
/// Lines that one call may log.
pub const MAX_LOG_LINES: usize = 10_000;
/// Bytes of a file of the tree that a plugin may read at once; told in the contract.
pub const MAX_READ: u64 = 1 << 20;
/// Streams, timers and other things of the host that a call may hold at once.
pub const MAX_HANDLES: usize = 10_000;
/// Bytes of random numbers that a plugin may ask for at once.
pub const MAX_RANDOM: u64 = 1 << 20;

const MAX_TABLE_ELEMENTS: usize = 1 << 20;
const MAX_INSTANCES: usize = 200;
const MAX_MEMORIES: usize = 50;
const MAX_TABLES: usize = 200;

/// A limit that a plugin ran into.
#[derive(Debug, thiserror::Error)]
pub enum Exceeded {
    /// So many bytes of memory.
    #[error("more than {0} bytes of memory")]
    Memory(usize),
    /// So much time.
    #[error("more than {0:?}")]
    Deadline(Duration),
    /// What it did, in words that follow "it".
    #[error("it {0}")]
    Other(String),
}

/// Sums what all memories and tables of a call take; wasmtime's own limiter looks at each alone.
#[derive(Debug)]
pub struct Limiter {
    allowed: usize,
    memory: usize,
    elements: usize,
}

impl Limiter {
    /// For a call that may use so many bytes of memory.
    pub fn new(allowed: usize) -> Self {
        Self { allowed, memory: 0, elements: 0 }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory = self.memory.saturating_add(desired.saturating_sub(current));
        if self.memory > self.allowed {
            return Err(wasmtime::Error::new(Exceeded::Memory(self.allowed)));
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.elements = self.elements.saturating_add(desired.saturating_sub(current));
        if self.elements > MAX_TABLE_ELEMENTS {
            let what = format!("wanted tables of more than {MAX_TABLE_ELEMENTS} elements");
            return Err(wasmtime::Error::new(Exceeded::Other(what)));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).is_err());
    }
}
