//! Configuration templates (SDK rule R76), for tasks that fetch them.

use super::configurations::named;
use crate::call::Call;
use crate::problem::Problem;
use crate::reply::{Answer, text};

/// `GET /v1/artifacts/template/{id}/{pod}/{task}/{config}`.
pub(crate) async fn template(call: Call) -> Answer {
    let model = named(&call).await?;
    let (pod, task, config) = (call.param("pod"), call.param("task"), call.param("config"));
    let of_pod = model.spec().pods().get(pod).ok_or_else(|| Problem::missing("Pod", pod))?;
    let of_task = of_pod.tasks.get(task).ok_or_else(|| Problem::missing("Task", task))?;
    let of_config = of_task.configs.get(config).ok_or_else(|| Problem::missing("Config", config))?;
    match &of_config.text {
        Some(template) => text(template.as_str()),
        None => Err(Problem::missing("Template", &of_config.template)
            .hint("the specification was submitted without its files")),
    }
}
