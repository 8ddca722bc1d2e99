//! `graph`: writes a plan's graph in one of several forms.

use std::io;

use plan_core::plan::PlanGraph;
use serde::Serialize;

use super::on_plan;
use crate::Verdict;
use crate::arguments::{Graph, GraphFormat};
use crate::ui::Ui;

/// A graph for programs: the graph itself, and its text in the wanted form.
#[derive(Debug, Serialize)]
struct GraphResult {
    #[serde(flatten)]
    graph: PlanGraph,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(crate) fn graph(ui: &mut Ui, arguments: &Graph) -> io::Result<Verdict> {
    on_plan(ui, &arguments.plan, |model, plan| {
        let graph = PlanGraph::new(model, plan);
        let written = |format| match format {
            GraphFormat::Dot => graph.dot().to_string(),
            GraphFormat::Mermaid => graph.mermaid().to_string(),
            GraphFormat::Svg => graph.svg().to_string(),
            // A graph has only names and numbers, which JSON can express.
            GraphFormat::Json => serde_json::to_string_pretty(&graph).unwrap_or_default(),
        };
        let text = written(arguments.format.unwrap_or(GraphFormat::Dot));
        let beside = arguments.format.filter(|format| *format != GraphFormat::Json).map(written);
        (text, GraphResult { graph, text: beside })
    })
}
