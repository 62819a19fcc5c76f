use std::collections::HashMap;
use std::io::{self, Write};

use bollard::errors::Error;
use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::engine::answer;
use super::{Engine, ExecutionError};

/// How many pieces of a context wait for the engine at most.
const PIECES: usize = 16;
const PIECE: usize = 64 * 1024;

/// An image for the engine to build.
#[derive(Debug)]
pub struct ImageBuild<'a> {
    /// The name that it gets.
    pub tag: &'a str,
    /// As the engine writes it, such as "linux/arm64"; none for its own.
    pub platform: Option<&'a str>,
    /// Labels beside those of the Dockerfile.
    pub labels: HashMap<String, String>,
    /// The network that RUN instructions have, in the engine's words.
    pub network: &'a str,
}

impl Engine {
    /// Has the engine build an image from a context: a tar archive, with a Dockerfile in its root,
    /// that `write` writes while the engine reads. BuildKit builds where the engine has it. `said`
    /// hears what is done. Gives the digest by which the engine knows the image.
    pub fn build<E: Send>(
        &self,
        image: &ImageBuild,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send,
        said: &mut dyn FnMut(&str),
    ) -> Result<String, BuildError<E>> {
        let (sender, receiver) = channel(PIECES);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut pieces = Pieces { sender, piece: Vec::with_capacity(PIECE) };
                write(&mut pieces).map(|()| pieces.flush())
            });
            let built = self.stream(image, receiver, said);
            let written = writer.join().expect("the writer does not panic");
            match (written, built) {
                // An engine that breaks off leaves the writer with an error that tells nothing.
                (Err(error), Ok(_)) => Err(BuildError::Context(error)),
                (Err(error), Err(ExecutionError::Engine(said))) if is_of_context(&said) => {
                    Err(BuildError::Context(error))
                }
                (_, built) => built.map_err(BuildError::Engine),
            }
        })
    }

    fn stream(
        &self,
        image: &ImageBuild,
        context: Receiver<Bytes>,
        said: &mut dyn FnMut(&str),
    ) -> Result<String, ExecutionError> {
        let finished = self.talk(async |docker| {
            let buildkit = has_buildkit(&answer(docker.version()).await?);
            let options = BuildImageOptions {
                dockerfile: "Dockerfile".to_owned(),
                t: Some(image.tag.to_owned()),
                rm: true,
                forcerm: true,
                labels: (!image.labels.is_empty()).then(|| image.labels.clone()),
                // BuildKit's word for the engine's own network.
                networkmode: Some(match image.network {
                    "bridge" if buildkit => "default".to_owned(),
                    network => network.to_owned(),
                }),
                platform: image.platform.unwrap_or_default().to_owned(),
                buildargs: Some(proxies()),
                version: if buildkit { BuilderVersion::BuilderBuildKit } else { BuilderVersion::BuilderV1 },
                // BuildKit needs one, of its own for each build.
                session: buildkit.then(|| format!("fnpack-{}-{}", std::process::id(), unique())),
                ..Default::default()
            };
            let pieces = futures_util::stream::unfold(context, |mut context| async {
                context.recv().await.map(|piece| (piece, context))
            });
            let mut steps = docker.build_image(options, None, Some(bollard::body_stream(pieces)));
            let (mut tail, mut words) = (Tail::default(), Said::default());
            loop {
                tokio::select! {
                    step = steps.next() => match step {
                        None => return Ok(true),
                        Some(Ok(step)) => words.lines(step, &mut |line| { tail.add(line); said(line) }),
                        Some(Err(error)) => return Err(tail.before(error)),
                    },
                    () = self.cancelled() => return Ok(false),
                }
            }
        })?;
        if !finished {
            return Err(ExecutionError::Cancelled);
        }
        self.forget(image.tag);
        self.image_digest(image.tag)?
            .ok_or_else(|| ExecutionError::Engine(format!("the engine lost the image {}", image.tag)))
    }
}

/// Why an image was not built.
#[derive(Debug)]
pub enum BuildError<E> {
    /// Its context could not be written.
    Context(E),
    /// The engine failed, or a step of the build.
    Engine(ExecutionError),
}

/// The last lines that a build printed: the cause, where a step failed.
#[derive(Default)]
struct Tail(std::collections::VecDeque<String>);

impl Tail {
    const LINES: usize = 20;

    fn add(&mut self, line: &str) {
        if self.0.len() == Self::LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    fn before(self, error: Error) -> Error {
        match error {
            Error::DockerStreamError { error } if !self.0.is_empty() => {
                let tail: Vec<String> = self.0.into();
                Error::DockerStreamError { error: format!("{error}\n{}", tail.join("\n")) }
            }
            other => other,
        }
    }
}

/// What the steps of either builder say, in whole lines.
#[derive(Default)]
struct Said {
    /// What a step of BuildKit's, by its digest, has begun to say.
    begun: HashMap<String, String>,
}

impl Said {
    fn lines(&mut self, step: BuildInfo, said: &mut dyn FnMut(&str)) {
        let mut each = |text: &str| {
            text.lines().map(str::trim_end).filter(|line| !line.is_empty()).for_each(&mut *said);
        };
        each(&step.stream.unwrap_or_default());
        let Some(BuildInfoAux::BuildKit(status)) = step.aux else { return };
        for log in &status.logs {
            let begun = self.begun.entry(log.vertex.clone()).or_default();
            begun.push_str(&String::from_utf8_lossy(&log.msg));
            if let Some(end) = begun.rfind('\n') {
                let rest = begun.split_off(end + 1);
                each(&std::mem::replace(begun, rest));
            }
        }
        for vertex in &status.vertexes {
            match (&vertex.started, &vertex.completed) {
                (Some(_), None) => each(&vertex.name),
                (_, Some(_)) => each(&self.begun.remove(&vertex.digest).unwrap_or_default()),
                _ => {}
            }
        }
    }
}

/// Docker's engine has BuildKit since API 1.39; others that speak the API have not.
fn has_buildkit(version: &bollard::models::SystemVersion) -> bool {
    let docker = version.components.iter().flatten().any(|component| component.name == "Engine");
    let api = version.api_version.as_deref().and_then(|api| api.split_once('.'));
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    docker && api.is_some_and(|(major, minor)| (number(major), number(minor)) >= (1, 39))
}

/// The proxies of this machine, which builders take as arguments without being told of them.
fn proxies() -> HashMap<String, String> {
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
    names.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whether an engine's error is that a context broke off.
fn is_of_context(said: &str) -> bool {
    ["unexpected EOF", "archive/tar", "invalid tar"].iter().any(|words| said.contains(words))
}

/// Passes what is written on in pieces.
struct Pieces {
    sender: Sender<Bytes>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the engine broke off");
        self.sender.blocking_send(piece.into()).map_err(gone)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}
