//! Measurements that need the inside of fnpack; `make bench` runs them and tells what they mean.
//!
//! - `measure zip FOLDER CACHE OUT THREADS`: the seconds of a zip, cold and with deflated forms kept
//! - `measure plugin NAME CACHE`: the seconds of a plugin's load and all its answers

use std::path::Path;
use std::time::Instant;

use fnpack::archive::write_zip;
use fnpack::language::Architecture;
use fnpack::platform::{PluginSources, PluginTarget, Plugins};
use fnpack::store::{Links, Store};
use fnpack::tree::{FileEntry, Node, RelPath, Tree};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["zip", folder, cache, out, threads] => {
            zip(folder, cache, out, threads.parse().expect("a number of threads"))
        }
        ["plugin", name, cache] => plugin(name, cache),
        _ => panic!("unknown measurement: {words:?}"),
    }
}

/// Takes the folder into a cache first, which moves its files.
fn zip(folder: &str, cache: &str, out: &str, threads: usize) {
    let store = Store::open(Path::new(cache)).expect("a cache");
    let tree = store.absorb(Path::new(folder), Links::Keep).expect("a tree");
    let write = || {
        let start = Instant::now();
        let digest = write_zip(&store, &tree, Path::new(out), threads, &|| false).expect("a zip");
        (start.elapsed().as_secs_f64(), digest.size())
    };
    let (cold, bytes) = write();
    let (kept, _) = write();
    println!(
        "{{\"unpacked\": {}, \"bytes\": {bytes}, \"cold\": {cold:.3}, \"kept\": {kept:.3}, \"peak_mib\": {}}}",
        tree.size(),
        peak_mib()
    );
}

/// What a build asks of a plugin; its compiled code and its description are kept from before.
fn plugin(name: &str, cache: &str) {
    let store = Store::open(Path::new(cache)).expect("a cache");
    let target = PluginTarget {
        benchmark: "110.dynamic-html".to_owned(),
        language: "python".to_owned(),
        version: "3.12".to_owned(),
        variant: "default".to_owned(),
        architecture: Architecture::X64,
        deployment: "package".to_owned(),
        modules: vec!["storage".to_owned()],
        native_dependencies: Vec::new(),
        timeout_seconds: 10,
        memory_mib: 128,
        settings: Vec::new(),
    };
    let function = FileEntry { digest: store.write(b"").expect("a blob"), executable: false };
    let at = RelPath::new("function.py").expect("a path");
    let tree = Tree::empty().with(&at, Node::File(function)).expect("a tree");
    let start = Instant::now();
    let plugins = Plugins::discover(&store, &PluginSources::default()).expect("plugins");
    let plugin = plugins.named(name).expect("the plugin");
    plugin.wrappers(&target).expect("wrappers");
    plugin.packages(&target).expect("packages");
    plugin.arrange(&store, &target, &tree).expect("a layout");
    println!("{{\"seconds\": {:.6}}}", start.elapsed().as_secs_f64());
}

/// The most memory that this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
