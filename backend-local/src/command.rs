//! Finds commands that the shell will certainly not find, before anything runs.
//!
//! Invariant: a command that is reported does not exist. If the shell could decide otherwise, nothing is reported. A
//! command is judged by its first word, and only if that word is plain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// A command that the shell would not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The command that does not exist.
    pub(crate) why: String,
    /// What the shell does then.
    pub(crate) then: Then,
}

/// What a shell does about a command that it does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends with exit code 127.
    Ends,
    /// It may go on with the next command.
    MayGoOn,
}

/// Other built-in commands of dash and bash.
const BUILT_IN: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// The first word of a command, if the shell would certainly not find it. For a path below the sandbox that cannot be
/// known, since the content of the sandbox is only known when it is made.
pub(crate) fn missing(command: &str, environment: &BTreeMap<String, String>) -> Option<Missing> {
    let (word, rest) = first_word(command)?;
    let why = if word.starts_with('/') {
        not_runnable(Path::new(word))?
    } else if word.contains('/') || BUILT_IN.contains(&word) {
        return None;
    } else {
        not_on_path(word, environment.get("PATH")?)?
    };
    // The shell does not reach what follows `&&`.
    let simple = !rest.trim_end().replace("&&", " ").contains(['\n', ';', '&', '|', '(', ')']);
    Some(Missing { why, then: if simple { Then::Ends } else { Then::MayGoOn } })
}

/// The first word and the rest, if the word is plain: no quotes, no expansion, no assignment before it.
fn first_word(command: &str) -> Option<(&str, &str)> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._+-@:%,".contains(char);
    let command = command.trim_start_matches([' ', '\t', '\n']);
    let end = command.find(|char| !plain(char)).unwrap_or(command.len());
    let (word, rest) = command.split_at(end);
    // A word goes on after a quote or a `$`, and `NAME=` or `NAME()` is not a command.
    if word.is_empty() || !rest.is_empty() && !rest.starts_with([' ', '\t', '\n', ';', '&', '|']) {
        return None;
    }
    if word != "exec" {
        return Some((word, rest));
    }
    // `exec` runs its argument. An `exec` with options is not judged.
    if rest.starts_with([' ', '\t']) && !rest.trim_start().starts_with('-') { first_word(rest) } else { None }
}

/// Why a file cannot be run, if it cannot.
fn not_runnable(path: &Path) -> Option<String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("there is no `{shown}` on this machine"))
        }
        // If we may not look into the folder, we do not know.
        Err(_) => None,
        Ok(found) if found.is_dir() => Some(format!("`{shown}` is a folder")),
        Ok(_) => access(path, Access::EXEC_OK).err().map(|_| format!("`{shown}` is not executable")),
    }
}

fn not_on_path(word: &str, path: &str) -> Option<String> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    // Below the sandbox the file may exist by then.
    let known = folders.iter().all(|folder| folder.is_absolute());
    let found = folders.iter().any(|folder| not_runnable(&folder.join(word)).is_none());
    (known && !found).then(|| format!("there is no `{word}` on the PATH of the task ({path})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("text"), "no program").unwrap();
        let environment = |path: &str| BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        let (usual, sandbox) = (environment("/usr/bin:/bin"), environment("/usr/bin:bin:/bin"));
        let (ends, may_go_on) = (Some(Then::Ends), Some(Then::MayGoOn));
        let table = [
            ("no-such-command", ends),
            ("no-such-command --port 1 'a;b'", may_go_on),
            ("exec no-such-command x", ends),
            ("  no-such-command && sleep 1", ends),
            ("/no/such/command", ends),
            ("exec /no/such/command --flag", ends),
            ("/etc", ends),
            ("no-such-command $X < file\n", ends),
            ("no-such-command || sleep 1", may_go_on),
            ("no-such-command; exec sleep 1", may_go_on),
            ("no-such-command &\nsleep 1", may_go_on),
            // The command exists, or that cannot be known.
            ("sleep 1", None),
            ("exec sleep 1", None),
            ("/bin/sh -c x", None),
            ("./no-such-command", None),
            ("bin/no-such-command", None),
            ("echo x", None),
            ("while true; do sleep 1; done", None),
            ("exec -a name no-such-command", None),
            ("exec 3>file", None),
            ("PATH=$PWD no-such-command", None),
            ("$COMMAND x", None),
            ("no-such-\"command\"", None),
            ("no-such-$X", None),
            ("no-such-command() { :; }; no-such-command", None),
            ("( no-such-command )", None),
            ("# a comment", None),
            ("~/no-such-command", None),
            ("", None),
        ];
        for (command, expected) in table {
            assert_eq!(missing(command, &usual).map(|found| found.then), expected, "{command}");
        }
        assert_eq!(missing("no-such-command", &sandbox), None);
        assert_eq!(missing("no-such-command", &BTreeMap::new()), None);
        let why = |command: &str, path: &str| missing(command, &environment(path)).unwrap().why;
        assert_eq!(why("x-y", "/bin"), "there is no `x-y` on the PATH of the task (/bin)");
        assert_eq!(why("/no/such", "/bin"), "there is no `/no/such` on this machine");
        assert_eq!(why("/etc", "/bin"), "`/etc` is a folder");
        // The shell does not find a file on the path that is not executable.
        assert_eq!(why("text", own), format!("there is no `text` on the PATH of the task ({own})"));
        let text = folder.path().join("text");
        assert_eq!(why(text.to_str().unwrap(), "/bin"), format!("`{}` is not executable", text.display()));
    }
}
