//! What Python sources import, read as text: more than they do, rather than less.

/// The dotted names that a module's text may import. `package` is the names of the package that
/// the module is in.
pub fn imports(text: &str, package: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        // More than one statement on a line, and doctests.
        for part in line.trim_start_matches(">>> ").split(';').map(str::trim) {
            if let Some(modules) = part.strip_prefix("import ") {
                found.extend(names(modules));
            } else if let Some(rest) = part.strip_prefix("from ")
                && let Some((module, first)) =
                    rest.split_once(" import ").or_else(|| rest.split_once(" import("))
            {
                let mut imported = first.split('#').next().unwrap_or("").trim().to_owned();
                let is_open = |text: &str| text.ends_with('\\') || rest.contains('(') && !text.contains(')');
                while is_open(&imported) {
                    let Some(next) = lines.next() else { break };
                    imported = format!(
                        "{} {}",
                        imported.trim_end_matches('\\'),
                        next.split('#').next().unwrap_or("")
                    );
                }
                let Some(module) = absolute(module.trim(), package) else { continue };
                found.extend(names(&imported).map(|name| format!("{module}.{name}")));
                found.push(module);
            }
        }
    }
    found
}

/// `a.b as c, d` as `a.b` and `d`.
fn names(text: &str) -> impl Iterator<Item = String> {
    let text = text.split('#').next().unwrap_or("");
    text.split(',').filter_map(|name| {
        let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '\\'));
        name.split_whitespace().next().map(str::to_owned)
    })
}

/// `.x` in a package as the whole name.
fn absolute(module: &str, package: &[&str]) -> Option<String> {
    let rest = module.trim_start_matches('.');
    let level = module.len() - rest.len();
    let base = match level {
        0 => &[],
        level => package.get(..(package.len() + 1).checked_sub(level)?)?,
    };
    Some(base.iter().copied().chain(Some(rest).filter(|rest| !rest.is_empty())).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_every_form_are_found() {
        for (text, name) in [
            ("import a.tests.x as y, b", "a.tests.x"),
            ("    from a.tests import z", "a.tests"),
            ("from a import (b,  # x\n  tests,\n)", "a.tests"),
            ("from a import b, \\\n  tests", "a.tests"),
            ("from . import tests", "p.q.tests"),
            ("from .tests import run", "p.q.tests"),
            ("from ..tests.run import it", "p.tests.run"),
            ("x = 1; from .. import tests", "p.tests"),
        ] {
            let found = imports(text, &["p", "q"]);
            assert!(found.iter().any(|found| found == name), "{name} in {found:?} of {text}");
        }
        assert!(imports("# nothing\nfrom ..... import x", &["p"]).is_empty());
    }
}
