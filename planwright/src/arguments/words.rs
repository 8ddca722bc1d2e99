//! The command line accepts each command that the API proposes.

use clap::Parser as _;

use plan_api::words::command;
use plan_core::engine::{Part, Verb};

use super::Arguments;

/// The command line accepts each command.
#[test]
fn a_verb_is_a_command() {
    let plan = || "deploy".parse().unwrap();
    let phase = || Some("web".parse().unwrap());
    let step = || Part::Step("web".parse().unwrap(), "web-0:[server]".to_owned());
    let (instance, tasks) = (|| "web-0".parse().unwrap(), || vec!["server".parse().unwrap()]);
    let table = [
        (Verb::Start { plan: plan(), parameters: Default::default() }, "plan start deploy"),
        (Verb::Stop { plan: plan() }, "plan stop deploy"),
        (Verb::Interrupt { plan: plan(), phase: None }, "plan pause deploy"),
        (Verb::Continue { plan: plan(), phase: phase() }, "plan resume deploy web"),
        (
            Verb::ForceComplete { plan: plan(), part: step() },
            "plan force-complete deploy web 'web-0:[server]'",
        ),
        (Verb::ForceComplete { plan: plan(), part: Part::Plan }, "plan force-complete --all deploy"),
        (Verb::Restart { plan: plan(), part: step() }, "plan force-restart deploy web 'web-0:[server]'"),
        (Verb::RestartPod { instance: instance(), tasks: tasks() }, "pod restart web-0 --task server"),
        (Verb::ReplacePod { instance: instance() }, "pod replace web-0"),
        (Verb::PausePod { instance: instance(), tasks: Vec::new() }, "pod pause web-0"),
        (Verb::ResumePod { instance: instance(), tasks: tasks() }, "pod resume web-0 --task server"),
        (Verb::GiveUp { debt: 7 }, "debug debts --give-up 7"),
        (Verb::Uninstall, "uninstall"),
    ];
    for (verb, expected) in table {
        let command = command(&verb);
        assert_eq!(command, expected);
        let words = command.split(' ').map(|word| word.trim_matches('\''));
        let read = Arguments::try_parse_from(["planwright"].into_iter().chain(words));
        assert!(read.is_ok(), "{command}: {}", read.unwrap_err());
    }
}
