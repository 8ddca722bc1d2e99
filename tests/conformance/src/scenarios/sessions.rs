//! Sessions: what outlives them and the backend, and what does not.

use plan_core::engine::{Command, CommandOutcome, FitAnswer, LaunchAnswer};
use plan_driver::backend::BackendReport;

use super::room::fill;
use super::{Verdict, ensure};
use crate::caller::Where;
use crate::stage::{TestBed, instance};

pub(super) async fn judged_without_a_session(stage: TestBed) -> Verdict {
    let spec = stage.model.spec();
    let kind = stage.backend().kind();
    let first = kind.check(spec);
    let refused = first.iter().find(|one| one.is_error());
    ensure!(refused.is_none(), "the suite's own service is refused: {refused:?}");
    let unknown = first.iter().find(|one| kind.rules().iter().all(|rule| Some(rule.code) != one.code));
    ensure!(unknown.is_none(), "this is of none of its rules, so that no page explains it: {unknown:?}");
    let again = kind.check(spec);
    ensure!(first == again, "asked again, it says {again:?} in place of {first:?}");
    Ok(())
}

pub(super) async fn tasks_go_on(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    drop(us);
    let mut us = stage.open().await?;
    us.runs_on(&of, &room).await
}

pub(super) async fn after_a_restart(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    drop(us);
    let stage = stage.restart().await?;
    let mut us = stage.open().await?;
    us.runs_on(&of, &room).await?;
    let again = us.launch(&room)?;
    us.command(again).await?;
    let answer = us.launch_answer(room.launch).await?;
    ensure!(answer == LaunchAnswer::Done, "given again, launch {} was answered with {answer:?}", room.launch);
    us.runs_on(&of, &room).await?;
    us.end(&of).await.map(drop)
}

pub(super) async fn held(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (rooms, big, launch) = fill(&mut us).await?;
    us.command(Command::Withdraw { instance: big.clone(), launch }).await?;
    for room in &rooms {
        us.record(room)?;
    }
    drop(us);
    let stage = stage.restart().await?;
    let mut us = stage.open().await?;
    let (number, answer) = us.ask_room(&big, Where::Anywhere).await?;
    ensure!(matches!(answer, FitAnswer::Retry(_)), "places that records name were given away: {answer:?}");
    us.nothing("there is no room", |report| {
        matches!(report, BackendReport::Outcome(CommandOutcome::Fit { launch, answer: FitAnswer::Fitted(_), .. }) if *launch == number)
    })
    .await?;
    // And they are what they were.
    let Some(first) = rooms.first() else { return Ok(()) };
    let (node, handle) = first.at();
    let again = us.room(&first.instance, Where::At(node, handle)).await?;
    ensure!(again.at() == first.at(), "a place became another one: {:?}", again.at());
    Ok(())
}

pub(super) async fn grants_end(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (_, big, _) = fill(&mut us).await?;
    drop(us);
    let mut us = stage.open().await?;
    us.room(&big, Where::Anywhere).await.map(drop)
}

pub(super) async fn answers_belong(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (_, _, launch) = fill(&mut us).await?;
    drop(us);
    // The question stands open in a session that is over, and room becomes free.
    let mut us = stage.open().await?;
    us.nothing(
        "its session is over",
        |report| matches!(report, BackendReport::Outcome(CommandOutcome::Fit { launch: other, .. }) if *other == launch),
    )
    .await
}

pub(super) async fn unknown_command(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    let error = us.refused(Command::Unknown).await?;
    ensure!(error.contains("Unknown"), "the error does not name the command: {error}");
    drop(us);
    let mut us = stage.open().await?;
    us.runs_on(&of, &room).await
}

pub(super) async fn notes(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let note = |report: &BackendReport| match report {
        BackendReport::Note(note) => Some(note.clone()),
        _ => None,
    };
    let first = us.report("a note", note).await?;
    ensure!(first.text.is_some(), "a note that was never there is taken back: {first:?}");
    drop(us);
    let stage = stage.restart().await?;
    let mut us = stage.open().await?;
    us.nothing(
        "the note is in the records",
        |report| matches!(report, BackendReport::Note(other) if other.name == first.name),
    )
    .await
}
