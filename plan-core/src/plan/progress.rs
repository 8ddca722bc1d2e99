//! Progress: the statuses of a plan's steps, and what follows from them for its phases and the plan.
//!
//! Invariant: everything here is a function of the steps' statuses, the interruptions and the canaries. The cost of a
//! changed step depends on what waits for that step, not on the size of the plan.

use serde::{Deserialize, Serialize};

use super::bits::BitTree;
use super::layout::{PhaseLayout, PlanLayout};
use super::status::{Status, StatusCounts, aggregate};

/// The canaries of a phase: the first steps that are pending when the run begins, as many as the strategy says. Each of
/// them waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Canary {
    /// The steps.
    pub steps: Vec<u32>,
    /// How many of these steps were released.
    pub released: u32,
}

impl Canary {
    /// Whether a step still waits to be released.
    pub fn is_holding(&self) -> bool {
        (self.released as usize) < self.steps.len()
    }

    /// Whether this step waits to be released.
    pub fn holds(&self, step: u32) -> bool {
        self.steps.iter().position(|&canary| canary == step).is_some_and(|at| at >= self.released as usize)
    }

    fn released_steps(&self) -> &[u32] {
        &self.steps[..self.steps.len().min(self.released as usize)]
    }
}

/// Why a strategy does not allow a step or a phase. This covers the strategy alone, not whether the step could act
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocked {
    /// The step is a canary that waits to be released, or it comes after one.
    Canary,
    /// This phase or step comes first.
    Behind(u32),
}

/// The progress of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseProgress {
    status: Vec<Status>,
    counts: StatusCounts,
    /// The steps that are not COMPLETE.
    incomplete: BitTree,
    /// The steps that are PENDING, which may have to act.
    pending: BitTree,
    /// The progress of each group. Empty in a serial phase, whose order is that of positions.
    groups: Vec<GroupProgress>,
    /// The statuses of the steps that the order allows, in a phase whose order is not that of positions.
    allowed: StatusCounts,
    /// Whether an operator interrupted the phase.
    interrupted: bool,
    canary: Option<Canary>,
    /// The steps of broken members, which go first; `None` if this phase does not treat them specially.
    urgent: Option<Urgent>,
}

/// The steps of broken members, in a run over a service that was deployed before. They wait neither for other steps nor
/// for the release of a canary, and other steps wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Urgent {
    steps: BitTree,
    counts: StatusCounts,
    /// The steps that act now, in a serial phase.
    busy: BitTree,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct GroupProgress {
    incomplete: u32,
    /// The statuses of the group's steps whose needs within their instance are met.
    met: StatusCounts,
}

impl PhaseProgress {
    /// The progress of a phase none of whose steps has begun. If the run begins `afresh`, over a service that was
    /// deployed before, the steps of broken members go first.
    pub fn new(layout: &PhaseLayout, afresh: bool) -> Self {
        let len = layout.steps.len();
        let mut incomplete = BitTree::new(len);
        let mut counts = StatusCounts::NONE;
        for step in 0..len {
            incomplete.insert(step as u32);
            counts.add(Status::Pending);
        }
        let mut groups = Vec::new();
        let mut allowed = StatusCounts::NONE;
        if !layout.is_serial() {
            for group in &layout.groups {
                let mut met = StatusCounts::NONE;
                if group.own_needs.is_empty() {
                    (0..group.len).for_each(|_| met.add(Status::Pending));
                }
                groups.push(GroupProgress { incomplete: group.len, met });
            }
            let mut progress = Self {
                status: Vec::new(),
                counts,
                incomplete: BitTree::default(),
                pending: BitTree::default(),
                groups,
                allowed,
                interrupted: false,
                canary: None,
                urgent: None,
            };
            for group in 0..layout.groups.len() {
                if progress.is_open(layout, group as u32) {
                    let met = progress.groups[group].met;
                    allowed.add_all(&met);
                }
            }
            groups = std::mem::take(&mut progress.groups);
        }
        Self {
            status: vec![Status::Pending; len],
            counts,
            pending: incomplete.clone(),
            incomplete,
            groups,
            allowed,
            interrupted: false,
            canary: None,
            urgent: (afresh && (layout.is_serial() || layout.is_canary())).then(|| Urgent {
                steps: BitTree::new(len),
                counts: StatusCounts::NONE,
                busy: BitTree::new(len),
            }),
        }
    }

    /// Whether the phase treats the steps of broken members specially.
    pub fn asks_urgency(&self) -> bool {
        self.urgent.is_some()
    }

    /// Whether the step belongs to a broken member, and so goes first.
    pub fn is_urgent(&self, step: u32) -> bool {
        self.urgent.as_ref().is_some_and(|urgent| urgent.steps.contains(step))
    }

    /// The first step of a broken member, from `from` on.
    pub fn next_urgent(&self, from: u32) -> Option<u32> {
        self.urgent.as_ref().and_then(|urgent| urgent.steps.next(from))
    }

    fn any_urgent(&self) -> bool {
        self.next_urgent(0).is_some()
    }

    /// The step whose turn it is in a serial phase: the first step of a broken member, else the step that acts now,
    /// else the first that is not COMPLETE. It is the turn of every broken member.
    pub fn next_in_order(&self) -> Option<u32> {
        let urgent = self.urgent.as_ref();
        urgent
            .and_then(|urgent| urgent.steps.first().or_else(|| urgent.busy.first()))
            .or_else(|| self.incomplete.first())
    }

    /// A step's status.
    pub fn step(&self, step: u32) -> Status {
        self.status[step as usize]
    }

    /// The steps' statuses.
    pub fn steps(&self) -> &[Status] {
        &self.status
    }

    /// The first step that is PENDING, from `from` on.
    pub fn next_pending(&self, from: u32) -> Option<u32> {
        self.pending.next(from)
    }

    /// The canaries, if the phase has any.
    pub fn canary(&self) -> Option<&Canary> {
        self.canary.as_ref()
    }

    /// Whether an operator interrupted the phase.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether the phase lets no further step begin until an operator acts: it is interrupted, or a canary is due to be
    /// released and no released canary still acts (SDK rule R56).
    pub fn is_held(&self) -> bool {
        self.interrupted || !self.any_urgent() && self.due_canary().is_some()
    }

    /// The canary that is due to be released: all that were released before it are complete, so that an operator can have
    /// looked at them.
    pub fn due_canary(&self) -> Option<u32> {
        let canary = self.canary.as_ref()?;
        let proven = canary.released_steps().iter().all(|&step| self.step(step) == Status::Complete);
        canary.steps.get(canary.released as usize).copied().filter(|_| proven)
    }

    /// Why the strategy does not allow a step that is not complete.
    pub fn blocked(&self, layout: &PhaseLayout, step: u32) -> Option<Blocked> {
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.is_holding())
            && !canary.released_steps().contains(&step)
        {
            return (!self.is_urgent(step)).then_some(Blocked::Canary);
        }
        if layout.is_serial() {
            return match self.next_in_order() {
                Some(first) if first != step && !self.is_urgent(step) => Some(Blocked::Behind(first)),
                _ => None,
            };
        }
        let at = layout.steps[step as usize];
        let group = &layout.groups[at.group as usize];
        let own = group.own_needs.iter().find_map(|&need| {
            layout.step_in_group(at.instance, need).filter(|&before| self.step(before) != Status::Complete)
        });
        let whole = || {
            let need = group.whole_needs.iter().find(|&&need| self.groups[need as usize].incomplete > 0)?;
            let steps = 0..layout.steps.len() as u32;
            steps.into_iter().find(|&other| {
                layout.steps[other as usize].group == *need && self.step(other) != Status::Complete
            })
        };
        own.or_else(whole).map(Blocked::Behind)
    }

    /// Whether the strategy allows a step, as [`PhaseProgress::blocked`] says, without the cost of finding the reason.
    pub fn allows(&self, layout: &PhaseLayout, step: u32) -> bool {
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.is_holding())
            && !canary.released_steps().contains(&step)
        {
            return self.is_urgent(step);
        }
        if layout.is_serial() {
            return self.next_in_order() == Some(step) || self.is_urgent(step);
        }
        let at = layout.steps[step as usize];
        self.are_own_needs_met(layout, at.instance, at.group, None) && self.is_open(layout, at.group)
    }

    /// Whether a step that acts already may go on: the strategy has nothing against it, except that it is the turn of
    /// others.
    pub fn goes_on(&self, layout: &PhaseLayout, step: u32) -> bool {
        match self.blocked(layout, step) {
            None => true,
            Some(Blocked::Canary) => false,
            Some(Blocked::Behind(_)) => layout.is_serial(),
        }
    }

    /// The steps that may act because a step became COMPLETE. There are more if whole groups waited for the step
    /// ([`Self::opens_groups`]).
    pub fn freed_by<'a>(&self, layout: &'a PhaseLayout, step: u32) -> impl Iterator<Item = u32> + use<'a> {
        let next = self.next_in_order().filter(|_| layout.is_serial());
        let at = layout.steps[step as usize];
        let own = if layout.is_serial() { &[][..] } else { &layout.groups[at.group as usize].own_feeds };
        let own = own.iter().filter_map(move |&after| layout.step_in_group(at.instance, after));
        next.into_iter().chain(own)
    }

    /// Whether groups of steps may act because a step became COMPLETE: groups that wait for all steps of the step's
    /// group.
    pub fn opens_groups(&self, layout: &PhaseLayout, step: u32) -> bool {
        let group = layout.steps[step as usize].group;
        !layout.is_serial()
            && !layout.groups[group as usize].whole_feeds.is_empty()
            && self.groups[group as usize].incomplete == 0
    }

    /// The next step that may have to act, in a pass over the phase that has come to `from`. The second value is where
    /// the pass goes on.
    pub fn next_due(&self, layout: &PhaseLayout, from: u32) -> Option<(u32, Option<u32>)> {
        // The steps of broken members come first. The positions of the others are counted on from the last step.
        let len = layout.steps.len() as u32;
        let asks = self.asks_urgency();
        if asks && from < len {
            return match self.next_urgent(from) {
                Some(step) => Some((step, Some(step + 1))),
                None => self.next_due(layout, len),
            };
        }
        let (from, base) = if asks { (from - len, len) } else { (from, 0) };
        // A released canary is WAITING, not PENDING, before it is considered. In a serial phase there is only one step.
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.is_holding()) {
            return canary.released_steps().get(from as usize).map(|&step| (step, Some(base + from + 1)));
        }
        if layout.is_serial() {
            return self.next_in_order().map(|step| (step, None));
        }
        self.next_pending(from).map(|step| (step, Some(base + step + 1)))
    }

    fn is_open(&self, layout: &PhaseLayout, group: u32) -> bool {
        let needs = &layout.groups[group as usize].whole_needs;
        needs.iter().all(|&need| self.groups[need as usize].incomplete == 0)
    }

    fn are_own_needs_met(&self, layout: &PhaseLayout, instance: u32, group: u32, but: Option<u32>) -> bool {
        layout.groups[group as usize].own_needs.iter().filter(|&&need| Some(need) != but).all(|&need| {
            layout.step_in_group(instance, need).is_none_or(|step| self.step(step) == Status::Complete)
        })
    }

    /// Sets the status of a step. Returns whether anything changed. `urgent` says whether the step belongs to a broken
    /// member, and counts only if the phase treats such steps specially.
    pub fn set_step(&mut self, layout: &PhaseLayout, step: u32, new: Status, urgent: bool) -> bool {
        let old = std::mem::replace(&mut self.status[step as usize], new);
        let mut other = old != new;
        if let Some(known) = &mut self.urgent {
            if known.steps.contains(step) {
                known.counts.remove(old);
            }
            if urgent {
                known.counts.add(new);
            }
            other |= known.steps.contains(step) != urgent;
            known.steps.set(step, urgent);
            known.busy.set(step, matches!(new, Status::Prepared | Status::Starting | Status::Started));
        }
        if old == new {
            return other;
        }
        self.counts.remove(old);
        self.counts.add(new);
        self.pending.set(step, new == Status::Pending);
        let completeness = (old == Status::Complete) != (new == Status::Complete);
        if completeness {
            self.incomplete.set(step, new != Status::Complete);
        }
        if !layout.is_serial() {
            self.order_changed(layout, step, old, new, completeness);
        }
        true
    }

    /// Updates the counts of the steps that the order allows, as a status changed.
    fn order_changed(
        &mut self,
        layout: &PhaseLayout,
        step: u32,
        old: Status,
        new: Status,
        completeness: bool,
    ) {
        let at = layout.steps[step as usize];
        if self.are_own_needs_met(layout, at.instance, at.group, None) {
            let open = self.is_open(layout, at.group);
            let met = &mut self.groups[at.group as usize].met;
            met.remove(old);
            met.add(new);
            if open {
                self.allowed.remove(old);
                self.allowed.add(new);
            }
        }
        if !completeness {
            return;
        }
        let complete = new == Status::Complete;
        let group = &layout.groups[at.group as usize];
        for &after in &group.own_feeds {
            let Some(next) = layout.step_in_group(at.instance, after) else { continue };
            if !self.are_own_needs_met(layout, at.instance, after, Some(at.group)) {
                continue;
            }
            let status = self.step(next);
            let open = self.is_open(layout, after);
            let met = &mut self.groups[after as usize].met;
            if complete {
                met.add(status)
            } else {
                met.remove(status)
            };
            if open {
                if complete {
                    self.allowed.add(status)
                } else {
                    self.allowed.remove(status)
                };
            }
        }
        let incomplete = &mut self.groups[at.group as usize].incomplete;
        let was = *incomplete;
        *incomplete = if complete { was - 1 } else { was + 1 };
        if was != 0 && *incomplete != 0 {
            return;
        }
        for &after in &group.whole_feeds {
            let others = &layout.groups[after as usize].whole_needs;
            if others.iter().all(|&need| need == at.group || self.groups[need as usize].incomplete == 0) {
                let met = self.groups[after as usize].met;
                if complete {
                    self.allowed.add_all(&met)
                } else {
                    self.allowed.remove_all(&met)
                };
            }
        }
    }

    /// The statuses of the steps that the strategy allows.
    fn allowed(&self, layout: &PhaseLayout) -> StatusCounts {
        let urgent = self.urgent.as_ref().map(|urgent| urgent.counts).filter(|counts| counts.total() > 0);
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.is_holding()) {
            let released = canary.released_steps().iter().filter(|&&step| !self.is_urgent(step));
            let mut counts: StatusCounts = released.map(|&step| self.step(step)).collect();
            counts.add_all(&urgent.unwrap_or(StatusCounts::NONE));
            counts
        } else if layout.is_serial() {
            urgent.unwrap_or_else(|| self.next_in_order().map(|step| self.step(step)).into_iter().collect())
        } else {
            self.allowed
        }
    }

    fn status(&self, layout: &PhaseLayout) -> Status {
        aggregate(&self.counts, &self.allowed(layout), self.is_held())
    }
}

/// The progress of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanProgress {
    phases: Vec<PhaseProgress>,
    /// The status of each phase.
    status: Vec<Status>,
    /// For each phase, whether it is held ([`PhaseProgress::is_held`]).
    held: Vec<bool>,
    counts: StatusCounts,
    incomplete: BitTree,
    /// For how many phases each phase still waits. Empty in a serial plan, whose order is that of positions.
    unmet: Vec<u32>,
    /// The statuses of the phases that the order allows, in a plan whose order is not that of positions.
    allowed: StatusCounts,
    interrupted: bool,
    own: Status,
}

impl PlanProgress {
    /// The progress of a plan none of whose steps has begun; `afresh` if the service was deployed before.
    pub fn new(layout: &PlanLayout, afresh: bool) -> Self {
        let phases: Vec<_> = layout.phases.iter().map(|phase| PhaseProgress::new(phase, afresh)).collect();
        let len = phases.len();
        let mut progress = Self {
            phases,
            status: vec![Status::Pending; len],
            held: vec![false; len],
            counts: StatusCounts::NONE,
            incomplete: BitTree::new(len),
            unmet: if layout.is_serial() {
                Vec::new()
            } else {
                layout.needs.iter().map(|needs| needs.len() as u32).collect()
            },
            allowed: StatusCounts::NONE,
            interrupted: false,
            own: Status::Pending,
        };
        for phase in 0..len {
            progress.counts.add(Status::Pending);
            progress.incomplete.insert(phase as u32);
            if progress.contributes(layout, phase as u32) {
                progress.allowed.add(Status::Pending);
            }
        }
        for phase in 0..len {
            progress.phase_changed(layout, phase as u32);
        }
        progress.own = progress.derive(layout);
        progress
    }

    /// The plan's status.
    pub fn status(&self) -> Status {
        self.own
    }

    /// A phase's status.
    pub fn phase_status(&self, phase: u32) -> Status {
        self.status[phase as usize]
    }

    /// The progress of a phase.
    pub fn phase(&self, phase: u32) -> &PhaseProgress {
        &self.phases[phase as usize]
    }

    /// The progress of all phases.
    pub fn phases(&self) -> &[PhaseProgress] {
        &self.phases
    }

    /// The first phase that is not COMPLETE.
    pub fn first_incomplete(&self) -> Option<u32> {
        self.incomplete.first()
    }

    /// Whether an operator interrupted the plan.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Interrupts the plan, or lets it go on.
    pub fn set_interrupted(&mut self, layout: &PlanLayout, interrupted: bool) {
        self.interrupted = interrupted;
        self.own = self.derive(layout);
    }

    /// Interrupts a phase, or lets it go on.
    pub fn set_phase_interrupted(&mut self, layout: &PlanLayout, phase: u32, interrupted: bool) {
        self.phases[phase as usize].interrupted = interrupted;
        self.phase_changed(layout, phase);
        self.own = self.derive(layout);
    }

    /// Sets the canaries of a phase, and how many of them are released. No step's status changes here: the engine gives
    /// a step that is held [`Status::Waiting`].
    pub fn set_canary(&mut self, layout: &PlanLayout, phase: u32, canary: Option<Canary>) {
        self.phases[phase as usize].canary = canary;
        self.phase_changed(layout, phase);
        self.own = self.derive(layout);
    }

    /// Sets the status of a step, and whether it belongs to a broken member. Returns how the statuses of the step, its
    /// phase and the plan changed.
    pub fn set_step(
        &mut self,
        layout: &PlanLayout,
        phase: u32,
        step: u32,
        new: Status,
        urgent: bool,
    ) -> Changed {
        let progress = &mut self.phases[phase as usize];
        let old = progress.step(step);
        let turn = |progress: &PhaseProgress| {
            progress.urgent.as_ref().map(|_| (progress.any_urgent(), progress.next_in_order()))
        };
        let before = turn(progress);
        let (old_phase, old_plan) = (self.status[phase as usize], self.own);
        let changed = progress.set_step(&layout.phases[phase as usize], step, new, urgent);
        let turned = before.filter(|_| turn(progress) != before).map(|(_, step)| step);
        if changed {
            self.phase_changed(layout, phase);
            self.own = self.derive(layout);
        }
        let phase = (old_phase, self.phase_status(phase));
        Changed { step: (old, new), phase, plan: (old_plan, self.own), turned }
    }

    /// The phase that comes before a phase which is not complete, if the plan's strategy does not allow it yet.
    pub fn blocked(&self, layout: &PlanLayout, phase: u32) -> Option<u32> {
        if layout.is_serial() {
            return self.incomplete.first().filter(|&first| first != phase);
        }
        let mut needs = layout.needs[phase as usize].iter().copied();
        needs.find(|&before| self.phase_status(before) != Status::Complete)
    }

    /// The phases that may act because a phase became COMPLETE, or that may not act any more because it is not COMPLETE
    /// now.
    pub fn freed_by<'a>(&self, layout: &'a PlanLayout, phase: u32) -> impl Iterator<Item = u32> + use<'a> {
        let next = self.incomplete.first().filter(|_| layout.is_serial());
        layout.feeds[phase as usize].iter().copied().chain(next)
    }

    /// Whether both strategies allow a step, and nothing interrupts it.
    pub fn allows(&self, layout: &PlanLayout, phase: u32, step: u32) -> bool {
        !self.interrupted
            && !self.phase(phase).is_interrupted()
            && self.blocked(layout, phase).is_none()
            && self.phase(phase).allows(&layout.phases[phase as usize], step)
    }

    /// Whether a phase counts among those that the strategy allows, in a plan whose order is not that of positions.
    fn contributes(&self, layout: &PlanLayout, phase: u32) -> bool {
        let at = phase as usize;
        !layout.is_serial() && !self.held[at] && self.unmet.get(at).is_none_or(|&n| n == 0)
    }

    /// Updates the plan's counts, as a phase changed.
    fn phase_changed(&mut self, layout: &PlanLayout, phase: u32) {
        let at = phase as usize;
        let new = self.phases[at].status(&layout.phases[at]);
        let held = self.phases[at].is_held();
        let old = self.status[at];
        if old == new && held == self.held[at] {
            return;
        }
        if self.contributes(layout, phase) {
            self.allowed.remove(old);
        }
        self.status[at] = new;
        self.held[at] = held;
        if self.contributes(layout, phase) {
            self.allowed.add(new);
        }
        self.counts.remove(old);
        self.counts.add(new);
        let complete = new == Status::Complete;
        if (old == Status::Complete) == complete {
            return;
        }
        self.incomplete.set(phase, !complete);
        if self.unmet.is_empty() {
            return;
        }
        for &after in &layout.feeds[at] {
            let unmet = &mut self.unmet[after as usize];
            let was_met = *unmet == 0;
            *unmet = if complete { *unmet - 1 } else { *unmet + 1 };
            let is_met = *unmet == 0;
            if was_met != is_met && !self.held[after as usize] {
                let status = self.status[after as usize];
                if is_met {
                    self.allowed.add(status)
                } else {
                    self.allowed.remove(status)
                };
            }
        }
    }

    fn derive(&self, layout: &PlanLayout) -> Status {
        let allowed = if layout.is_serial() {
            let first = self.incomplete.first().filter(|&phase| !self.held[phase as usize]);
            first.map(|phase| self.phase_status(phase)).into_iter().collect()
        } else {
            self.allowed
        };
        aggregate(&self.counts, &allowed, self.interrupted)
    }
}

/// How statuses changed because a step's status was set: old and new, for each level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The status of the step.
    pub step: (Status, Status),
    /// The status of its phase.
    pub phase: (Status, Status),
    /// The status of the plan.
    pub plan: (Status, Status),
    /// If broken members go first in the phase and the turn passed to another step: the step whose turn it was.
    pub turned: Option<Option<u32>>,
}
