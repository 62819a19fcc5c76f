//! The interpreters of Python, by the names that packages and modules have for them.

use crate::language::Runtime;

/// The language variant whose functions run in PyPy.
const PYPY: &str = "pypy";

/// What runs a function, which decides what compiled packages it can load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// The usual one.
    CPython,
    /// The one of the language variant `pypy`.
    PyPy,
}

impl Interpreter {
    /// That of a runtime.
    pub fn of(runtime: &Runtime) -> Self {
        if runtime.variant == PYPY { Self::PyPy } else { Self::CPython }
    }

    /// As environment markers have it: `platform_python_implementation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CPython => "CPython",
            Self::PyPy => "PyPy",
        }
    }

    /// The short name in a wheel's tags
    /// (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>).
    pub fn tag(self) -> &'static str {
        match self {
            Self::CPython => "cp",
            Self::PyPy => "pp",
        }
    }

    /// The ABI tags of the wheels that it loads, best first. PyPy's own ABI has been pp73 since its
    /// version 7.3, and it has no stable one.
    pub fn abis(self, version: &str) -> Vec<String> {
        let digits = version.replace('.', "");
        match self {
            Self::CPython => vec![format!("cp{digits}"), "abi3".to_owned(), "none".to_owned()],
            Self::PyPy => vec![format!("pypy{digits}_pp73"), "none".to_owned()],
        }
    }

    /// What its compiled modules have between their name and their machine:
    /// `x.cpython-311-x86_64-linux-gnu.so`, `x.pypy311-pp73-x86_64-linux-gnu.so`.
    pub fn module_tag(self, version: &str) -> String {
        let digits = version.replace('.', "");
        match self {
            Self::CPython => format!("cpython-{digits}"),
            Self::PyPy => format!("pypy{digits}-pp73"),
        }
    }
}

/// The name of a compiled module that is for one interpreter, and the rest of its file's name.
pub fn split_module(file: &str) -> Option<(&str, &str)> {
    let at = file.find(".cpython-").or_else(|| file.find(".pypy"))?;
    Some((&file[..at], &file[at + 1..]))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_compiled_module_tells_its_interpreter() {
        for (stem, parts) in [
            ("x.cpython-311-x86_64-linux-gnu", Some(("x", "cpython-311-x86_64-linux-gnu"))),
            ("x.pypy311-pp73-x86_64-linux-gnu", Some(("x", "pypy311-pp73-x86_64-linux-gnu"))),
            ("x.abi3", None),
            ("x", None),
        ] {
            assert_eq!(split_module(stem), parts, "{stem}");
            if let Some((_, rest)) = parts {
                let names = [Interpreter::CPython, Interpreter::PyPy].map(|engine| engine.module_tag("3.11"));
                assert_eq!(names.iter().filter(|name| rest.starts_with(*name)).count(), 1);
            }
        }
    }
}
