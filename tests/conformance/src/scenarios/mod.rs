//! The scenarios: one table, and a file for each subject of a promise.
//!
//! Invariant: a scenario tests only what the contract says, and begins on a cluster in which nothing runs.

mod ends;
mod installations;
mod launches;
mod nodes;
mod questions;
mod room;
mod sessions;
mod snapshots;

use futures::FutureExt as _;

use crate::run::BackendScenario;
use crate::stage::Broken;
use crate::subject::Need;

/// The result of a scenario.
type Verdict = Result<(), Broken>;

/// Ends a scenario whose promise is not kept.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(crate::stage::Broken::new(format!($($what)+)));
        }
    };
}
use ensure;

macro_rules! table {
    ($($name:literal: $promise:literal, [$($need:ident),*] => $run:path;)+) => {
        /// All scenarios.
        pub const SCENARIOS: &[BackendScenario] = &[$(
            BackendScenario {
                name: $name,
                promise: $promise,
                needs: &[$(Need::$need),*],
                run: |stage| $run(stage).boxed(),
            },
        )+];
    };
}

table! {
    "a specification is judged without a session":
        "what a backend does not support in a specification is said before any session is opened, and the same each time",
        [] => sessions::judged_without_a_session;

    "room is held":
        "a grant is real room: while it stands, no other question gets the same room, and a question that finds no room is answered with `Retry` and a reason",
        [Room] => room::is_held;
    "a question stands open":
        "a question that was answered with `Retry` is answered again, without being asked again, when a grant is withdrawn",
        [Room] => room::stands_open;
    "asked again is asked once":
        "`Fit` that is given again under its number is the same question, gets the same grant, and takes no more room",
        [Room] => room::asked_again;
    "open grants are counted":
        "a placement rule counts open grants besides the census",
        [Room] => room::grants_are_counted;
    "a place keeps its handle":
        "`Fit` at a place is granted under the handle, the node and the ports that the place has",
        [] => room::keeps_its_handle;
    "another place has another handle":
        "`Fit` from a place is granted under another handle",
        [] => room::another_handle;
    "withdrawing touches nothing":
        "`Withdraw` of an unknown order does nothing, and `Withdraw` of a used place ends nothing and frees nothing",
        [] => room::withdrawing_touches_nothing;
    "ports are granted":
        "a grant has a number for each port that is asked for, within its ranges",
        [] => room::ports;
    "a port has one holder":
        "two places of one node have different ports",
        [Room] => room::ports_differ;
    "room for what cannot be run":
        "`Fit` for a configuration that the backend can never run is answered with `Never` and a reason, and that answer closes the question",
        [Refusals] => room::never;
    "a release frees":
        "`Release` of an unused place frees its room, also when it is given again",
        [Room] => room::release_frees;
    "what is in use is not released":
        "`Release` of a place that a task uses is answered with `Retry`, and the task keeps running",
        [] => room::in_use;

    "a launch runs":
        "`Launch` is answered with `Done`, and its tasks are seen running, with serials that grow",
        [] => launches::runs;
    "given again while it is prepared":
        "a launch that is given again before it runs does nothing and answers `Done`",
        [] => launches::again_at_once;
    "given again while it lives":
        "a launch that lives and is given again does nothing and answers `Done`",
        [] => launches::again_living;
    "given again after its end":
        "a launch that has ended, is known, and is given again does nothing and answers `Done`",
        [] => launches::again_ended;
    "two tasks of one launch":
        "the tasks of one launch run and end independently",
        [] => launches::two_tasks;
    "readiness":
        "a task whose readiness check does not pass yet is seen running and not ready, and ready once it passes",
        [Readiness] => launches::readiness;
    "a task has an address":
        "a running task is reported with its address, and a snapshot has the same address",
        [Addresses] => launches::address;
    "commands in their order":
        "the commands of a batch are carried out in order, and so are batches",
        [] => launches::in_order;

    "a command that is not known":
        "a command that the backend does not know ends the session with an error that names the command, and nothing that runs is touched",
        [] => sessions::unknown_command;

    "a task finishes":
        "a task that ends with success is reported as finished",
        [] => ends::finishes;
    "a task fails":
        "a task that ends without success is reported as failed",
        [Failure] => ends::fails;
    "a failure has words":
        "the end of a task that failed comes with a message",
        [Failure, Words] => ends::fails_with_words;
    "a kill ends":
        "`Kill` ends the task that it names and no other, and the end is seen",
        [] => ends::kill;
    "a kill makes it end":
        "a task that does not end when it is asked to is forced to end, after its grace period and not before",
        [Grace] => ends::made_to_end;
    "killed twice":
        "`Kill` given again is harmless, and there is one end",
        [] => ends::killed_twice;
    "killing what is unknown":
        "`Kill` of a launch that is not known is answered with the observation `Ended(Lost)`",
        [] => ends::unknown;
    "killing what has ended":
        "`Kill` of a launch that has ended and is known tells its end again",
        [] => ends::kill_of_the_ended;
    "nothing by itself":
        "a task that ended is not started again by its backend",
        [] => ends::nothing_by_itself;
    "an end is told until its receipt":
        "an end whose receipt did not come is told again in the next session",
        [] => ends::told_again;
    "an end is told until its receipt, over a restart":
        "an end whose receipt did not come is told again by a backend that was started anew",
        [] => ends::told_again_after_restart;
    "an end with its receipt is told no more":
        "an end whose receipt came is not told to the next session",
        [] => ends::told_once;

    "a snapshot answers":
        "the answer to `Reconcile` has each launch that was asked for: its state, or that there is no trace of it",
        [] => snapshots::answers;
    "a snapshot is of its time":
        "`as_of` is the number of the `Reconcile` or lower, and the snapshot shows all commands with lower numbers than `as_of`",
        [] => snapshots::as_of;
    "a snapshot lists the rest":
        "a snapshot also has the other living launches of the instances that it is asked for",
        [] => snapshots::the_rest;

    "tasks outlive a session":
        "tasks keep running when a session ends, and the next session finds them",
        [] => sessions::tasks_go_on;
    "tasks outlive the backend":
        "tasks keep running when the backend ends, and a backend that is started anew finds them, knows their launches, and can end them",
        [] => sessions::after_a_restart;
    "places outlive the backend":
        "the places that an `Opening` names are held, also those in which nothing was launched yet",
        [Room] => sessions::held;
    "grants end with their session":
        "a grant that no record names is free in the next session",
        [Room] => sessions::grants_end;
    "answers belong to their session":
        "a question of a session that is over is not answered in the next one",
        [Room] => sessions::answers_belong;

    "a note comes back":
        "a note that the backend reports comes back in the `Opening` of each later session, and is not reported again",
        [Notes] => sessions::notes;

    "installations are apart":
        "two installations with the same names and numbers each see and end only their own tasks, and a snapshot has no task with another label",
        [Installations] => installations::apart;
    "a service is given up":
        "`Deregister` is answered with `Deregistered`",
        [] => installations::deregister;
    "a service is given up beside another":
        "`Deregister` touches nothing of another installation",
        [Installations] => installations::deregister_beside;

    "a question is answered":
        "`Ask` about a running launch is answered under its number",
        [Questions] => questions::answered;
    "a question of another launch":
        "`Ask` about a launch that does not run is answered with `Inconclusive` and a reason",
        [Questions] => questions::of_another_launch;
    "what a question says":
        "the exit code of its command is the answer (0 allows, 1 defers, 2 denies, any other is inconclusive), and its last line is the message",
        [Questions, Commands] => questions::rulings;

    "a silent node":
        "a task on a silent node is `Unreachable`, its end is not told, and its state is seen again once the node is back",
        [Silence] => nodes::silent;
    "a node that is gone":
        "a task on a node that is gone for good ends with `Gone`, and a question for room at its place is answered with `NodeGone`",
        [Loss] => nodes::gone;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::SCENARIOS;

    #[test]
    fn no_two_scenarios_have_one_name() {
        let names: BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
    }
}
