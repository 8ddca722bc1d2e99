//! A place with a witness, and a service whose tasks testify.

use crate::place::{Place, Scheduler, ask_raw, until};
use crate::witness::{Expected, Witness, all};

/// Three instances of two tasks, one after another. A step is complete when the process itself has said that it is up.
pub(crate) const PAIRS: &str = r#"
name: witnessed
pods:
  node:
    count: 3
    tasks:
      main:
        goal: RUNNING
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        kill-grace-period: 10
        env: { WITNESS: "{{WITNESS}}", VALUE: "{{VALUE}}" }
        readiness-check: { cmd: "test -e $WITNESS/up-$TASK_NAME-$VALUE", interval: 0, timeout: 10 }
      side:
        goal: RUNNING
        essential: false
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        kill-grace-period: 10
        env: { WITNESS: "{{WITNESS}}", VALUE: "{{SIDE}}" }
"#;

/// The tasks of [`PAIRS`] that make an instance ready.
pub(crate) const MAINS: [&str; 3] = ["node-0-main", "node-1-main", "node-2-main"];
/// Those beside them.
pub(crate) const SIDES: [&str; 3] = ["node-0-side", "node-1-side", "node-2-side"];

/// The tasks of [`PAIRS`], with what each should have.
pub(crate) fn pairs(main: &str, side: &str) -> Expected {
    all(&MAINS, main).into_iter().chain(all(&SIDES, side)).collect()
}

/// A place with a witness.
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) witness: Witness,
    service: String,
}

impl Scene {
    /// One for this service. Its values `VALUE` and `SIDE` are 1.
    pub(crate) fn new(service: &str) -> Self {
        let place = Place::new();
        let folder = place.path("witness");
        let witness = Witness::new(folder.as_ref());
        place.file("service/svc.yml", service);
        place.file("service/env", &format!("WITNESS={folder}\nVALUE=1\nSIDE=1\n"));
        let service = place.path("service");
        Self { place, witness, service }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&[self.service.as_str()], more].concat()
    }

    /// Starts a scheduler, and waits until it listens.
    pub(crate) fn run(&self, more: &[&str]) -> Scheduler {
        self.place.run(&self.arguments(more))
    }

    /// Starts a scheduler.
    pub(crate) fn spawn(&self, more: &[&str]) -> Scheduler {
        self.place.spawn(&self.arguments(more))
    }

    /// Starts a scheduler, and waits until the service is as it should be.
    pub(crate) fn run_to_complete(&self, more: &[&str]) -> Scheduler {
        let scheduler = self.run(more);
        scheduler.until_err("deploy: COMPLETE");
        scheduler
    }

    /// Runs a scheduler until the service is as it should be and nothing is to be brought back; it has to go well.
    pub(crate) fn until_complete(&self, more: &[&str]) {
        self.place.good(&[&["run"], self.arguments(more).as_slice(), &["--until-complete"]].concat());
    }

    /// Asks a scheduler that runs to make the service another.
    pub(crate) fn update(&self, more: &[&str]) -> crate::place::Ran {
        self.place.planwright(&[&["update"], self.arguments(more).as_slice()].concat())
    }

    /// Waits until all is as it should be.
    pub(crate) fn is_right(&self, expected: &Expected) {
        self.witness.is_right(&self.place, expected);
    }

    /// Ends by force all processes that tasks are, or that look after them.
    pub(crate) fn kill_all(&self) {
        self.place.end_processes();
    }

    /// Waits until `planwright pod why` says something of an instance.
    pub(crate) fn until_why(&self, instance: &str, words: &str) {
        let why = || self.place.planwright(&["pod", "why", instance]);
        until(words, || why().out.contains(words), || why().to_string());
    }
}

/// What anybody is told who asks how a scheduler is.
pub(crate) fn health(scheduler: &Scheduler) -> String {
    let url = scheduler.url();
    let host = url.strip_prefix("http://").unwrap();
    let request =
        format!("GET /v1/health?verbose=true HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    ask_raw(&url, &request)
}
