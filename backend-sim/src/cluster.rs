//! The real state: nodes, and every task that was ever launched.
//!
//! Invariant: the cluster has one history, and nothing in it is taken back. The engine never looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Number, Sighting};
use plan_core::plan::Model;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, NodeName, PodName, TaskName};
use plan_room::Amounts;
use smol_str::format_smolstr;

use crate::node::Node;
use crate::task::Task;

/// The nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// The number of nodes; `None` is the largest count of a pod, and at least 3.
    pub nodes: Option<u32>,
    /// The number of zones over which the nodes are spread; 0 is without zones.
    pub zones: u32,
    /// The region of all of them.
    pub region: Option<String>,
    /// Attributes of all of them.
    pub attributes: BTreeMap<String, String>,
    /// The resources of each node. `None` is what the specification asks for: room for one instance of each pod, or for
    /// more if there are fewer nodes than instances. With several specifications, the largest amount counts.
    pub capacity: Option<Amounts>,
    /// For how long granted room may be used; `None` is for ever.
    pub grants: Option<std::time::Duration>,
    /// Whether the backend judges placement.
    pub judges: Judges,
}

/// Whether the backend judges placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Judges {
    /// The backend judges placement, and the engine judges it again.
    #[default]
    Both,
    /// The backend names any node that has room. Only the engine judges placement.
    EngineAlone,
}

/// The instances of all targets of a run, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    names: Vec<InstanceName>,
    of_pod: BTreeMap<PodName, Vec<u32>>,
}

impl Roster {
    /// Adds the instances of a model that earlier models did not have.
    fn extend(&mut self, model: &Model) {
        for (pod, of) in (0..).zip(model.pods()) {
            let ids = self.of_pod.entry(of.name.clone()).or_default();
            for index in ids.len() as u32..of.count {
                ids.push(self.names.len() as u32);
                self.names.push(model.instance_name(pod, index));
            }
        }
    }

    pub(crate) fn id(&self, name: &InstanceName) -> Option<u32> {
        self.at(&name.pod, name.index)
    }

    pub(crate) fn at(&self, pod: &PodName, index: u32) -> Option<u32> {
        self.of_pod.get(pod)?.get(index as usize).copied()
    }

    pub(crate) fn name(&self, id: u32) -> &InstanceName {
        &self.names[id as usize]
    }

    /// The pods, by name.
    pub(crate) fn pods(&self) -> impl Iterator<Item = &PodName> {
        self.of_pod.keys()
    }

    pub(crate) fn len(&self) -> u32 {
        self.names.len() as u32
    }
}

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) roster: Roster,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tasks: Vec<Task>,
    /// The tasks of each instance, in the order of their launches.
    pub(crate) of_instance: Vec<Vec<u32>>,
}

impl Cluster {
    pub(crate) fn new<'m>(models: impl Iterator<Item = &'m Arc<Model>> + Clone, shape: &Shape) -> Self {
        let pods = models.clone().flat_map(|model| model.pods());
        let count = shape.nodes.unwrap_or(pods.map(|pod| pod.count).max().unwrap_or(0).max(3)).max(1);
        let of_model = |model: &Arc<Model>| {
            model.pods().iter().fold(Amounts::default(), |sum, pod| {
                let each = u64::from(pod.count.div_ceil(count).max(1));
                sum.plus(Amounts::of(&pod.footprint, &pod.volumes).times(each))
            })
        };
        let total = shape
            .capacity
            .unwrap_or_else(|| models.clone().map(of_model).fold(Amounts::default(), Amounts::most));
        let nodes = (0..count).map(|nth| {
            let zone = (shape.zones > 0).then(|| format!("zone-{}", nth % shape.zones.max(1)));
            let facts = NodeFacts {
                name: node_name(nth),
                region: shape.region.clone(),
                zone,
                attributes: shape.attributes.clone(),
            };
            Node::new(nth, Arc::new(facts), total)
        });
        let nodes = nodes.collect();
        let mut roster = Roster::default();
        models.for_each(|model| roster.extend(model));
        let instances = roster.names.len();
        Self { roster, nodes, tasks: Vec::with_capacity(instances), of_instance: vec![Vec::new(); instances] }
    }

    /// Adds the instances of a new target.
    pub(crate) fn expect_all_of(&mut self, model: &Model) {
        self.roster.extend(model);
        let instances = self.roster.names.len();
        self.of_instance.resize_with(instances, Vec::new);
    }

    pub(crate) fn node_id(&self, name: &str) -> Option<u32> {
        self.nodes.iter().position(|node| node.facts.name.as_str() == name).map(|at| at as u32)
    }

    /// The node of a task.
    pub(crate) fn node_of(&self, task: u32) -> &Node {
        &self.nodes[self.tasks[task as usize].node as usize]
    }

    /// A task, as its backend sees it, while its node is heard of.
    pub(crate) fn seen(&self, task: u32) -> Sighting {
        self.tasks[task as usize].seen(self.node_of(task))
    }

    /// The tasks of an instance, in the order of their launches.
    pub(crate) fn tasks_of(&self, instance: u32) -> impl DoubleEndedIterator<Item = (u32, &Task)> {
        self.of_instance[instance as usize].iter().map(|&id| (id, &self.tasks[id as usize]))
    }

    pub(crate) fn find(&self, instance: u32, launch: Number, name: &TaskName) -> Option<u32> {
        let mut tasks = self.tasks_of(instance).rev();
        tasks.find(|(_, task)| task.launch == launch && task.name == *name).map(|(id, _)| id)
    }

    /// The living task of this name, such as `kafka-0-broker`: its instance and its position.
    pub(crate) fn named<'m>(
        &self,
        models: impl Iterator<Item = &'m Arc<Model>> + Clone,
        text: &str,
    ) -> Option<(u32, TaskName)> {
        let of = |model: &Model, id: u32, rest: &str| {
            let pod = &model.pods()[model.pod_index(&self.roster.name(id).pod)? as usize];
            pod.tasks.iter().find(|task| task.name.as_str() == rest).map(|task| (id, task.name.clone()))
        };
        (0..self.roster.len()).find_map(|id| {
            let rest = text.strip_prefix(self.roster.name(id).to_string().as_str())?.strip_prefix('-')?;
            models.clone().find_map(|model| of(model, id, rest))
        })
    }
}

fn node_name(nth: u32) -> NodeName {
    // A name is refused only if it is empty, too long or holds a control character.
    NodeName::new(format_smolstr!("node-{nth}")).expect("`node-` and digits are a name")
}
