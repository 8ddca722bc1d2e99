//! Tasks are started and ended.
//!
//! Invariant: a launch number is carried out at most once.

use plan_core::engine::{CommandOutcome, End, Incarnation, Launch, LaunchAnswer, Number, Seen, Sighting};
use plan_core::spec::{InstanceName, Seconds, TaskName};

use crate::cluster::Cluster;
use crate::fault::LaunchFault;
use crate::latency::{OBSERVE, take};
use crate::queue::Class;
use crate::runtime::{Happening, Runtime};
use crate::task::{Life, Task, Telling};
use crate::trace::What;

use super::Backend;

impl Backend {
    pub(super) fn launch(&mut self, cluster: &mut Cluster, runtime: &mut Runtime<'_>, launch: &Launch) {
        let Some(id) = cluster.roster.id(&launch.instance) else { return };
        if self.remembers {
            self.commanded.push((runtime.now(), launch.launch));
        }
        // Whatever the answer is, a record names its handle.
        let now = self.when(runtime);
        self.book.name(&(), &launch.instance, &launch.handle, now);
        let answer = match known(cluster, runtime, id, launch) {
            Some(answer) => answer,
            None => {
                let told = self.launches.entry(id).or_default();
                *told += 1;
                let nth = *told;
                let fault =
                    self.faults.iter().find(|(of, at, _)| *of == id && *at == nth).map(|fault| fault.2);
                let place = self.book.place(&(), &launch.instance, &launch.handle);
                let is_new = place.is_some_and(|place| !place.is_used());
                if let (true, Some(LaunchFault::Refuse | LaunchFault::Never)) = (is_new, fault) {
                    // The backend has begun to use a new place when it finds that it cannot launch there.
                    let at = (&launch.node.name, &launch.handle);
                    self.book.launch(&(), &launch.instance, at, launch.launch, now);
                }
                match fault {
                    Some(LaunchFault::Refuse) => {
                        LaunchAnswer::Retry("the backend refused it: a fault".into())
                    }
                    Some(LaunchFault::Never) => {
                        LaunchAnswer::Never("the backend calls it invalid: a fault".into())
                    }
                    Some(LaunchFault::UnknownLost) => LaunchAnswer::Unknown,
                    Some(LaunchFault::UnknownDone) => {
                        self.carry_out(cluster, runtime, id, launch);
                        LaunchAnswer::Unknown
                    }
                    None => self.carry_out(cluster, runtime, id, launch),
                }
            }
        };
        let (instance, launch) = (launch.instance.clone(), launch.launch);
        self.answer(runtime, id, CommandOutcome::Launch { instance, launch, answer });
    }

    fn carry_out(
        &mut self,
        cluster: &mut Cluster,
        runtime: &mut Runtime<'_>,
        id: u32,
        launch: &Launch,
    ) -> LaunchAnswer {
        let name = &launch.node.name;
        let Some(node) = cluster.node_id(name.as_str()) else {
            return LaunchAnswer::Retry(format!("there is no node {name}").into());
        };
        match &cluster.nodes[node as usize] {
            node if node.gone => return LaunchAnswer::Retry(format!("{name} is gone for good").into()),
            node if node.silent => return LaunchAnswer::Retry(format!("nothing is heard of {name}").into()),
            _ => {}
        }
        let (at, now) = ((name, &launch.handle), self.when(runtime));
        if self.book.launch(&(), &launch.instance, at, launch.launch, now).is_none() {
            return LaunchAnswer::Retry(format!("{} is not held any more", launch.handle.0).into());
        }
        // A snapshot shows it from now on, though no observation was told yet.
        let arrived = Telling { time: runtime.now(), serial: 0, seen: Seen::Starting.into() };
        for task in &launch.tasks {
            let task = Task {
                instance: id,
                name: task.config.task.clone(),
                launch: launch.launch,
                conf: task.conf,
                config: task.config.clone(),
                node,
                handle: launch.handle.clone(),
                paused: task.paused,
                life: Life::Launched,
                words: None,
                attained: false,
                killing: false,
                kill_waits: None,
                end_known: false,
                lost: None,
                forgotten: false,
                heard: (0, 0),
                believed_silent: false,
                told: if self.remembers { vec![arrived.clone()] } else { Vec::new() },
            };
            let nth = cluster.tasks.len() as u32;
            go_on(&task, nth, runtime);
            cluster.tasks.push(task);
            cluster.of_instance[id as usize].push(nth);
        }
        LaunchAnswer::Done
    }

    /// A caller that waits for the end of an unknown launch is told that it does not run.
    fn say_unknown(
        &mut self,
        runtime: &mut Runtime<'_>,
        id: u32,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
    ) {
        self.serial += 1;
        let (session, serial) = (runtime.session, self.serial);
        let (installation, instance, task) = (self.installation.clone(), instance.clone(), task.clone());
        let of = Box::new(Incarnation { installation, instance, task, launch });
        let delay = take(&mut runtime.choose, "observe", u64::from(id), &OBSERVE);
        runtime.queue.after(delay, Class::Answer, Happening::Unknown { session, of, serial });
    }

    pub(super) fn kill(
        &mut self,
        cluster: &mut Cluster,
        runtime: &mut Runtime<'_>,
        instance: &InstanceName,
        launch: Number,
        name: &TaskName,
        grace: Seconds,
    ) {
        let Some(id) = cluster.roster.id(instance) else { return };
        let Some(nth) = cluster.find(id, launch, name) else {
            return self.say_unknown(runtime, id, instance, launch, name);
        };
        if cluster.node_of(nth).silent {
            cluster.tasks[nth as usize].kill_waits = Some(grace);
        } else if cluster.tasks[nth as usize].lives() {
            end_it(cluster, runtime, nth, grace);
        } else {
            // A kill of an ended task is answered with its end.
            self.observe(cluster, runtime, nth);
        }
    }
}

/// The answer to a launch that was carried out before.
fn known(cluster: &Cluster, runtime: &mut Runtime<'_>, id: u32, launch: &Launch) -> Option<LaunchAnswer> {
    cluster.tasks_of(id).find(|(_, task)| task.launch == launch.launch)?;
    runtime.tell(|| What::Again { instance: launch.instance.clone(), launch: launch.launch });
    Some(LaunchAnswer::Done)
}

/// The observation of an unknown launch.
pub(crate) fn is_unknown(of: &Incarnation) -> Sighting {
    Sighting::from(Seen::Ended(End::Lost)).saying(format!("launch {} is not known", of.launch))
}

/// A task is told to end.
pub(super) fn end_it(cluster: &mut Cluster, runtime: &mut Runtime<'_>, nth: u32, grace: Seconds) {
    let task = &mut cluster.tasks[nth as usize];
    if !task.killing {
        task.killing = true;
        let entity = u64::from(task.instance);
        let (end, delay) = task.killed(&mut runtime.choose, entity, u64::from(grace.0) * 1_000_000);
        runtime.queue.after(delay, Class::Cluster, Happening::End { task: nth, end });
    }
}

/// Schedules the next event in a task's life.
pub(crate) fn go_on(task: &Task, nth: u32, runtime: &mut Runtime<'_>) {
    if let Some((life, delay)) = task.next(&mut runtime.choose, u64::from(task.instance)) {
        runtime.queue.after(delay, Class::Cluster, Happening::Life { task: nth, life });
    }
}
