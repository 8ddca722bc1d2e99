//! Nodes that vanish.
//!
//! Invariant: the loss of a node is on disk before its first task is killed, and is never taken back in this data
//! folder. The ends of its tasks are not told before the node counts as gone.

use std::sync::Arc;
use std::time::Duration;

use plan_core::spec::NodeName;
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::disk;
use crate::error::LocalError;
use crate::inner::Inner;
use crate::release::pay;
use crate::room::Health;
use crate::run::{Launched, now};
use crate::state::RunKey;

/// A node that was lost: `lost/NODE.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LostNode {
    pub(crate) node: NodeName,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
}

pub(crate) async fn lose(inner: &Arc<Inner>, name: &NodeName) -> Result<(), LocalError> {
    match inner.state().book.health(name) {
        None => return Err(LocalError::NoNode(name.clone())),
        Some(Health::Silent | Health::Gone) => return Ok(()),
        Some(Health::Heard) => {}
    }
    let lost = LostNode { node: name.clone(), at: now() };
    let (layout, written) = (inner.layout.clone(), lost.clone());
    blocking(move || {
        disk::create_folder(&layout.lost())?;
        disk::write(&layout.lost_node(&written.node), &written)
    })
    .await?;
    let folders = {
        let mut state = inner.state();
        state.book.set_health(name, Health::Silent);
        let there: Vec<RunKey> = state
            .runs
            .all()
            .filter(|(_, run)| run.node == *name && run.lives())
            .map(|(key, _)| key)
            .collect();
        let mut folders = Vec::new();
        for key in &there {
            if let Some(run) = state.runs.get_mut(key) {
                run.cancelled = true;
                run.cancel.notify_one();
                folders.push(run.folder.clone());
            }
            state.changed(key);
        }
        state.look_again();
        folders
    };
    inner.ports_changed.notify_one();
    // A task ends with its shim, so nobody can say how it ended.
    blocking(move || {
        for folder in folders {
            if let Ok(Some(launched)) = disk::read::<Launched>(&folder.launch()) {
                launched.shim.kill();
            }
        }
    })
    .await;
    inner.spawn(be_gone(inner.clone(), lost));
    Ok(())
}

/// Makes a lost node gone for good when its time has come.
pub(crate) async fn be_gone(inner: Arc<Inner>, lost: LostNode) {
    let since = Duration::from_millis(now().saturating_sub(lost.at));
    tokio::time::sleep(inner.options.gone_after.saturating_sub(since)).await;
    let releases = {
        let mut state = inner.state();
        state.book.set_health(&lost.node, Health::Gone);
        let there: Vec<RunKey> =
            state.runs.all().filter(|(_, run)| run.node == lost.node).map(|(key, _)| key).collect();
        for key in &there {
            state.changed(key);
        }
        state.look_again();
        state.sessions.take_releases(&lost.node)
    };
    for (key, release) in releases {
        pay(inner.clone(), key, release).await;
    }
}
