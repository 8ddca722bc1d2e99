//! Launches: what is carried out, once and in order.

use plan_core::engine::{Command, End, Found, LaunchAnswer, Seen, Sighting};
use plan_driver::backend::BackendReport;

use super::{Verdict, ensure};
use crate::caller::{Caller, Room, Where, reconcile, text};
use crate::stage::{Broken, TestBed, instance};

const READY: Seen = Seen::Running { ready: true };

pub(super) async fn runs(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let room = us.running(&runs).await?;
    let of = us.of(&runs, "t", room.launch)?;
    us.end(&of).await?;
    let seen = us.observations(&of);
    for (nth, one) in seen.iter().enumerate() {
        let wrong = seen.iter().take(nth).find(|before| {
            before.serial > one.serial || (before.serial == one.serial && before.seen != one.seen)
        });
        if let Some(before) = wrong {
            return Err(Broken::new(format!("{before:?} came before {one:?}")));
        }
    }
    Ok(())
}

pub(super) async fn address(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    let seen = us.seen_so_far(&of, READY);
    let address = seen.and_then(|seen| seen.address);
    let Some(address) = address else { return Err(Broken::new("a running task has no address")) };
    ensure!(address.ip.is_some() || address.host.is_some(), "the address {address:?} names no host");
    match us.found(&of, &room).await? {
        Found::Seen(Sighting { address: Some(other), .. }) if other == address => Ok(()),
        other => Err(Broken::new(format!("its address is {address:?}, and a snapshot has {other:?}"))),
    }
}

/// Gives the launch of a room again, and expects `Done`.
async fn again(us: &mut Caller, room: &Room) -> Verdict {
    let command = us.launch(room)?;
    us.command(command).await?;
    let answer = us.launch_answer(room.launch).await?;
    ensure!(answer == LaunchAnswer::Done, "given again, launch {} was answered with {answer:?}", room.launch);
    Ok(())
}

pub(super) async fn again_at_once(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let room = us.room(&runs, Where::Anywhere).await?;
    us.record(&room)?;
    let launches = vec![us.launch(&room)?, us.launch(&room)?];
    us.commands(launches).await?;
    // One answer may be that of both.
    let answer = us.launch_answer(room.launch).await?;
    ensure!(answer == LaunchAnswer::Done, "given twice, it was answered with {answer:?}");
    let of = us.of(&runs, "t", room.launch)?;
    us.seen(&of, READY).await?;
    ends_once(&mut us, &room).await
}

/// What was launched more than once is one task: once it has ended nothing of it runs.
async fn ends_once(us: &mut Caller, room: &Room) -> Verdict {
    let of = us.of(&room.instance, "t", room.launch)?;
    us.end(&of).await?;
    us.ended_for_good(&of).await?;
    is_over(us, room).await
}

/// Nothing of a launch is found alive.
async fn is_over(us: &mut Caller, room: &Room) -> Verdict {
    let of = us.of(&room.instance, "t", room.launch)?;
    match us.found(&of, room).await? {
        Found::Absent | Found::Seen(Sighting { seen: Seen::Ended(_), .. }) => Ok(()),
        found => Err(Broken::new(format!("{} has ended, and is found {found:?}", text(&of)))),
    }
}

pub(super) async fn again_living(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    again(&mut us, &room).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    us.runs_on(&of, &room).await?;
    ends_once(&mut us, &room).await
}

pub(super) async fn again_ended(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    // Its end does not become durable, so that the backend has to know it.
    us.withhold_receipts();
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    us.end(&of).await?;
    again(&mut us, &room).await?;
    us.ended_for_good(&of).await?;
    is_over(&mut us, &room).await
}

pub(super) async fn two_tasks(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let pair = instance("pair", 0)?;
    let room = us.running(&pair).await?;
    let (t, u) = (us.of(&pair, "t", room.launch)?, us.of(&pair, "u", room.launch)?);
    us.end(&t).await?;
    us.forget();
    us.nothing("only the other one was ended", |report| {
        matches!(report, BackendReport::Observed(one) if one.of == u && matches!(one.seen.seen, Seen::Ended(_)))
    })
    .await?;
    us.runs_on(&u, &room).await?;
    us.end(&u).await.map(drop)
}

pub(super) async fn readiness(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let ready = instance("ready", 0)?;
    let room = us.room(&ready, Where::Anywhere).await?;
    us.launch_in(&room).await?;
    let of = us.of(&ready, "t", room.launch)?;
    let before = us.seen(&of, Seen::Running { ready: false }).await?;
    let after = us.seen(&of, READY).await?;
    ensure!(
        before.serial < after.serial,
        "it was seen ready ({}) before not ({})",
        after.serial,
        before.serial
    );
    Ok(())
}

pub(super) async fn in_order(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let runs = instance("runs", 0)?;
    let room = us.room(&runs, Where::Anywhere).await?;
    us.record(&room)?;
    let of = us.of(&runs, "t", room.launch)?;
    // Each depends on the one before: a kill that came first would find nothing, and the launch would run.
    let number = us.number();
    let batch = vec![us.launch(&room)?, reconcile(number, &[(&of, &room)]), us.kill(&of, 10)];
    us.commands(batch).await?;
    let snapshot = us.snapshot_of(number).await?;
    let absent = snapshot.found.iter().any(|(other, found)| *other == of && *found == Found::Absent);
    ensure!(
        !absent || snapshot.as_of <= room.launch,
        "a launch that came before a question is absent from its answer"
    );
    let (end, _) = us.ended(&of).await?;
    ensure!(end != End::Lost, "the kill did not find the launch before it");
    us.ended_for_good(&of).await?;
    // Over two batches: the question that is withdrawn in the first does not stand in the second.
    let again = us.number();
    let (ask, withdraw) =
        (us.fit(&runs, again, Where::Anywhere)?, Command::Withdraw { instance: runs.clone(), launch: again });
    us.commands(vec![ask.clone(), withdraw]).await?;
    us.command(ask).await?;
    us.granted(&runs, again).await.map(drop)
}
