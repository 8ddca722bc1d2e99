//! How often a second the HTTP API can show a plan of 100 steps, on one core.
//!
//! ```sh
//! cargo run --release -p planwright-bench --example api
//! ```
//!
//! The scheduler and its API have one thread; a client on another asks over eight connections that stay open. What
//! counts is the processor time of that thread, so that a busy machine gives the same number.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people who measure")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use plan_api::{Api, Token};
use plan_core::plan::{Model, Status};
use plan_core::spec::{Files, ReadOptions, Source, read};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::store::MemoryStore;
use plan_driver::{Options, Scheduler};
use tokio::sync::oneshot;

const STEPS: u32 = 100;
const CONNECTIONS: usize = 8;
const REQUESTS: usize = 4_000;

/// What the server's thread says: where it listens, and later its processor time, in seconds.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: std::thread::JoinHandle<f64>,
}

/// The processor time of this thread, in seconds.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn model() -> Arc<Model> {
    let text = format!(
        "name: hello\npods:\n  hello:\n    count: {STEPS}\n    tasks:\n      server: {{ goal: RUNNING, cmd: ./server, \
         cpus: 0.1, memory: 64 }}\n"
    );
    let values = BTreeMap::new();
    let options = ReadOptions { env: &values, strict_variables: true, files: Files::Skip };
    Arc::new(Model::new(read(Source { file: "svc.yml", text: &text }, &options).spec.unwrap()).unwrap())
}

fn serve(token: Token) -> Server {
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (store, backend) = (Arc::new(MemoryStore::new()), Arc::new(PromptBackend::new()));
            let scheduler = Arc::new(Scheduler::start(store, backend, Options::default()).await.unwrap());
            let model = model();
            let service = scheduler.service(&model.spec().name().clone()).await.unwrap();
            service.target(model, None, None).await.unwrap();
            service.wait(|engine| engine.plan_status("deploy") == Some(Status::Complete)).await.unwrap();
            let server = Api::new(scheduler, token, (Ipv4Addr::LOCALHOST, 0).into()).bind().await.unwrap();
            tell.send(server.address()).unwrap();
            let begun = processor_time();
            let until = async {
                let _ = stopped.await;
            };
            server.serve(until).await;
            processor_time() - begun
        })
    });
    Server { address: told.recv().unwrap(), stop, ended }
}

/// One answer's body.
fn answer(reader: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if line.starts_with("HTTP/1.1") {
            assert!(line.contains(" 200 "), "{line}");
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}

fn main() {
    let token = Token::parse(&"5a".repeat(32)).unwrap();
    let Server { address, stop, ended } = serve(token.clone());
    for path in ["/v1/plans/deploy", "/v2/plans/deploy"] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
            token.reveal()
        );
        let mut connections: Vec<_> =
            (0..CONNECTIONS).map(|_| BufReader::new(TcpStream::connect(address).unwrap())).collect();
        let begun = Instant::now();
        let mut bytes = 0;
        for _ in 0..REQUESTS / CONNECTIONS {
            for connection in &mut connections {
                connection.get_mut().write_all(request.as_bytes()).unwrap();
            }
            for connection in &mut connections {
                bytes = answer(connection).len();
            }
        }
        let wall = begun.elapsed().as_secs_f64();
        println!(
            "GET {path}: {STEPS} steps, {bytes} bytes, {:.0} requests a second by the clock",
            REQUESTS as f64 / wall
        );
    }
    drop(stop);
    let busy = ended.join().unwrap();
    println!("both: {:.0} requests a second of the server's processor time", 2.0 * REQUESTS as f64 / busy);
}
