use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, ListContainersOptions,
    RemoveContainerOptions, StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt;
use serde::Deserialize;

use super::engine::{Engine, answer};
use super::host::{secrets, steady_variables};
use super::masked::Masked;
use super::{Action, Cancel, Environment, ExecutionError, Executor, Lent};
use crate::store::{Scratch, Store, StoreError};

/// How containers are run, from fnpack.toml.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DockerSettings {
    /// The engine's name of a network, such as "bridge", "host" or "none".
    pub network: String,
    /// Memory that one container may use, in MiB; none for no limit.
    pub memory_mib: Option<u32>,
    /// Processors that one container may use; none for all.
    pub cpus: Option<f64>,
    /// Processes and threads that one container may have at once.
    pub pids: u32,
    /// A file of certificates that programs in containers trust; relative to the settings file.
    pub ca_bundle: Option<PathBuf>,
}

impl Default for DockerSettings {
    fn default() -> Self {
        Self { network: "bridge".to_owned(), memory_mib: None, cpus: None, pids: 4096, ca_bundle: None }
    }
}

/// Where a container sees the action's input; the place that scripts written for SeBS know.
const INPUT: &str = "/mnt/function";
/// Where it sees what it is lent.
const LENT: &str = "/mnt/fnpack";
/// Says of which scratch folder a container is, so that those of a killed fnpack are found.
const LABEL: &str = "fnpack.scratch";

/// Runs programs in containers of a Docker engine, as the user and with as few rights as that
/// needs. Of this machine they see their scratch folder, the download caches and the certificates.
#[derive(Debug)]
pub struct DockerExecutor {
    settings: DockerSettings,
    lent: Lent,
    engine: Engine,
}

impl DockerExecutor {
    /// Asks the engine that DOCKER_HOST names, else the one at its usual socket, whether it is
    /// there. Containers that a killed fnpack left are removed.
    pub fn connect(
        store: &Store,
        settings: &DockerSettings,
        lent: Lent,
        cancel: Cancel,
    ) -> Result<Self, ExecutionError> {
        let engine = Engine::connect(cancel)?;
        engine.talk(async |docker| {
            remove_abandoned(docker, store).await;
            Ok(())
        })?;
        Ok(Self { settings: settings.clone(), lent, engine })
    }

    /// The engine that runs the containers.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn container(&self, action: &Action, scratch: &Scratch) -> Result<ContainerCreateBody, ExecutionError> {
        let Environment::Docker { digest, .. } = &action.environment else {
            return Err(ExecutionError::Engine(format!("{} is no action for a container", action.title)));
        };
        let folder = |name: &str| {
            let folder = scratch.path().join(name);
            fs::create_dir_all(&folder).map(|()| folder.clone()).map_err(StoreError::io("create", &folder))
        };
        fs::create_dir_all(self.lent.downloads()).map_err(StoreError::io("create", self.lent.downloads()))?;
        let mut binds = vec![
            bind(&scratch.path().join("input"), INPUT, "rw")?,
            bind(&folder("home")?, &format!("{LENT}/home"), "rw")?,
            bind(&folder("tmp")?, "/tmp", "rw")?,
            bind(self.lent.downloads(), &format!("{LENT}/downloads"), "rw")?,
        ];
        let certificates = format!("{LENT}/certificates.pem");
        let bundle = self.lent.certificates();
        if let Some(bundle) = bundle {
            binds.push(bind(bundle, &certificates, "ro")?);
        }
        let mut variables = steady_variables();
        variables.insert("HOME".to_owned(), format!("{LENT}/home"));
        variables
            .extend(self.lent.variables(&format!("{LENT}/downloads"), bundle.map(|_| certificates.as_str())));
        for (variable, file) in self.lent.settings_files() {
            let place = format!("{LENT}/{}", variable.to_lowercase());
            binds.push(bind(&file, &place, "ro")?);
            variables.insert(variable.to_owned(), place);
        }
        variables.extend(action.variables.clone());
        variables.extend(
            action.secret_variables.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned())),
        );
        let user = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let (program, arguments) = action.command.split_first().expect("an action has a command");
        let limit = |mib: u32| i64::from(mib) << 20;
        Ok(ContainerCreateBody {
            image: Some(digest.clone()),
            entrypoint: Some(vec![program.clone()]),
            cmd: Some(arguments.to_vec()),
            env: Some(variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: Some(user),
            working_dir: Some(match action.working_directory.to_string() {
                root if root.is_empty() => INPUT.to_owned(),
                below => format!("{INPUT}/{below}"),
            }),
            labels: Some(HashMap::from([(LABEL.to_owned(), scratch.path().display().to_string())])),
            host_config: Some(HostConfig {
                binds: Some(binds),
                network_mode: Some(if action.network {
                    self.settings.network.clone()
                } else {
                    "none".to_owned()
                }),
                memory: self.settings.memory_mib.map(limit),
                memory_swap: self.settings.memory_mib.map(limit),
                nano_cpus: self.settings.cpus.map(|cpus| (cpus * 1e9) as i64),
                pids_limit: Some(self.settings.pids.into()),
                cap_drop: Some(vec!["ALL".to_owned()]),
                security_opt: Some(vec!["no-new-privileges".to_owned()]),
                init: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        })
    }
}

/// How a container came to its end.
enum End {
    Status(i64),
    OutOfMemory,
    TimedOut,
    Cancelled,
    /// The log cannot be written.
    Log(std::io::Error),
}

impl Executor for DockerExecutor {
    fn run(
        &self,
        action: &Action,
        scratch: &Scratch,
        log: &mut (dyn Write + Send),
    ) -> Result<(), ExecutionError> {
        self.engine.cancel().check()?;
        let program = action.program();
        let body = self.container(action, scratch)?;
        let mut log = Masked::new(secrets(action, &self.lent), log);
        let end = self.engine.talk(async |docker| {
            let made = answer(docker.create_container(None::<CreateContainerOptions>, body)).await?;
            let end = self.watch(docker, &made.id, action.time_limit, &mut log).await;
            // Removed whatever happened; where the engine is gone, by the next that finds it.
            let removed = answer(remove(docker, &made.id)).await;
            let end = end?;
            removed.map(|()| end)
        })?;
        match end {
            End::Status(0) => Ok(()),
            End::Status(127) => Err(ExecutionError::Failed { program, status: 127 }),
            End::Status(status) => Err(ExecutionError::Failed { program, status: status as i32 }),
            End::OutOfMemory => Err(ExecutionError::Engine(format!(
                "{program} used up the memory that its container may have; raise `memory-mib` of [docker] in fnpack.toml"
            ))),
            End::TimedOut => Err(ExecutionError::TimedOut { program, seconds: action.time_limit.as_secs() }),
            End::Cancelled => Err(ExecutionError::Cancelled),
            End::Log(source) => Err(ExecutionError::Io { action: "write the log", source }),
        }
    }
}

impl DockerExecutor {
    /// Starts a container and passes its output on until it ends, or has to.
    async fn watch(
        &self,
        docker: &Docker,
        id: &str,
        limit: Duration,
        log: &mut dyn Write,
    ) -> Result<End, Error> {
        let options =
            AttachContainerOptions { stream: true, stdout: true, stderr: true, ..Default::default() };
        let mut output = answer(docker.attach_container(id, Some(options))).await?.output;
        answer(docker.start_container(id, None::<StartContainerOptions>)).await?;
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                piece = output.next() => match piece {
                    None => break,
                    Some(piece) => if let Err(error) = log.write_all(&bytes(piece?)) {
                        return Ok(End::Log(error));
                    },
                },
                () = &mut deadline => return Ok(End::TimedOut),
                () = self.engine.cancelled() => return Ok(End::Cancelled),
            }
        }
        let mut waiting = docker.wait_container(id, None::<WaitContainerOptions>);
        let ended = tokio::select! {
            ended = waiting.next() => ended,
            () = &mut deadline => return Ok(End::TimedOut),
            () = self.engine.cancelled() => return Ok(End::Cancelled),
        };
        let status = match ended {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(error),
            None => return Err(Error::DockerStreamError { error: "the engine broke off".to_owned() }),
        };
        if status != 0 {
            let found = answer(docker.inspect_container(id, None::<InspectContainerOptions>)).await?;
            if found.state.is_some_and(|state| state.oom_killed == Some(true)) {
                return Ok(End::OutOfMemory);
            }
        }
        Ok(End::Status(status))
    }
}

fn bytes(output: LogOutput) -> impl std::ops::Deref<Target = [u8]> {
    output.into_bytes()
}

async fn remove(docker: &Docker, id: &str) -> Result<(), Error> {
    let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
    match docker.remove_container(id, Some(options)).await {
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        other => other,
    }
}

/// Removes the containers of this cache whose fnpack is no more. Best effort: they disturb nobody.
async fn remove_abandoned(docker: &Docker, store: &Store) {
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
    let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
    let Ok(containers) = answer(docker.list_containers(Some(options))).await else { return };
    for container in containers {
        let scratch = container.labels.and_then(|mut labels| labels.remove(LABEL)).map(PathBuf::from);
        let (Some(id), Some(scratch)) = (container.id, scratch) else { continue };
        let name = scratch.strip_prefix(store.root().join("scratch")).ok().and_then(Path::to_str);
        if name.is_some_and(|name| !store.scratch_is_alive(name)) {
            let _ = answer(remove(docker, &id)).await;
        }
    }
}

fn bind(folder: &Path, place: &str, mode: &str) -> Result<String, ExecutionError> {
    match folder.to_str().filter(|path| !path.contains(':')) {
        Some(path) => Ok(format!("{path}:{place}:{mode}")),
        None => Err(ExecutionError::Engine(format!(
            "an engine cannot mount {}: its path holds a colon or is no UTF-8; put the cache elsewhere (FNPACK_CACHE)",
            folder.display()
        ))),
    }
}
