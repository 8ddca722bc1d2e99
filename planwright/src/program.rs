//! How this program is called from a shell.
//!
//! Invariant: what is proposed with this name can be pasted as it stands, whether the program is installed or not.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plan_api::words::shell;

/// The name under which it is installed.
const NAME: &str = "planwright";

/// The name as a shell takes it: `planwright` where the search path leads here, or the path that was typed.
pub(crate) fn name() -> &'static str {
    static CALLED: OnceLock<String> = OnceLock::new();
    CALLED.get_or_init(|| {
        let typed = std::env::args_os().next().map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        called(typed.as_deref(), &path, std::env::current_exe().ok().as_deref())
    })
}

fn called(typed: Option<&Path>, search: &OsStr, this: Option<&Path>) -> String {
    let Some(this) = this.and_then(|this| this.canonicalize().ok()) else { return NAME.to_owned() };
    let name = this.file_name().unwrap_or(NAME.as_ref());
    let mut found = std::env::split_paths(search).filter_map(|folder| folder.join(name).canonicalize().ok());
    match typed {
        // Of several in the search path, a shell takes the first.
        Some(typed) if found.next().is_none_or(|found| found != this) && typed.components().count() > 1 => {
            shell(&typed.to_string_lossy())
        }
        _ => shell(&name.to_string_lossy()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_proposed_where_the_name_does_not_lead_here() {
        let folder = tempfile::tempdir().unwrap();
        let (here, other) = (folder.path().join("here"), folder.path().join("other dir"));
        for folder in [&here, &other] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("planwright"), "").unwrap();
        }
        let (this, path) =
            (here.join("planwright"), |folders: &[&Path]| std::env::join_paths(folders).unwrap());
        let called = |typed: &Path, folders: &[&Path]| called(Some(typed), &path(folders), Some(&this));
        assert_eq!(called(&this, &[&here, &other]), "planwright");
        assert_eq!(called(&this, &[&other, &here]), this.to_str().unwrap());
        assert_eq!(called(Path::new("target/planwright"), &[]), "target/planwright");
        assert_eq!(called(Path::new("a b/planwright"), &[]), "'a b/planwright'");
        assert_eq!(called(Path::new("planwright"), &[&other]), "planwright");
    }
}
