//! `planwright run --record F`, and `planwright replay F`: the real program, and what it really did.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::place::{Place, until};

/// What it begins with.
const FIRST_LINE: &[u8] = b"planwright recording 3\n";

/// The frames of a recording, each what it holds.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes.strip_prefix(FIRST_LINE).unwrap();
    let mut frames = Vec::new();
    while rest.len() >= 12 {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[12..12 + len].to_vec());
        rest = &rest[12 + len..];
    }
    frames
}

/// A recording of these frames, with checksums that are right.
fn recording(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = FIRST_LINE.to_vec();
    for frame in frames {
        let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
        bytes.extend(len);
        bytes.extend(crc32fast::hash(&len).to_le_bytes());
        bytes.extend(crc32fast::hash(frame).to_le_bytes());
        bytes.extend(frame);
    }
    bytes
}

#[test]
fn what_is_recorded_happens_again_and_what_was_changed_is_shown() {
    let place = Place::new();
    let (quick, file) = (place.quick(), place.path("recording"));
    let ran = place.planwright(&["run", &quick, "--until-complete", "--record", &file]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.out.contains(&format!("\nrecording: {file}\n")), "{ran}");
    assert!(ran.err.contains(&format!("planwright replay {file}")), "{ran}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let replayed = place.planwright(&["replay", &file]);
    assert_eq!((replayed.code, replayed.err.as_str()), (0, ""), "{replayed}");
    assert!(replayed.out.ends_with("inputs the same as recorded, from 1 beginning\n"), "{replayed}");

    // Who launches `web-0` is another task, by the recording: the engine of today asks for what it always did.
    let bytes = fs::read(&file).unwrap();
    let mut all = frames(&bytes);
    assert_eq!(recording(&all), bytes);
    let launch =
        all.iter().position(|frame| String::from_utf8_lossy(frame).contains(r#""command {\"launch\""#));
    let launch = &mut all[launch.unwrap()];
    let text = String::from_utf8(launch.clone()).unwrap();
    let changed = text.replace(
        r#"command {\"launch\":{\"instance\":\"web-0\""#,
        r#"command {\"launch\":{\"instance\":\"web-7\""#,
    );
    assert_ne!(changed, text, "{text}");
    *launch = changed.into_bytes();
    let tampered = place.path("tampered");
    fs::write(&tampered, recording(&all)).unwrap();
    let replayed = place.planwright(&["replay", &tampered]);
    assert_eq!(replayed.code, 1, "{replayed}");
    assert!(replayed.out.contains("of `quick` leads to something else than was recorded"), "{replayed}");
    assert!(replayed.out.contains(r#".launch .instance: was "web-7", is "web-0""#), "{replayed}");
}

#[test]
fn a_recording_takes_no_other_files_place() {
    let place = Place::new();
    let (quick, file) = (place.quick(), place.path("notes"));
    fs::write(&file, "my notes").unwrap();
    for (name, why) in
        [(file.as_str(), "a recording never takes the place of another file"), ("/dev/full", "name a file")]
    {
        let ran = place.planwright(&["run", &quick, "--record", name]);
        assert_eq!(ran.code, 1, "{ran}");
        assert!(ran.err.contains(&format!("cannot record in `{name}`")) && ran.err.contains(why), "{ran}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "my notes");
    assert!(place.starts("quick", 0).is_empty() && place.processes().is_empty(), "nothing was begun");
    let ran = place.planwright(&["run", &quick, "--record-limit", "5"]);
    assert_eq!(ran.code, 2, "a limit of nothing is wrong usage: {ran}");
}

#[test]
fn the_recording_of_a_scheduler_that_was_killed_can_be_replayed_and_so_can_the_next() {
    let place = Place::new();
    let (first, second) = (place.path("first"), place.path("second"));
    let scheduler = place.run_quick(&["--record", &first]);
    place.good(&["pod", "restart", "web-0"]);
    scheduler.kill();
    let replayed = place.planwright(&["replay", &first]);
    assert_eq!(replayed.code, 0, "{replayed}");
    assert!(replayed.out.contains("the same as recorded"), "{replayed}");
    // The next begins from records.
    let scheduler = place.run_quick(&["--record", &second]);
    let ran = scheduler.end(Signal::INT);
    assert_eq!(ran.code, 0, "{ran}");
    let replayed = place.planwright(&["replay", &second]);
    assert_eq!((replayed.code, replayed.err.as_str()), (0, ""), "{replayed}");
    assert!(String::from_utf8_lossy(&frames(&fs::read(&second).unwrap())[1]).starts_with(r#"{"record":"#));
}

/// The recording goes to a pipe, whose reader goes away: as a disk that fills up, at a moment that a test can choose.
#[test]
fn a_recording_that_cannot_be_written_any_more_ends_and_the_scheduler_goes_on() {
    let place = Place::new();
    let (pipe, quick) = (place.path("pipe"), place.quick());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let scheduler = place.spawn(&[&quick, "--record", &pipe]);
    let mut reader = fs::File::open(&pipe).unwrap();
    reader.read_exact(&mut [0; 23]).unwrap();
    drop(reader);
    scheduler.until_err("deploy: COMPLETE");
    scheduler.until_err("has ended, and the scheduler goes on: it cannot be written: ");
    until("it listens", || scheduler.out().contains("listening on "), || scheduler.err());
    place.good(&["pod", "restart", "web-0"]);
    let ran = scheduler.end(Signal::INT);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(ran.err.matches("the scheduler goes on").count(), 1, "it is told once: {ran}");
}
