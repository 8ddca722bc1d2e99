//! Questions beside tasks, and several commands at once.

use plan_core::engine::{Answer, Ask, Check, Command, CommandOutcome, End, Number, Ruling, Seen};
use plan_core::spec::Seconds;
use plan_driver::backend::BackendReport;

use crate::common::{Bench, instance, lives, name, on_runtime, task, until};

const READY: Seen = Seen::Running { ready: true };

fn ask(id: Number, launch: Number, cmd: &str, timeout: u32) -> Command {
    let check = Check::Command { cmd: cmd.to_owned(), timeout: Seconds(timeout) };
    Command::Ask(Box::new(Ask { id, instance: instance(0), task: name("t"), launch, check }))
}

fn the_answer(id: Number) -> impl Fn(&BackendReport) -> Option<Answer> {
    move |report| match report {
        BackendReport::Outcome(CommandOutcome::Ask { id: of, answer }) if *of == id => Some(answer.clone()),
        _ => None,
    }
}

async fn said(bench: &mut Bench, launch: Number, cmd: &str, timeout: u32) -> (Ruling, String) {
    let id = bench.next_number();
    bench.command(ask(id, launch, cmd, timeout)).await;
    let answer = bench.report(cmd, the_answer(id)).await;
    (answer.ruling, answer.words.map(String::from).unwrap_or_default())
}

#[test]
fn a_command_beside_the_task_answers_by_its_exit_code() {
    on_runtime(async {
        let more = "        env: {OWN: 'of the task'}\n";
        let mut bench = Bench::new(&task("echo here > file; echo up; exec sleep 1000", more)).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        bench.output(0, launch, |text| text == "up\n").await;
        let table = [
            ("exit 0", Ruling::Allow, ""),
            ("echo one; echo two >&2; exit 0", Ruling::Allow, "two"),
            ("cat file; exit 1", Ruling::Defer, "here"),
            ("echo $OWN $TASK_NAME; exit 2", Ruling::Deny, "of the task a-0-t"),
            ("echo why; exit 3", Ruling::Inconclusive, "exit code 3: why"),
            ("kill -9 $$", Ruling::Inconclusive, "killed by signal 9"),
        ];
        for (cmd, ruling, words) in table {
            assert_eq!(said(&mut bench, launch, cmd, 20).await, (ruling, words.to_owned()), "{cmd}");
        }
        let (ruling, words) = said(&mut bench, launch, "no-such-command", 20).await;
        assert_eq!(ruling, Ruling::Inconclusive);
        assert!(words.starts_with("exit code 127: ") && words.contains("no-such-command"), "{words}");
        let (ruling, words) =
            said(&mut bench, launch, "head -c 100000 /dev/zero | tr '\\0' x; exit 1", 20).await;
        assert_eq!(ruling, Ruling::Defer);
        assert!(words.len() < 600 && words.ends_with("xxx"), "{words}");
    });
}

#[test]
fn a_question_that_takes_too_long_is_ended_with_all_that_it_started() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exec sleep 1000", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let cmd = "echo $$ > asked; echo busy; sleep 1000 & sleep 1000";
        let why = "timed out after 1 s: busy".to_owned();
        assert_eq!(said(&mut bench, launch, cmd, 1).await, (Ruling::Inconclusive, why));
        let sandbox = bench.sandbox(0, launch);
        let asked = |file: &str| -> Option<i32> {
            std::fs::read_to_string(sandbox.join(file)).ok()?.trim().parse().ok()
        };
        assert!(!lives(asked("asked").unwrap()));
        // What leaves the group and keeps the output keeps nobody waiting.
        let cmd = "setsid sleep 5 & echo done";
        assert_eq!(said(&mut bench, launch, cmd, 20).await, (Ruling::Allow, "done".to_owned()));
        // One whose session is over is asked again in the next one: nothing goes on for the first.
        let id = bench.next_number();
        bench.command(ask(id, launch, "echo $$ > again; sleep 1000", 1000)).await;
        let process = until("it runs", || asked("again")).await;
        bench.open_session().await;
        until("it has ended", || (!lives(process)).then_some(())).await;
    });
}

#[test]
fn who_does_not_run_is_not_asked() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exec sleep 1000", "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let why = |words: &str| (Ruling::Inconclusive, words.to_owned());
        assert_eq!(said(&mut bench, 99, "exit 0", 5).await, why("launch 99 of `t` is not known"));
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        assert_eq!(said(&mut bench, launch, "exit 0", 5).await, why("launch 1 of `t` has ended"));
        let (launch, grant) = bench.launch_again(0, &grant).await;
        bench.seen(launch, READY).await;
        bench.local().lose_node(&grant.node.name).await.unwrap();
        let number = launch;
        let words = format!("nothing is heard of node-0, where launch {number} of `t` runs");
        assert_eq!(said(&mut bench, launch, "exit 0", 5).await, why(&words));
    });
}

#[test]
fn what_one_batch_ordered_is_carried_out_in_its_order() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exec sleep 1000", "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let kill = Command::Kill { instance: instance(0), launch, task: name("t"), grace: Seconds(5) };
        let (id, number) = (bench.next_number(), bench.next_number());
        let reconcile = Command::Reconcile { number, expected: vec![bench.expected(0, launch, &grant)] };
        bench.commands(vec![ask(id, launch, "exit 2", 20), reconcile, kill]).await;
        let mut answered = false;
        let mut shown = false;
        // All three are answered, whichever comes first.
        let ended = bench
            .report("it ends", |report| match report {
                BackendReport::Observed(of) => match of.seen.seen {
                    Seen::Ended(end) => Some(end),
                    _ => None,
                },
                _ => None,
            })
            .await;
        for report in &bench.reports {
            answered |= the_answer(id)(report).is_some();
            shown |= matches!(report, BackendReport::Snapshot(snapshot) if snapshot.of == number);
        }
        assert_eq!(ended, End::Killed);
        assert!(shown);
        if !answered {
            bench.report("it is answered", the_answer(id)).await;
        }
    });
}
