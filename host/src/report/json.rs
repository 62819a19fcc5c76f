use serde::Serialize;

use crate::pipeline::Outcome;
use crate::target::Target;

/// The line for one target that `--format json` prints. Its fields are a contract.
#[derive(Debug, Serialize)]
pub struct JsonLine {
    benchmark: String,
    platform: Option<String>,
    language: Option<String>,
    version: Option<String>,
    variant: Option<String>,
    architecture: Option<String>,
    deployment: Option<String>,
    status: &'static str,
    archive: Option<Archive>,
    image: Option<Image>,
    seconds: f64,
    reasons: Vec<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Archive {
    path: String,
    bytes: u64,
    unpacked_bytes: u64,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct Image {
    name: String,
    digest: String,
}

impl JsonLine {
    fn of(target: &Target, status: &'static str, seconds: f64) -> Self {
        Self {
            benchmark: target.benchmark.clone(),
            platform: Some(target.platform.clone()),
            language: Some(target.language.name().to_owned()),
            version: Some(target.version.clone()),
            variant: Some(target.variant.clone()),
            architecture: Some(target.architecture.name().to_owned()),
            deployment: Some(target.deployment.clone()),
            status,
            archive: None,
            image: None,
            // Microseconds are noise.
            seconds: (seconds * 10_000.0).round() / 10_000.0,
            reasons: Vec::new(),
            error: None,
        }
    }

    /// For a target that was built, or found.
    pub fn finished(target: &Target, outcome: &Outcome) -> Self {
        let status = if outcome.cached { "cached" } else { "built" };
        let archive = outcome.artifact.archive.as_ref().map(|archive| Archive {
            path: archive.path.to_string_lossy().into_owned(),
            bytes: archive.archive.digest.size(),
            unpacked_bytes: archive.archive.unpacked_bytes,
            sha256: archive.archive.digest.hex(),
        });
        let image = outcome.artifact.image.as_ref();
        let image = image.map(|image| Image { name: image.name.clone(), digest: image.digest.clone() });
        Self {
            archive,
            image,
            reasons: outcome.reasons.clone(),
            ..Self::of(target, status, outcome.time.as_secs_f64())
        }
    }

    /// For a target whose build failed.
    pub fn failed(target: &Target, error: &str, seconds: f64) -> Self {
        Self { error: Some(error.to_owned()), ..Self::of(target, "failed", seconds) }
    }

    /// For a benchmark that has no targets: it cannot be read, or the platform does not take it.
    pub fn refused(benchmark: &str, platform: Option<&str>, error: &str) -> Self {
        Self {
            benchmark: benchmark.to_owned(),
            platform: platform.map(str::to_owned),
            language: None,
            version: None,
            variant: None,
            architecture: None,
            deployment: None,
            status: "failed",
            archive: None,
            image: None,
            seconds: 0.0,
            reasons: Vec::new(),
            error: Some(error.to_owned()),
        }
    }

    /// The line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}
