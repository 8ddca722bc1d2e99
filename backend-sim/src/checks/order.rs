//! Launches keep the order that the strategies declare.
//!
//! Invariant: order is judged by what the cluster has done for earlier steps, not by their statuses.

use plan_core::engine::{Launch, Purpose, StepRef};
use plan_core::spec::{Instances, Sequence, Steps};

use crate::violation::CheckName;

use super::checker::Checker;
use super::scene::{Run, Scene, Verdict};

impl Checker {
    /// A launch that leaves is ordered, nothing is in its way, and it keeps the order that the strategies declare.
    pub(super) fn launched(&mut self, scene: &Scene<'_>, launch: &Launch) -> Verdict {
        scene.launch_is_ordered(launch, &self.given_up, &self.watch)?;
        let Some(record) = scene.pod(&launch.instance) else { return Ok(()) };
        let Some(Purpose::Step(step)) = record.order(launch.launch).map(|order| order.purpose) else {
            return Ok(());
        };
        let again = !self.begun.insert(step);
        let Some(run) = scene.run(step.run) else { return Ok(()) };
        if !again && run.record.afresh && self.was_broken(scene, &run, step) {
            self.broken.insert(step);
        }
        self.canary(scene, &run, step)?;
        if self.meddled || again {
            return Ok(());
        }
        self.phases_before(scene, &run, step)?;
        self.steps_before(scene, &run, step)
    }

    fn phases_before(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let layout = run.layout;
        let spec = &run.model.spec().plans()[&layout.name];
        let before: Vec<usize> = match layout.strategy.sequence() {
            Sequence::OneByOne => (0..step.phase as usize).collect(),
            Sequence::AtOnce => Vec::new(),
            Sequence::ByDependency => spec.phases[step.phase as usize]
                .depends_on
                .iter()
                .filter_map(|name| spec.phases.get_index_of(name))
                .collect(),
        };
        for phase in before {
            let of = &layout.phases[phase];
            self.all_done(scene, run, step, phase as u32, 0..of.steps.len() as u32)?;
        }
        Ok(())
    }

    fn steps_before(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let layout = run.layout;
        let of = &layout.phases[step.phase as usize];
        let spec = &run.model.spec().plans()[&layout.name].phases[step.phase as usize];
        let instance = of.steps[step.step as usize].instance;
        let before: Vec<u32> = match of.strategy.sequence() {
            // After the first deployment instances come in another order, but still one after the other.
            Sequence::OneByOne if run.record.afresh => {
                self.one_at_a_time(scene, run, step)?;
                of.steps_of(instance).take_while(|&other| other < step.step).collect()
            }
            Sequence::OneByOne => (0..step.step).collect(),
            Sequence::AtOnce => of.steps_of(instance).take_while(|&other| other < step.step).collect(),
            Sequence::ByDependency => {
                let Steps::Named(named) = &spec.steps else { return Ok(()) };
                let name = |at: u32| of.groups[of.steps[at as usize].group as usize].name.as_ref();
                let this = named.iter().find(|named| Some(&named.name) == name(step.step));
                let needs = this.map(|this| this.depends_on.as_slice()).unwrap_or_default();
                let own = |other: &plan_core::spec::NamedStep| {
                    other.instance == Instances::Default
                        && this.is_some_and(|this| this.instance == Instances::Default)
                };
                (0..of.steps.len() as u32)
                    .filter(|&at| {
                        let is = named.iter().find(|named| Some(&named.name) == name(at));
                        is.is_some_and(|is| {
                            needs.contains(&is.name)
                                && (!own(is) || of.steps[at as usize].instance == instance)
                        })
                    })
                    .collect()
            }
        };
        self.all_done(scene, run, step, step.phase, before)
    }

    /// No other step of a serial phase acts at the same time, unless one of the two is for a broken member.
    fn one_at_a_time(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let of = &run.layout.phases[step.phase as usize];
        let pod = &run.model.pods()[of.pod as usize];
        if self.broken.contains(&step) {
            return Ok(());
        }
        for other in 0..of.steps.len() as u32 {
            let other_step = StepRef { step: other, ..step };
            let counts = self.begun.contains(&other_step) && !self.broken.contains(&other_step);
            if other == step.step || !counts {
                continue;
            }
            let Some(instance) = scene.instance(run, of, other) else { continue };
            let name = scene.cluster.roster.name(instance);
            let Some(record) = scene.pod(name) else { continue };
            let on_its_way = of.tasks(other).iter().any(|&task| {
                let task = &pod.tasks[task as usize];
                let mut launches = scene.cluster.tasks_of(instance).rev();
                let latest = launches.find(|(_, launch)| launch.name == task.name);
                latest.is_some_and(|(_, latest)| {
                    let order = record.order(latest.launch);
                    let serves = order.is_some_and(|order| order.purpose == Purpose::Step(other_step));
                    serves && latest.lives() && !latest.attained && !latest.paused
                })
            });
            if on_its_way {
                return scene.violation(
                    CheckName::Order,
                    format!(
                        "{} begins when no other step of its phase is on its way",
                        scene.step_name(run, step.phase, step.step)
                    ),
                    format!("{} is", scene.step_name(run, step.phase, other)),
                );
            }
        }
        Ok(())
    }

    fn all_done(
        &self,
        scene: &Scene<'_>,
        run: &Run<'_>,
        step: StepRef,
        phase: u32,
        before: impl IntoIterator<Item = u32>,
    ) -> Verdict {
        let of = &run.layout.phases[phase as usize];
        for earlier in before {
            if !scene.was_done(run, of, earlier, false) {
                return scene.violation(
                    CheckName::Order,
                    format!(
                        "{} begins when {} is complete",
                        scene.step_name(run, step.phase, step.step),
                        scene.step_name(run, phase, earlier)
                    ),
                    "it was launched before",
                );
            }
        }
        Ok(())
    }

    fn canary(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> Verdict {
        let of = &run.layout.phases[step.phase as usize];
        if !of.is_canary() {
            return Ok(());
        }
        // Each of the first steps with work to do waits for a `continue` (SDK rule R56). In the first run these steps
        // are known. In a later run some may already be done.
        let waiting = if run.record.number > 1 {
            run.record.canaries.get(&step.phase).map_or(0, |canary| canary.steps.len())
        } else {
            of.steps.len().min(of.strategy.canaries() as usize)
        };
        let key = (run.record.number, of.name.to_string());
        let released = self.continued.get(&key).copied().unwrap_or(0);
        let from = StepRef { step: 0, ..step };
        let to = StepRef { step: u32::MAX, ..step };
        let begun = self.begun.range(from..=to).filter(|step| !self.broken.contains(step)).count();
        if released < waiting && begun > released {
            return scene.violation(
                CheckName::Canary,
                format!("{released} steps of {} / {} are released", run.layout.name, of.name),
                format!("{begun} were launched, the last {}", scene.step_name(run, step.phase, step.step)),
            );
        }
        Ok(())
    }

    /// Whether a step is for a broken member. A member is broken if the last launch of its tasks was never up, was not
    /// yet up when it was told to end, ended without being asked to, or was told to end before the run began. It is also
    /// broken if a launch of them was refused since.
    fn was_broken(&self, scene: &Scene<'_>, run: &Run<'_>, step: StepRef) -> bool {
        let of = &run.layout.phases[step.phase as usize];
        let pod = &run.model.pods()[of.pod as usize];
        let Some(instance) = scene.instance(run, of, step.step) else { return false };
        let name = scene.cluster.roster.name(instance);
        of.tasks(step.step).iter().any(|&task| {
            let task = &pod.tasks[task as usize].name;
            let mut launches = scene.cluster.tasks_of(instance).rev();
            let before = launches.find(|(_, launch)| launch.name == *task);
            let last = before.map_or(0, |(_, before)| before.launch);
            if self.watch.was_refused(name, task, last) {
                return true;
            }
            before.is_some_and(|(_, before)| {
                let was_up = || self.watch.was_up(name, before.launch, &before.name, run.record.number);
                !before.attained || !before.killing || !was_up()
            })
        })
    }
}
