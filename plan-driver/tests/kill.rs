//! Processes that are killed in the middle of commits. This file is its own child: without libtest, so that the child
//! is not a test that asserts nothing.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the child acknowledges on its standard output, and there is no libtest"
)]

mod lot;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lot::Lot;
use plan_core::engine::Wall;
use plan_core::spec::ServiceName;
use plan_driver::store::{Batch, FileLock, LockError, RecordChange, RedbStore, Store};

const SERVICES: usize = 3;
const ROUNDS: u64 = 24;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("--child") => runtime.block_on(commit_for_ever(Path::new(&arguments[2]))),
        Some("--list") => {}
        _ => {
            runtime.block_on(killed_in_the_middle_of_commits());
            println!("test result: ok. 1 passed; 0 failed; 0 ignored; {ROUNDS} processes were killed");
        }
    }
}

fn service(n: usize) -> ServiceName {
    ServiceName::new(format!("service-{n}")).unwrap()
}

/// Batch `n` of a service: so many records, all with its number.
fn changes(n: u64) -> Vec<RecordChange> {
    (0..=n % 7).map(|k| RecordChange::Put(format!("key-{k}"), n.to_string().into_bytes())).collect()
}

/// The records after batch `n`.
fn after(n: u64) -> BTreeMap<String, Vec<u8>> {
    let all = (1..=n).rev().take(7).collect::<Vec<_>>().into_iter().rev().flat_map(changes);
    all.filter_map(|change| match change {
        RecordChange::Put(key, bytes) => Some((key, bytes)),
        RecordChange::Delete(_) => None,
    })
    .collect()
}

/// The last batch that is there, whole.
fn last(records: &BTreeMap<String, Vec<u8>>) -> u64 {
    records.get("key-0").map_or(0, |bytes| std::str::from_utf8(bytes).unwrap().parse().unwrap())
}

/// Commits, and says what is acknowledged, for each service on its own.
async fn commit_for_ever(folder: &Path) {
    let _lock = FileLock::take(folder.join("lock"), Wall(0)).unwrap();
    let store = RedbStore::open(folder.join("store")).await.unwrap();
    let commit = async |of: usize| {
        let name = service(of);
        let opened = store.open(&name).await.unwrap();
        for n in last(&opened.records.into_iter().collect()) + 1.. {
            store.commit(&name, opened.epoch, Batch { changes: changes(n) }).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "{of} {n}").unwrap();
            out.flush().unwrap();
        }
    };
    futures::future::join_all((0..SERVICES).map(commit)).await;
}

async fn killed_in_the_middle_of_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; SERVICES];
    for round in 0..ROUNDS {
        let mut lot = Lot(round);
        let this = std::env::current_exe().unwrap();
        let mut child =
            Command::new(this).arg("--child").arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: String| {
            let (of, n) = line.split_once(' ').unwrap();
            acknowledged[of.parse::<usize>().unwrap()] = n.parse().unwrap();
        };
        for _ in 0..lot.draw(30) + 1 {
            take(lines.next().unwrap().unwrap());
        }
        let held = FileLock::take(folder.path().join("lock"), Wall(0)).unwrap_err();
        let LockError::Held { holder: Some(holder), .. } = held else { panic!("{held}") };
        assert_eq!(holder.pid, child.id());
        // Anywhere within a commit or two.
        let moment = Instant::now() + Duration::from_micros(lot.draw(8000));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        // What it said before it died counts; half a line does not.
        lines.map_while(Result::ok).filter(|line| line.contains(' ')).for_each(&mut take);
        child.wait().unwrap();

        let _lock = FileLock::take(folder.path().join("lock"), Wall(0)).unwrap();
        let store = RedbStore::open(folder.path().join("store")).await.unwrap();
        for (of, acknowledged) in acknowledged.iter().enumerate() {
            let records: BTreeMap<_, _> =
                store.open(&service(of)).await.unwrap().records.into_iter().collect();
            let n = last(&records);
            let told = format!("round {round}: {of} has batch {n}, and {acknowledged} was acknowledged");
            assert!(n == *acknowledged || n == acknowledged + 1, "{told}");
            assert_eq!(records, after(n), "{told}");
        }
    }
    assert!(acknowledged.iter().all(|n| *n > ROUNDS), "each service committed: {acknowledged:?}");
}
