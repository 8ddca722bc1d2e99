//! Budgets: `max-unavailable` of a phase and of a plan.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, instance};

/// A deployed service of four members, which a phase with this bound and strategy updates to a second file.
fn updated(bound: &str, strategy: &str) -> Bench {
    let (of_plan, of_phase) = match bound.strip_prefix("plan ") {
        Some(most) => (format!("max-unavailable: {most}"), String::new()),
        None => ("strategy: serial".to_owned(), format!(", max-unavailable: {bound}")),
    };
    let file = |version: u32| {
        format!(
            "name: x\npods:\n  a:\n    count: 4\n    tasks:\n      t: {{ goal: RUNNING, cmd: ./t{version}, cpus: 0.1, memory: 8 }}\n\
             plans:\n  deploy:\n    phases:\n      a: {{ pod: a, strategy: parallel }}\n  update:\n    {of_plan}\n    phases:\n      \
             a: {{ pod: a, strategy: {strategy}{of_phase} }}\n",
        )
    };
    let mut bench = Bench::new(&file(1));
    for member in ["a-0", "a-1", "a-2", "a-3"] {
        bench.runs(member, "t");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench.becomes(&file(2));
    bench
}

fn killed(bench: &mut Bench) -> Vec<String> {
    bench.commands().into_iter().filter(|command| command.starts_with("kill")).collect()
}

/// Lets the task that was told to end end, and its successor run.
fn exchanged(bench: &mut Bench, member: &str) {
    bench.observe(member, "t", Seen::Ended(End::Killed));
    bench.runs(member, "t");
}

#[test]
fn a_bound_of_a_phase_or_of_its_plan_lets_so_many_go_down_and_the_next_when_one_is_back() {
    for (bound, most) in [("1", 1), ("2", 2), ("50%", 2), ("plan 3", 3), ("100%", 4)] {
        let mut bench = updated(bound, "parallel");
        let all = ["kill a-0-t", "kill a-1-t", "kill a-2-t", "kill a-3-t"];
        assert_eq!(killed(&mut bench), all[..most], "{bound}");
        for nth in 0..4 {
            exchanged(&mut bench, &format!("a-{nth}"));
            assert_eq!(
                killed(&mut bench),
                all.get(most + nth).map_or(&[][..], std::slice::from_ref),
                "{bound}"
            );
        }
        assert_eq!(bench.status("update"), Complete, "{bound}");
    }
}

#[test]
fn who_waits_says_for_whom_and_a_force_lets_the_step_be() {
    let mut bench = updated("1", "parallel");
    assert_eq!(
        bench.why("a-1"),
        ["update / a / a-1:[t] (PENDING): at most 1 member may be down, and it waits for a-0"]
    );
    assert_eq!(bench.say("force-complete update a a-1:[t]"), Reply::Done);
    assert_eq!(bench.why("a-1"), [""; 0]);
    exchanged(&mut bench, "a-0");
    assert_eq!(killed(&mut bench), ["kill a-0-t", "kill a-2-t"], "the next in the order of the plan");
}

#[test]
fn any_reason_counts_and_the_step_of_a_member_that_is_down_is_within_it() {
    for seen in [Seen::Ended(End::Failed), Seen::Unreachable, Seen::Running { ready: false }] {
        let mut bench = updated("1", "serial");
        killed(&mut bench);
        bench.observe("a-3", "t", seen);
        exchanged(&mut bench, "a-0");
        assert_eq!(killed(&mut bench), [""; 0], "{seen:?}: a-1 waits for a-3");
        bench.runs("a-3", "t");
        assert_eq!(killed(&mut bench), ["kill a-1-t"], "{seen:?}");
    }
    // The next member is down itself.
    let mut bench = updated("1", "serial");
    killed(&mut bench);
    bench.observe("a-1", "t", Seen::Running { ready: false });
    exchanged(&mut bench, "a-0");
    assert_eq!(killed(&mut bench), ["kill a-1-t"]);
}

#[test]
fn what_would_repair_a_member_does_not_wait_for_it() {
    let mut bench = updated("1", "parallel");
    killed(&mut bench);
    bench.fails("a-2", "t");
    let again = bench.commands();
    assert!(again.contains(&"fit a-2".to_owned()) && again.contains(&"launch a-2".to_owned()), "{again:?}");
    assert!(bench.why("a-1")[0].contains("it waits for a-0, a-2"), "{:?}", bench.why("a-1"));
    // One of the two members is up again, and one is still down.
    exchanged(&mut bench, "a-0");
    assert_eq!(killed(&mut bench), [""; 0]);
    bench.runs("a-2", "t");
    assert_eq!(killed(&mut bench), ["kill a-1-t"]);
}

#[test]
fn who_has_no_room_lets_others_go_on_and_waits_when_it_has_room() {
    let fits = |bench: &mut Bench| -> Vec<(String, Number)> {
        let sent = std::mem::take(&mut bench.sent);
        let fits = sent.into_iter().filter_map(|command| match command {
            Command::Fit(fit) => Some((fit.instance.to_string(), fit.launch)),
            _ => None,
        });
        fits.collect()
    };
    let mut bench = updated("1", "parallel");
    bench.room = false;
    exchanged(&mut bench, "a-0");
    let asked = fits(&mut bench);
    let (member, launch) = asked.last().cloned().unwrap();
    assert_eq!(member, "a-1");
    // There is no room for a-1, so room is asked for a-2.
    bench.fit("a-1", launch, FitAnswer::Retry("full".into()));
    let asked = fits(&mut bench);
    assert_eq!(asked.iter().map(|(member, _)| member.as_str()).collect::<Vec<_>>(), ["a-2"]);
    assert!(bench.why("a-1")[0].contains("no room: full"));
    // There is room for both members. The second one gives its grant back.
    bench.room = true;
    let wanted = |bench: &Bench, name: &str| {
        bench.engine.pod(&instance(name)).unwrap().orders().last().unwrap().launch
    };
    let grant = |bench: &mut Bench, name: &str| {
        let place = bench.engine.pod(&instance(name)).unwrap().place().cloned().unwrap();
        let (node, handle) = (place.node.clone(), place.handle.clone());
        let grant = Grant::new(node, handle);
        let launch = wanted(bench, name);
        bench.fit(name, launch, FitAnswer::Fitted(grant));
    };
    grant(&mut bench, "a-2");
    assert_eq!(killed(&mut bench), ["kill a-2-t"]);
    grant(&mut bench, "a-1");
    assert_eq!(bench.commands(), ["withdraw a-1"]);
    exchanged(&mut bench, "a-2");
    assert_eq!(killed(&mut bench), ["kill a-1-t"]);
}

#[test]
fn a_crash_in_between_forgets_nothing() {
    let mut bench = updated("1", "parallel");
    killed(&mut bench);
    bench.crash();
    for member in ["a-0", "a-1", "a-2", "a-3"] {
        let launch = bench.launch_of(member, "t");
        bench.observe_launch(member, "t", launch, Seen::Running { ready: true });
    }
    assert_eq!(killed(&mut bench), ["kill a-0-t"]);
    bench.crash();
    exchanged(&mut bench, "a-0");
    for member in ["a-1", "a-2", "a-3"] {
        bench.runs(member, "t");
    }
    assert_eq!(killed(&mut bench), ["kill a-1-t"]);
}

#[test]
fn a_first_deployment_takes_nobody_down() {
    let file = "name: x\npods:\n  a:\n    count: 3\n    tasks:\n      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }\n\
                plans:\n  deploy:\n    phases:\n      a: { pod: a, strategy: parallel, max-unavailable: 1 }\n";
    let mut bench = Bench::new(file);
    assert_eq!(bench.launched(), ["a-0:[t]", "a-1:[t]", "a-2:[t]"]);
}

#[test]
fn who_was_never_up_keeps_nobody_waiting_once_it_is_ended() {
    let file = |version: u32| {
        format!(
            "name: x\npods:\n  a:\n    count: 3\n    tasks:\n      t: {{ goal: RUNNING, cmd: ./t{version}, cpus: 0.1, memory: 8 }}\n\
             plans:\n  deploy:\n    phases:\n      a: {{ pod: a, strategy: parallel }}\n  update:\n    phases:\n      \
             a: {{ pod: a, strategy: parallel, max-unavailable: 1 }}\n",
        )
    };
    let mut bench = Bench::new(&file(1));
    bench.observe("a-0", "t", Seen::Running { ready: false });
    for member in ["a-1", "a-2"] {
        bench.runs(member, "t");
    }
    assert_eq!(bench.say("force-complete deploy"), Reply::Done);
    bench.commands();
    bench.becomes(&file(2));
    // a-0 counted only while it asked for room. It is not down, as it was never up.
    assert_eq!(killed(&mut bench), ["kill a-0-t", "kill a-1-t"]);
    assert_eq!(
        bench.why("a-2"),
        ["update / a / a-2:[t] (PENDING): at most 1 member may be down, and it waits for a-1"]
    );
}
