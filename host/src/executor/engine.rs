use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::query_parameters::{CreateImageOptions, PushImageOptions, RemoveImageOptions};
use futures_util::StreamExt;

use super::{Cancel, ExecutionError};

/// An engine that does not answer a short question for so long is taken for dead.
const ANSWER: Duration = Duration::from_secs(20);

/// A Docker engine: conversations with it, and its images.
#[derive(Debug)]
pub struct Engine {
    cancel: Cancel,
    machine: String,
    /// What the engine said of images; none for those that it does not have.
    images: Mutex<BTreeMap<String, Option<Known>>>,
}

/// What an engine said of an image.
#[derive(Clone, Debug)]
struct Known {
    digest: String,
    /// In the engine's words: "amd64", "arm64".
    architecture: Option<String>,
    /// Repositories that have it, each with the digest that it has there: `repository@digest`.
    in_repositories: Vec<String>,
}

impl Engine {
    /// Asks the engine that DOCKER_HOST names, else the one at its usual socket, whether it is
    /// there.
    pub fn connect(cancel: Cancel) -> Result<Self, ExecutionError> {
        let mut engine = Self { cancel, machine: String::new(), images: Mutex::default() };
        engine.machine =
            engine.talk(async |docker| Ok(answer(docker.version()).await?.arch.unwrap_or_default()))?;
        Ok(engine)
    }

    /// Whether to end.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The engine's processor, in the engine's words: "amd64", "arm64".
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// The digest by which the engine knows an image; none when it does not have it.
    pub fn image_digest(&self, image: &str) -> Result<Option<String>, ExecutionError> {
        Ok(self.known(image)?.map(|known| known.digest))
    }

    /// The processor that an image is for, in the engine's words; none where it does not say.
    pub fn image_architecture(&self, image: &str) -> Result<Option<String>, ExecutionError> {
        Ok(self.known(image)?.and_then(|known| known.architecture))
    }

    /// What the engine said of an image, which is asked for once.
    fn known(&self, image: &str) -> Result<Option<Known>, ExecutionError> {
        let mut images = self.images.lock().expect("no panic while held");
        if let Some(known) = images.get(image) {
            return Ok(known.clone());
        }
        let found = self.talk(async |docker| match answer(docker.inspect_image(image)).await {
            Ok(found) => Ok(found.id.map(|digest| Known {
                digest,
                architecture: found.architecture.filter(|architecture| !architecture.is_empty()),
                in_repositories: found.repo_digests.unwrap_or_default(),
            })),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        })?;
        images.insert(image.to_owned(), found.clone());
        Ok(found)
    }

    /// Asks the engine anew when an image is asked for next.
    pub fn forget(&self, image: &str) {
        self.images.lock().expect("no panic while held").remove(image);
    }

    /// How many bytes an image has, unpacked, with its base.
    pub fn image_size(&self, image: &str) -> Result<u64, ExecutionError> {
        let found = self.talk(async |docker| answer(docker.inspect_image(image)).await)?;
        Ok(found.size.unwrap_or_default().max(0) as u64)
    }

    /// The digests under which an image was pushed to the repository of its name or pulled from there:
    /// its own, and those of lists that it was found in.
    pub fn repository_digests(&self, image: &str) -> Result<Vec<String>, ExecutionError> {
        let repository = familiar(repository(image));
        let digests = self.known(image)?.map(|known| known.in_repositories).unwrap_or_default();
        let digests = digests.iter().filter_map(|digest| digest.split_once('@'));
        let of_it = digests.filter(|(name, _)| *name == repository);
        Ok(of_it.map(|(_, digest)| digest.to_owned()).collect())
    }

    /// Has the engine push an image to the registry of its name.
    pub fn push(
        &self,
        image: &str,
        login: Option<DockerCredentials>,
        said: &mut dyn FnMut(&str),
    ) -> Result<(), ExecutionError> {
        let repository = repository(image);
        let tag = image[repository.len()..].strip_prefix(':').map(str::to_owned);
        let options = PushImageOptions { tag, ..Default::default() };
        let pushed = self.talk(async |docker| {
            let mut progress = docker.push_image(repository, Some(options), login);
            loop {
                tokio::select! {
                    step = progress.next() => match step {
                        None => return Ok(true),
                        Some(step) => {
                            let step = step?;
                            if let Some(error) = step.error_detail.and_then(|error| error.message) {
                                return Err(Error::DockerStreamError { error });
                            }
                            step.status.iter().for_each(|status| said(status));
                        }
                    },
                    () = self.cancelled() => return Ok(false),
                }
            }
        })?;
        if pushed { Ok(()) } else { Err(ExecutionError::Cancelled) }
    }

    /// Takes an image's name away, and the image where it was its last.
    pub fn remove_image(&self, image: &str) -> Result<(), ExecutionError> {
        self.forget(image);
        self.talk(async |docker| {
            answer(docker.remove_image(image, None::<RemoveImageOptions>, None)).await.map(|_| ())
        })
    }

    /// Has the engine get an image from its registry; gives the digest by which it knows it then.
    /// `platform`, such as "linux/arm64", is the engine's own where it is none.
    pub fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        login: Option<DockerCredentials>,
        said: &mut dyn FnMut(&str),
    ) -> Result<String, ExecutionError> {
        let tag = (repository(image) == image).then(|| "latest".to_owned());
        let platform = platform.unwrap_or_default().to_owned();
        let options =
            CreateImageOptions { from_image: Some(image.to_owned()), tag, platform, ..Default::default() };
        let pulled = self.talk(async |docker| {
            let mut progress = docker.create_image(Some(options), None, login);
            loop {
                tokio::select! {
                    step = progress.next() => match step {
                        None => return Ok(true),
                        Some(step) => {
                            if let Some(status) = step?.status.filter(|status| status != "Downloading" && status != "Extracting") {
                                said(&status);
                            }
                        }
                    },
                    () = self.cancelled() => return Ok(false),
                }
            }
        })?;
        if !pulled {
            return Err(ExecutionError::Cancelled);
        }
        self.forget(image);
        self.image_digest(image)?
            .ok_or_else(|| ExecutionError::Engine(format!("the engine lost the image {image}")))
    }

    /// Has a conversation with the engine, on a connection of its own.
    pub(crate) fn talk<T>(
        &self,
        conversation: impl AsyncFnOnce(&Docker) -> Result<T, Error>,
    ) -> Result<T, ExecutionError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|source| ExecutionError::Io { action: "start an event loop", source })?;
        runtime.block_on(async {
            let docker = Docker::connect_with_defaults().map_err(engine_error)?;
            conversation(&docker).await.map_err(engine_error)
        })
    }

    /// Returns when the user wants the end.
    pub(crate) async fn cancelled(&self) {
        self.cancel.wait().await;
    }
}

/// A short question's answer, or the error of an engine that gives none.
pub(crate) async fn answer<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(ANSWER, question).await.unwrap_or(Err(Error::RequestTimeoutError))
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let path_at = image.rfind('/').map_or(0, |slash| slash + 1);
    image[path_at..].find(':').map_or(image, |colon| &image[..path_at + colon])
}

/// A repository as engines show it: those of Docker Hub without its name.
fn familiar(repository: &str) -> &str {
    let path = repository.strip_prefix("docker.io/").unwrap_or(repository);
    path.strip_prefix("library/").filter(|_| path.len() < repository.len()).unwrap_or(path)
}

fn engine_error(error: Error) -> ExecutionError {
    let hint = "start Docker, set DOCKER_HOST, or do without: --executor host, and --image-builder direct for images";
    ExecutionError::Engine(match error {
        Error::SocketNotFoundError(path) => {
            format!("no Docker engine answers: there is no socket {path}; {hint}")
        }
        Error::RequestTimeoutError => format!("the Docker engine{} does not answer; {hint}", address()),
        // A proxy in front of the engine, or something that is none, answers without words.
        Error::DockerResponseServerError { message, status_code } if message.trim().is_empty() => {
            format!(
                "the Docker engine{} refuses, with HTTP status {status_code} and no reason: is DOCKER_HOST the \
                 address of an engine? {hint}",
                address()
            )
        }
        Error::DockerResponseServerError { message, .. } => format!("the Docker engine refuses: {message}"),
        Error::DockerStreamError { error } => error,
        other => format!("the Docker engine{} cannot be reached: {}; {hint}", address(), causes(&other)),
    })
}

/// Where the user says that the engine is.
fn address() -> String {
    std::env::var("DOCKER_HOST").map(|address| format!(" at {address}")).unwrap_or_default()
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_words_has_its_status_and_what_to_do() {
        let refusal = |message: &str| {
            let message = message.to_owned();
            engine_error(Error::DockerResponseServerError { status_code: 503, message }).to_string()
        };
        let told = refusal("");
        assert!(told.contains("503") && told.contains("DOCKER_HOST"), "{told}");
        assert_eq!(refusal("no such image"), "the Docker engine refuses: no such image");
    }
}
