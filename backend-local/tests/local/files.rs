//! What is brought into a sandbox: files that are fetched, and files that are rendered.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common;
use crate::common::{Bench, instance, on_runtime, pod, task};
use plan_core::engine::LaunchAnswer;

/// Serves these files, each for one request; how often it was asked.
pub(crate) fn serve(files: Vec<(&'static str, Vec<u8>)>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let size = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..size]).into_owned();
            count.fetch_add(1, Ordering::SeqCst);
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let reply = match files.iter().find(|(name, _)| *name == path) {
                Some((_, body)) => {
                    let mut reply = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    )
                    .into_bytes();
                    reply.extend(body);
                    reply
                }
                None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            };
            stream.write_all(&reply).unwrap();
        }
    });
    (address, asked)
}

pub(crate) fn tar_gz(entries: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    for (path, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        if let Some(target) = text.strip_prefix("-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_link_name(target).unwrap();
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
            continue;
        }
        header.set_size(text.len() as u64);
        // The library refuses to write such names itself.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in entries {
        writer.start_file(*path, zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn with_uris(cmd: &str, uris: &[String]) -> String {
    let uris: String = uris.iter().map(|uri| format!("      - '{uri}'\n")).collect();
    pod(&format!(
        "    uris:\n{uris}    tasks:\n      t: {{goal: RUNNING, cmd: {cmd:?}, cpus: 0.1, memory: 64}}\n"
    ))
}

async fn answer(uris: &[String]) -> LaunchAnswer {
    let mut bench = Bench::new(&with_uris("exec sleep 1000", uris)).await;
    let (launch, grant) = bench.room(0, None).await;
    let order = bench.launch_of(0, launch, &grant, &["t"]);
    let answer = bench.give(order).await;
    if answer != LaunchAnswer::Done {
        // Nothing of it is left, and its number may be tried again.
        assert!(bench.local().sandbox(&common::identity(), &instance(0), &common::name("t"), None).is_err());
    }
    let escaped = common::walk(bench.folder.path());
    assert!(!escaped.iter().any(|path| path.ends_with("escaped")), "{escaped:?}");
    answer
}

#[test]
fn what_is_named_is_fetched_once_and_unpacked() {
    on_runtime(async {
        let body = b"#!/bin/sh\n".to_vec();
        let hash = "5fa7e9e8de5b4d5ae8f0b1d1a8f4a9cd0b29b7e7b1d0a2a5b6b1c0f0e0d0c0b0";
        let (at, asked) = serve(vec![
            ("a.tgz", tar_gz(&[("a/run", "echo from the archive"), ("a/link", "-> run")])),
            ("b.zip", zip(&[("b/run", "echo zipped")])),
            ("c.gz", gz("compressed\n")),
            ("d", body),
        ]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "local\n").unwrap();
        let local = format!("file://{}", file.path().display());
        let uris: Vec<String> =
            ["a.tgz", "b.zip", "c.gz", "d"].iter().map(|name| format!("{at}/{name}")).collect();
        let all = [uris.clone(), vec![local]].concat();
        let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
        let cmd = format!("sh a/link; b/run; cat c {name}; echo end; exec sleep 1000");
        let mut bench = Bench::new(&with_uris(&cmd, &all)).await;
        let (first, _) = bench.launch(0).await;
        let text = bench.output(0, first, |text| text.ends_with("end\n")).await;
        assert_eq!(text, "from the archive\nzipped\ncompressed\nlocal\nend\n");
        bench.launch(1).await;
        assert_eq!(asked.load(Ordering::SeqCst), uris.len());
        let wrong = answer(&[format!("{at}/d#sha256={hash}")]).await;
        assert!(matches!(&wrong, LaunchAnswer::Never(why) if why.contains("SHA-256")), "{wrong:?}");
        let missing = answer(&[format!("{at}/no")]).await;
        assert!(matches!(&missing, LaunchAnswer::Retry(why) if why.contains("404")), "{missing:?}");
    });
}

#[test]
fn no_archive_leads_out_of_the_sandbox() {
    on_runtime(async {
        let (at, _) = serve(vec![
            ("dots.tgz", tar_gz(&[("../../../escaped", "x")])),
            ("link.tgz", tar_gz(&[("out", "-> ../../.."), ("out/escaped", "x")])),
            ("dots.zip", zip(&[("../../escaped", "x")])),
            ("rubbish.tgz", b"no archive at all".to_vec()),
        ]);
        for name in ["dots.tgz", "link.tgz", "dots.zip", "rubbish.tgz"] {
            let answer = answer(&[format!("{at}/{name}")]).await;
            assert!(matches!(answer, LaunchAnswer::Never(_)), "{name}: {answer:?}");
        }
    });
}

async fn launch_with(cmd: &str, template: &str, dest: &str) -> (Bench, u64, LaunchAnswer) {
    let text = task(cmd, &format!("        configs:\n          c: {{template: c.conf, dest: {dest}}}\n"));
    let mut bench = Bench::new(&text).await;
    bench.model = common::with_template(&text, "t", template);
    let (launch, grant) = bench.room(0, None).await;
    let order = bench.launch_of(0, launch, &grant, &["t"]);
    let answer = bench.give(order).await;
    (bench, launch, answer)
}

#[test]
fn config_files_are_rendered_before_and_by_bootstrap() {
    on_runtime(async {
        let (bench, launch, answer) =
            launch_with("cat conf/c; echo end; exec sleep 1000", "id={{POD_INSTANCE_INDEX}}\n", "conf/c")
                .await;
        assert_eq!(answer, LaunchAnswer::Done);
        assert_eq!(bench.output(0, launch, |text| text.ends_with("end\n")).await, "id=0\nend\n");
        let (_, _, answer) = launch_with("exec sleep 1000", "{{NOT_SET}}", "c").await;
        assert!(matches!(&answer, LaunchAnswer::Never(why) if why.contains("NOT_SET")), "{answer:?}");
        let (_, _, answer) = launch_with("exec sleep 1000", "x", "../../c").await;
        assert!(matches!(&answer, LaunchAnswer::Never(why) if why.contains("..")), "{answer:?}");
        let cmd = "./bootstrap -get-task-ip; SET=late ./bootstrap -print-env=false && cat c; \
                   ./bootstrap -print-env=false || echo refused; \
                   for to in ../c /c; do CONFIG_TEMPLATE_C=config-templates/c,$to SET=x ./bootstrap -print-env=false \
                   2>&1; done; \
                   ./bootstrap -template=false -print-env=false -resolve-hosts x.svc.localhost,localhost && echo end; \
                   exec sleep 1000";
        let (bench, launch, answer) = launch_with(cmd, "set={{SET}}\n", "c").await;
        assert_eq!(answer, LaunchAnswer::Done);
        let text = bench.output(0, launch, |text| text.ends_with("end\n")).await;
        assert_eq!(
            text,
            "127.0.0.1\nset=late\nrefused\n\
             bootstrap: CONFIG_TEMPLATE_C: `../c` leads out of the sandbox with `..`\n\
             bootstrap: CONFIG_TEMPLATE_C: `/c` is an absolute path, and not one below the sandbox\n\
             end\n"
        );
        assert!(Path::new(&bench.sandbox(0, launch)).join("config-templates/c").exists());
    });
}
