//! Everything fails by lot; then nothing does, and all comes to its end.

use std::time::Duration;

use plan_core::plan::Status;
use plan_driver::{Condition, DriverError};

use crate::kit::{Fate, Kit, model_running, restart, within};
use crate::lot::Lot;

fn fates(lot: &mut Lot, bad: &[Fate]) -> Vec<Fate> {
    (0..40)
        .map(|_| if lot.draw(5) == 0 { bad[lot.draw(bad.len() as u64) as usize] } else { Fate::Good })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_it_goes_on() {
    for seed in 0..40 {
        let mut lot = Lot(seed);
        let kit = Kit::new().await;
        let stores = [Fate::Fails, Fate::DoneUnknown, Fate::LostUnknown, Fate::Hangs, Fate::Panics];
        let backends = [Fate::Fails, Fate::DoneUnknown, Fate::Hangs, Fate::Panics];
        kit.store.commits.set(fates(&mut lot, &stores));
        kit.store.opens.set(fates(&mut lot, &stores));
        kit.backend.opens.set(fates(&mut lot, &backends));
        kit.backend.commands.set(fates(&mut lot, &backends));
        for n in 0..8 {
            let target = lot.draw(2) == 0 || n == 0;
            // The same is asked again until there is an answer: a target with the same name is the same.
            loop {
                let asked = if target {
                    let model = model_running("hello", 3, &format!("./serve-{n}"));
                    let by =
                        plan_core::engine::Author { id: format!("target-{n}").into(), who: "test".into() };
                    kit.service.target(model, None, Some(by)).await
                } else {
                    kit.service.verb(restart(&format!("restart-{n}"))).await
                };
                match asked {
                    Ok(_) => break,
                    Err(DriverError::Unknown | DriverError::Away(_)) => {
                        assert!(
                            !kit.service.condition().is_final(),
                            "seed {seed}: {}",
                            kit.service.condition()
                        );
                        tokio::time::sleep(Duration::from_millis(lot.draw(400))).await;
                    }
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(lot.draw(3000))).await;
        }
        let done = kit.service.wait(|engine| {
            let converged = ["update", "deploy"].iter().all(|plan| {
                engine
                    .plan_status(plan)
                    .is_none_or(|status| matches!(status, Status::Complete | Status::Waiting))
            });
            converged && engine.is_deployed()
        });
        assert!(
            tokio::time::timeout(Duration::from_secs(7200), done).await.is_ok(),
            "seed {seed}: {}",
            kit.service.condition()
        );
        assert_eq!(kit.until(|condition| *condition == Condition::Running).await, Condition::Running);
        // Each verb is there once, whatever became of its answer.
        let mut ids = kit
            .service
            .read(|engine| engine.audit().map(|audit| audit.request.clone()).collect::<Vec<_>>())
            .await
            .unwrap();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "seed {seed}");
        within(kit.scheduler.stop()).await;
    }
}
