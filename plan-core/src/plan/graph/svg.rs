//! A plan's graph as a picture. Invariant: the text follows from the graph alone, in whole numbers. An arrow never
//! crosses a box. Nodes without an order among them are drawn as a grid, so that a hundred steps can be read.

use std::collections::BTreeMap;
use std::fmt;

use petgraph::graph::NodeIndex;

use super::picture::{Picture, Style};
use super::{GraphOrder, Node, PlanGraph};

/// The width of a grid of steps, and below, that of a grid of phases.
const STEPS_WIDTH: i32 = 900;
const PHASES_WIDTH: i32 = 1400;

pub(super) struct Svg<'a>(pub(super) &'a PlanGraph);

impl fmt::Display for Svg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let phases: Vec<_> = (0..plan.phases.len()).map(|at| phase(plan, at)).collect();
        let place = |node: NodeIndex| plan.graph[node].phase() as usize;
        let edges = plan.phases.iter().flat_map(|&phase| plan.after(phase));
        let edges = edges.map(|(from, to, order)| (place(from), place(to), order)).collect();
        let edges = needed(phases.len(), edges);
        let inside = if phases.is_empty() {
            Picture::words("no phases")
        } else {
            arrange(phases, &edges, PHASES_WIDTH, 4)
        };
        inside.titled(&plan.title(), Style::Plan).document(f, &plan.title())
    }
}

/// The picture of a phase: its steps in a box with its name.
fn phase(plan: &PlanGraph, at: usize) -> Picture {
    let Node::Phase { name, strategy, .. } = &plan.graph[plan.phases[at]] else { return Picture::default() };
    let steps: Vec<_> = plan.steps(at).collect();
    let inside = if steps.is_empty() { Picture::words("no steps") } else { steps_of(plan, &steps) };
    inside.titled(&format!("{name} ({strategy} strategy)"), Style::Phase)
}

/// The steps of a phase. Steps that only follow each other are drawn as one flow. Others are arranged.
fn steps_of(plan: &PlanGraph, steps: &[NodeIndex]) -> Picture {
    let first = steps[0].index();
    let edges = steps
        .iter()
        .flat_map(|&step| plan.after(step))
        .map(|(from, to, order)| (from.index() - first, to.index() - first, order))
        .collect();
    let edges = needed(steps.len(), edges);
    let mut after = vec![Vec::new(); steps.len()];
    let mut before = vec![0_u32; steps.len()];
    for &(from, to, order) in &edges {
        after[from].push((to, order));
        before[to] += 1;
    }
    let follows = |from: usize| match after[from][..] {
        [(to, order)] if before[to] == 1 => Some((to, order)),
        _ => None,
    };
    let mut led = vec![false; steps.len()];
    for at in 0..steps.len() {
        if let Some((to, _)) = follows(at) {
            led[to] = true;
        }
    }
    let mut flow_of = vec![0; steps.len()];
    let mut flows = Vec::new();
    let mut ends = Vec::new();
    for start in (0..steps.len()).filter(|&at| !led[at]) {
        let mut flow = vec![(step(plan, steps[start]), GraphOrder::Strategy)];
        let mut at = start;
        flow_of[at] = flows.len();
        while let Some((next, order)) = follows(at) {
            flow.push((step(plan, steps[next]), order));
            at = next;
            flow_of[at] = flows.len();
        }
        ends.push(at);
        flows.push(Picture::flow(flow, STEPS_WIDTH));
    }
    let between: Vec<_> = edges
        .iter()
        .filter(|(from, ..)| ends[flow_of[*from]] == *from)
        .map(|&(from, to, order)| (flow_of[from], flow_of[to], order))
        .collect();
    arrange(flows, &between, STEPS_WIDTH, 2)
}

fn step(plan: &PlanGraph, node: NodeIndex) -> Picture {
    match &plan.graph[node] {
        Node::Step { name, canary: true, .. } => Picture::step(name, " (canary)", Style::Canary),
        node => Picture::step(node.name(), "", Style::Step),
    }
}

/// Of graphs with more nodes than this, all arrows are drawn, also those that follow from others.
const SMALL: usize = 2048;

/// The edges without those that follow from others: two nodes that are connected by a longer path need no arrow of
/// their own.
fn needed(nodes: usize, mut edges: Vec<(usize, usize, GraphOrder)>) -> Vec<(usize, usize, GraphOrder)> {
    if nodes > SMALL {
        return edges;
    }
    let mut after = vec![Vec::new(); nodes];
    let mut waits = vec![0_u32; nodes];
    for &(from, to, _) in &edges {
        after[from].push(to);
        waits[to] += 1;
    }
    let mut sorted: Vec<usize> = (0..nodes).filter(|&node| waits[node] == 0).collect();
    let mut at = 0;
    while let Some(&node) = sorted.get(at) {
        at += 1;
        for &to in &after[node] {
            waits[to] -= 1;
            if waits[to] == 0 {
                sorted.push(to);
            }
        }
    }
    // For each node, one bit for each node that comes after it by more than one arrow, and one bit for each by any
    // arrows.
    let words = nodes.div_ceil(64);
    let mut far = vec![vec![0_u64; words]; nodes];
    let mut any = vec![vec![0_u64; words]; nodes];
    for &node in sorted.iter().rev() {
        for &to in &after[node] {
            for word in 0..words {
                far[node][word] |= any[to][word];
            }
        }
        any[node] = far[node].clone();
        for &to in &after[node] {
            any[node][to / 64] |= 1 << (to % 64);
        }
    }
    edges.retain(|&(from, to, _)| far[from][to / 64] & (1 << (to % 64)) == 0);
    edges
}

/// Pictures with arrows between them. At least `group` pictures that come after the same pictures and before the same
/// pictures are drawn together, and one arrow leads to all of them.
fn arrange(parts: Vec<Picture>, edges: &[(usize, usize, GraphOrder)], width: i32, group: u32) -> Picture {
    let mut around = vec![(Vec::new(), Vec::new()); parts.len()];
    for &(from, to, order) in edges {
        around[from].1.push((to, order));
        around[to].0.push((from, order));
    }
    let mut alike = BTreeMap::new();
    for around in &mut around {
        around.0.sort_unstable();
        around.1.sort_unstable();
        *alike.entry(around.clone()).or_insert(0) += 1;
    }
    let mut kinds = BTreeMap::new();
    let mut of_kind: Vec<Vec<Picture>> = Vec::new();
    let mut kind = Vec::with_capacity(parts.len());
    for (at, (part, around)) in parts.into_iter().zip(around).enumerate() {
        // A few pictures are drawn beside each other, each with its own arrow.
        let together = edges.is_empty() || alike[&around] >= group;
        let own = (!together).then_some(at);
        let at = *kinds.entry((around, own)).or_insert(of_kind.len());
        if at == of_kind.len() {
            of_kind.push(Vec::new());
        }
        of_kind[at].push(part);
        kind.push(at);
    }
    let mut between: Vec<_> = edges.iter().map(|&(from, to, order)| (kind[from], kind[to], order)).collect();
    between.sort_unstable();
    between.dedup();
    let alone = of_kind.len() == 1;
    let groups = of_kind.into_iter().map(|mut group| match group.pop() {
        Some(only) if group.is_empty() => only,
        last => {
            group.extend(last);
            let grid = Picture::grid(group, width);
            if alone { grid } else { grid.framed() }
        }
    });
    layered(groups.collect(), &between)
}

/// A place in a row: a picture, or the point where a long arrow passes.
struct Place {
    width: i32,
    height: i32,
    picture: Option<usize>,
    ends: Option<(i32, i32)>,
    /// The places in the row above that have an arrow to this place, each with the kind of its edge.
    above: Vec<(usize, GraphOrder)>,
    x: i32,
}

const ROW_GAP: i32 = 40;
const COLUMN_GAP: i32 = 24;

/// Pictures in rows, each below all pictures that it comes after.
fn layered(pictures: Vec<Picture>, edges: &[(usize, usize, GraphOrder)]) -> Picture {
    let mut row_of = vec![0_usize; pictures.len()];
    // As there is no cycle, the rows are final after as many passes as there are pictures.
    for _ in 0..pictures.len() {
        let mut changed = false;
        for &(from, to, _) in edges {
            if row_of[to] <= row_of[from] {
                row_of[to] = row_of[from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut rows: Vec<Vec<Place>> = Vec::new();
    rows.resize_with(row_of.iter().max().map_or(0, |last| last + 1), Vec::new);
    let mut at = Vec::with_capacity(pictures.len());
    for (index, picture) in pictures.iter().enumerate() {
        let row = &mut rows[row_of[index]];
        at.push(row.len());
        let (width, height) = (picture.width, picture.height);
        let ends = picture.ends;
        row.push(Place { width, height, picture: Some(index), ends, above: Vec::new(), x: 0 });
    }
    for &(from, to, order) in edges {
        let mut last = at[from];
        for row in &mut rows[row_of[from] + 1..row_of[to]] {
            let above = vec![(last, order)];
            row.push(Place { width: 0, height: 0, picture: None, ends: None, above, x: 0 });
            last = row.len() - 1;
        }
        rows[row_of[to]][at[to]].above.push((last, order));
    }
    put_in_order(&mut rows);
    let width = |row: &[Place]| {
        row.iter().map(|place| place.width).sum::<i32>() + COLUMN_GAP * (row.len().max(1) as i32 - 1)
    };
    let widest = rows.iter().map(|row| width(row)).max().unwrap_or(0);
    let mut canvas = Picture::default();
    canvas.width = widest;
    let mut pictures: Vec<Option<Picture>> = pictures.into_iter().map(Some).collect();
    let mut y = 0;
    for row in 0..rows.len() {
        let mut x = (widest - width(&rows[row])) / 2;
        let (done, rest) = rows.split_at_mut(row);
        for place in &mut rest[0] {
            place.x = x;
            x += place.width + COLUMN_GAP;
        }
        if let Some(above) = done.last() {
            arrows(&mut canvas, above, &rest[0], y);
        }
        let height = rest[0].iter().map(|place| place.height).max().unwrap_or(0);
        for place in &rest[0] {
            match place.picture.and_then(|index| pictures[index].take()) {
                Some(picture) => canvas.put(place.x, y, picture),
                None => canvas.line(place.x, y, height, place.above.first().map(|(_, order)| *order)),
            }
        }
        y += height + ROW_GAP;
    }
    canvas.height = (y - ROW_GAP).max(0);
    canvas
}

/// Moves connected places near to each other: each place to the middle of those above it.
fn put_in_order(rows: &mut [Vec<Place>]) {
    for row in 1..rows.len() {
        let row = &mut rows[row..];
        let mut order: Vec<usize> = (0..row[0].len()).collect();
        // The middle is in thousandths, as whole numbers keep the picture the same on all machines.
        let middle = |place: &Place| {
            let sum: usize = place.above.iter().map(|(above, _)| above * 1000).sum();
            sum.checked_div(place.above.len()).unwrap_or(usize::MAX)
        };
        order.sort_by_key(|&at| middle(&row[0][at]));
        let mut moved = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            moved[from] = to;
        }
        let mut places: Vec<Option<Place>> = row[0].drain(..).map(Some).collect();
        row[0].extend(order.iter().filter_map(|&from| places[from].take()));
        if let Some(below) = row.get_mut(1) {
            for above in below.iter_mut().flat_map(|place| &mut place.above) {
                above.0 = moved[above.0];
            }
        }
    }
}

/// The arrows between two rows, the lower of which begins at `top`.
fn arrows(canvas: &mut Picture, above: &[Place], below: &[Place], top: i32) {
    let height = above.iter().map(|place| place.height).max().unwrap_or(0);
    let row_end = top - ROW_GAP;
    let mut leaving = vec![0; above.len()];
    for (from, _) in below.iter().flat_map(|place| &place.above) {
        leaving[*from] += 1;
    }
    let mut left = vec![0; above.len()];
    for place in below {
        let mut sources = place.above.clone();
        sources.sort_unstable();
        let count = sources.len() as i32;
        for (nth, (from, order)) in (1..).zip(sources) {
            left[from] += 1;
            let source = &above[from];
            let x0 = match source.ends {
                Some((_, exit)) if leaving[from] == 1 => source.x + exit,
                _ => source.x + source.width * left[from] / (leaving[from] + 1),
            };
            let mut x1 = match place.ends {
                Some((enter, _)) if count == 1 => place.x + enter,
                _ => place.x + place.width * nth / (count + 1),
            };
            // A nearly vertical arrow is drawn vertical.
            if (x0 - x1).abs() <= place.width / 16 {
                x1 = x0;
            }
            let start = row_end - height + source.height;
            canvas.arrow((x0, start), row_end, (x1, top), order, place.picture.is_some());
        }
    }
}
