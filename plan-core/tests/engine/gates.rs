//! Gates: questions that are asked right before a step acts.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::Bench;

/// A service of two running members, whose update to a second file has a gate.
fn gated() -> Bench {
    let file = |version: u32| {
        format!(
            "name: x\npods:\n  a:\n    count: 2\n    tasks:\n      t: {{ goal: RUNNING, cmd: ./t{version}, cpus: 0.1, memory: 8 }}\n\
             plans:\n  deploy: {{ phases: {{ a: {{ pod: a }} }} }}\n  update:\n    phases:\n      \
             a: {{ pod: a, strategy: parallel, gates: {{ before: {{ cmd: ./ok, max-age: 30 }} }} }}\n",
        )
    };
    let mut bench = Bench::new(&file(1));
    bench.runs("a-0", "t");
    bench.runs("a-1", "t");
    assert_eq!(bench.status("deploy"), Complete);
    bench.sent.clear();
    bench.becomes(&file(2));
    bench
}

/// The questions since the last call: each member, with the question's number.
fn asks(bench: &mut Bench) -> Vec<(String, Number)> {
    let mut asks = Vec::new();
    bench.sent.retain(|command| match command {
        Command::Ask(ask) => {
            assert_eq!(
                ask.check,
                Check::Command { cmd: "./ok".into(), timeout: plan_core::spec::Seconds(10) }
            );
            asks.push((format!("{}-{}", ask.instance, ask.task), ask.id));
            false
        }
        _ => true,
    });
    asks
}

fn names(asks: &[(String, Number)]) -> Vec<&str> {
    asks.iter().map(|(name, _)| name.as_str()).collect()
}

fn answer(bench: &mut Bench, id: Number, ruling: Ruling, words: &str) {
    let answer = Answer { ruling, words: Words::some(words), at: Wall(bench.now) };
    bench.input(Input::Outcome(CommandOutcome::Ask { id, answer }));
}

fn kills(bench: &mut Bench) -> Vec<String> {
    bench.commands().into_iter().filter(|command| command.starts_with("kill")).collect()
}

#[test]
fn each_answer_has_its_consequence() {
    for (ruling, then, says) in [
        (Ruling::Allow, &["kill a-0-t"][..], "is being ended to make room"),
        (Ruling::Defer, &[], "its gate beside `t` defers: lag 7"),
        (Ruling::Deny, &[], "its gate beside `t` denies: lag 7"),
        (Ruling::Inconclusive, &[], "its gate beside `t` gives no clear answer: lag 7"),
    ] {
        let mut bench = gated();
        let asked = asks(&mut bench);
        assert_eq!(names(&asked), ["a-0-t", "a-1-t"], "nothing is done before the answer");
        assert_eq!(bench.commands(), [""; 0]);
        assert!(bench.why("a-0")[0].contains("its gate is asked beside `t`"), "{:?}", bench.why("a-0"));
        answer(&mut bench, asked[0].1, ruling, "lag 7");
        assert_eq!(kills(&mut bench), then, "{ruling:?}");
        assert!(bench.why("a-0")[0].contains(says), "{ruling:?}: {:?}", bench.why("a-0"));
        // A repeated answer, and an answer to no question, change nothing.
        answer(&mut bench, asked[0].1, Ruling::Allow, "");
        answer(&mut bench, 999, Ruling::Allow, "");
        assert_eq!(kills(&mut bench), [""; 0]);
    }
}

#[test]
fn what_defers_is_asked_again_and_what_denies_is_not() {
    let mut bench = gated();
    let asked = asks(&mut bench);
    answer(&mut bench, asked[0].1, Ruling::Defer, "");
    answer(&mut bench, asked[1].1, Ruling::Deny, "");
    bench.pass(4);
    assert_eq!(asks(&mut bench), []);
    bench.pass(1);
    let again = asks(&mut bench);
    assert_eq!(names(&again), ["a-0-t"]);
    answer(&mut bench, again[0].1, Ruling::Allow, "");
    assert_eq!(kills(&mut bench), ["kill a-0-t"]);
    bench.pass(3600);
    assert_eq!(asks(&mut bench), [], "not before an operator's word");
    assert_eq!(bench.say("restart update a a-1:[t]"), Reply::Done);
    assert_eq!(names(&asks(&mut bench)), ["a-1-t"]);
}

#[test]
fn a_word_of_an_operator_takes_a_denial_back_and_a_forced_step_passes() {
    for words in ["restart update a a-1:[t]", "restart update a", "continue update a", "continue update"] {
        let mut bench = gated();
        let asked = asks(&mut bench);
        answer(&mut bench, asked[1].1, Ruling::Deny, "");
        assert_eq!(bench.say(words), Reply::Done, "{words}");
        assert!(names(&asks(&mut bench)).contains(&"a-1-t"), "{words}");
    }
    let mut bench = gated();
    let asked = asks(&mut bench);
    answer(&mut bench, asked[1].1, Ruling::Deny, "");
    assert_eq!(bench.say("force-complete update a a-1:[t]"), Reply::Done);
    assert_eq!(bench.why("a-1"), [""; 0]);
}

#[test]
fn no_answer_is_asked_for_again_under_a_new_number() {
    let mut bench = gated();
    let asked = asks(&mut bench);
    bench.pass(14);
    assert_eq!(asks(&mut bench), []);
    bench.pass(1);
    let again = asks(&mut bench);
    assert_eq!(names(&again), ["a-0-t", "a-1-t"]);
    answer(&mut bench, asked[0].1, Ruling::Allow, "");
    assert_eq!(kills(&mut bench), [""; 0], "that question is nobody's any more");
    answer(&mut bench, again[0].1, Ruling::Allow, "");
    assert_eq!(kills(&mut bench), ["kill a-0-t"]);
}

#[test]
fn no_act_rests_on_an_old_answer_and_room_is_kept_while_it_is_asked_again() {
    for (ruling, then) in [(Ruling::Allow, "kill a-0-t"), (Ruling::Defer, "withdraw a-0")] {
        let mut bench = gated();
        bench.room = false;
        let asked = asks(&mut bench);
        answer(&mut bench, asked[0].1, Ruling::Allow, "");
        let fit = bench.sent.iter().find_map(|command| match command {
            Command::Fit(fit) => Some((**fit).clone()),
            _ => None,
        });
        bench.now += 31_000_000;
        bench.sent.clear();
        bench.grant(&fit.unwrap());
        let again = asks(&mut bench);
        let of = again.iter().find(|(name, _)| name == "a-0-t").unwrap();
        assert!(bench.commands().iter().all(|command| !command.contains("a-0")));
        answer(&mut bench, of.1, ruling, "");
        assert!(bench.commands().contains(&then.to_owned()), "{ruling:?}");
    }
}

#[test]
fn an_answer_about_the_launch_before_says_nothing() {
    let mut bench = gated();
    let asked = asks(&mut bench);
    bench.fails("a-0", "t");
    bench.sent.clear();
    answer(&mut bench, asked[0].1, Ruling::Allow, "");
    assert!(!kills(&mut bench).contains(&"kill a-0-t".to_owned()));
}

#[test]
fn a_member_that_is_down_and_one_that_is_new_are_asked_nothing() {
    let mut bench = gated();
    asks(&mut bench);
    bench.fails("a-0", "t");
    assert_eq!(bench.launched(), ["a-0:[t]"], "its step repairs it");
    let file = "name: x\npods:\n  a:\n    count: 1\n    tasks:\n      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }\n\
                plans:\n  deploy: { phases: { a: { pod: a, gates: { before: { cmd: ./ok } } } } }\n";
    assert_eq!(Bench::new(file).launched(), ["a-0:[t]"]);
}

#[test]
fn a_crash_forgets_what_was_answered() {
    let mut bench = gated();
    bench.room = false;
    let asked = asks(&mut bench);
    answer(&mut bench, asked[0].1, Ruling::Allow, "");
    answer(&mut bench, asked[1].1, Ruling::Deny, "");
    bench.room = true;
    bench.crash();
    bench.runs("a-0", "t");
    bench.runs("a-1", "t");
    assert_eq!(names(&asks(&mut bench)), ["a-0-t", "a-1-t"]);
    assert_eq!(kills(&mut bench), [""; 0]);
}

#[test]
fn another_target_asks_anew() {
    let mut bench = gated();
    let asked = asks(&mut bench);
    answer(&mut bench, asked[0].1, Ruling::Deny, "");
    let text = "name: x\npods:\n  a:\n    count: 2\n    tasks:\n      t: { goal: RUNNING, cmd: ./t3, cpus: 0.1, memory: 8 }\n\
                plans:\n  deploy: { phases: { a: { pod: a } } }\n  update:\n    phases:\n      \
                a: { pod: a, strategy: parallel, gates: { before: { cmd: ./ok, max-age: 30 } } }\n";
    bench.becomes(text);
    assert_eq!(names(&asks(&mut bench)), ["a-0-t", "a-1-t"]);
}
