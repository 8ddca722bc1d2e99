//! The table of rules is true: whatever it names as a waker of a rule does wake what that rule kept waiting.
//!
//! Before each input of a history, the engine is copied once for each waker, and in the copy that waker wakes nobody.
//! What then may act after the input, and is not considered, was kept waiting by a rule that needs the waker.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use plan_core::engine::*;

use crate::bench::Bench;

/// A rule, a kind of subjects that it keeps waiting, and a waker.
type Need = (String, String, String);

fn table() -> BTreeSet<Need> {
    let mut all = BTreeSet::new();
    for (rule, kinds, wakers) in Engine::rules() {
        for kind in kinds {
            all.extend(wakers.iter().map(|waker| (rule.to_owned(), kind.to_owned(), waker.clone())));
        }
    }
    all
}

/// The kind of a subject, by its name.
fn kind_of(subject: &str) -> &str {
    let kinds = ["recovery", "leaving", "move", "farewell"].into_iter();
    kinds.into_iter().find(|kind| subject.starts_with(&format!("{kind} of "))).unwrap_or("step")
}

/// Handles an input, and wakes the engine until nothing is left to consider.
fn at_rest(mut engine: Engine, wall: Wall, input: &Input) -> Option<Engine> {
    let mut effects = engine.handle(wall, input.clone());
    for _ in 0..20 {
        if effects.wake_at.is_none_or(|at| at > wall) {
            break;
        }
        effects = engine.handle(wall, Input::Wake);
    }
    engine.is_at_rest().then_some(engine)
}

/// The names of the subjects that may act.
fn may_act(engine: &Engine, wall: Wall) -> BTreeSet<String> {
    engine.subjects(wall).into_iter().filter(|(_, rule)| rule.is_none()).map(|(name, _)| name).collect()
}

/// Adds each rule that kept something waiting before an input, with the kind of what waited, and a waker without which
/// the input leaves it waiting though no rule objects any more.
fn needed(engine: &Engine, wall: Wall, input: &Input, needs: &mut BTreeSet<Need>) {
    // What the time has cleared by now was kept waiting when the last input came.
    let last = LAST.replace(wall).min(wall);
    let before = engine.subjects(last);
    let Some(true_one) = at_rest(engine.clone(), wall, input) else { return };
    let may = may_act(&true_one, wall);
    let wakers: BTreeSet<String> = table().into_iter().map(|(_, _, waker)| waker).collect();
    for waker in wakers {
        let Some(deaf) = at_rest(engine.clone().deaf_to(&waker), wall, input) else { continue };
        for lost in may_act(&deaf, wall).difference(&may) {
            if let Some(&Some(rule)) = before.get(lost) {
                needs.insert((rule.to_owned(), kind_of(lost).to_owned(), waker.clone()));
            }
        }
    }
}

thread_local! {
    static LAST: Cell<Wall> = const { Cell::new(Wall(0)) };
    static FOUND: RefCell<BTreeSet<Need>> = const { RefCell::new(BTreeSet::new()) };
}

fn watch(engine: &Engine, wall: Wall, input: &Input) {
    FOUND.with_borrow_mut(|found| needed(engine, wall, input, found));
}

/// A bench that is watched.
fn bench(yaml: &str) -> Bench {
    let mut bench = Bench::bare();
    bench.watch = watch;
    bench.becomes(yaml);
    bench
}

/// Members that have a main task and an aide, and an update under a bound.
fn bound(version: u32) -> String {
    format!(
        "name: x\npods:\n  a:\n    count: 2\n    resource-sets:\n      one: {{ cpus: 1, memory: 64 }}\n      \
         two: {{ cpus: 1, memory: 64 }}\n    tasks:\n      main: {{ goal: RUNNING, cmd: ./main{version}, resource-set: one }}\n      \
         aide: {{ goal: RUNNING, essential: false, cmd: ./aide{version}, resource-set: two }}\nplans:\n  \
         deploy: {{ phases: {{ a: {{ pod: a, steps: [ {{ default: [[main, aide]] }} ] }} }} }}\n  \
         update: {{ phases: {{ a: {{ pod: a, strategy: parallel, max-unavailable: 1, steps: [ {{ default: [[main, aide]] }} ] }} }} }}\n  \
         side: {{ phases: {{ a: {{ pod: a, strategy: parallel, max-unavailable: 1, steps: [ {{ default: [[main, aide]] }} ] }} }} }}\n"
    )
}

fn deployed() -> Bench {
    let mut bench = bench(&bound(1));
    for name in ["a-0", "a-1"] {
        bench.runs(name, "main");
        bench.runs(name, "aide");
    }
    bench
}

/// The update is under way: the first member asks for room, and the second waits for it.
fn updating() -> Bench {
    let mut bench = deployed();
    bench.room = false;
    bench.becomes(&bound(2));
    bench
}

#[test]
fn each_waker_of_each_rule_is_needed() {
    // A member that is down waits for no other, and neither does recovery, once the step does not own what is broken.
    updating().fails("a-1", "main");
    let mut interrupted = updating();
    interrupted.fails("a-1", "aide");
    interrupted.say("interrupt update a");
    let mut stopped = deployed();
    stopped.room = false;
    stopped.say("start side");
    stopped.fails("a-1", "aide");
    stopped.say("stop side");
    // Another member is up again.
    let mut up = deployed();
    up.becomes(&bound(2));
    for (name, task) in [("a-0", "main"), ("a-0", "aide")] {
        up.observe(name, task, Seen::Ended(End::Killed));
    }
    up.runs("a-0", "main");
    up.runs("a-0", "aide");

    // An operator resumes a task.
    let mut paused = bench(&one("./t1"));
    paused.runs("a-0", "t");
    paused.say("pod pause a-0");
    paused.observe("a-0", "t", Seen::Ended(End::Killed));
    paused.runs("a-0", "t");
    paused.becomes(&one("./t2"));
    paused.say("pod resume a-0");
    // An operator wants what was refused once more.
    let mut refused = bench(&one("./t1"));
    refused.runs("a-0", "t");
    refused.room = false;
    refused.becomes(&one("./t2"));
    let launch = last_fit(&refused);
    refused.fit("a-0", launch, FitAnswer::Never("no".into()));
    refused.say("pod restart a-0");
    // An operator continues a phase.
    let mut phase = Bench::bare();
    phase.watch = watch;
    phase.room = false;
    phase.becomes(&one("./t1"));
    phase.say("interrupt deploy a");
    phase.say("continue deploy a");

    // Two tasks of different plans take turns in a set.
    let mut turns = bench(
        "name: x\npods:\n  a:\n    count: 1\n    resource-sets:\n      s: { cpus: 1, memory: 64 }\n      r: { cpus: 1, memory: 64 }\n    tasks:\n      \
         t: { goal: RUNNING, cmd: ./t, resource-set: r }\n      x: { goal: FINISH, cmd: ./x, resource-set: s }\n      \
         y: { goal: FINISH, cmd: ./y, resource-set: s }\nplans:\n  deploy: { phases: { a: { pod: a, steps: [ { default: [[t]] } ] } } }\n  \
         one: { phases: { a: { pod: a, steps: [ { default: [[x]] } ] } } }\n  two: { phases: { a: { pod: a, steps: [ { default: [[y]] } ] } } }\n",
    );
    turns.runs("a-0", "t");
    turns.say("start one");
    turns.runs("a-0", "x");
    turns.say("start two");
    turns.say("stop one");

    // A task that comes back to its old set waits for a job there.
    let sets = |t: &str, job: &str| {
        format!(
            "name: x\npods:\n  a:\n    count: 1\n    resource-sets:\n      s: {{ cpus: 1, memory: 64 }}\n      r: {{ cpus: 1, memory: 64 }}\n    tasks:\n      \
             t: {{ goal: RUNNING, cmd: ./t, resource-set: {t} }}\n      job: {{ goal: FINISH, cmd: ./job, resource-set: {job} }}\nplans:\n  \
             deploy: {{ phases: {{ a: {{ pod: a, steps: [ {{ default: [[t]] }} ] }} }} }}\n  jobs: {{ phases: {{ a: {{ pod: a, steps: [ {{ default: [[job]] }} ] }} }} }}\n"
        )
    };
    let mut back = bench(&sets("s", "r"));
    back.runs("a-0", "t");
    back.becomes(&sets("r", "s"));
    back.observe("a-0", "t", Seen::Ended(End::Killed));
    back.say("interrupt deploy");
    back.say("start jobs");
    back.runs("a-0", "job");
    back.say("force-complete jobs");
    back.fails("a-0", "t");
    back.finishes("a-0", "job");

    // Of three instances that leave, the first owes something, and the others have nothing.
    let leaves = |count: u32| {
        format!(
            "name: x\npods:\n  a:\n    count: {count}\n    allow-decommission: true\n    tasks:\n      t: {{ goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }}\n\
                 plans:\n  deploy: {{ phases: {{ a: {{ pod: a, strategy: parallel }} }} }}\n"
        )
    };
    let mut leaving = Bench::bare();
    (leaving.watch, leaving.room, leaving.pays) = (watch, false, false);
    leaving.becomes(&leaves(5));
    let last = leaving.sent.iter().find_map(|command| match command {
        Command::Fit(fit) if fit.instance.index == 4 => Some(fit.clone()),
        _ => None,
    });
    leaving.grant(&last.unwrap());
    leaving.runs("a-4", "t");
    leaving.becomes(&leaves(2));
    let debt = leaving.engine.debts().next().unwrap().number;
    let launch = leaving.engine.debts().next().unwrap().kill[0].launch;
    leaving.observe_launch("a-4", "t", launch, Seen::Ended(End::Killed));
    leaving.releases(debt);

    // Two instances are down for too long, and the second waits for the first.
    let mut moves = down_for_long();
    moves.pass(2000);

    // The session begins anew, and has asked for all launches only after the deadline.
    let mut moves = down_for_long();
    moves.crash();
    for name in ["a-0", "a-1"] {
        moves.observe(name, "t", Seen::Unreachable);
    }
    moves.now += 500_000_000;
    moves.step(Input::Outcome(CommandOutcome::Deregistered));
    answers(&mut moves, Seen::Unreachable);

    // A task that failed twice waits.
    let mut waits = bench(&one("./t1"));
    waits.runs("a-0", "t");
    for _ in 0..2 {
        waits.fails("a-0", "t");
    }
    waits.pass(20);
    // An operator continues a plan, and a phase follows another.
    let phases = "name: x\npods:\n  a:\n    count: 1\n    resource-sets:\n      s: { cpus: 1, memory: 64 }\n      r: { cpus: 1, memory: 64 }\n    tasks:\n      \
                  x: { goal: FINISH, cmd: ./x, resource-set: s }\n      y: { goal: FINISH, cmd: ./y, resource-set: r }\nplans:\n  \
                  deploy:\n    STRATEGYphases:\n      x: { pod: a, steps: [ { default: [[x]] } ] }\n      y: { pod: a, steps: [ { default: [[y]] } ] }\n";
    let mut order = bench(&phases.replace("STRATEGY", ""));
    order.say("interrupt deploy");
    order.finishes("a-0", "x");
    order.say("continue deploy");
    let mut order = bench(
        "name: x\npods:\n  a:\n    count: 1\n    tasks:\n      t: { goal: FINISH, cmd: ./t, cpus: 0.1, memory: 8 }\n  \
         b:\n    count: 1\n    tasks:\n      t: { goal: FINISH, cmd: ./t, cpus: 0.1, memory: 8 }\nplans:\n  \
         deploy: { phases: { a: { pod: a }, b: { pod: b } } }\n",
    );
    order.finishes("a-0", "t");
    // Two orders of an instance want a place.
    let mut place = Bench::bare();
    (place.watch, place.room) = (watch, false);
    place.becomes(&phases.replace("STRATEGY", "strategy: parallel\n    "));
    place.room = true;
    let fit = place.sent.iter().find_map(|command| match command {
        Command::Fit(fit) => Some(fit.clone()),
        _ => None,
    });
    place.grant(&fit.unwrap());

    // A gate answers, or the task beside it is down.
    let gate = |version: u32| {
        format!(
            "{}  update: {{ phases: {{ a: {{ pod: a, gates: {{ before: {{ cmd: ./ok }} }} }} }} }}\n",
            one(&format!("./t{version}"))
        )
    };
    let mut answered = bench(&gate(1));
    answered.runs("a-0", "t");
    answered.becomes(&gate(2));
    let mut down = bench(&gate(1));
    down.runs("a-0", "t");
    down.becomes(&gate(2));
    down.fails("a-0", "t");
    let id = answered.sent.iter().find_map(|command| match command {
        Command::Ask(ask) => Some(ask.id),
        _ => None,
    });
    let answer = Answer { ruling: Ruling::Allow, words: None, at: Wall(answered.now) };
    answered.input(Input::Outcome(CommandOutcome::Ask { id: id.unwrap(), answer }));

    // An instance is seen after the session began.
    let mut seen = bench(&one("./t1"));
    seen.runs("a-0", "t");
    seen.crash();
    seen.becomes(&one("./t2"));
    seen.runs("a-0", "t");

    // An order that takes a set is refused for good.
    turns.say("stop two");
    turns.room = false;
    turns.say("start one");
    let launch = last_fit(&turns);
    turns.say("start two");
    turns.fit("a-0", launch, FitAnswer::Never("no".into()));

    // An instance comes back that owes something from before it left.
    let mut owing = bench(&leaves(2));
    owing.pays = false;
    owing.runs("a-0", "t");
    owing.runs("a-1", "t");
    owing.becomes(&leaves(1));
    let debt = owing.engine.debts().next().unwrap();
    let (debt, launch) = (debt.number, debt.kill[0].launch);
    owing.becomes(&leaves(2));
    owing.observe_launch("a-1", "t", launch, Seen::Ended(End::Killed));
    owing.releases(debt);

    // An instance is to leave before the session has asked for all launches.
    let mut asked = bench(&leaves(2));
    asked.runs("a-0", "t");
    asked.runs("a-1", "t");
    asked.crash();
    asked.becomes(&leaves(1));
    asked.runs("a-1", "t");
    answers(&mut asked, Seen::Running { ready: true });

    // An instance that is to leave is to go elsewhere too, until its task is heard of again.
    let mut gone = bench(&pair(3));
    for name in ["a-0", "a-1", "a-2"] {
        gone.runs(name, "x");
        gone.runs(name, "y");
    }
    (gone.room, gone.pays) = (false, false);
    gone.say("pod restart a-1 y");
    let launch = last_fit(&gone);
    gone.becomes(&pair(1));
    gone.observe("a-1", "x", Seen::Unreachable);
    gone.fit("a-1", launch, FitAnswer::NodeGone("it was removed".into()));
    gone.runs("a-1", "x");

    steps_and_recovery();
    before_it_is_seen();
    uninstalls();

    let (found, table) = (FOUND.take(), table());
    let idle: Vec<_> = table.difference(&found).collect();
    assert!(idle.is_empty(), "no history shows that these rules need these wakers: {idle:#?}");
    let unsaid: Vec<_> = found.difference(&table).collect();
    assert!(unsaid.is_empty(), "these rules need wakers that they do not name: {unsaid:#?}");
}

/// Rules about both steps and recovery keep the one waiting as well as the other.
fn steps_and_recovery() {
    // A step acts, and its task ends before it is up: at first it is launched again at once, then it waits.
    let mut step = bench(&one("./t1"));
    for _ in 0..3 {
        step.fails("a-0", "t");
    }
    step.pass(60);

    // An operator pauses and resumes a task that no step is about.
    let mut paused = bench(&one("./t1"));
    paused.runs("a-0", "t");
    paused.say("pod pause a-0");
    paused.observe("a-0", "t", Seen::Ended(End::Killed));
    paused.runs("a-0", "t");
    paused.say("pod resume a-0");

    // Recovery is refused, and an operator wants it once more.
    let mut refused = bench(&one("./t1"));
    refused.runs("a-0", "t");
    refused.room = false;
    refused.fails("a-0", "t");
    let launch = last_fit(&refused);
    refused.fit("a-0", launch, FitAnswer::Never("no".into()));
    refused.say("pod restart a-0");

    // An instance moves: recovery is refused, then it asks for a place for one task, and the other waits for that.
    let mut place = bench(APART);
    place.runs("a-0", "x");
    place.runs("a-0", "y");
    place.room = false;
    place.say("pod replace a-0");
    let launch = last_fit(&place);
    place.fit("a-0", launch, FitAnswer::Never("no".into()));
    place.say("pod restart a-0 x");
    let Some(Command::Fit(fit)) = place.sent.pop() else { panic!("nobody asks for the place") };
    place.say("pod restart a-0 y");
    place.grant(&fit);
    for name in ["x", "y"] {
        place.observe("a-0", name, Seen::Ended(End::Killed));
    }

    // The target has one task less, which is to end before another of the instance comes back.
    let mut owing = bench(APART);
    owing.pays = false;
    owing.runs("a-0", "x");
    owing.runs("a-0", "y");
    let y = owing.launch_of("a-0", "y");
    let less = "name: x\npods:\n  a:\n    count: 1\n    resource-sets:\n      s: { cpus: 1, memory: 64 }\n    tasks:\n      \
                x: { goal: RUNNING, essential: false, cmd: ./x, resource-set: s }\n";
    owing.becomes(less);
    owing.fails("a-0", "x");
    let debt = owing.engine.debts().next().unwrap().number;
    owing.observe_launch("a-0", "y", y, Seen::Ended(End::Killed));
    owing.releases(debt);
}

/// What a session has not seen waits, of whatever kind it is.
fn before_it_is_seen() {
    // The task that is broken waited when the session began, and its instance is heard of later.
    let mut broken = bench(&pair(1));
    broken.runs("a-0", "x");
    broken.runs("a-0", "y");
    for _ in 0..2 {
        broken.fails("a-0", "x");
    }
    broken.crash();
    broken.pass(20);
    broken.runs("a-0", "y");

    // Nobody answers for an instance that is to leave, nor for one that is down for too long.
    let two = "name: x\npods:\n  a:\n    count: 2\n    allow-decommission: true\n    tasks:\n      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }\n";
    let mut leaves = bench(two);
    leaves.runs("a-0", "t");
    leaves.runs("a-1", "t");
    leaves.crash();
    leaves.becomes(&two.replace("count: 2", "count: 1"));
    leaves.pass(3600);
    leaves.runs("a-1", "t");
    let mut moves = down_for_long();
    moves.crash();
    moves.pass(3600);
    moves.observe("a-0", "t", Seen::Unreachable);
}

/// A service waits until nothing of it is left, and until the session has asked for all launches.
fn uninstalls() {
    let mut gone = bench(&one("./t1"));
    gone.runs("a-0", "t");
    gone.pays = false;
    gone.say("uninstall");
    let debt = gone.engine.debts().next().unwrap();
    let (debt, launch) = (debt.number, debt.kill[0].launch);
    gone.observe_launch("a-0", "t", launch, Seen::Ended(End::Killed));
    gone.releases(debt);
    gone.crash();
    gone.pass(1);

    // One input removes 64 instances that owe nothing, and the next one the last.
    let mut many = Bench::bare();
    (many.room, many.pays) = (false, false);
    many.becomes(
        &one("./t1").replace("count: 1", "count: 65").replace("pod: a }", "pod: a, strategy: parallel }"),
    );
    many.watch = watch;
    many.say("uninstall");
}

/// Two tasks that are neither essential nor of one step.
const APART: &str = "name: x\npods:\n  a:\n    count: 1\n    resource-sets:\n      s: { cpus: 1, memory: 64 }\n      r: { cpus: 1, memory: 64 }\n    tasks:\n      \
     x: { goal: RUNNING, essential: false, cmd: ./x, resource-set: s }\n      y: { goal: RUNNING, essential: false, cmd: ./y, resource-set: r }\nplans:\n  \
     deploy: { phases: { a: { pod: a, steps: [ { default: [[x], [y]] } ] } } }\n";

/// A service of one task.
fn one(cmd: &str) -> String {
    format!(
        "name: x\npods:\n  a:\n    count: 1\n    tasks:\n      t: {{ goal: RUNNING, cmd: {cmd}, cpus: 0.1, memory: 8 }}\n\
         plans:\n  deploy: {{ phases: {{ a: {{ pod: a }} }} }}\n"
    )
}

/// The order that room was asked for last.
fn last_fit(bench: &Bench) -> Number {
    let fits = bench.sent.iter().rev().filter_map(|command| match command {
        Command::Fit(fit) => Some(fit.launch),
        _ => None,
    });
    fits.into_iter().next().unwrap()
}

/// A service of two tasks in each instance.
fn pair(count: u32) -> String {
    format!(
        "name: x\npods:\n  a:\n    count: {count}\n    allow-decommission: true\n    resource-sets:\n      s: {{ cpus: 1, memory: 64 }}\n      r: {{ cpus: 1, memory: 64 }}\n    tasks:\n      \
         x: {{ goal: RUNNING, essential: false, cmd: ./x, resource-set: s }}\n      y: {{ goal: RUNNING, essential: false, cmd: ./y, resource-set: r }}\nplans:\n  \
         deploy: {{ phases: {{ a: {{ pod: a, strategy: parallel, steps: [ {{ default: [[x, y]] }} ] }} }} }}\n"
    )
}

/// Answers the question for the states of all launches.
fn answers(bench: &mut Bench, seen: Seen) {
    let asked = bench.sent.iter().find_map(|command| match command {
        Command::Reconcile { number, expected } => Some((*number, expected.clone())),
        _ => None,
    });
    let (number, expected) = asked.unwrap();
    let found = expected.into_iter().map(|one| (one.of, Found::Seen(seen.into())));
    bench.input(Input::Snapshot(Snapshot::new(number, number, found.collect())));
}

/// Two instances that nobody hears of, and a policy.
fn down_for_long() -> Bench {
    let mut moves = bench(
        "name: x\nreplacement-failure-policy: { permanent-failure-timeout-secs: 400, min-replace-delay-secs: 600 }\n\
         pods:\n  a:\n    count: 2\n    tasks:\n      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }\n",
    );
    for name in ["a-0", "a-1"] {
        moves.runs(name, "t");
    }
    for name in ["a-0", "a-1"] {
        moves.observe(name, "t", Seen::Unreachable);
    }
    moves
}
