//! What is recorded can be replayed, to the last input.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use backend_sim::{Divergence, ReplayError, replay};
use plan_core::engine::{Entry, RECORDING_VERSION, Taken};
use plan_driver::Condition;
use plan_driver::recording::{Reader, Recorder, RecordingError};

use crate::kit::{Fate, Kit, interrupt, model_running, name, options, restart, settle};

/// A life with a crash of the store, a lost session and another target, recorded.
async fn recorded(file: &Path, limit: u64) {
    let recorder = Recorder::create(file, limit).unwrap();
    let kit = Kit::with(options().with_record(recorder.clone())).await;
    kit.deploy(3).await;
    kit.service.verb(restart("1")).await.unwrap();
    kit.store.commits.set([Fate::Fails]);
    let _ = kit.service.verb(interrupt("2")).await;
    kit.until(|condition| *condition == Condition::Running).await;
    kit.backend.commands.set([Fate::Fails]);
    kit.service.target(model_running("hello", 4, "./other"), None, None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    kit.complete().await;
    kit.scheduler.stop().await;
    settle().await;
    recorder.flush().await;
}

fn entries(bytes: &[u8]) -> Result<Vec<Entry>, RecordingError> {
    Reader::new(Cursor::new(bytes))?.collect()
}

#[tokio::test(start_paused = true)]
async fn a_recording_happens_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    recorded(&file, Recorder::LIMIT).await;
    let bytes = std::fs::read(&file).unwrap();
    let all = entries(&bytes).unwrap();
    let replayed = replay(all.clone()).unwrap();
    let counts = replayed.services[&name("hello")];
    assert!(counts.begins == 2 && counts.inputs > 40, "{counts:?}");
    assert_eq!(replayed.ended, None);

    // An input is left out: that is a gap. One is changed: what differs is told.
    let at = all.iter().rposition(|entry| matches!(entry, Entry::Input(_))).unwrap();
    let mut less = all.clone();
    less.remove(at - 3);
    assert!(matches!(replay(less), Err(ReplayError::Gap { .. })));
    let mut other = all.clone();
    let changed = other.iter_mut().find_map(|entry| match entry {
        Entry::Input(taken) if taken.effects.iter().any(|line| line.starts_with("command {\"launch\"")) => {
            Some(taken)
        }
        _ => None,
    });
    let changed = changed.unwrap();
    let number = changed.number;
    changed.wall.0 += 1;
    let Err(ReplayError::Diverged(divergence)) = replay(other) else { panic!("it diverges") };
    let Divergence { number: found, differs, .. } = *divergence;
    assert_eq!(found, number);
    assert!(differs.iter().any(|line| line.starts_with("~ put clock .record .wall: was ")), "{differs:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_is_cut_off_is_whole_up_to_there_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    recorded(&file, Recorder::LIMIT).await;
    let bytes = std::fs::read(&file).unwrap();
    let all = entries(&bytes).unwrap().len();
    for len in (100..bytes.len()).step_by(997) {
        let mut reader = Reader::new(Cursor::new(&bytes[..len])).unwrap();
        let read: Vec<Entry> = (&mut reader).collect::<Result<_, _>>().unwrap();
        assert!(read.len() < all);
        replay(read).unwrap();
    }
    let mut damaged = bytes.clone();
    for at in (30..bytes.len()).step_by(1499) {
        damaged[at] ^= 0x40;
        let read = entries(&damaged);
        assert!(matches!(read, Err(RecordingError::Damaged { at: from }) if from <= at as u64), "{at}");
        damaged[at] ^= 0x40;
    }
    assert!(matches!(entries(b"name: kafka"), Err(RecordingError::NoRecording)));
    assert!(matches!(entries(b"planwright recording 4\n"), Err(RecordingError::OtherVersion(_))));
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_is_full_ends_with_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    recorded(&file, 20_000).await;
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() <= 20_000, "{}", bytes.len());
    let replayed = replay(entries(&bytes).unwrap()).unwrap();
    assert_eq!(replayed.ended.as_deref(), Some("it is as large as it may become"));
    assert!(replayed.services[&name("hello")].inputs > 3);
}

/// What a version of the format is, byte for byte, is a file: a recording is read by whoever it is sent to, and replays
/// to the same effects but for what its version did not have. If the format is to change, its version does too.
/// `UPDATE_GOLDEN=1` writes the present version's anew.
#[tokio::test(start_paused = true)]
async fn the_format_is_the_one_of_the_golden_recordings() {
    let golden = |version: u32| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/recording-{version}"))
    };
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording");
        recorded(&file, 48_000).await;
        std::fs::copy(&file, golden(RECORDING_VERSION)).unwrap();
    }
    for version in 1..=RECORDING_VERSION {
        let bytes = std::fs::read(golden(version)).expect("UPDATE_GOLDEN=1 writes it");
        let all = entries(&bytes).unwrap();
        assert!(matches!(all.last(), Some(Entry::End { .. })), "each kind of entry is in it");
        let mut again = format!("planwright recording {version}\n").into_bytes();
        for entry in &all {
            if let Entry::Input(taken) = entry {
                assert_eq!(Taken::digest_of(&taken.effects), taken.digest, "input {}", taken.number);
            }
            again.extend(frame(&serde_json::to_vec(entry).unwrap()));
        }
        let differs = bytes.iter().zip(&again).position(|(golden, now)| golden != now);
        assert_eq!(differs, None, "version {version} is written otherwise at this byte");
        assert_eq!(bytes.len(), again.len());
        let replayed = replay(all).unwrap_or_else(|error| panic!("version {version}: {error}"));
        assert!(replayed.services[&name("hello")].inputs > 10, "version {version}");
    }
}

/// A frame, by the words of the format and not by its code.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let sums = [crc32fast::hash(&len), crc32fast::hash(bytes)].map(u32::to_le_bytes);
    [&len[..], &sums[0], &sums[1], bytes].concat()
}

#[tokio::test(start_paused = true)]
async fn a_recording_takes_no_other_files_place_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    drop(Recorder::create(&file, Recorder::LIMIT).unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    let error = Recorder::create(&file, Recorder::LIMIT).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&file).unwrap(), before, "it is as it was");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    drop(Recorder::create(&empty, Recorder::LIMIT).unwrap());
    // A disk without room is told of before anything begins.
    assert!(Recorder::create("/dev/full", Recorder::LIMIT).is_err());
}

/// The recording goes to a pipe whose reader goes: it ends, that is told, and the service goes on.
#[tokio::test(start_paused = true)]
async fn a_recording_that_cannot_be_written_ends_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reads = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut first = [0; 23];
            std::io::Read::read_exact(&mut std::fs::File::open(pipe).unwrap(), &mut first).unwrap();
            first
        }
    });
    let recorder = Recorder::create(&pipe, Recorder::LIMIT).unwrap();
    assert_eq!(&reads.join().unwrap(), b"planwright recording 3\n");
    let kit = Kit::with(options().with_record(recorder.clone())).await;
    kit.deploy(1).await;
    recorder.flush().await;
    assert!(recorder.ends().await.starts_with("it cannot be written: "), "{:?}", recorder.ended());
    kit.service.verb(restart("1")).await.unwrap();
    kit.complete().await;
    kit.scheduler.stop().await;
}
