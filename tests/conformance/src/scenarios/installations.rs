//! Several installations in one cluster.

use plan_core::engine::{Command, CommandOutcome, Found, Incarnation, Seen};
use plan_driver::backend::BackendReport;

use super::{Verdict, ensure};
use crate::caller::{Caller, Room, Where, text};
use crate::stage::{Broken, TestBed, instance};

const THEIRS: &str = "theirs";

/// Launches the same instance under the same number for both.
async fn both(us: &mut Caller, them: &mut Caller) -> Result<[(Incarnation, Room); 2], Broken> {
    let runs = instance("runs", 0)?;
    let number = us.number();
    let mut launched = Vec::new();
    for caller in [us, them] {
        let fit = caller.fit(&runs, number, Where::Anywhere)?;
        caller.command(fit).await?;
        let room = caller.granted(&runs, number).await?;
        caller.launch_in(&room).await?;
        let of = caller.of(&runs, "t", number)?;
        caller.seen(&of, Seen::Running { ready: true }).await?;
        launched.push((of, room));
    }
    launched.try_into().map_err(|_| Broken::new("both are two"))
}

pub(super) async fn apart(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let mut them = stage.open_as(THEIRS).await?;
    let [(ours, our_room), (theirs, their_room)] = both(&mut us, &mut them).await?;
    // Of theirs nothing is known under our label.
    let snapshot = us.snapshot(&[(&ours, &our_room)]).await?;
    let count = snapshot.found.iter().filter(|(of, _)| of.installation == ours.installation).count();
    ensure!(count == 1, "of ours one task runs, and {count} are found: {:?}", snapshot.found);
    us.end(&ours).await?;
    them.forget();
    them.nothing("another installation ended its own", |report| {
        matches!(report, BackendReport::Observed(one) if one.of == theirs && matches!(one.seen.seen, Seen::Ended(_)))
    })
    .await?;
    them.runs_on(&theirs, &their_room).await?;
    match us.found(&ours, &our_room).await? {
        Found::Absent => Ok(()),
        Found::Seen(seen) if matches!(seen.seen, Seen::Ended(_)) => Ok(()),
        found => Err(Broken::new(format!("{} has ended, and is found {found:?}", text(&ours)))),
    }
}

/// Ends and releases what we have, and gives the service up.
async fn give_up(us: &mut Caller, of: &Incarnation, room: &Room) -> Verdict {
    us.end(of).await?;
    us.released(room).await?;
    us.command(Command::Deregister).await?;
    us.report("that the service is given up", |report| {
        (*report == BackendReport::Outcome(CommandOutcome::Deregistered)).then_some(())
    })
    .await
}

pub(super) async fn deregister(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    give_up(&mut us, &of, &room).await
}

pub(super) async fn deregister_beside(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let mut them = stage.open_as(THEIRS).await?;
    let [(ours, our_room), (theirs, their_room)] = both(&mut us, &mut them).await?;
    give_up(&mut us, &ours, &our_room).await?;
    them.runs_on(&theirs, &their_room).await
}
