use std::io::{self, Write};

/// What is written instead of a secret.
const MASK: &str = "****";

/// Passes a program's output on with its secrets blotted out, line by line: a secret that arrives
/// in two pieces is found all the same.
pub struct Masked<'a> {
    secrets: Vec<String>,
    line: Vec<u8>,
    inner: &'a mut (dyn Write + Send),
}

/// A line that never ends is passed on in pieces of this size.
const LONGEST: usize = 64 << 10;

impl<'a> Masked<'a> {
    /// Blots `secrets` out of what is written to `inner`.
    pub fn new(secrets: Vec<String>, inner: &'a mut (dyn Write + Send)) -> Self {
        // What is this short is found in ordinary words.
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= 4).collect();
        Self { secrets, line: Vec::new(), inner }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let hides = |secret: &&String| line.windows(secret.len()).any(|part| part == secret.as_bytes());
        if !self.secrets.iter().any(|secret| hides(&secret)) {
            return self.inner.write_all(&line);
        }
        let mut text = String::from_utf8_lossy(&line).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret, MASK);
        }
        self.inner.write_all(text.as_bytes())
    }
}

impl Write for Masked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.secrets.is_empty() {
            self.inner.write_all(bytes)?;
            return Ok(bytes.len());
        }
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' || self.line.len() >= LONGEST {
                self.pass_on()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.inner.flush()
    }
}

impl Drop for Masked<'_> {
    fn drop(&mut self) {
        // The end of a log that has no end of line.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_also_in_pieces() {
        let mut log = Vec::new();
        let mut masked = Masked::new(vec!["pass:word".into(), "x".into()], &mut log);
        masked.write_all(b"index https://me:pa").unwrap();
        masked.write_all(b"ss:word@index\nthe end").unwrap();
        drop(masked);
        assert_eq!(String::from_utf8(log).unwrap(), "index https://me:****@index\nthe end");
    }
}
