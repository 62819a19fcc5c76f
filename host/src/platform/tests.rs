//! Plugins written by hand, each of which does one thing: what becomes of it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::limits::Limits;
use super::*;
use crate::language::Architecture;
use crate::store::Store;
use crate::tree::{FileEntry, Name, Node, RelPath, Tree};

/// A plugin of the platform `test`. `describe` and `wrappers` are instructions to run in these
/// functions before they answer; memory has zeros but for what is described.
fn component(describe: &str, wrappers: &str, memory: usize) -> Vec<u8> {
    // The description at 64: name, title, deployments, supports, settings, each a place and a
    // length. The deployment at 128: name, two booleans, limits.
    let text = format!(
        r#"(module
          (memory (export "memory") {memory})
          (data (i32.const 16) "test")
          (data (i32.const 32) "package")
          (data (i32.const 64) "\10\00\00\00\04\00\00\00\10\00\00\00\04\00\00\00\80\00\00\00\01\00\00\00")
          (data (i32.const 128) "\20\00\00\00\07\00\00\00\00\01")
          (func $deeper (param i32) (result i32) (call $deeper (call $deeper (local.get 0))))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
          (func (export "fnpack:plugin/platform@0.1.0#describe") (result i32) {describe} (i32.const 64))
          (func (export "fnpack:plugin/platform@0.1.0#wrappers") (param i32) (result i32)
            {wrappers} (i32.const 256))
          (func (export "fnpack:plugin/platform@0.1.0#packages") (param i32) (result i32) unreachable)
          (func (export "fnpack:plugin/platform@0.1.0#build-recipe") (param i32) (result i32) unreachable)
          (func (export "fnpack:plugin/platform@0.1.0#arrange") (param i32) (result i32) unreachable)
          (func (export "fnpack:plugin/platform@0.1.0#plan-image") (param i32) (result i32) unreachable)
          (func (export "fnpack:plugin/platform@0.1.0#name-image") (param i32) (result i32) unreachable))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir("../wit/0.1").unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A cache, and folders for plugins.
struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        Self { folder, store }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn open(&self, component: &[u8], limits: Limits) -> Result<Plugin, PluginError> {
        Plugin::open_file_within(&self.store, &self.file("test.wasm", component), limits)
    }
}

fn small() -> Limits {
    Limits { deadline: Duration::from_millis(100), memory: 4 << 20, answer: 1 << 20 }
}

fn target() -> PluginTarget {
    PluginTarget {
        benchmark: "110.dynamic-html".to_owned(),
        language: "python".to_owned(),
        version: "3.12".to_owned(),
        variant: "default".to_owned(),
        architecture: Architecture::X64,
        deployment: "package".to_owned(),
        modules: Vec::new(),
        native_dependencies: Vec::new(),
        timeout_seconds: 10,
        memory_mib: 128,
        settings: Vec::new(),
    }
}

#[test]
fn whatever_a_plugin_does_is_contained_and_named() {
    let hoard = "(loop (drop (memory.grow (i32.const 8))) (br 0))";
    // The length of the list of files.
    let huge = "(i32.store (i32.const 260) (i32.const 4096)) (i32.store (i32.const 264) (i32.const 100000))";
    let outside = "(i32.store (i32.const 260) (i32.const -8)) (i32.store (i32.const 264) (i32.const 1))";
    for (wrappers, words) in [
        ("(loop (br 0))", "ran out of time: it did not answer within 0.1 s"),
        (hoard, "more than the 4 MiB of memory"),
        ("unreachable", "trap in WebAssembly: wasm `unreachable` instruction executed"),
        ("(drop (call $deeper (i32.const 1)))", "call stack exhausted"),
        (huge, "handed over more than 1 MiB"),
        (outside, "crashed"),
    ] {
        let place = Place::new();
        let plugin = place.open(&component("", wrappers, 60), small()).unwrap();
        let began = Instant::now();
        let error = plugin.wrappers(&target()).unwrap_err().to_string();
        assert!(began.elapsed() < Duration::from_secs(5), "{wrappers}");
        for word in ["test (", "test.wasm)", "`wrappers`", words] {
            assert!(error.contains(word), "{word} in {error}");
        }
    }
}

#[test]
fn too_much_memory_from_the_start_is_refused_as_well() {
    let error = Place::new().open(&component("", "", 100), small()).unwrap_err().to_string();
    assert!(error.contains("`describe`") && error.contains("4 MiB of memory"), "{error}");
}

#[test]
fn a_description_that_cannot_be_used_names_the_file() {
    let no_name = "(i32.store (i32.const 68) (i32.const 0))";
    let error = Place::new().open(&component(no_name, "", 1), small()).unwrap_err().to_string();
    assert!(error.contains("test.wasm") && error.contains("its name is ``"), "{error}");
}

#[test]
fn a_plugin_that_was_seen_is_neither_loaded_nor_read_before_a_call() {
    let place = Place::new();
    let path = place.file("test.wasm", &component("", "", 1));
    // Until a file is left alone for a while its times do not tell whether it changed.
    std::thread::sleep(Duration::from_millis(80));
    let plugin = Plugin::open_file(&place.store, &path).unwrap();
    assert_eq!(plugin.description().deployments[0].name, "package");
    let compiled = place.store.compiled_plugins();
    fs::remove_dir_all(&compiled).unwrap();

    let began = Instant::now();
    let plugin = Plugin::open_file(&place.store, &path).unwrap();
    let opened = began.elapsed();
    assert!(!compiled.exists() && opened < Duration::from_millis(20), "{opened:?}");
    assert_eq!(plugin.description().name, "test");
    assert_eq!(plugin.wrappers(&target()).unwrap(), []);
    assert!(compiled.exists());

    // Other bytes are another plugin.
    fs::write(&path, component("", "unreachable", 1)).unwrap();
    assert!(Plugin::open_file(&place.store, &path).unwrap().wrappers(&target()).is_err());
}

#[test]
fn a_plugin_is_called_from_many_threads() {
    let place = Place::new();
    let plugin = place.open(&component("", "", 1), Limits::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(plugin.wrappers(&target()).is_ok()));
        }
    });
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::new();
    let missing = Plugin::open_file(&place.store, &place.folder.path().join("missing.wasm")).unwrap_err();
    assert!(missing.to_string().contains("missing.wasm"), "{missing}");
    let large = place.file("large.wasm", b"\0asm");
    fs::File::options().write(true).open(&large).unwrap().set_len(400 << 20).unwrap();
    let large = Plugin::open_file(&place.store, &large).unwrap_err().to_string();
    assert!(large.contains("large.wasm") && large.contains("64 MiB"), "{large}");
}

#[test]
fn two_plugins_of_one_name_are_an_error_unless_a_setting_says_which() {
    let place = Place::new();
    let one = place.file("one.wasm", &component("", "", 1));
    let two = place.file("two.wasm", &component("", "unreachable", 1));
    let mut sources = PluginSources { files: vec![one.clone(), two.clone()], ..PluginSources::default() };
    let error = Plugins::discover(&place.store, &sources).unwrap_err().to_string();
    assert!(["test", "one.wasm", "two.wasm", "replace"].iter().all(|word| error.contains(word)), "{error}");

    sources.replace.insert("test".to_owned(), two.clone());
    let plugins = Plugins::discover(&place.store, &sources).unwrap();
    assert_eq!(plugins.named("test").unwrap().source(), &PluginSource::File(two.clone()));

    sources.replace.insert("other".to_owned(), two);
    let error = Plugins::discover(&place.store, &sources).unwrap_err().to_string();
    assert!(error.contains("`test`, not `other`"), "{error}");

    // The same component in two places is one plugin.
    let copy = place.file("copy.wasm", &fs::read(&one).unwrap());
    let sources = PluginSources { files: vec![one, copy], ..PluginSources::default() };
    assert!(Plugins::discover(&place.store, &sources).is_ok());
}

#[test]
fn a_broken_file_of_a_folder_is_told_when_it_might_have_served() {
    let place = Place::new();
    place.file("folder/a.wasm", &component("", "", 1));
    place.file("folder/broken.wasm", b"hello");
    place.file("folder/readme.txt", b"hello");
    let folder = place.folder.path().join("folder");
    let nothing = place.folder.path().join("nothing");
    let sources = PluginSources { search_path: vec![nothing, folder.clone()], ..PluginSources::default() };
    let plugins = Plugins::discover(&place.store, &sources).unwrap();
    assert_eq!(plugins.warnings().len(), 1);
    assert_eq!(plugins.selected(&["test".to_owned()]).unwrap().len(), 1);
    let unknown = plugins.selected(&["broken".to_owned()]).unwrap_err().to_string();
    assert!(unknown.contains("`broken`") && unknown.contains("broken.wasm"), "{unknown}");

    let files = vec![folder.join("broken.wasm")];
    assert!(Plugins::discover(&place.store, &PluginSources { files, ..PluginSources::default() }).is_err());
}

#[test]
fn edits_are_applied_in_order_and_the_one_that_fails_is_named() {
    let place = Place::new();
    let plugin = place.open(&component("", "", 1), Limits::default()).unwrap();
    let path = |text: &str| RelPath::new(text).unwrap();
    let digest = place.store.write(b"print()").unwrap();
    let file = Node::File(FileEntry { digest, executable: false });
    let tree = Tree::empty().with(&path("handler.py"), file.clone()).unwrap();
    let tree = tree.with(&path("function.py"), file).unwrap();
    let text = FileContents::Text("module".to_owned());
    let edits = [
        Edit::MoveAll {
            source: RelPath::root(),
            directory: path("function"),
            except: vec![Name::new("handler.py").unwrap()],
        },
        Edit::Write(PluginFile { path: path("function/name"), contents: text, executable: true }),
        Edit::Remove(path("nothing")),
    ];
    let edited = apply_edits(&place.store, &plugin, tree.clone(), &edits).unwrap();
    assert!(
        edited.file(&path("function/function.py")).is_some() && edited.file(&path("handler.py")).is_some()
    );
    let written = edited.file(&path("function/name")).unwrap();
    assert_eq!(
        (place.store.read(&written.digest).unwrap().as_slice(), written.executable),
        (b"module".as_slice(), true)
    );

    let missing = Edit::Rename { source: path("none"), destination: path("some") };
    let error =
        apply_edits(&place.store, &plugin, tree, &[edits[0].clone(), missing]).unwrap_err().to_string();
    assert!(
        ["test", "`arrange`", "edit 2", "rename `none`"].iter().all(|word| error.contains(word)),
        "{error}"
    );
}

#[test]
fn the_commands_own_plugins_are_there() {
    let place = Place::new();
    let plugins = Plugins::discover(&place.store, &PluginSources::default()).unwrap();
    for plugin in plugins.all() {
        assert_eq!(*plugin.source(), PluginSource::Builtin(builtin_name(&plugin.description().name)));
        assert!(!plugin.facts(&place.store).unwrap().wants_wasi());
    }
    assert!(plugins.named("aws").is_some());
}

#[test]
fn the_recipe_of_a_build_image_has_what_the_target_is_linked_with_and_no_more() {
    let place = Place::new();
    let plugins = Plugins::discover(&place.store, &PluginSources::default()).unwrap();
    let recipe = |libraries: &[&str]| {
        let native_dependencies = libraries.iter().map(|name| (*name).to_owned()).collect();
        let target =
            PluginTarget { language: "cpp".into(), version: "all".into(), native_dependencies, ..target() };
        let files = plugins.named("aws").unwrap().build_recipe(&target).map_err(|error| error.to_string())?;
        let [file] = files.as_slice() else { panic!("one file") };
        assert_eq!(file.path.to_string(), "Dockerfile");
        match &file.contents {
            FileContents::Text(text) => Ok(text.clone()),
            FileContents::Binary(_) => Err("no text".to_owned()),
        }
    };
    let stages = |text: &str| {
        let copied: Vec<String> = text
            .rsplit_once("\nFROM tools\n")
            .expect("a final stage")
            .1
            .lines()
            .filter_map(|line| Some(line.strip_prefix("COPY --from=")?.split(' ').next()?.to_owned()))
            .collect();
        for stage in &copied {
            assert_eq!(text.matches(&format!("\nFROM tools AS {stage}\n")).count(), 1, "{stage}");
        }
        assert_eq!(text.matches("\nFROM tools AS ").count(), copied.len(), "a stage that is not used");
        copied
    };
    let always = ["curl", "runtime", "boost", "rapidjson"];
    assert_eq!(stages(&recipe(&[]).unwrap()), always);
    assert_eq!(recipe(&["sdk", "boost", "runtime", "rapidjson"]), recipe(&[]));
    assert_eq!(
        stages(&recipe(&["igraph", "opencv", "igraph"]).unwrap()),
        [&always[..], &["opencv", "igraph"]].concat()
    );
    let all = ["opencv", "libjpeg-turbo", "igraph", "hiredis", "torch"];
    assert_eq!(stages(&recipe(&all).unwrap()), [&always[..], &all].concat());
    assert!(recipe(&["cuda"]).unwrap_err().contains("cuda"));
}

fn builtin_name(name: &str) -> &'static str {
    builtin::BUILTIN.iter().find(|builtin| builtin.name == name).expect("a built-in plugin").name
}
