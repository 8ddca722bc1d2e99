//! Snapshots: what there is.

use plan_core::engine::{Found, Seen};

use super::{Verdict, ensure};
use crate::caller::text;
use crate::stage::{Broken, TestBed, instance};

pub(super) async fn answers(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    let never = us.of(&instance("runs", 1)?, "t", us.number())?;
    let snapshot = us.snapshot(&[(&of, &room), (&never, &room)]).await?;
    ensure!(
        snapshot.found.iter().filter(|(other, _)| *other == of).count() == 1,
        "it speaks twice of {}",
        text(&of)
    );
    us.runs_on(&of, &room).await?;
    match us.found(&never, &room).await? {
        Found::Absent => Ok(()),
        found => Err(Broken::new(format!("{} was never launched, and is found {found:?}", text(&never)))),
    }
}

pub(super) async fn as_of(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let room = us.running(&instance("runs", 0)?).await?;
    let of = us.of(&room.instance, "t", room.launch)?;
    let snapshot = us.snapshot(&[(&of, &room)]).await?;
    ensure!(
        snapshot.as_of <= snapshot.of,
        "the answer to {} shows what was commanded below {}, which nobody has commanded yet",
        snapshot.of,
        snapshot.as_of
    );
    let absent = snapshot.found.iter().any(|(other, found)| *other == of && *found == Found::Absent);
    ensure!(
        !absent || snapshot.as_of <= room.launch,
        "launch {} runs, and is absent from a snapshot that shows all below {}",
        room.launch,
        snapshot.as_of
    );
    us.runs_on(&of, &room).await
}

pub(super) async fn the_rest(stage: TestBed) -> Verdict {
    let mut us = stage.open().await?;
    let pair = instance("pair", 0)?;
    let room = us.running(&pair).await?;
    let (t, u) = (us.of(&pair, "t", room.launch)?, us.of(&pair, "u", room.launch)?);
    let snapshot = us.snapshot(&[(&t, &room)]).await?;
    let lives =
        |found: &Found| matches!(found, Found::Seen(seen) if matches!(seen.seen, Seen::Running { .. }));
    let listed = snapshot.found.iter().any(|(other, found)| *other == u && lives(found));
    ensure!(listed, "{} runs, and is not listed beside {}: {:?}", text(&u), text(&t), snapshot.found);
    Ok(())
}
