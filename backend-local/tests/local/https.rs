//! What is fetched by https: from whom, once, and whether it is what was meant.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plan_core::engine::LaunchAnswer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::common::{self, Bench, on_runtime};
use crate::files::{tar_gz, with_uris};

/// What the system's verifier takes for the authorities, as OpenSSL does.
const AUTHORITIES: &str = "SSL_CERT_FILE";
/// Says to the process that runs the test itself what the authorities are.
const INNER: &str = "PLANWRIGHT_TEST_AUTHORITIES";

/// A server that an authority of its own vouches for, and how often it was asked. It serves one file, whatever the path,
/// but for `/down`, which leads to http.
fn serve(authorities: &Path, body: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let own = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(authorities, authority.self_signed(&own).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &Issuer::from_params(&authority, &own)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config =
        config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
    let config = Arc::new(config);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let address = format!("https://{here}");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            // Who does not trust us hangs up before it asks.
            let mut request = [0; 4096];
            let Ok(1..) = stream.read(&mut request) else { continue };
            count.fetch_add(1, Ordering::SeqCst);
            let (head, body) = if request.starts_with(b"GET /down") {
                (format!("302 Found\r\nLocation: http://{here}/run"), &[][..])
            } else {
                ("200 OK".to_owned(), &body[..])
            };
            let head =
                format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    (address, asked)
}

async fn answer(bench: &mut Bench) -> LaunchAnswer {
    let (launch, grant) = bench.room(0, None).await;
    let order = bench.launch_of(0, launch, &grant, &["t"]);
    bench.give(order).await
}

/// Authorities are read from the environment once in the life of a process: the test is run again in one of its own.
#[test]
fn what_an_authority_vouches_for_is_fetched() {
    let Some(authorities) = std::env::var_os(INNER) else {
        let folder = tempfile::tempdir().unwrap();
        let authorities = folder.path().join("authorities.pem");
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "https::what_an_authority_vouches_for_is_fetched", "--nocapture"])
            .env(INNER, &authorities)
            .env(AUTHORITIES, &authorities)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        return;
    };
    let archive = tar_gz(&[("run", "echo by https; exec sleep 1000")]);
    let hash: String = bitcoin_hashes::Sha256::hash(&archive)
        .to_byte_array()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (at, asked) = serve(Path::new(&authorities), archive);
    on_runtime(async {
        let text = with_uris("exec sh run", &[format!("{at}/a.tgz")]);
        let mut bench = Bench::new(&text).await;
        for index in 0..2 {
            let (launch, _) = bench.launch(index).await;
            bench.output(index, launch, |text| text == "by https\n").await;
        }
        // Another scheduler on the same data folder has it too.
        bench.reopen().await;
        let (launch, _) = bench.launch(2).await;
        bench.output(2, launch, |text| text == "by https\n").await;
        assert_eq!(asked.load(Ordering::SeqCst), 1, "it is fetched once");

        // What is said to be so is looked at before it is kept, and then kept as well.
        let mut bench = Bench::new(&with_uris("exec sh run", &[format!("{at}/a.tgz#sha256={hash}")])).await;
        for index in 0..2 {
            let (launch, _) = bench.launch(index).await;
            bench.output(index, launch, |text| text == "by https\n").await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);

        let wanted = "0".repeat(64);
        let mut bench = Bench::new(&with_uris("exec sh run", &[format!("{at}/a.tgz#sha256={wanted}")])).await;
        for count in 3..=4 {
            let why =
                format!("{at}/a.tgz is not what was meant: its SHA-256 is {hash}, and {wanted} is expected");
            assert_eq!(answer(&mut bench).await, LaunchAnswer::Never(why.into()));
            // It is not kept, so that a server that mends its file is asked again.
            assert_eq!(common::walk(&bench.options.root.join("cache")), Vec::<std::path::PathBuf>::new());
            assert_eq!(asked.load(Ordering::SeqCst), count);
        }

        // What was asked for safely is not answered unsafely; and no password is told.
        let secret = at.replace("https://", "https://me:secret@");
        let mut bench = Bench::new(&with_uris("exec sh run", &[format!("{secret}/down")])).await;
        let answer = answer(&mut bench).await;
        let LaunchAnswer::Retry(why) = answer else { panic!("{answer:?}") };
        assert!(why.contains("it leads from https to http") && !why.contains("secret"), "{why}");
    });
}

#[test]
fn what_nobody_vouches_for_is_not_fetched() {
    on_runtime(async {
        let folder = tempfile::tempdir().unwrap();
        let (at, asked) = serve(&folder.path().join("authorities.pem"), b"anything".to_vec());
        let mut bench = Bench::new(&with_uris("exec sh run", &[format!("{at}/run")])).await;
        let answer = answer(&mut bench).await;
        let LaunchAnswer::Retry(why) = answer else { panic!("{answer:?}") };
        assert!(why.starts_with(&format!("cannot fetch {at}/run: ")) && why.contains("certificate"), "{why}");
        assert!(why.contains(AUTHORITIES), "{why}");
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    });
}
