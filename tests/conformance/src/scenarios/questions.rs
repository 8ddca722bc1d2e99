//! Questions beside a task, and their answers.

use plan_core::engine::{Ruling, Wall};

use super::{Verdict, ensure};
use crate::stage::{TestBed, instance};

pub(super) async fn answered(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    let first = us.ask(&of, "exit 0").await?;
    ensure!(first.ruling == Ruling::Allow, "a command that ends with 0 was answered with {first:?}");
    let second = us.ask(&of, "exit 0").await?;
    ensure!(second.at >= first.at, "a later answer was true at {:?}, before {:?}", second.at, first.at);
    us.runs_on(&of, &room).await
}

pub(super) async fn of_another_launch(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let other = us.of(&room.instance, "t", us.number())?;
    let never = us.of(&instance("runs", 1)?, "t", us.number())?;
    let of = us.of(&room.instance, "t", room.launch)?;
    for of in [&other, &never] {
        let answer = us.ask(of, "exit 0").await?;
        ensure!(
            answer.ruling == Ruling::Inconclusive && answer.words.is_some(),
            "beside a launch that does not run the answer is {answer:?}"
        );
    }
    us.end(&of).await?;
    let answer = us.ask(&of, "exit 0").await?;
    ensure!(answer.ruling == Ruling::Inconclusive, "beside a launch that has ended the answer is {answer:?}");
    Ok(())
}

pub(super) async fn rulings(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    for (code, ruling) in
        [(0, Ruling::Allow), (1, Ruling::Defer), (2, Ruling::Deny), (3, Ruling::Inconclusive)]
    {
        let answer = us.ask(&of, &format!("echo first; echo last {code}; exit {code}")).await?;
        ensure!(answer.ruling == ruling, "a command that ends with {code} was answered with {answer:?}");
        let said = answer.words.as_deref().unwrap_or_default();
        ensure!(said.contains(&format!("last {code}")), "its last line is not told: {answer:?}");
        ensure!(answer.at > Wall::default(), "an answer does not say when it was true");
    }
    us.runs_on(&of, &room).await
}
