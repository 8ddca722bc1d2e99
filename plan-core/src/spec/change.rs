//! stub
use super::{PodName, ServiceSpec, TaskName};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChangeVerdict {
    Live,
    Restarts,
    Resizes,
    Refused,
}
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Change {
    pub path: String,
    pub field: &'static str,
    pub pod: Option<PodName>,
    pub task: Option<TaskName>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub verdict: ChangeVerdict,
    pub why: Option<String>,
}
#[allow(missing_docs)]
pub fn changes(_old: &ServiceSpec, _new: &ServiceSpec) -> Vec<Change> {
    Vec::new()
}
#[allow(missing_docs)]
pub fn matches(_e: &str, _c: &Change) -> bool {
    false
}
