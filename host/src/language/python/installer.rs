//! Who installs Python packages, and how it is told for which machine.

use super::interpreter::Interpreter;
use super::local::Local;
use crate::language::script::{Script, quote};
use crate::language::{LanguageError, Libc, Place, Runtime};

pub const UV: &str = "uv";
pub const PIP: &str = "pip";

/// uv, blind to settings in the folders above; the file that `UV_CONFIG_FILE` names it reads still.
const UV_PIP: [&str; 3] = ["uv", "--no-config", "pip"];
/// pip, blind to modules in the folder it starts in, where a function's `json.py` may lie.
const PYTHON_PIP: [&str; 4] = ["python3", "-I", "-m", "pip"];

/// Where the wheels of packages that lie in the tree are built.
const WHEELS: &str = ".fnpack/wheels";

/// A tool, and for which machine it installs.
pub struct Installer<'r> {
    tool: Tool,
    runtime: &'r Runtime,
    interpreter: Interpreter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Uv,
    /// pip, for another machine than the one it runs on.
    CrossPip,
    /// pip in a container like the function's machine; it may compile.
    NativePip,
}

impl<'r> Installer<'r> {
    pub fn of(place: &Place, runtime: &'r Runtime) -> Result<Self, LanguageError> {
        let interpreter = Interpreter::of(runtime);
        let tool = match place {
            // It chooses packages for CPython alone.
            Place::Host { tools } if tools.contains_key(UV) && interpreter == Interpreter::CPython => {
                Tool::Uv
            }
            Place::Host { tools } if tools.contains_key(PIP) => Tool::CrossPip,
            Place::Host { .. } => {
                let missing = match interpreter {
                    Interpreter::CPython => "neither uv nor pip is installed on this machine; install one",
                    Interpreter::PyPy => {
                        "pip is not installed on this machine, and uv has no packages for PyPy; install Python 3 with pip"
                    }
                };
                return Err(LanguageError::NoTool(format!("{missing}, or build with --executor docker")));
            }
            Place::Docker { .. } if place.is_native(runtime) => Tool::NativePip,
            Place::Docker { .. } => Tool::CrossPip,
        };
        Ok(Self { tool, runtime, interpreter })
    }

    pub fn native(&self) -> bool {
        self.tool == Tool::NativePip
    }

    pub fn install(&self, requirements: &str, constraints: &str, target: &str) -> Vec<String> {
        let markers = self.markers();
        let program: &[&str] = match self.tool {
            Tool::Uv => &UV_PIP,
            Tool::CrossPip => &["python3", "-I", "-c", include_str!("cross_pip.py"), &markers],
            Tool::NativePip => &PYTHON_PIP,
        };
        let options: &[&str] = match self.tool {
            Tool::Uv => &["--link-mode=copy", "--no-progress"],
            Tool::CrossPip | Tool::NativePip => &["--no-compile", "--no-warn-script-location"],
        };
        let files = ["--target", target, "-r", requirements, "-c", constraints];
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        [own(program), own(&["install"]), own(options), self.platform(), own(&files)].concat()
    }

    /// The options that choose packages for the function's machine.
    fn platform(&self) -> Vec<String> {
        let version = format!("--python-version={}", self.runtime.version);
        let only_binary = "--only-binary=:all:".to_owned();
        match self.tool {
            Tool::NativePip => Vec::new(),
            Tool::Uv => {
                vec![format!("--python-platform={}", uv_platform(self.runtime)), version, only_binary]
            }
            Tool::CrossPip => {
                let platforms =
                    pip_platforms(self.runtime).into_iter().map(|tag| format!("--platform={tag}"));
                let abis = self.interpreter.abis(&self.runtime.version).into_iter();
                let abis = abis.map(|abi| format!("--abi={abi}"));
                let options = [version, format!("--implementation={}", self.interpreter.tag()), only_binary];
                platforms.chain(abis).chain(options).collect()
            }
        }
    }

    /// What environment markers are compared with (<https://peps.python.org/pep-0508/>), as JSON.
    fn markers(&self) -> String {
        let version = &self.runtime.version;
        let full = format!("{version}.0");
        serde_json::json!({
            "implementation_name": self.interpreter.name().to_lowercase(),
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.runtime.architecture.machine(),
            "platform_python_implementation": self.interpreter.name(),
            "platform_system": "Linux",
            "python_full_version": full,
            "python_version": version,
            "sys_platform": "linux",
        })
        .to_string()
    }

    /// Builds the wheel of a package that lies in the tree, and has it installed. On another
    /// machine than the function's only one that fits every machine will do.
    pub fn build_wheel(
        &self,
        script: &mut Script,
        number: usize,
        path: &str,
        local: &Local,
        requirements: &str,
    ) {
        let wheels = format!("{WHEELS}/{number}");
        match self.tool {
            Tool::Uv => {
                script.run(["uv", "--no-config", "build", "--wheel", "--quiet", "--out-dir", &wheels, path]);
            }
            Tool::CrossPip | Tool::NativePip => {
                script.run(PYTHON_PIP.into_iter().chain([
                    "wheel",
                    "--no-deps",
                    "--quiet",
                    "-w",
                    &wheels,
                    path,
                ]));
            }
        }
        let line = format!(
            "./$wheel{}",
            local.suffix.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$")
        );
        script.shell(format!(
            "for wheel in {wheels}/*.whl; do case $wheel in *-none-any.whl) ;; *) \
             echo {} >&2; exit 1;; esac; echo \"{line}\" >> {requirements}; done",
            quote(&format!("{NOT_PURE}: {path}"))
        ));
    }
}

/// What is printed of a package in the tree that has to be compiled.
pub const NOT_PURE: &str = "not pure Python";

/// The releases of glibc that packages are made for; those of a newer one are chosen as for the newest of
/// these, so that platforms whose systems differ little share what is installed.
const GLIBC_LEVELS: [u32; 4] = [17, 28, 34, 39];

fn glibc_level(minor: u32) -> u32 {
    GLIBC_LEVELS.into_iter().rfind(|level| *level <= minor).unwrap_or(minor)
}

/// The platform, by the name that uv has for it.
fn uv_platform(runtime: &Runtime) -> String {
    let machine = runtime.architecture.machine();
    match runtime.libc {
        Libc::Musl { .. } => format!("{machine}-unknown-linux-musl"),
        // It knows none that is older.
        Libc::Glibc { minor, .. } => {
            format!("{machine}-manylinux_2_{}", glibc_level(minor).max(GLIBC_LEVELS[0]))
        }
    }
}

/// The platform tags that run on the runtime, best first
/// (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>).
fn pip_platforms(runtime: &Runtime) -> Vec<String> {
    let machine = runtime.architecture.machine();
    match runtime.libc {
        Libc::Musl { major, minor } => {
            (0..=minor).rev().map(|minor| format!("musllinux_{major}_{minor}_{machine}")).collect()
        }
        Libc::Glibc { minor, .. } => {
            let mut tags = Vec::new();
            for minor in (5..=glibc_level(minor)).rev() {
                tags.push(format!("manylinux_2_{minor}_{machine}"));
                let old = match minor {
                    17 => "manylinux2014",
                    12 => "manylinux2010",
                    5 => "manylinux1",
                    _ => continue,
                };
                tags.push(format!("{old}_{machine}"));
            }
            // Of wheels that are named by their address or path: no index takes such.
            tags.push(format!("linux_{machine}"));
            tags
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Architecture;
    use crate::language::python::tests::runtime;

    #[test]
    fn packages_for_pypy_are_chosen_by_pip() {
        let runtime = Runtime { variant: "pypy".into(), ..runtime("3.11", Architecture::X64) };
        let tools = [UV, PIP].map(|tool| (tool.to_owned(), "1.0".to_owned()));
        let installer = Installer::of(&Place::Host { tools: tools.clone().into() }, &runtime).unwrap();
        let command = installer.install("requirements.txt", "constraints.txt", "packages");
        for word in ["--implementation=pp", "--abi=pypy311_pp73", "--abi=none", "--only-binary=:all:"] {
            assert!(command.iter().any(|found| found == word), "{word}: {command:?}");
        }
        assert!(installer.markers().contains(r#""platform_python_implementation":"PyPy""#));
        let uv_alone = Place::Host { tools: [tools[0].clone()].into() };
        let error = Installer::of(&uv_alone, &runtime).err().unwrap().to_string();
        assert!(error.contains("pip is not installed") && error.contains("--executor docker"), "{error}");
    }

    #[test]
    fn old_c_libraries_get_the_packages_that_they_can_load() {
        let old = Runtime { libc: "glibc-2.26".parse().unwrap(), ..runtime("3.11", Architecture::Arm64) };
        assert_eq!(uv_platform(&old), "aarch64-manylinux_2_17");
        assert_eq!(pip_platforms(&old)[0], "manylinux_2_17_aarch64");
        assert_eq!(pip_platforms(&old).last().unwrap(), "linux_aarch64");
        let newer = |libc: &str| uv_platform(&Runtime { libc: libc.parse().unwrap(), ..old.clone() });
        assert_eq!(newer("glibc-2.36"), "aarch64-manylinux_2_34");
        assert_eq!(newer("glibc-2.36"), newer("glibc-2.34"), "what is installed for one serves the other");
        let small = Runtime { libc: "musl-1.2".parse().unwrap(), ..old };
        assert_eq!(pip_platforms(&small)[0], "musllinux_1_2_aarch64");
    }
}
