//! A plugin that does everything that a plugin should not, for tests. What it does is chosen by
//! the setting `behaviour` of its platform, `hostile`:
//!
//!     [platform.hostile]
//!     behaviour = "loop"
//!
//! With "none" it is the plugin of a plain platform for Python and Node.js.

#![allow(unsafe_code, missing_docs, unconditional_recursion)]

wit_bindgen::generate!({ path: "../../wit/0.1", world: "plugin" });

use exports::fnpack::plugin::platform::{
    Archive, Deployment, Description, Edit, Guest, ImagePlan, KnownSetting, Layout, Limit, Requirement,
    Subject, Support,
};
use fnpack::plugin::types::{Contents, Failure, File, Pair, Runtime, Target};
use fnpack::plugin::{log, tree};

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn describe() -> Description {
        let support = |language: &str, version: &str, variant: &str| Support {
            runtime: Runtime { language: language.into(), version: version.into(), variant: variant.into() },
            architectures: vec!["x64".into(), "arm64".into()],
            deployments: vec!["package".into()],
            build_images: Vec::new(),
            libc: "glibc-2.34".into(),
        };
        let limit = Limit {
            subject: Subject::Archive,
            kibibytes: 100 << 10,
            hard: true,
            note: "the hostile platform refuses it".into(),
        };
        Description {
            name: "hostile".into(),
            title: "Hostile Cloud".into(),
            deployments: vec![Deployment {
                name: "package".into(),
                image: false,
                symlinks: true,
                limits: vec![limit],
            }],
            supports: vec![
                support("python", "3.11", "default"),
                support("nodejs", "20", "default"),
                support("nodejs", "20", "bun"),
            ],
            settings: vec![KnownSetting {
                key: "behaviour".into(),
                default: "none".into(),
                note: "what the plugin does wrong".into(),
            }],
        }
    }

    fn wrappers(target: Target) -> Result<Vec<File>, Failure> {
        let plain = match target.runtime.language.as_str() {
            "nodejs" => {
                file("handler.js", "exports.handler = (event) => require('./function').handler(event)\n")
            }
            _ => file(
                "handler.py",
                "import function\n\n\ndef handler(event):\n    return function.handler(event)\n",
            ),
        };
        match behaviour(&target) {
            "loop" => endlessly(),
            "memory" => hoard(),
            "trap" => std::process::abort(),
            "panic" => {
                log::write(log::Level::Error, "panicked at src/lib.rs:1: index out of bounds");
                std::process::abort()
            }
            "recursion" => panic!("{}", deeper(1)),
            "huge-answer" => {
                let contents = Contents::Binary(vec![0; 100 << 20]);
                Ok(vec![File { path: "huge".into(), contents, executable: false }])
            }
            "many-files" => Ok((0..100_000).map(|number| file(&format!("file-{number}"), "")).collect()),
            "long-path" => Ok(vec![file(&"a/".repeat(1 << 20), "")]),
            "path-escape-dotdot" => Ok(vec![file("../../escaped.py", "print('out')\n")]),
            "path-escape-absolute" => Ok(vec![file("/tmp/escaped.py", "print('out')\n")]),
            "log-flood" => loop {
                log::write(log::Level::Info, "again");
            },
            "log-huge" => {
                log::write(log::Level::Info, &"x".repeat(100 << 20));
                Ok(vec![plain])
            }
            "tree-in-wrappers" => tree::entries("").map(|_| vec![plain]),
            "failure" => Err(Failure {
                message: "the hostile platform does not want to".into(),
                hint: Some("set behaviour to \"none\"".into()),
            }),
            "terminal" => Err(Failure { message: "\u{1b}[2J\u{1b}]0;title\u{7}cleared".into(), hint: None }),
            _ => Ok(vec![plain]),
        }
    }

    fn packages(target: Target) -> Result<Vec<Requirement>, Failure> {
        Ok(match behaviour(&target) {
            "package-option" => {
                vec![Requirement { name: "--index-url=http://evil".into(), version: "1".into() }]
            }
            _ => Vec::new(),
        })
    }

    fn build_recipe(_: Target) -> Result<Vec<File>, Failure> {
        Err(Failure { message: "there is no recipe".into(), hint: None })
    }

    fn arrange(target: Target) -> Result<Layout, Failure> {
        let mut edits = Vec::new();
        match behaviour(&target) {
            "edit-escape" => edits.push(Edit::Write(file("a/../../escaped", ""))),
            "edit-missing" => edits.push(Edit::Rename(exports::fnpack::plugin::platform::RenameEntry {
                source: "nothing".into(),
                destination: "something".into(),
            })),
            "read-outside" => {
                tree::read("../../../../etc/passwd")?;
            }
            "arrange-loop" => endlessly(),
            _ => {}
        }
        Ok(Layout {
            edits,
            archive: Some(Archive { format: "zip".into(), path: String::new() }),
            deploy: vec![Pair { key: "handler".into(), value: "handler.handler".into() }],
        })
    }

    fn plan_image(_: Target) -> Result<ImagePlan, Failure> {
        Err(Failure { message: "there is no image".into(), hint: None })
    }

    fn name_image(_: Target, _: String) -> Result<String, Failure> {
        Err(Failure { message: "there is no image".into(), hint: None })
    }
}

fn behaviour(target: &Target) -> &str {
    target.settings.iter().find(|pair| pair.key == "behaviour").map_or("none", |pair| &pair.value)
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), contents: Contents::Text(text.into()), executable: false }
}

fn endlessly() -> ! {
    let mut count = 0_u64;
    loop {
        count = core::hint::black_box(count.wrapping_add(1));
    }
}

fn hoard() -> ! {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(core::hint::black_box(vec![1; 16 << 20]));
    }
}

fn deeper(depth: u64) -> u64 {
    let below = [depth; 64];
    core::hint::black_box(deeper(depth + 1)) + core::hint::black_box(below)[3]
}
