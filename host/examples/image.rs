//! Drives the part of fnpack that makes and moves container images, for its tests: one JSON object on
//! standard input says what to do, one on standard output says what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Scope;
use std::time::Duration;

use fnpack::image::{
    Base, ConfigChanges, Content, DockerLogins, Event, ExplicitLogins, Image, ImageError, Login, NoLogins,
    Platform, Progress, PushOptions, Reference, Registries, RegistrySettings, Repository, Retry, Secret,
    Sha256, assemble, write_layer, write_layout, write_load_archive,
};
use fnpack::store::Store;
use fnpack::tree::{Digest, FileEntry, Name, Node, RelPath, Tree};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    cache: PathBuf,
    #[serde(default)]
    insecure: Vec<String>,
    #[serde(default)]
    addresses: BTreeMap<String, String>,
    ca_bundle: Option<PathBuf>,
    docker_config: Option<PathBuf>,
    #[serde(default)]
    logins: BTreeMap<String, (String, String)>,
    #[serde(default = "idle")]
    idle_ms: u64,
    cancel_after_ms: Option<u64>,
    #[serde(default = "attempts")]
    attempts: u32,
    #[serde(rename = "do")]
    action: Action,
}

fn idle() -> u64 {
    5000
}

fn attempts() -> u32 {
    4
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Build {
        base: String,
        #[serde(default)]
        arm64: bool,
        layers: Vec<LayerWish>,
        #[serde(default)]
        environment: Vec<(String, String)>,
        entry_point: Option<Vec<String>>,
        push: Option<String>,
        #[serde(default)]
        overwrite: bool,
        layout: Option<PathBuf>,
        archive: Option<PathBuf>,
    },
    Verify {
        name: String,
        digest: String,
    },
    Digest {
        name: String,
    },
    Tags {
        repository: String,
    },
    Fetch {
        repository: String,
        digest: String,
        size: u64,
    },
    Upload {
        repository: String,
        file: PathBuf,
    },
    Mount {
        to: String,
        from: String,
        digest: String,
        size: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerWish {
    folder: PathBuf,
    directory: String,
}

/// Remembers what happened, without the bytes in between.
#[derive(Default)]
struct Events(Mutex<Vec<String>>, AtomicBool);

impl Progress for Events {
    fn report(&self, event: Event<'_>) {
        let whole = |blob: &Digest, bytes: u64| bytes == blob.size();
        let line = match event {
            Event::Sent { blob, bytes } if whole(blob, bytes) => format!("sent {}", Sha256::from(*blob)),
            Event::Received { blob, bytes } if whole(blob, bytes) => {
                format!("received {}", Sha256::from(*blob))
            }
            Event::Sent { .. } | Event::Received { .. } => return,
            Event::AlreadyThere { blob } => format!("there {}", Sha256::from(*blob)),
            Event::Mounted { blob } => format!("mounted {}", Sha256::from(*blob)),
            Event::Retrying { reason, wait } => format!("retrying after {} ms: {reason}", wait.as_millis()),
        };
        let mut lines = self.0.lock().expect("no panic while held");
        // A reader is asked once more at its end.
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }

    fn cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

fn main() {
    let wish: Wish = serde_json::from_reader(std::io::stdin()).expect("a wish");
    let events = Events::default();
    let begin = std::time::Instant::now();
    let done = std::thread::scope(|scope| run(wish, &events, scope));
    let mut answer = match done {
        Ok(done) => done,
        Err(error) => json!({ "error": error.to_string(), "debug": format!("{error:?}") }),
    };
    answer["seconds"] = json!(begin.elapsed().as_secs_f64());
    answer["events"] = json!(*events.0.lock().expect("no panic while held"));
    answer["peak_mib"] = json!(peak_mib());
    println!("{answer}");
}

fn run<'s>(wish: Wish, events: &'s Events, scope: &'s Scope<'s, '_>) -> Result<Value, ImageError> {
    let store = Store::open(&wish.cache)?;
    let settings = RegistrySettings {
        insecure: wish.insecure,
        addresses: wish.addresses,
        ca_bundle: wish.ca_bundle,
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_millis(wish.idle_ms),
        retry: Retry { attempts: wish.attempts, first_wait: Duration::from_millis(20), ..Retry::default() },
        ..RegistrySettings::default()
    };
    let mut logins = match &wish.docker_config {
        Some(file) => ExplicitLogins::before(DockerLogins::in_file(file)),
        None => ExplicitLogins::before(NoLogins),
    };
    for (registry, (user, password)) in wish.logins {
        logins = logins.with(&registry, Login::Password { user, password: Secret::new(password) });
    }
    let registries = Arc::new(Registries::new(settings, logins));
    if let Some(wait) = wish.cancel_after_ms {
        let registries = Arc::clone(&registries);
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(wait));
            events.1.store(true, Ordering::Relaxed);
            registries.stop();
        });
    }
    let repository = |text: &str| text.parse::<Repository>();
    let blob = |digest: &str, size| digest.parse::<Sha256>().expect("a digest").sized(size);
    Ok(match wish.action {
        Action::Verify { name, digest } => {
            let digest = digest.parse().expect("a digest");
            json!({ "verified": registries.verify(&name.parse()?, digest, events)? })
        }
        Action::Digest { name } => json!({ "digest": registries.digest_of(&name.parse()?, events)? }),
        Action::Tags { repository: name } => json!({ "tags": registries.tags(&repository(&name)?, events)? }),
        Action::Fetch { repository: name, digest, size } => {
            let blob = blob(&digest, size);
            registries.fetch_blob(&repository(&name)?, &blob, &store, events)?;
            json!({ "path": store.blob_path(&blob) })
        }
        Action::Upload { repository: name, file } => {
            let (name, blob) = (repository(&name)?, store.add_copy(&file)?);
            registries.upload_blob(&name, &blob, Content::Stored(&store), events)?;
            let there = registries.has_blob(&name, &blob, events)?;
            json!({ "digest": Sha256::from(blob), "there": there })
        }
        Action::Mount { to, from, digest, size } => {
            let mounted = registries.mount_blob(
                &repository(&to)?,
                &repository(&from)?,
                &blob(&digest, size),
                events,
            )?;
            json!({ "mounted": mounted })
        }
        Action::Build { base, arm64, layers, environment, entry_point, push, overwrite, layout, archive } => {
            let platform = if arm64 { Platform::Arm64 } else { Platform::Amd64 };
            let base = registries.resolve_base(&base.parse()?, platform, &store, events)?;
            let changes = ConfigChanges { environment, entry_point, ..ConfigChanges::default() };
            let image = image_of(&base, &layers, &changes, &store)?;
            let mut done = json!({
                "digest": image.digest, "base": base.reference.to_string(), "size": image.size(),
                "layers": image.layers.iter().map(|layer| Sha256::from(layer.blob)).collect::<Vec<_>>(),
            });
            let name = push.as_deref().map(str::parse::<Reference>).transpose()?;
            if let Some(file) = archive {
                let names: Vec<Reference> = name.iter().cloned().collect();
                write_load_archive(&registries, &image, &names, &store, &file, events)?;
            } else if let Some(folder) = layout {
                write_layout(&registries, &image, Some("latest"), &store, &folder, events)?;
            } else if let Some(name) = name {
                let pushed = registries.push(&image, &name, &store, PushOptions { overwrite }, events)?;
                done["pushed"] = json!({
                    "reference": pushed.reference.to_string(), "was_there": pushed.was_there,
                    "there": pushed.there,
                    "mounted": pushed.mounted, "uploaded": pushed.uploaded, "bytes": pushed.uploaded_bytes,
                });
            }
            done
        }
    })
}

fn image_of(
    base: &Base,
    layers: &[LayerWish],
    changes: &ConfigChanges,
    store: &Store,
) -> Result<Image, ImageError> {
    let mut made = Vec::new();
    for LayerWish { folder, directory } in layers {
        let tree = tree_of(store, folder)?;
        made.push((write_layer(store, &tree, directory, 2, &|| false)?, "fnpack: a layer"));
    }
    assemble(base, &made, changes)
}

fn tree_of(store: &Store, folder: &Path) -> Result<Tree, ImageError> {
    let mut tree = Tree::empty();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().expect("metadata"));
        let node = if metadata.is_dir() {
            Node::Directory(tree_of(store, &path)?)
        } else if metadata.is_symlink() {
            Node::Symlink(fs::read_link(&path).expect("a link").as_os_str().as_bytes().into())
        } else {
            let executable = metadata.permissions().mode() & 0o100 != 0;
            Node::File(FileEntry { digest: store.add_copy(&path)?, executable })
        };
        let name = Name::new(entry.file_name().as_bytes()).expect("a name");
        tree.insert(&RelPath::root().child(name), node).expect("an entry of the root");
    }
    Ok(tree)
}

/// The most memory that this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
