//! What runs the tasks.

use std::path::Path;
use std::sync::Arc;

use plan_core::plan::Model;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, Severity};
use tokio::time::{Instant, sleep_until};

use crate::arguments::{Loss, Nodes, Run};
use crate::problem::Problem;
use crate::ui::Ui;

/// A backend.
pub(super) struct Chosen {
    /// As the driver has it.
    pub(super) backend: Arc<dyn Backend>,
}

/// The backend that the command line asks for.
pub(super) fn choose(arguments: &Run, folder: &Path) -> Result<Chosen, Problem> {
    let _ = (arguments, folder);
    Ok(Chosen { backend: Arc::new(PromptBackend::new()) })
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
        ui.note(format_args!("{node} is lost"));
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
