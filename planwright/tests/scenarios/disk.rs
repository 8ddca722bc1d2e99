//! Disks that are full, and disks that fail.
//!
//! Invariant: what cannot be kept is not done. While the store is away the scheduler begins nothing and ends nothing, says
//! so to all who ask, and goes on by itself when it is back.
//!
//! These need disks of their own, and so the right to mount. Where that is refused, they say that they did not run.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::place::{Scheduler, until};
use crate::scene::{MAINS, PAIRS, Scene, health, pairs};

/// What is said as long as the store is away.
const AWAY: &str = "nothing is done until the store is back";

/// A folder that is a disk, until this is dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one; none, and it is said aloud, where that is not permitted.
    fn mount(folder: String, what: &[&str]) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let ran = Command::new("mount").args(what).arg(&folder).output().unwrap();
        if ran.status.success() {
            return Some(Self { folder: folder.into() });
        }
        let why = String::from_utf8_lossy(&ran.stderr);
        assert!(!rustix::process::geteuid().is_root() || why.contains("denied"), "mount {what:?}: {why}");
        // Not by `eprintln`: what a test that passes has printed is not shown.
        let _ =
            writeln!(std::io::stderr(), "!!! DID NOT RUN: {}: {why}", std::thread::current().name().unwrap());
        None
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Fills it to the last byte, until the file that this gives is removed.
    fn fill(&self) -> PathBuf {
        let path = self.folder.join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }

    /// Keeps the disk full while something is done: what a task that ends gives back meanwhile is taken at once.
    fn while_full<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let ballast = self.fill();
        let done = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            // Also after a panic, the thread ends.
            let over = Done(&done);
            scope.spawn(|| {
                let mut file = File::options().append(true).open(&ballast).unwrap();
                while !done.load(Ordering::Relaxed) {
                    while file.write_all(&[0; 256]).is_ok() {}
                    std::thread::yield_now();
                }
            });
            let result = work();
            drop(over);
            result
        });
        fs::remove_file(ballast).unwrap();
        result
    }

    fn unmount(&self) -> bool {
        Command::new("umount").arg(&self.folder).output().unwrap().status.success()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever still has something open there lets go of it when it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}

/// Waits until the store has been tried again.
fn until_tried_again(scheduler: &Scheduler) {
    let tried = || scheduler.err().matches("the store failed service=").count();
    let before = tried();
    until("the store is tried again", || tried() > before, || scheduler.said());
}

/// The scheduler stands still, and says so, also if a task dies.
fn stands_still(scene: &Scene, scheduler: &Scheduler) {
    scheduler.until_err(AWAY);
    let told = health(scheduler);
    assert!(
        told.starts_with("HTTP/1.1 503") && told.contains("unavailable") && told.contains(AWAY),
        "{told}"
    );
    for asked in [&["plan", "status"][..], &["pod", "restart", "node-2"]] {
        let ran = scene.place.planwright(asked);
        assert!(ran.code != 0 && ran.err.contains(AWAY), "{asked:?}: {ran}");
    }
    assert!(scene.place.good(&["debug", "condition"]).contains(AWAY));
    let before = scene.witness.lines();
    scene.witness.kill(MAINS[1]);
    until_tried_again(scheduler);
    assert_eq!(scene.witness.lines(), before, "nothing is begun or ended");
    assert!(health(scheduler).starts_with("HTTP/1.1 503"));
}

/// It goes on by itself: what died comes back, and what is asked for is done.
fn goes_on(scene: &Scene, scheduler: &Scheduler) {
    until("it does its work", || health(scheduler).starts_with("HTTP/1.1 200"), || scheduler.said());
    scene.witness.until_begun(MAINS[1], 2);
    let ran = scene.update(&["--env", "VALUE=2", "--wait"]);
    assert_eq!(ran.code, 0, "{ran}");
    scene.is_right(&pairs("2", "1"));
}

#[test]
fn a_full_disk_stops_the_scheduler_until_there_is_room() {
    let scene = Scene::new(PAIRS);
    let small = ["-t", "tmpfs", "-o", "size=24m", "planwright-test"];
    let Some(disk) = Disk::mount(scene.place.path("disk"), &small) else { return };
    // Dropped before the disk: it finds there what it ends.
    let scene = scene;
    let data = disk.path("data");
    let scheduler = scene.run_to_complete(&["--data-dir", &data, "-v"]);
    scene.is_right(&pairs("1", "1"));
    let ballast = disk.fill();
    // A request that needs room on the disk is not done, as often as it is asked for. What needs none may go on.
    let long = format!("SIDE={}", "x".repeat(100_000));
    let ran = scene.update(&["--env", &long]);
    assert_ne!(ran.code, 0, "{ran}");
    scheduler.until_err(AWAY);
    assert!(scheduler.err().contains("No space left on device"), "{}", scheduler.said());
    scene.witness.kill(MAINS[1]);
    fs::remove_file(ballast).unwrap();
    goes_on(&scene, &scheduler);
    // One that begins on a full disk says so; with room it goes on.
    assert_eq!(scheduler.end(Signal::TERM).code, 0);
    let ran = disk
        .while_full(|| scene.place.planwright(&["run", &scene.place.path("service"), "--data-dir", &data]));
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("room") && ran.err.contains(&data), "{ran}");
    scene.until_complete(&["--data-dir", &data, "--env", "VALUE=2"]);
    scene.is_right(&pairs("2", "1"));
}

#[test]
fn records_whose_disk_fails_are_waited_for() {
    let scene = Scene::new(PAIRS);
    scene.until_complete(&[]);
    let image = scene.place.path("image");
    File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-O", "^has_journal", &image]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let options = ["-o", "loop,errors=remount-ro", &image];
    let Some(disk) = Disk::mount(scene.place.path("disk"), &options) else { return };
    // The records have a disk of their own.
    let records = scene.place.data("witnessed").join("records.redb");
    fs::copy(&records, disk.path("records.redb")).unwrap();
    fs::remove_file(&records).unwrap();
    std::os::unix::fs::symlink(disk.path("records.redb"), &records).unwrap();
    let scheduler = scene.run_to_complete(&["-v"]);
    scene.is_right(&pairs("1", "1"));
    fail(&disk.folder);
    // The first that is to be kept finds out.
    assert_ne!(scene.place.planwright(&["pod", "restart", "node-0"]).code, 0);
    stands_still(&scene, &scheduler);
    // It has let go of the disk, which is taken out: its records are not begun anew elsewhere.
    until("the disk is not in use", || disk.unmount(), || scheduler.said());
    scheduler.until_err("No such file");
    until_tried_again(&scheduler);
    assert_eq!(fs::read_dir(&disk.folder).unwrap().count(), 0, "nothing is made where the disk was");
    assert!(health(&scheduler).starts_with("HTTP/1.1 503"));
    let _disk = Disk::mount(scene.place.path("disk"), &options);
    goes_on(&scene, &scheduler);
}

/// Lets a disk fail, as far as the system can tell: it can be written no more.
fn fail(folder: &Path) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let of = |line: &&str| line.split(' ').nth(1).is_some_and(|at| Path::new(at) == folder);
    let device = mounts.lines().find(of).and_then(|line| line.split(' ').next()).unwrap();
    let name = Path::new(device).file_name().unwrap().to_str().unwrap();
    let trigger = format!("/sys/fs/ext4/{name}/trigger_fs_error");
    OpenOptions::new().write(true).open(trigger).unwrap().write_all(b"a test of planwright").unwrap();
}
