//! The scheduler is killed with SIGKILL, once or more often, at seeded moments of a rolling update.
//!
//! Invariant: wherever it is killed, the update goes on where it was: each task that it is about begins once with the new
//! configuration, no other task is touched, and one instance after another is taken down.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::place::{signal, until};
use crate::scene::{MAINS, PAIRS, SIDES, Scene, pairs};
use crate::witness::What;

/// So many seeds are tried at a time: most of the time of each is spent waiting.
const SIDE_BY_SIDE: usize = 4;

#[test]
fn wherever_the_scheduler_is_killed_the_update_goes_on() {
    try_seeds(8, killed);
}

#[test]
fn wherever_the_machine_is_started_again_the_update_goes_on() {
    try_seeds(2, rebooted);
}

/// Numbers that look drawn by lot, the same for the same seed.
struct Lot(u64);

impl Lot {
    fn draw(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ word >> 31) % below
    }

    fn millis(&mut self, below: u64) -> Duration {
        Duration::from_micros(self.draw(below * 1000))
    }
}

/// Tries seeds, all of them also after one has failed; those that have are named.
fn try_seeds(few: u64, one: fn(u64) -> String) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let alone = variable("PLANWRIGHT_SEED").map(|seed| seed.parse().unwrap());
    let seeds = match (alone, variable("PLANWRIGHT_LONG")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(_)) => 0..50,
        (None, None) => 0..few,
    };
    let (next, told, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| one(seed))) {
                        Ok(story) => told.lock().unwrap().push((seed, story)),
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    told.iter().for_each(|(seed, story)| println!("seed {seed:2}: {story}"));
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "these seeds fail, of {seeds:?}: {failed:?}; PLANWRIGHT_SEED=N tries one of them"
    );
}

/// A service whose update has begun or is about to.
struct Update {
    scene: Scene,
    lot: Lot,
    /// What the tasks had said before.
    before: usize,
    /// What they say on its way.
    in_all: usize,
    side: &'static str,
    values: [String; 4],
    begun: Instant,
    story: String,
}

impl Update {
    /// Deploys the service, and draws what of it is to be updated.
    fn of(seed: u64) -> Self {
        let mut lot = Lot(seed);
        let scene = Scene::new(PAIRS);
        scene.until_complete(&[]);
        scene.is_right(&pairs("1", "1"));
        let (side, in_all, what) =
            [("1", 6, "one task of each"), ("2", 12, "both tasks")][lot.draw(2) as usize];
        let values = ["--env", "VALUE=2", "--env", &format!("SIDE={side}")].map(ToOwned::to_owned);
        let before = scene.witness.lines().len();
        let (begun, story) = (Instant::now(), what.to_owned());
        Self { scene, lot, before, in_all, side, values, begun, story }
    }

    fn values(&self) -> Vec<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    /// So much has been said of the update.
    fn said(&self) -> usize {
        self.scene.witness.lines().len() - self.before
    }

    /// Draws a moment, and waits for it: when the tasks have said so much of what they will say, and a little later.
    fn moment(&mut self) {
        let said = self.said();
        let left = (self.in_all - said) as u64;
        if left > 0 && self.lot.draw(4) > 0 {
            let words = said + self.lot.draw(left) as usize;
            let what = format!("the tasks have said {words} words of the update");
            until(&what, || self.said() >= words, || self.scene.witness.tell());
            pass(self.lot.millis(60));
        } else {
            // While it begins, and reads its records.
            pass(self.lot.millis(300));
        }
    }

    fn note(&mut self, how: &str) {
        let (said, in_all) = (self.said(), self.in_all);
        let _ = write!(self.story, ", {how} at {said}/{in_all}");
    }
}

/// The moment itself is what is drawn: nothing is waited for.
fn pass(time: Duration) {
    thread::sleep(time);
}

fn killed(seed: u64) -> String {
    let mut update = Update::of(seed);
    let kills = 1 + update.lot.draw(3);
    match update.lot.draw(5) {
        0 => {
            // It is told by its own command line, and killed on the way there.
            let scheduler = update.scene.spawn(&update.values());
            pass(update.lot.millis(600));
            scheduler.kill();
            update.note("killed on its way there");
        }
        1 => {
            // It is told by another command, and killed while that waits for an answer.
            let scheduler = update.scene.run(&[]);
            let (pid, time) = (scheduler.pid(), update.lot.millis(150));
            let killer = thread::spawn(move || {
                pass(time);
                signal(pid, Signal::KILL);
            });
            let told = update.scene.update(&update.values()).code;
            killer.join().unwrap();
            scheduler.kill();
            update.note(if told == 0 { "killed when it was told" } else { "killed while it was told" });
        }
        _ => {
            let scheduler = update.scene.run(&[]);
            assert_eq!(update.scene.update(&update.values()).code, 0);
            update.moment();
            scheduler.kill();
            update.note("killed");
        }
    }
    for _ in 1..kills {
        let scheduler = update.scene.spawn(&update.values());
        update.moment();
        scheduler.kill();
        update.note("killed");
    }
    update.scene.until_complete(&update.values());
    update.scene.is_right(&pairs("2", update.side));
    let (witness, in_all) = (&update.scene.witness, update.in_all);
    for (main, side) in MAINS.iter().zip(SIDES) {
        assert_eq!(witness.begun(main), ["1", "2"], "seed {seed}: {main}\n{}", witness.tell());
        let sides = if update.side == "2" { &["1", "2"][..] } else { &["1"] };
        assert_eq!(witness.begun(side), sides, "seed {seed}: {side}\n{}", witness.tell());
    }
    let lines = witness.lines().split_off(update.before);
    assert_eq!(lines.len(), in_all, "seed {seed}: {}", witness.tell());
    let mains = lines.iter().filter(|line| MAINS.contains(&line.task.as_str()));
    let mains: Vec<_> = mains.map(|line| (line.what, line.task.as_str())).collect();
    let one_after_another = MAINS.map(|main| [(What::End, main), (What::Begin, main)]);
    assert_eq!(mains, one_after_another.as_flattened(), "seed {seed}");
    format!("{}; right after {:.1} s", update.story, update.begun.elapsed().as_secs_f64())
}

fn rebooted(seed: u64) -> String {
    let mut update = Update::of(seed);
    let reboots = 1 + update.lot.draw(2);
    for _ in 0..reboots {
        let scheduler = update.scene.spawn(&update.values());
        update.moment();
        scheduler.kill();
        update.scene.kill_all();
        update.note("started again");
        // What begins again says so too.
        update.in_all = update.in_all.max(update.said());
    }
    update.scene.until_complete(&update.values());
    update.scene.is_right(&pairs("2", update.side));
    let counts = update.scene.witness.counts();
    let most = |tasks: [&str; 3]| tasks.map(|task| counts[task] as u64).into_iter().max().unwrap();
    // One beside may be back before it is known that the one which it goes with has ended: then it goes with that.
    let bounds = (most(MAINS) <= 2 + reboots, most(SIDES) <= 2 + 2 * reboots);
    assert_eq!(bounds, (true, true), "seed {seed}: {counts:?}\n{}", update.scene.witness.tell());
    format!("{}; right after {:.1} s", update.story, update.begun.elapsed().as_secs_f64())
}
