//! What a `uris` entry names.
//!
//! Invariant: a source has a file name without slashes, and a known form. An archive that cannot be unpacked is refused
//! when the URI is read, not when the file is fetched.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

#[cfg(feature = "fetch")]
use reqwest::Url;

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(super) place: Place,
    /// Its name for people, without a password.
    pub(super) shown: String,
    /// Its name in the sandbox, if it becomes a file there.
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) sha256: Option<String>,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    #[cfg(feature = "fetch")]
    Web(Url),
    File(PathBuf),
}

/// Its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Tar,
    TarGz,
    Gz,
    Zip,
}

impl Source {
    /// Reads a URI: `https://…`, `http://…`, `file:///…` or an absolute path, each optionally with `#sha256=HEX`.
    pub(crate) fn parse(uri: &str) -> Result<Self, String> {
        let (address, fragment) = uri.split_once('#').map_or((uri, None), |(a, f)| (a, Some(f)));
        let sha256 = match fragment {
            None => None,
            Some(text) => {
                let hex = text.strip_prefix("sha256=").filter(|hex| hex.len() == 64);
                let hex = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let wrong =
                    || format!("`{uri}`: what follows `#` is not `sha256=` and 64 hexadecimal digits");
                Some(hex.ok_or_else(wrong)?.to_ascii_lowercase())
            }
        };
        let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let place = match scheme.as_deref() {
            _ if address.starts_with('/') => Place::File(PathBuf::from(address)),
            Some("http" | "https") => web(uri, address)?,
            Some("file") => Place::File(
                file(address).ok_or_else(|| format!("`{uri}` does not name a file of this machine"))?,
            ),
            Some(other) => {
                return Err(format!("`{uri}`: `{other}` cannot be fetched here; http, https and file can"));
            }
            None => return Err(format!("`{uri}` is not a URI: it is no absolute path, and has no scheme")),
        };
        let name = match &place {
            #[cfg(feature = "fetch")]
            Place::Web(url) => url.path_segments().and_then(|mut all| all.next_back()).map(str::to_owned),
            Place::File(path) => path.file_name().and_then(|name| name.to_str()).map(str::to_owned),
        };
        let name = name.filter(|name| !name.is_empty() && name != "." && name != "..");
        let name = name.ok_or_else(|| format!("`{uri}` does not end with a file's name"))?;
        let (form, name) = form(uri, name)?;
        let shown = match &place {
            #[cfg(feature = "fetch")]
            Place::Web(url) => without_password(url.clone()).to_string(),
            Place::File(path) => path.display().to_string(),
        };
        Ok(Self { place, shown, name, form, sha256 })
    }

    /// Whether the source is a file of this machine.
    pub(super) fn is_local(&self) -> bool {
        match self.place {
            #[cfg(feature = "fetch")]
            Place::Web(_) => false,
            Place::File(_) => true,
        }
    }
}

#[cfg(feature = "fetch")]
fn web(uri: &str, address: &str) -> Result<Place, String> {
    Url::parse(address).map(Place::Web).map_err(|error| format!("`{uri}` is not a URI: {error}"))
}

#[cfg(not(feature = "fetch"))]
fn web(uri: &str, _: &str) -> Result<Place, String> {
    Err(format!(
        "`{uri}`: this program is built without fetching from the web (the feature `fetch` of `backend-local`); only \
         `file:///…` and absolute paths can be fetched"
    ))
}

/// The path of a `file:` URI of this machine.
fn file(address: &str) -> Option<PathBuf> {
    let (_, rest) = address.split_once(':')?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    let path = path.split('?').next().filter(|path| path.starts_with('/'))?;
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    // A path with a zero byte names nothing.
    (!bytes.contains(&0)).then(|| PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(feature = "fetch")]
fn without_password(mut url: Url) -> Url {
    // This fails for a URL without a host, which has no password.
    let _ = url.set_password(None);
    url
}

/// The form of a file by its name, as in Mesos, and its name when it is unpacked.
fn form(uri: &str, name: String) -> Result<(Form, String), String> {
    let is = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if is(&[".tar.bz2", ".tbz2", ".tar.xz", ".txz"]) {
        return Err(format!(
            "`{uri}`: archives of this form are not unpacked here; use .tar.gz, .tar or .zip"
        ));
    }
    Ok(if is(&[".tar.gz", ".tgz"]) {
        (Form::TarGz, name)
    } else if is(&[".tar"]) {
        (Form::Tar, name)
    } else if is(&[".zip"]) {
        (Form::Zip, name)
    } else if let Some(plain) = name.strip_suffix(".gz").filter(|plain| !plain.is_empty()) {
        (Form::Gz, plain.to_owned())
    } else {
        (Form::Plain, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_or_refused() {
        let name = |uri: &str| Source::parse(uri).map(|source| (source.form, source.name));
        let table = [
            ("file:///opt/a.tar", Form::Tar, "a.tar"),
            ("FILE://localhost/opt/a%20b.tar?x", Form::Tar, "a b.tar"),
            ("file:/opt/100%.sh", Form::Plain, "100%.sh"),
            ("/opt/a.zip", Form::Zip, "a.zip"),
            ("/opt/a%20b.zip", Form::Zip, "a%20b.zip"),
        ];
        for (uri, form, expected) in table {
            assert_eq!(name(uri), Ok((form, expected.to_owned())), "{uri}");
        }
        let hex = "AB".repeat(32);
        let source = Source::parse(&format!("/x#sha256={hex}")).unwrap();
        assert_eq!(source.sha256, Some(hex.to_lowercase()));
        for uri in [
            "",
            "x",
            "ftp://a.example/x",
            "hdfs://x/y",
            "https://a.example/",
            "/x#md5=1",
            "/x#sha256=1",
            "/x.tar.xz",
            "file://elsewhere/x",
            "file:x",
            "file:///a%00b",
            "/",
        ] {
            assert!(name(uri).is_err(), "{uri}");
        }
    }

    #[cfg(feature = "fetch")]
    #[test]
    fn what_comes_from_the_web_is_shown_without_its_password() {
        let name = |uri: &str| Source::parse(uri).map(|source| (source.form, source.name));
        let table = [
            ("https://a.example/b/kafka.tgz?x=1", Form::TarGz, "kafka.tgz"),
            ("http://a.example/jre.tar.gz", Form::TarGz, "jre.tar.gz"),
            ("https://a.example/log.gz", Form::Gz, "log"),
            ("https://a.example/run.sh", Form::Plain, "run.sh"),
        ];
        for (uri, form, expected) in table {
            assert_eq!(name(uri), Ok((form, expected.to_owned())), "{uri}");
        }
        let source = Source::parse("https://me:secret@a.example/x").unwrap();
        assert_eq!(source.shown, "https://me@a.example/x");
    }

    #[cfg(not(feature = "fetch"))]
    #[test]
    fn without_the_feature_what_is_on_the_web_is_refused_by_name() {
        for uri in ["https://a.example/run.sh", "HTTP://a.example/x"] {
            let why = Source::parse(uri).unwrap_err();
            assert!(why.contains(uri) && why.contains("the feature `fetch`"), "{why}");
        }
    }
}
