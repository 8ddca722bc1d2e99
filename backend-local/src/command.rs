//! Commands of which can be known, before anything runs, that the shell will not find them.
//!
//! Invariant: what is said not to be found is not there: wherever the shell could come to another end than we, nothing is
//! said. A command is judged by its first word, and that is read only where it is plain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// A command that the shell would not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// What is not there.
    pub(crate) why: String,
    /// What becomes of the whole.
    pub(crate) then: Then,
}

/// What a shell does about a command that it does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends with exit code 127.
    Ends,
    /// It may go on with what follows.
    MayGoOn,
}

/// What else a shell knows by itself, of dash and bash.
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

/// What a command begins with that the shell would not find, if that can be known. A path below the sandbox cannot: what is
/// there is only known when it is made.
pub(crate) fn missing(command: &str, environment: &BTreeMap<String, String>) -> Option<Missing> {
    let (word, rest) = first_word(command)?;
    let why = if word.starts_with('/') {
        not_runnable(Path::new(word))?
    } else if word.contains('/') || BUILT_IN.contains(&word) {
        return None;
    } else {
        not_on_path(word, environment.get("PATH")?)?
    };
    // What follows `&&` is not come to.
    let simple = !rest.trim_end().replace("&&", " ").contains(['\n', ';', '&', '|', '(', ')']);
    Some(Missing { why, then: if simple { Then::Ends } else { Then::MayGoOn } })
}

/// The first word, and what follows it, if the word is what it looks like: no quotes, no expansion, no assignment before.
fn first_word(command: &str) -> Option<(&str, &str)> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._+-@:%,".contains(char);
    let command = command.trim_start_matches([' ', '\t', '\n']);
    let end = command.find(|char| !plain(char)).unwrap_or(command.len());
    let (word, rest) = command.split_at(end);
    // A word goes on after a quote or a `$`, and `NAME=` or `NAME()` is none.
    if word.is_empty() || !rest.is_empty() && !rest.starts_with([' ', '\t', '\n', ';', '&', '|']) {
        return None;
    }
    if word != "exec" {
        return Some((word, rest));
    }
    // `exec` runs what it is given; one that has options is left alone.
    if rest.starts_with([' ', '\t']) && !rest.trim_start().starts_with('-') { first_word(rest) } else { None }
}

/// Why a file cannot be run, if it cannot.
fn not_runnable(path: &Path) -> Option<String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("there is no `{shown}` on this machine"))
        }
        // Who may not look there does not know.
        Err(_) => None,
        Ok(found) if found.is_dir() => Some(format!("`{shown}` is a folder")),
        Ok(_) => access(path, Access::EXEC_OK).err().map(|_| format!("`{shown}` is not executable")),
    }
}

fn not_on_path(word: &str, path: &str) -> Option<String> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    // Below the sandbox it may be there by then.
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
            // There, or not to be known.
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
        // What is not executable is not found on the path either.
        assert_eq!(why("text", own), format!("there is no `text` on the PATH of the task ({own})"));
        let text = folder.path().join("text");
        assert_eq!(why(text.to_str().unwrap(), "/bin"), format!("`{}` is not executable", text.display()));
    }
}
