//! Ends: how tasks end, how they are ended, and how long their ends are told.

use std::time::Duration;

use plan_core::engine::{End, Found, Incarnation, Seen, Words};
use plan_driver::backend::BackendReport;
use tokio::time::Instant;

use super::{Verdict, ensure};
use crate::caller::{Caller, Room, Where, text};
use crate::stage::{Broken, TestBed, instance};

/// Launches an instance in new room, and waits for nothing.
async fn launched(us: &mut Caller, pod: &str) -> Result<(Incarnation, Room), Broken> {
    let instance = instance(pod, 0)?;
    let room = us.room(&instance, Where::Anywhere).await?;
    us.launch_in(&room).await?;
    Ok((us.of(&instance, "t", room.launch)?, room))
}

fn is_end(report: &BackendReport, of: &Incarnation) -> bool {
    matches!(report, BackendReport::Observed(one) if one.of == *of && matches!(one.seen.seen, Seen::Ended(_)))
}

pub(super) async fn finishes(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (of, _) = launched(&mut us, "once").await?;
    let (end, _) = us.ended(&of).await?;
    ensure!(end == End::Finished, "a task that ended with success {end}");
    Ok(())
}

/// Lets a task fail.
async fn failure(stage: &mut TestBed, us: &mut Caller) -> Result<(End, Option<Words>), Broken> {
    let (of, _) = launched(us, "fails").await?;
    stage.cluster().fail(&of).await;
    us.ended(&of).await
}

pub(super) async fn fails(mut stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (end, _) = failure(&mut stage, &mut us).await?;
    ensure!(end == End::Failed, "a task that ended without success {end}");
    Ok(())
}

pub(super) async fn fails_with_words(mut stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (_, words) = failure(&mut stage, &mut us).await?;
    ensure!(words.is_some(), "a task failed, and nothing is said about why");
    Ok(())
}

pub(super) async fn kill(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let first = us.running(&instance("runs", 0)?).await?;
    let second = us.running(&instance("runs", 1)?).await?;
    let of = us.of(&first.instance, "t", first.launch)?;
    let other = us.of(&second.instance, "t", second.launch)?;
    us.forget();
    let end = us.end(&of).await?;
    ensure!(end == End::Killed, "a task that was killed {end}");
    us.nothing("only the other one was killed", |report| is_end(report, &other)).await?;
    us.runs_on(&other, &second).await
}

pub(super) async fn made_to_end(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (of, _) = launched(&mut us, "stays").await?;
    us.seen(&of, Seen::Running { ready: true }).await?;
    // It takes a moment until the command has said what it does not end by.
    us.nothing("it runs", |report| is_end(report, &of)).await?;
    let began = Instant::now();
    let kill = us.kill(&of, 1);
    us.command(kill).await?;
    let (end, _) = us.ended(&of).await?;
    let took = began.elapsed();
    ensure!(end == End::Killed, "a task that was killed {end}");
    ensure!(took >= Duration::from_secs(1), "it had one second to end, and was killed after {took:?}");
    Ok(())
}

pub(super) async fn killed_twice(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    us.forget();
    let kills = vec![us.kill(&of, 10), us.kill(&of, 10)];
    us.commands(kills).await?;
    let (end, _) = us.ended(&of).await?;
    ensure!(end == End::Killed, "a task that was killed twice {end}");
    us.nothing("it has one end", |report| match report {
        BackendReport::Observed(one) if one.of == of => {
            !matches!(one.seen.seen, Seen::Ended(other) if other == end)
                && !matches!(one.seen.seen, Seen::Running { .. })
        }
        _ => false,
    })
    .await
}

pub(super) async fn unknown(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let number = us.number();
    let of = us.of(&instance("runs", 0)?, "t", number)?;
    let end = us.end(&of).await?;
    ensure!(end == End::Lost, "what nobody launched {end}");
    Ok(())
}

pub(super) async fn kill_of_the_ended(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    us.withhold_receipts();
    let (of, _) = launched(&mut us, "once").await?;
    let (end, _) = us.ended(&of).await?;
    us.forget();
    let again = us.end(&of).await?;
    ensure!(again == end, "it {end}, and then it {again}");
    Ok(())
}

pub(super) async fn nothing_by_itself(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    us.end(&of).await?;
    us.ended_for_good(&of).await?;
    match us.found(&of, &room).await? {
        Found::Absent => Ok(()),
        Found::Seen(seen) if matches!(seen.seen, Seen::Ended(_)) => Ok(()),
        found => Err(Broken::new(format!("{} has ended, and is found {found:?}", text(&of)))),
    }
}

/// A task that has ended and was told, without a receipt.
async fn unconfirmed(stage: &TestBed) -> Result<(Incarnation, End), Broken> {
    let mut us = stage.open().await?;
    us.withhold_receipts();
    let (of, _) = launched(&mut us, "once").await?;
    let (end, _) = us.ended(&of).await?;
    Ok((of, end))
}

async fn is_told_again(stage: &TestBed, of: &Incarnation, end: End) -> Verdict {
    let mut us = stage.open().await?;
    let (again, _) = us.ended(of).await?;
    ensure!(again == end, "it {end}, and in the next session it {again}");
    Ok(())
}

pub(super) async fn told_again(stage: TestBed) -> Verdict {
    let (of, end) = unconfirmed(&stage).await?;
    is_told_again(&stage, &of, end).await
}

pub(super) async fn told_again_after_restart(stage: TestBed) -> Verdict {
    let (of, end) = unconfirmed(&stage).await?;
    let stage = stage.restart().await?;
    is_told_again(&stage, &of, end).await
}

pub(super) async fn told_once(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (of, _) = launched(&mut us, "once").await?;
    us.ended(&of).await?;
    // The backend has time to take note of the receipt.
    us.nothing("nothing more is due", |_| false).await?;
    drop(us);
    let mut us = stage.open().await?;
    us.nothing("its receipt came", |report| is_end(report, &of)).await
}
