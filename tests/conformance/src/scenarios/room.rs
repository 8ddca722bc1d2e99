//! Room: questions, grants, places, releases.

use plan_core::engine::{Command, CommandOutcome, FitAnswer, Number, ReleaseAnswer, Seen};
use plan_core::spec::InstanceName;
use plan_driver::backend::BackendReport;

use super::{Verdict, ensure};
use crate::caller::{Caller, Room, Where};
use crate::stage::{Broken, TestBed, instance};

/// More instances of `big` than any subject's cluster has nodes.
const MOST: u32 = 8;

/// Asks for room for instances of `big` until there is none. The grants, and the question that stands open.
pub(super) async fn fill(us: &mut Caller) -> Result<(Vec<Room>, InstanceName, Number), Broken> {
    let mut rooms = Vec::new();
    for index in 0..MOST {
        let big = instance("big", index)?;
        match us.ask_room(&big, Where::Anywhere).await? {
            (launch, FitAnswer::Fitted(grant)) => rooms.push(Room { instance: big, launch, grant }),
            (launch, FitAnswer::Retry(why)) => {
                ensure!(!why.is_empty(), "there is no room for {big}, and no word about why");
                ensure!(!rooms.is_empty(), "there is no room for {big} on an empty cluster: {why}");
                return Ok((rooms, big, launch));
            }
            (_, other) => return Err(Broken::new(format!("room for {big} was answered with {other:?}"))),
        }
    }
    Err(Broken::new(format!("{MOST} instances got room of which each needs more than half a node")))
}

pub(super) async fn is_held(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (rooms, big, launch) = fill(&mut us).await?;
    for (nth, room) in rooms.iter().enumerate() {
        let others = rooms.iter().skip(nth + 1);
        let same = others.clone().any(|other| other.grant.node.name == room.grant.node.name);
        ensure!(!same, "two instances got room on {}, which has it once", room.grant.node.name);
        let same = others.clone().any(|other| other.grant.handle == room.grant.handle);
        ensure!(!same, "two grants have the handle {}", room.grant.handle.0);
    }
    us.nothing(&format!("{big} has no room"), |report| is_granted(report, launch)).await
}

fn is_granted(report: &BackendReport, number: Number) -> bool {
    matches!(report, BackendReport::Outcome(CommandOutcome::Fit { launch, answer: FitAnswer::Fitted(_), .. }) if *launch == number)
}

pub(super) async fn stands_open(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (rooms, big, launch) = fill(&mut us).await?;
    let Some(first) = rooms.first() else { return Ok(()) };
    us.command(Command::Withdraw { instance: first.instance.clone(), launch: first.launch }).await?;
    let room = us.granted(&big, launch).await?;
    ensure!(
        room.grant.node.name == first.grant.node.name,
        "room became free on {}, and {big} got it on {}",
        first.grant.node.name,
        room.grant.node.name
    );
    Ok(())
}

pub(super) async fn asked_again(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let big = instance("big", 0)?;
    let room = us.room(&big, Where::Anywhere).await?;
    let again = us.fit(&big, room.launch, Where::Anywhere)?;
    us.command(again).await?;
    let again = us.granted(&big, room.launch).await?;
    ensure!(again.at() == room.at(), "asked again, {:?} became {:?}", room.at(), again.at());
    // The rest of the nodes is free: as many instances have room as if it had been asked once.
    let (rooms, _, _) = fill_from(&mut us, 1).await?;
    let there = rooms.iter().any(|other| other.grant.node.name == room.grant.node.name);
    ensure!(!there, "room was granted twice on {}", room.grant.node.name);
    us.command(Command::Withdraw { instance: big.clone(), launch: room.launch }).await?;
    let last = instance("big", MOST - 1)?;
    let next = us.room(&last, Where::Anywhere).await;
    next.map(drop)
        .map_err(|why| Broken::new(format!("one withdrawal did not free all that one question took: {why}")))
}

async fn fill_from(us: &mut Caller, from: u32) -> Result<(Vec<Room>, InstanceName, Number), Broken> {
    let mut rooms = Vec::new();
    for index in from..MOST - 1 {
        let big = instance("big", index)?;
        match us.ask_room(&big, Where::Anywhere).await? {
            (launch, FitAnswer::Fitted(grant)) => rooms.push(Room { instance: big, launch, grant }),
            (launch, _) => {
                us.command(Command::Withdraw { instance: big.clone(), launch }).await?;
                return Ok((rooms, big, launch));
            }
        }
    }
    Err(Broken::new(format!("{MOST} instances got room of which each needs more than half a node")))
}

pub(super) async fn grants_are_counted(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    // The census of both questions is empty: only the backend knows of the grant between them.
    let first = us.room(&instance("apart", 0)?, Where::Anywhere).await?;
    let second = us.room(&instance("apart", 1)?, Where::Anywhere).await?;
    let (first, second) = (&first.grant.node.name, &second.grant.node.name);
    ensure!(first != second, "a rule allows one instance for each node, and both got room on {first}");
    Ok(())
}

pub(super) async fn keeps_its_handle(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let ports = instance("ports", 0)?;
    let room = us.running(&ports).await?;
    let (node, handle) = room.at();
    let again = us.room(&ports, Where::At(node, handle)).await?;
    ensure!(again.at() == room.at(), "at its place {:?}, {ports} was granted {:?}", room.at(), again.at());
    ensure!(again.grant.ports == room.grant.ports, "its ports became {:?}", again.grant.ports);
    let of = us.of(&ports, "t", room.launch)?;
    us.runs_on(&of, &room).await
}

pub(super) async fn another_handle(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let room = us.running(&runs).await?;
    let (node, handle) = room.at();
    let elsewhere = us.room(&runs, Where::From(node, handle)).await?;
    ensure!(elsewhere.grant.handle != room.grant.handle, "both places of {runs} have one handle");
    let of = us.of(&runs, "t", room.launch)?;
    us.runs_on(&of, &room).await
}

pub(super) async fn withdrawing_touches_nothing(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let unknown = us.number();
    us.command(Command::Withdraw { instance: runs.clone(), launch: unknown }).await?;
    let room = us.running(&runs).await?;
    let of = us.of(&runs, "t", room.launch)?;
    us.forget();
    us.command(Command::Withdraw { instance: runs.clone(), launch: room.launch }).await?;
    us.nothing("the grant was used", |report| ends(report, room.launch)).await?;
    us.runs_on(&of, &room).await?;
    // Its place is still its own.
    let (node, handle) = room.at();
    let again = us.room(&runs, Where::At(node, handle)).await?;
    ensure!(again.at() == room.at(), "its place is another one: {:?}", again.at());
    Ok(())
}

fn ends(report: &BackendReport, launch: Number) -> bool {
    matches!(report, BackendReport::Observed(of) if of.of.launch == launch && matches!(of.seen.seen, Seen::Ended(_)))
}

pub(super) async fn ports(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.room(&instance("ports", 0)?, Where::Anywhere).await?;
    let mut names: Vec<&str> = room.grant.ports.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    ensure!(names == ["any", "ranged"], "two ports were asked for, and {names:?} granted");
    for (name, number) in &room.grant.ports {
        let range = if name.as_str() == "ranged" { 24_100..=24_999 } else { 1..=u16::MAX };
        ensure!(range.contains(number), "the port {name} has the number {number}");
    }
    Ok(())
}

pub(super) async fn ports_differ(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    // With more instances than nodes, two of them are on one node.
    let mut rooms: Vec<Room> = Vec::new();
    for index in 0..MOST {
        let room = us.room(&instance("ports", index)?, Where::Anywhere).await?;
        let there = rooms.iter().filter(|other| other.grant.node.name == room.grant.node.name);
        for (name, number) in there.flat_map(|other| &other.grant.ports) {
            let shared = room.grant.ports.iter().any(|(_, other)| other == number);
            ensure!(
                !shared,
                "on {} the port {name} of another place has the number {number} too",
                room.grant.node.name
            );
        }
        rooms.push(room);
    }
    Ok(())
}

pub(super) async fn release_frees(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let first = us.running(&instance("big", MOST - 1)?).await?;
    let (_, big, launch) = fill(&mut us).await?;
    let of = us.of(&first.instance, "t", first.launch)?;
    us.end(&of).await?;
    us.nothing("an end frees nothing", |report| is_granted(report, launch)).await?;
    us.released(&first).await?;
    us.granted(&big, launch).await?;
    us.released(&first).await
}

pub(super) async fn in_use(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let answer = us.release(&room).await?;
    ensure!(matches!(answer, ReleaseAnswer::Retry(_)), "a place in use was released: {answer:?}");
    let of = us.of(&room.instance, "t", room.launch)?;
    us.runs_on(&of, &room).await
}

pub(super) async fn never(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let (number, answer) = us.ask_room(&instance("never", 0)?, Where::Anywhere).await?;
    let FitAnswer::Never(why) = &answer else {
        return Err(Broken::new(format!("room for what cannot be run was answered with {answer:?}")));
    };
    ensure!(!why.is_empty(), "the reason is empty");
    us.nothing(
        "the question is closed",
        |report| matches!(report, BackendReport::Outcome(CommandOutcome::Fit { launch, .. }) if *launch == number),
    )
    .await?;
    us.room(&instance("runs", 0)?, Where::Anywhere).await.map(drop)
}
