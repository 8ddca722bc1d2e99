//! The token that every client needs.
//!
//! Invariant: a token is 32 random bytes, as 64 hexadecimal digits, in a file that only its owner may read. The file is
//! complete before it appears under its name, and a token is never printed.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq as _;

/// The token's file, in the data folder.
pub const FILE: &str = "token";

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be used.
    #[error("the token `{}` cannot be {what}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Other users than its owner may read or write the file.
    #[error(
        "the token `{}` may be read by others (mode {mode:o}): remove it, and start the scheduler again; whoever \
         read it could have commanded it",
        .file.display()
    )]
    Open {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The content of the file is not a token.
    #[error("`{}` holds no token, which is 64 hexadecimal digits: remove it, and start the scheduler again", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
    },
}

impl Token {
    /// The token with this text, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        good.then(|| Self(text.to_owned()))
    }

    /// What a client sends after `Authorization: Bearer `.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether these bytes are the token. The time does not depend on the bytes.
    pub(crate) fn is(&self, claimed: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(claimed).into()
    }
}

/// The token of a data folder. It is made the first time.
///
/// # Errors
/// The file cannot be read or made, others may read it, or it has no token.
pub fn load_or_make(dir: &Path) -> Result<Token, TokenError> {
    let file = dir.join(FILE);
    match load(&file) {
        Err(TokenError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => make(dir, &file),
        known => known,
    }
}

/// The token of a data folder, for a client on the same machine.
///
/// # Errors
/// As for [`load_or_make`], or there is no token.
pub fn load_from(dir: &Path) -> Result<Token, TokenError> {
    load(&dir.join(FILE))
}

fn load(file: &Path) -> Result<Token, TokenError> {
    let failed = |source| TokenError::File { file: file.to_owned(), what: "read", source };
    let opened = std::fs::File::open(file).map_err(failed)?;
    let mode = opened.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TokenError::Open { file: file.to_owned(), mode });
    }
    let mut text = String::new();
    // A token is short, so only the beginning of the file is read.
    opened.take(1024).read_to_string(&mut text).map_err(failed)?;
    Token::parse(&text).ok_or_else(|| TokenError::Damaged { file: file.to_owned() })
}

fn make(dir: &Path, file: &Path) -> Result<Token, TokenError> {
    let failed = |source| TokenError::File { file: file.to_owned(), what: "made", source };
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(failed)?;
    let token = Token(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let draft = dir.join(format!(".{FILE}.{}", std::process::id()));
    let made = write(&draft, &token).and_then(|()| {
        // The first process wins, since a link does not replace a file.
        match std::fs::hard_link(&draft, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    });
    // The draft is useless now, whatever happened.
    let _ = std::fs::remove_file(&draft);
    made.map_err(failed)?;
    load(file)
}

fn write(draft: &Path, token: &Token) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut draft = options.write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    writeln!(draft, "{}", token.0)?;
    draft.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let made = load_or_make(dir.path()).unwrap();
        assert_eq!(load_or_make(dir.path()).unwrap(), made);
        assert_eq!(load_from(dir.path()).unwrap(), made);
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(made.is(made.reveal().as_bytes()) && !made.is(b"") && !made.is(&[b'0'; 64]));
        assert_eq!(format!("{made:?}"), "Token(not shown)");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_make(other.path()).unwrap(), made);
    }

    #[test]
    fn a_token_that_others_can_read_or_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        load_or_make(dir.path()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_make(dir.path()), Err(TokenError::Open { mode: 0o644, .. })));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "secret", &"g".repeat(64), &"a".repeat(65)] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(load_or_make(dir.path()), Err(TokenError::Damaged { .. })), "{text}");
        }
    }
}
