use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;

use super::{Cancel, ExecutionError};

/// An engine that does not answer a short question for so long is taken for dead.
const ANSWER: Duration = Duration::from_secs(20);
/// How often cancellation is looked at.
const BEAT: Duration = Duration::from_millis(50);

/// A Docker engine: conversations with it, and its images.
#[derive(Debug)]
pub struct Engine {
    cancel: Cancel,
    machine: String,
    /// What the engine said of images.
    images: Mutex<BTreeMap<String, Option<String>>>,
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
        let mut images = self.images.lock().expect("no panic while held");
        if let Some(known) = images.get(image) {
            return Ok(known.clone());
        }
        let digest = self.talk(async |docker| match answer(docker.inspect_image(image)).await {
            Ok(found) => Ok(found.id),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        })?;
        images.insert(image.to_owned(), digest.clone());
        Ok(digest)
    }

    /// Asks the engine anew when an image is asked for next.
    pub fn forget(&self, image: &str) {
        self.images.lock().expect("no panic while held").remove(image);
    }

    /// Has the engine get an image from its registry; gives the digest by which it knows it then.
    pub fn pull(&self, image: &str, said: &mut dyn FnMut(&str)) -> Result<String, ExecutionError> {
        let name = image.rsplit('/').next().unwrap_or(image);
        let tag = (!name.contains([':', '@'])).then(|| "latest".to_owned());
        let options = CreateImageOptions { from_image: Some(image.to_owned()), tag, ..Default::default() };
        let pulled = self.talk(async |docker| {
            let mut progress = docker.create_image(Some(options), None, None);
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
        while !self.cancel.is_set() {
            tokio::time::sleep(BEAT).await;
        }
    }
}

/// A short question's answer, or the error of an engine that gives none.
pub(crate) async fn answer<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(ANSWER, question).await.unwrap_or(Err(Error::RequestTimeoutError))
}

fn engine_error(error: Error) -> ExecutionError {
    let hint = "start Docker, set DOCKER_HOST, or build with --executor host";
    ExecutionError::Engine(match error {
        Error::SocketNotFoundError(path) => {
            format!("no Docker engine answers: there is no socket {path}; {hint}")
        }
        Error::RequestTimeoutError => format!("the Docker engine{} does not answer; {hint}", address()),
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
