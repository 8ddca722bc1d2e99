//! What a `uris` entry names.
//!
//! Invariant: a source has a file name without slashes, and a form that is known: what cannot be unpacked is refused
//! when it is read, not when it was fetched.

use std::path::PathBuf;

use reqwest::Url;

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(super) place: Place,
    /// How it is called where people read it: without a password.
    pub(super) shown: String,
    /// What it is called in the sandbox, if it is a file there.
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) sha256: Option<String>,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Web(Url),
    File(PathBuf),
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Tar,
    TarGz,
    Gz,
    Zip,
}

impl Source {
    /// Reads a URI: `https://…`, `http://…`, `file:///…` or an absolute path, each with `#sha256=HEX` if one likes.
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
        let place = if address.starts_with('/') {
            Place::File(PathBuf::from(address))
        } else {
            let url = Url::parse(address).map_err(|error| format!("`{uri}` is not a URI: {error}"))?;
            match url.scheme() {
                "http" | "https" => Place::Web(url),
                "file" => Place::File(
                    url.to_file_path()
                        .map_err(|()| format!("`{uri}` does not name a file of this machine"))?,
                ),
                other => {
                    return Err(format!(
                        "`{uri}`: `{other}` cannot be fetched here; http, https and file can"
                    ));
                }
            }
        };
        let name = match &place {
            Place::Web(url) => url.path_segments().and_then(|mut all| all.next_back()).map(str::to_owned),
            Place::File(path) => path.file_name().and_then(|name| name.to_str()).map(str::to_owned),
        };
        let name = name.filter(|name| !name.is_empty() && name != "." && name != "..");
        let name = name.ok_or_else(|| format!("`{uri}` does not end with a file's name"))?;
        let (form, name) = form(uri, name)?;
        let shown = match &place {
            Place::Web(url) => without_password(url.clone()).to_string(),
            Place::File(path) => path.display().to_string(),
        };
        Ok(Self { place, shown, name, form, sha256 })
    }
}

fn without_password(mut url: Url) -> Url {
    // It fails for a URL without a host, which has no password.
    let _ = url.set_password(None);
    url
}

/// What a file is by its name, as Mesos has it, and what it is called when it is unpacked.
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
            ("https://a.example/b/kafka.tgz?x=1", Form::TarGz, "kafka.tgz"),
            ("http://a.example/jre.tar.gz", Form::TarGz, "jre.tar.gz"),
            ("file:///opt/a.tar", Form::Tar, "a.tar"),
            ("/opt/a.zip", Form::Zip, "a.zip"),
            ("https://a.example/log.gz", Form::Gz, "log"),
            ("https://a.example/run.sh", Form::Plain, "run.sh"),
        ];
        for (uri, form, expected) in table {
            assert_eq!(name(uri), Ok((form, expected.to_owned())), "{uri}");
        }
        let source = Source::parse("https://me:secret@a.example/x").unwrap();
        assert_eq!(source.shown, "https://me@a.example/x");
        let hex = "AB".repeat(32);
        let source = Source::parse(&format!("https://a.example/x#sha256={hex}")).unwrap();
        assert_eq!(source.sha256, Some(hex.to_lowercase()));
        for uri in [
            "",
            "x",
            "ftp://a.example/x",
            "hdfs://x/y",
            "https://a.example/",
            "https://a.example/x#md5=1",
            "https://a.example/x#sha256=1",
            "https://a.example/x.tar.xz",
            "file://elsewhere/x",
            "/",
        ] {
            assert!(name(uri).is_err(), "{uri}");
        }
    }
}
