//! What runs the tasks.

use std::path::Path;
use std::sync::Arc;

use backend_local::options::{Capacity, inherited, nodes};
use backend_local::{Local, LocalOptions};
use plan_core::plan::Model;
use plan_core::spec::NodeName;
use plan_driver::backend::{Backend, Severity};
use tokio::time::{Instant, sleep_until};

use super::folder::TASKS;
use super::store::words;
use crate::arguments::{BackendKind, Loss, Nodes, Run};
use crate::problem::Problem;
use crate::ui::Ui;

/// A backend.
pub(super) struct Chosen {
    /// As the driver has it.
    pub(super) backend: Arc<dyn Backend>,
    local: Arc<Local>,
}

/// The backend that the command line asks for.
pub(super) async fn choose(arguments: &Run, folder: &Path) -> Result<Chosen, Box<Problem>> {
    let BackendKind::Local = arguments.backend;
    let root = folder.join(TASKS);
    let machine = Capacity::of_machine(&root);
    let Nodes { nodes: count, cpus, memory, disk, .. } = &arguments.nodes;
    let capacity = Capacity {
        // The command line takes no number below 0; what is above any machine's is boundless.
        cpus: cpus.map_or(machine.cpus, |cpus| (cpus * 1000.0) as u64),
        memory: memory.unwrap_or(machine.memory),
        disk: disk.unwrap_or(machine.disk),
    };
    let mut options = LocalOptions::new(&root);
    options.nodes = nodes(*count, capacity);
    options.environment = inherited(std::env::vars_os().filter_map(|(name, value)| {
        // What is not text is no variable of a specification either.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    }));
    if let Some(loss) = arguments
        .nodes
        .lose_node
        .iter()
        .find(|loss| options.nodes.iter().all(|node| node.name.as_str() != loss.node))
    {
        let names: Vec<&str> = options.nodes.iter().map(|node| node.name.as_str()).take(10).collect();
        let problem = Problem::error(format!("there is no node `{}` that could be lost", loss.node));
        return Err(problem.help(format!("the nodes are {}; `--nodes` makes more", names.join(", "))).into());
    }
    let local = Local::start(options).await.map_err(|error| {
        let problem = Problem::error(words(&error));
        problem.help(format!("see that `{}` can be written and is planwright's own", root.display()))
    })?;
    let local = Arc::new(local);
    Ok(Chosen { backend: local.clone(), local })
}

impl Chosen {
    /// Sees that it can keep what is declared; warns of what the service does without.
    pub(super) fn keeps(&self, model: &Model, file: &str, ui: &mut Ui) -> Result<(), Vec<Problem>> {
        let unkept = self.backend.unkept(model.spec()).into_iter().map(|item| {
            let message = format!(
                "`{}` cannot be kept by the backend `{}`: {}",
                item.path,
                self.backend.name(),
                item.why
            );
            let problem = match item.severity {
                Severity::Refused => Problem::error(message),
                Severity::Warned => Problem::warning(message),
            };
            problem.file(file)
        });
        let (errors, warnings): (Vec<_>, Vec<_>) = unkept.partition(Problem::is_error);
        warnings.iter().for_each(|problem| ui.problem(problem));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The nodes that vanish, in time.
    pub(super) fn losses(&self, nodes: &Nodes) -> Losses {
        let now = Instant::now();
        let mut losses: Vec<_> =
            nodes.lose_node.iter().map(|Loss { node, after }| (now + *after, node.clone())).collect();
        losses.sort();
        losses.reverse();
        Losses(losses)
    }

    /// Lets a node vanish.
    pub(super) async fn lose(&self, node: &str, ui: &mut Ui) {
        let Ok(name) = NodeName::new(node) else { return };
        match self.local.lose_node(&name).await {
            Ok(()) => ui.note(format_args!("{node} is lost, with all that ran on it")),
            Err(error) => ui.complain(&format!("{node} is not lost: {}", words(&error))),
        }
    }
}

/// The nodes that are still to vanish, the next one last.
pub(super) struct Losses(Vec<(Instant, String)>);

impl Losses {
    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> String {
        let Some((at, _)) = self.0.last() else { return std::future::pending().await };
        sleep_until(*at).await;
        // It is the one that was waited for: nothing is added.
        self.0.pop().map(|(_, node)| node).unwrap_or_default()
    }
}
