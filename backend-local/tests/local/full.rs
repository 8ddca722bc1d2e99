//! A disk that is full: told, and nothing lost by it.
//!
//! The disks are small ones in memory, which only root can mount.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plan_core::engine::{End, LaunchAnswer, ReleaseAnswer, Seen};

use crate::common::{self, Bench, on_runtime, task, until};
use crate::files;

/// How the shim says what it could not write.
const SAID: &str = " bytes could not be written]";
const FULL: &str = "No space left on device";

/// A disk of its own, which is taken away when the test is over.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// None where none can be mounted, which is said.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(ran) if ran.status.success() => Some(Self { folder }),
            other => {
                common::not_run(&format!("what a full disk does, since none can be mounted: {other:?}"));
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room at all.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for size in [1 << 16, 4096, 1] {
            while file.write(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still uses it does so until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

async fn bench_on(disk: &Disk, text: &str) -> Bench {
    Bench::with(text, |options| options.root = disk.path().join("data")).await
}

#[test]
fn a_launch_without_room_is_refused_and_leaves_nothing() {
    on_runtime(async {
        let Some(disk) = Disk::mount("1m") else { return };
        let mut bench = bench_on(&disk, &task("echo up; exec sleep 1000", "")).await;
        let (launch, grant) = bench.room(0, None).await;
        let filler = disk.fill();
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let answer = bench.give(order).await;
        assert!(matches!(&answer, LaunchAnswer::Retry(why) if why.contains(FULL)), "{answer:?}");
        // Neither a scheduler that starts now finds anything of it.
        bench.reopen().await;
        assert!(common::walk(&bench.options.root).iter().all(|path| !path.ends_with("order.json")));
        fs::remove_file(filler).unwrap();
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
    });
}

#[test]
fn a_task_that_fills_its_volume_fails_in_its_own_words() {
    on_runtime(async {
        let Some(disk) = Disk::mount("1m") else { return };
        let volume = "        volume: {path: data, type: ROOT, size: 10}\n";
        let cmd = "while ! test -e go; do sleep 0.02; done; head -c 10000000 /dev/zero > data/big";
        let mut bench = bench_on(&disk, &task(cmd, volume)).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, Seen::Running { ready: true }).await;
        let sandbox = bench.sandbox(0, launch);
        fs::write(sandbox.join("go"), "").unwrap();
        assert_eq!(bench.ended(launch).await, End::Failed);
        let why = bench.why(0, launch);
        assert!(why.starts_with("exit code 1: ") && why.contains(FULL), "{why}");
        // The disk is full still: how it ended is known all the same, to any scheduler.
        disk.fill();
        bench.reopen().await;
        assert_eq!(bench.is(0, launch, &grant).await, Seen::Ended(End::Failed));
        // The volume is not emptied for it.
        assert!(fs::metadata(sandbox.join("data/big")).unwrap().len() > 0);
        // To give the place back needs no room.
        bench.release(0, &grant).await;
        assert_eq!(bench.report("a release", common::a_release).await, ReleaseAnswer::Done);
        assert!(!sandbox.join("data/big").exists());
    });
}

#[test]
fn a_task_is_ended_on_a_full_disk() {
    on_runtime(async {
        let Some(disk) = Disk::mount("1m") else { return };
        let mut bench =
            bench_on(&disk, &task("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done", "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        disk.fill();
        bench.kill(0, launch, 20).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        bench.reopen().await;
        assert_eq!(bench.is(0, launch, &grant).await, Seen::Ended(End::Killed));
    });
}

#[test]
fn a_lost_shim_is_noted_on_a_full_disk() {
    on_runtime(async {
        let Some(disk) = Disk::mount("1m") else { return };
        let mut bench = bench_on(&disk, &task("echo up; exec sleep 1000", "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        let (shim, process) = bench.processes(0, launch).await;
        disk.fill();
        common::kill_9(shim);
        assert_eq!(bench.ended(launch).await, End::Lost);
        assert!(!common::lives(process));
        bench.reopen().await;
        assert_eq!(bench.is(0, launch, &grant).await, Seen::Ended(End::Lost));
    });
}

#[test]
fn output_that_is_not_kept_is_counted() {
    on_runtime(async {
        let Some(disk) = Disk::mount("1m") else { return };
        let wait = |file: &str| format!("while ! test -e {file}; do sleep 0.02; done");
        let cmd = format!(
            "{}; seq 40000; mkdir printed; {}; echo back; exec sleep 1000",
            wait("full"),
            wait("room")
        );
        let mut bench = bench_on(&disk, &task(&cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, Seen::Running { ready: true }).await;
        let sandbox = bench.sandbox(0, launch);
        let filler = disk.fill();
        fs::create_dir(sandbox.join("full")).unwrap();
        until("it has printed", || sandbox.join("printed").exists().then_some(())).await;
        fs::remove_file(filler).unwrap();
        fs::create_dir(sandbox.join("room")).unwrap();
        let text = bench.output(0, launch, |text| text.ends_with("back\n")).await;
        let (mut kept, mut lost) = (0, 0_usize);
        for line in text.lines() {
            let said = line.strip_prefix("[planwright: ").and_then(|rest| rest.strip_suffix(SAID));
            match said {
                Some(count) => lost += count.parse::<usize>().unwrap(),
                None => kept += line.len(),
            }
        }
        let said = text.matches(SAID).count();
        let all = kept + text.matches('\n').count() - said + lost;
        let printed =
            (1..=40_000).map(|number: u32| number.to_string().len() + 1).sum::<usize>() + "back\n".len();
        // What is said begins a line of its own.
        assert!((printed..=printed + said).contains(&all), "{all} of {printed}, {said}");
        assert!(lost > 100_000, "{lost}");
    });
}

#[test]
fn what_is_not_wholly_fetched_is_not_taken_for_fetched() {
    on_runtime(async {
        // All of it but the last bytes has room in the cache.
        let Some(disk) = Disk::mount("64k") else { return };
        let body = vec![b'x'; (64 << 10) + 100];
        let (at, asked) = files::serve(vec![("big", body.clone())]);
        let text = files::with_uris("wc -c < big; exec sleep 1000", &[format!("{at}/big")]);
        let mut bench = Bench::new(&text).await;
        let cache = bench.options.root.join("cache");
        std::os::unix::fs::symlink(disk.path(), &cache).unwrap();
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let answer = bench.give(order).await;
        assert!(matches!(&answer, LaunchAnswer::Retry(why) if why.contains(FULL)), "{answer:?}");
        assert!(common::walk(disk.path()).is_empty(), "a part stays in the cache");
        fs::remove_file(&cache).unwrap();
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text.trim() == body.len().to_string()).await;
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
    });
}
