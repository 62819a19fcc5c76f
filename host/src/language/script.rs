//! Several commands as one program, because an action runs one.

/// Commands that run one after the other, each only when the one before succeeded.
#[derive(Default)]
pub struct Script(Vec<Step>);

enum Step {
    Words(Vec<String>),
    Shell(String),
}

impl Script {
    /// Adds a program with its arguments.
    pub fn run(&mut self, words: impl IntoIterator<Item = impl Into<String>>) {
        self.0.push(Step::Words(words.into_iter().map(Into::into).collect()));
    }

    /// Adds text for the shell.
    pub fn shell(&mut self, text: impl Into<String>) {
        self.0.push(Step::Shell(text.into()));
    }

    /// The program and its arguments; a shell's only where one is needed.
    pub fn into_command(self) -> Vec<String> {
        if let [Step::Words(words)] = self.0.as_slice() {
            return words.clone();
        }
        let steps: Vec<String> = self
            .0
            .into_iter()
            .map(|step| match step {
                Step::Words(words) => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
                Step::Shell(text) => text,
            })
            .collect();
        vec!["sh".into(), "-c".into(), steps.join(" &&\n")]
    }
}

/// A word as the shell reads it back.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_needs_no_shell() {
        let mut script = Script::default();
        script.run(["npm", "ci", "a b"]);
        assert_eq!(script.into_command(), ["npm", "ci", "a b"]);
    }

    #[test]
    fn several_commands_are_one_shell_command() {
        let mut script = Script::default();
        script.run(["echo", "it's", "--only-binary", ":all:"]);
        script.shell("test -e x");
        assert_eq!(script.into_command()[2], "echo 'it'\\''s' --only-binary :all: &&\ntest -e x");
    }
}
