//! Nodes that are silent, and nodes that are gone.

use plan_core::engine::{End, FitAnswer, Found, Seen};
use plan_driver::backend::BackendReport;

use super::{Verdict, ensure};
use crate::caller::{Where, text};
use crate::stage::{Broken, TestBed, instance};

pub(super) async fn silent(mut stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    stage.cluster().silence(&room.grant.node.name).await;
    us.seen(&of, Seen::Unreachable).await?;
    // What is told to end there may live on: its end is not certain.
    let kill = us.kill(&of, 0);
    us.command(kill).await?;
    us.nothing("nothing is heard of its node", |report| {
        matches!(report, BackendReport::Observed(one) if one.of == of && matches!(one.seen.seen, Seen::Ended(_)))
    })
    .await?;
    match us.found(&of, &room).await? {
        Found::Seen(seen) if seen.seen == Seen::Unreachable => {}
        found => return Err(Broken::new(format!("{} is found {found:?} on a silent node", text(&of)))),
    }
    stage.cluster().hear(&room.grant.node.name).await;
    us.seen(&of, Seen::Running { ready: true }).await?;
    let (end, _) = us.ended(&of).await?;
    ensure!(end == End::Killed, "a task that was killed while its node was silent {end}");
    Ok(())
}

pub(super) async fn gone(mut stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let room = us.running(&runs).await?;
    let of = us.of(&runs, "t", room.launch)?;
    stage.cluster().lose(&room.grant.node.name).await;
    let (end, _) = us.ended(&of).await?;
    ensure!(end == End::Gone, "a task whose node is gone {end}");
    let (node, handle) = room.at();
    let number = us.number();
    let fit = us.fit(&runs, number, Where::At(node.clone(), handle.clone()))?;
    us.command(fit).await?;
    loop {
        match us.fitted(number).await? {
            FitAnswer::NodeGone(_) => break,
            FitAnswer::Retry(_) => {}
            other => {
                return Err(Broken::new(format!("room on a node that is gone was answered with {other:?}")));
            }
        }
    }
    let elsewhere = us.room(&runs, Where::From(node.clone(), handle)).await?;
    ensure!(elsewhere.grant.node.name != node, "room was granted on {node}, which is gone");
    Ok(())
}
