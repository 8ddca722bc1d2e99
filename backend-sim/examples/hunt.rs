//! Runs many seeds over a specification and prints each kind of violation once, with its story.
//!
//! `cargo run --release -p backend-sim --example hunt -- SVC.yml FROM TO [FAULTS] [WORD...]`, where a word is
//! `nolaw`, `story`, `verbs` (of plans), `pods` (verbs of pods), `heal`, `crash` or `crash2` (all crash points in
//! place of one run), `nodes=N`, `plan=PLAN`, `then=SVC.yml` (as often as needed), `target=SVC.yml@TIME`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example, for people at a terminal"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend_sim::choose::{Choose, Seeded, Site};
use backend_sim::{Choices, Depth, Scenario, SimulationOutcome, Violation, crash_points, run};
use plan_core::engine::{Part, Verb};
use plan_core::plan::Model;
use plan_core::spec::{Files, ReadOptions, Source, read};

fn model(path: &str) -> Arc<Model> {
    let text = std::fs::read_to_string(path).unwrap();
    let env = BTreeMap::new();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: path, text: &text }, &options);
    Arc::new(Model::new(reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))).unwrap())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().any(|arg| arg == word);
    let of = |key: &'static str| args.iter().filter_map(move |arg| arg.strip_prefix(key));
    let model = |path: &str| model(path);
    let first = model(&args[0]);
    let then: Vec<_> = of("then=").map(model).collect();
    let targets: Vec<_> = of("target=")
        .map(|text| {
            let (path, at) = text.rsplit_once('@').unwrap();
            (backend_sim::moment::parse(at).unwrap(), model(path))
        })
        .collect();
    let (from, to): (u64, u64) = (args[1].parse().unwrap(), args[2].parse().unwrap());
    let faults = args.get(3).map_or("random:6", String::as_str);
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for seed in from..to {
        let mut scenario = Scenario::new(first.clone());
        (scenario.then, scenario.targets) = (then.clone(), targets.clone());
        scenario.shape.nodes = of("nodes=").next().map(|nodes| nodes.parse().unwrap());
        scenario.choices = Choices::Seed(seed);
        scenario.release_canaries = true;
        scenario.faults =
            faults.split(',').filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()).collect();
        if has("nolaw") {
            scenario.checks.recovery = false;
        }
        if has("verbs") {
            scenario.verbs = verbs(&first, seed);
        }
        if has("pods") {
            scenario.verbs.extend(pod_verbs(&first, seed));
        }
        if has("heal") {
            scenario.heal = Some(Duration::from_secs(90));
        }
        scenario.plan = of("plan=").next().map(|plan| (plan.parse().unwrap(), BTreeMap::new()));
        if has("crash") || has("crash2") {
            let depth = if has("crash2") { Depth::Double } else { Depth::Single };
            let report = crash_points(&scenario, depth).unwrap();
            let (count, _) = kinds.entry("survived".to_owned()).or_insert((0, seed));
            *count += report.survived;
            for failure in &report.failures {
                let faults: Vec<_> = failure.scenario.faults.iter().map(ToString::to_string).collect();
                let (count, _) = kinds.entry(kind(&failure.violation)).or_insert_with(|| {
                    println!("seed {seed} {faults:?}\n{}\n", failure.violation);
                    (0, seed)
                });
                *count += 1;
            }
            continue;
        }
        let report = run(&scenario).unwrap();
        let kind = match &report.outcome {
            SimulationOutcome::Complete => "complete".to_owned(),
            SimulationOutcome::Incomplete { waits } => {
                let root = waits.iter().map(|why| format!("{:?}", why.reason));
                let root: std::collections::BTreeSet<String> =
                    root.map(|text| text.split([' ', '(', '{']).next().unwrap().to_owned()).collect();
                format!("incomplete {root:?}")
            }
            SimulationOutcome::Violation(violation) => kind(violation),
            other => other.name().to_owned(),
        };
        let (count, first) = kinds.entry(kind).or_insert((0, seed));
        *count += 1;
        let first = *first;
        if args.iter().any(|arg| arg == "story") && first == seed && !report.outcome.is_complete() {
            report.trace.iter().for_each(|event| println!("{event}"));
            report.plans.iter().for_each(|plan| println!("{plan}"));
            println!("seed {seed} {:?}", report.faults.iter().map(ToString::to_string).collect::<Vec<_>>());
            match &report.outcome {
                SimulationOutcome::Violation(violation) => println!("{violation}"),
                SimulationOutcome::Incomplete { waits } => {
                    waits.iter().for_each(|why| println!("{}: {why}", why.instance))
                }
                _ => {}
            }
            println!();
        }
    }
    for (kind, (count, first)) in kinds {
        println!("{count:>6}  (first seed {first}) {kind}");
    }
}

/// What kind of violation it is.
fn kind(violation: &Violation) -> String {
    let digits = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).take(90).collect::<String>();
    format!("{:?} {} | {}", violation.check, digits(&violation.expected), digits(&violation.found))
}

/// A few verbs for instances of the service, from a seed.
fn pod_verbs(model: &Model, seed: u64) -> Vec<(Duration, Verb)> {
    let mut chance = Seeded::new(seed);
    let mut pick = |label, options: usize| chance.choose(Site::new(label, 1), options as u32) as usize;
    let mut verbs = Vec::new();
    for _ in 0..1 + pick("verbs", 4) {
        let pod = pick("pod", model.pods().len());
        let of = &model.pods()[pod];
        let instance = model.instance_name(pod as u32, pick("instance", of.count as usize) as u32);
        let one = of.tasks[pick("task", of.tasks.len())].name.clone();
        let tasks = if pick("all", 2) == 0 { Vec::new() } else { vec![one] };
        let at = Duration::from_millis(250 * pick("when", 240) as u64);
        let verb = match pick("verb", 9) {
            0..=2 => Verb::RestartPod { instance, tasks },
            3..=5 => Verb::ReplacePod { instance },
            6 | 7 => {
                let later = at + Duration::from_secs(20);
                verbs.push((later, Verb::ResumePod { instance: instance.clone(), tasks: tasks.clone() }));
                Verb::PausePod { instance, tasks }
            }
            _ if pick("uninstall", 4) == 0 => Verb::Uninstall,
            _ => Verb::GiveUp { debt: pick("debt", 20) as u64 },
        };
        verbs.push((at, verb));
    }
    verbs
}

/// A few verbs for plans, phases and steps of the service, from a seed.
fn verbs(model: &Model, seed: u64) -> Vec<(Duration, Verb)> {
    let mut chance = Seeded::new(seed);
    let mut pick = |label, options: usize| chance.choose(Site::new(label, 0), options as u32) as usize;
    let mut verbs = Vec::new();
    for _ in 0..1 + pick("verbs", 5) {
        let (name, layout) = model.plans().get_index(pick("plan", model.plans().len())).unwrap();
        let phase = &layout.phases[pick("phase", layout.phases.len())];
        let part = match pick("part", 3) {
            0 => Part::Plan,
            1 => Part::Phase(phase.name.clone()),
            _ => Part::Step(phase.name.clone(), format!("#{}", pick("step", phase.steps.len()))),
        };
        let (plan, in_phase) = (name.clone(), (pick("whole", 2) == 0).then(|| phase.name.clone()));
        let verb = match pick("verb", 6) {
            0 => Verb::Interrupt { plan: plan.clone(), phase: in_phase.clone() },
            1 => Verb::Continue { plan, phase: in_phase.clone() },
            2 => Verb::ForceComplete { plan, part },
            3 => Verb::Stop { plan },
            4 => Verb::Start { plan, parameters: BTreeMap::new() },
            _ => Verb::Restart { plan, part },
        };
        let at = Duration::from_millis(250 * pick("when", 240) as u64);
        if let Verb::Interrupt { plan, phase } = &verb {
            let verb = Verb::Continue { plan: plan.clone(), phase: phase.clone() };
            verbs.push((at + Duration::from_secs(30), verb));
        }
        verbs.push((at, verb));
    }
    verbs
}
