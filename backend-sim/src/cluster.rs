//! The truth: nodes, what is reserved on them, and every task that was ever launched.
//!
//! Invariant: it has one history, in which nothing is taken back; the engine never looks at it.

use std::sync::Arc;

use plan_core::engine::{Handle, Number};
use plan_core::plan::{Demand, Model};
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{InstanceName, NodeName, PortName, TaskName, Volume};
use smol_str::format_smolstr;

use crate::node::{Node, Room};
use crate::task::Task;

/// What the nodes of a cluster are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// How many nodes; `None` is the largest count of a pod, and at least 3.
    pub nodes: Option<u32>,
    /// Over how many zones they are spread; 0 is without zones.
    pub zones: u32,
    /// The region of all of them.
    pub region: Option<String>,
    /// Attributes of all of them.
    pub attributes: std::collections::BTreeMap<String, String>,
    /// What each has; `None` is what the specification asks for: room for one instance of each pod, or for
    /// more if there are fewer nodes than instances.
    pub capacity: Option<Room>,
}

/// Instances by number.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    model: Arc<Model>,
    first: Vec<u32>,
    names: Vec<(u32, InstanceName)>,
}

impl Roster {
    fn new(model: Arc<Model>) -> Self {
        let (mut first, mut names) = (Vec::with_capacity(model.pods().len()), Vec::new());
        for (pod, of) in (0..).zip(model.pods()) {
            first.push(names.len() as u32);
            names.extend((0..of.count).map(|index| (pod, model.instance_name(pod, index))));
        }
        Self { model, first, names }
    }

    pub(crate) fn id(&self, name: &InstanceName) -> Option<u32> {
        let pod = self.model.pod_index(&name.pod)? as usize;
        (name.index < self.model.pods()[pod].count).then(|| self.first[pod] + name.index)
    }

    pub(crate) fn at(&self, pod: u32, index: u32) -> u32 {
        self.first[pod as usize] + index
    }

    pub(crate) fn name(&self, id: u32) -> &InstanceName {
        &self.names[id as usize].1
    }

    pub(crate) fn pod(&self, id: u32) -> u32 {
        self.names[id as usize].0
    }

    pub(crate) fn len(&self) -> u32 {
        self.names.len() as u32
    }
}

/// Room that is kept for an instance.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    pub(crate) handle: Handle,
    pub(crate) node: u32,
    pub(crate) sets: Arc<[Demand]>,
    pub(crate) volumes: Arc<[Volume]>,
    pub(crate) room: Room,
    pub(crate) ports: Vec<(PortName, u16)>,
    /// The order that it was granted to last.
    pub(crate) launch: Number,
    /// The session in which it was asked for last.
    pub(crate) session: u32,
    /// When a record began to name it, by the backend's count.
    pub(crate) firm: Option<u64>,
}

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) roster: Roster,
    pub(crate) nodes: Vec<Node>,
    pub(crate) reservations: Vec<Option<Reservation>>,
    pub(crate) tasks: Vec<Task>,
    /// By instance, its tasks in the order of their launches.
    pub(crate) of_instance: Vec<Vec<u32>>,
}

impl Cluster {
    pub(crate) fn new(model: &Arc<Model>, shape: &Shape) -> Self {
        let largest = model.pods().iter().map(|pod| pod.count).max().unwrap_or(0);
        let count = shape.nodes.unwrap_or(largest.max(3)).max(1);
        let total = shape.capacity.unwrap_or_else(|| {
            model.pods().iter().fold(Room::default(), |sum, pod| {
                let each = u64::from(pod.count.div_ceil(count).max(1));
                sum.plus(Room::of(&pod.footprint, &pod.volumes).times(each))
            })
        });
        let nodes = (0..count).map(|nth| {
            let zone = (shape.zones > 0).then(|| format!("zone-{}", nth % shape.zones.max(1)));
            let facts = NodeFacts {
                name: node_name(nth),
                region: shape.region.clone(),
                zone,
                attributes: shape.attributes.clone(),
            };
            Node::new(Arc::new(facts), total)
        });
        let nodes = nodes.collect();
        let roster = Roster::new(model.clone());
        let instances = roster.names.len();
        Self {
            roster,
            nodes,
            reservations: vec![None; instances],
            tasks: Vec::with_capacity(instances),
            of_instance: vec![Vec::new(); instances],
        }
    }

    pub(crate) fn node_id(&self, name: &str) -> Option<u32> {
        self.nodes.iter().position(|node| node.facts.name.as_str() == name).map(|at| at as u32)
    }

    /// The tasks of an instance, in the order of their launches.
    pub(crate) fn tasks_of(&self, instance: u32) -> impl DoubleEndedIterator<Item = (u32, &Task)> {
        self.of_instance[instance as usize].iter().map(|&id| (id, &self.tasks[id as usize]))
    }

    pub(crate) fn find(&self, instance: u32, launch: Number, name: &TaskName) -> Option<u32> {
        let mut tasks = self.tasks_of(instance).rev();
        tasks.find(|(_, task)| task.launch == launch && task.name == *name).map(|(id, _)| id)
    }

    /// The task that lives under this name, as in `kafka-0-broker`: of which instance, and which.
    pub(crate) fn named(&self, model: &Model, text: &str) -> Option<(u32, TaskName)> {
        (0..self.roster.len()).find_map(|id| {
            let rest = text.strip_prefix(self.roster.name(id).to_string().as_str())?.strip_prefix('-')?;
            let tasks = &model.pods()[self.roster.pod(id) as usize].tasks;
            tasks.iter().find(|task| task.name.as_str() == rest).map(|task| (id, task.name.clone()))
        })
    }

    /// Frees what is reserved for an instance.
    pub(crate) fn free(&mut self, instance: u32) {
        if let Some(old) = self.reservations[instance as usize].take() {
            self.nodes[old.node as usize].take_back(old.room, &old.ports);
        }
    }

    /// Reserves for an instance; nothing is reserved for it now.
    pub(crate) fn reserve(&mut self, instance: u32, reservation: Reservation) {
        self.nodes[reservation.node as usize].give(reservation.room, &reservation.ports);
        self.reservations[instance as usize] = Some(reservation);
    }
}

fn node_name(nth: u32) -> NodeName {
    // A name is refused only if it is empty, too long or holds a control character.
    NodeName::new(format_smolstr!("node-{nth}")).expect("`node-` and digits are a name")
}
