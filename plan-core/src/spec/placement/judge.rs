//! Whether an instance may go to a node, and why.
//!
//! Invariant: judging is pure and total. [`PlacementRule::judge`] decides exactly as [`PlacementRule::allows`], which
//! allocates nothing. `IsNot`, `Unlike` and `Apart` are exactly the opposites of `Is`, `Like` and `Near`, also on a
//! node that lacks the field.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Census, Field, NodeFacts, PlacementRule};
use crate::spec::names::PodName;
use crate::spec::units::Count;

/// The judgment of a rule, or of a part of it. It prints as a tree, with one line for each part: `yes: …`, `no: …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Whether the instance may go to the node.
    pub allowed: bool,
    /// The reason.
    pub why: JudgementReason,
}

/// The reason for a judgment: a sentence, and the judgments of the rule's parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgementReason {
    /// The reason on one line.
    pub sentence: String,
    /// The judgments of all parts, in the rule's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Judgement>,
}

impl PlacementRule {
    /// Whether the rule counts or compares a field.
    pub fn mentions(&self, field: &Field) -> bool {
        let mut found = false;
        self.visit(&mut |rule| {
            found |= match rule {
                Self::Is(other, _)
                | Self::IsNot(other, _)
                | Self::Like(other, _)
                | Self::Unlike(other, _)
                | Self::MaxPer(other, _)
                | Self::GroupBy(other, _) => other == field,
                Self::Near(_) | Self::Apart(_) | Self::All(_) | Self::Any(_) | Self::Not(_) => false,
            };
        });
        found
    }

    /// The fields whose counts the rule needs in [`Census::values`].
    pub fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::new();
        self.visit(&mut |rule| {
            if let Self::MaxPer(field, _) | Self::GroupBy(field, _) = rule {
                fields.insert(field.clone());
            }
        });
        fields
    }

    /// The pods whose hosts the rule needs in [`Census::hosts`].
    pub fn pods(&self) -> BTreeSet<PodName> {
        let mut pods = BTreeSet::new();
        self.visit(&mut |rule| {
            if let Self::Near(pod) | Self::Apart(pod) = rule {
                pods.insert(pod.clone());
            }
        });
        pods
    }

    fn visit(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.visit(see)),
            Self::Not(rule) => rule.visit(see),
            _ => {}
        }
    }

    /// Whether an instance may go to the node, without the reason.
    pub fn allows(&self, node: &NodeFacts, census: &Census) -> bool {
        match self {
            Self::Is(field, wanted) => is(node, field, wanted),
            Self::IsNot(field, wanted) => !is(node, field, wanted),
            Self::Like(field, pattern) => node.value(field).is_some_and(|value| pattern.matches(value)),
            Self::Unlike(field, pattern) => !node.value(field).is_some_and(|value| pattern.matches(value)),
            Self::MaxPer(field, max) => {
                node.value(field).is_some_and(|value| census.count(field, value) < max.get())
            }
            Self::GroupBy(field, values) => {
                node.value(field).is_some_and(|value| crowded(field, value, *values, census).is_none())
            }
            Self::Near(pod) => census.on_host(pod, &node.name) > 0,
            Self::Apart(pod) => census.on_host(pod, &node.name) == 0,
            Self::All(rules) => rules.iter().all(|rule| rule.allows(node, census)),
            Self::Any(rules) => rules.iter().any(|rule| rule.allows(node, census)),
            Self::Not(rule) => !rule.allows(node, census),
        }
    }

    /// Whether an instance may go to the node, and why. Every part is judged, even if earlier parts have decided
    /// already.
    pub fn judge(&self, node: &NodeFacts, census: &Census) -> Judgement {
        let each = |rules: &[Self]| rules.iter().map(|rule| rule.judge(node, census)).collect::<Vec<_>>();
        match self {
            Self::All(rules) => {
                let children = each(rules);
                let failed = children.iter().filter(|child| !child.allowed).count();
                let sentence = match (failed, children.len()) {
                    (0, 0) => "there is no condition".to_owned(),
                    (0, all) => format!("all hold, of {all}"),
                    (1, all) => format!("1 of {all} does not hold, and all must"),
                    (failed, all) => format!("{failed} of {all} do not hold, and all must"),
                };
                Judgement { allowed: failed == 0, why: JudgementReason { sentence, children } }
            }
            Self::Any(rules) => {
                let children = each(rules);
                let held = children.iter().filter(|child| child.allowed).count();
                let sentence = match (held, children.len()) {
                    (0, 0) => "one must hold, and there is none".to_owned(),
                    (0, all) => format!("none of {all} holds, and one must"),
                    (1, all) => format!("1 of {all} holds, and one is enough"),
                    (held, all) => format!("{held} of {all} hold, and one is enough"),
                };
                Judgement { allowed: held > 0, why: JudgementReason { sentence, children } }
            }
            Self::Not(rule) => {
                let child = rule.judge(node, census);
                let allowed = !child.allowed;
                let sentence =
                    if allowed { "this must not hold, and does not" } else { "this must not hold, and does" };
                Judgement {
                    allowed,
                    why: JudgementReason { sentence: sentence.to_owned(), children: vec![child] },
                }
            }
            condition => {
                let why =
                    JudgementReason { sentence: condition.sentence(node, census), children: Vec::new() };
                Judgement { allowed: condition.allows(node, census), why }
            }
        }
    }

    /// The sentence of a rule without parts.
    fn sentence(&self, node: &NodeFacts, census: &Census) -> String {
        match self {
            Self::Is(field, wanted) | Self::IsNot(field, wanted) => match node.value(field) {
                None => format!("the node has no {field}, so it is not `{wanted}`"),
                Some(value) if is(node, field, wanted) => format!("{field} is `{value}`"),
                Some(value) => format!("{field} is `{value}`, not `{wanted}`"),
            },
            Self::Like(field, pattern) | Self::Unlike(field, pattern) => {
                let source = pattern.as_str();
                match node.value(field) {
                    None => format!("the node has no {field} that could match `{source}`"),
                    Some(value) if pattern.matches(value) => format!("{field} `{value}` matches `{source}`"),
                    Some(value) => format!("{field} `{value}` does not match `{source}`"),
                }
            }
            Self::MaxPer(field, max) => match node.value(field) {
                None => format!("the node has no {field} to count by"),
                Some(value) => {
                    format!("{field} `{value}` has {} of at most {max}", census.count(field, value))
                }
            },
            Self::GroupBy(field, values) => match node.value(field) {
                None => format!("the node has no {field} to spread over"),
                Some(value) => {
                    let own = census.count(field, value);
                    match crowded(field, value, *values, census) {
                        None => format!("{field} `{value}` has {own}, and no other has fewer"),
                        Some(Fewer::Unseen { used, values }) => {
                            format!(
                                "{field} `{value}` has {own}, and only {used} of {values} values are in use"
                            )
                        }
                        Some(Fewer::At { value: other, count }) => {
                            format!("{field} `{value}` has {own}, and `{other}` has only {count}")
                        }
                    }
                }
            },
            Self::Near(pod) | Self::Apart(pod) => match census.on_host(pod, &node.name) {
                0 => format!("`{}` has none of pod {pod}", node.name),
                count => format!("`{}` has {count} of pod {pod}", node.name),
            },
            // Rules with parts get their sentences from `judge`.
            Self::All(_) | Self::Any(_) | Self::Not(_) => String::new(),
        }
    }
}

fn is(node: &NodeFacts, field: &Field, wanted: &str) -> bool {
    let same = |value| value == wanted || field.canonical(value) == field.canonical(wanted);
    node.value(field).is_some_and(same)
}

/// A value that has fewer instances than the node's value.
enum Fewer<'a> {
    /// Values without instances: fewer values are in use than the rule says that there are.
    Unseen { used: usize, values: Count },
    /// A value that is in use.
    At { value: &'a str, count: u32 },
}

/// The value that should get an instance before this one in a spread over the field, if there is one (SDK rule R37). A
/// value without instances always may get one. If the rule gives no number of values, only those in use are known.
fn crowded<'a>(field: &Field, value: &str, values: Option<Count>, census: &'a Census) -> Option<Fewer<'a>> {
    let own = census.count(field, value);
    let counts = census.values.get(field).filter(|_| own > 0)?;
    if let Some(values) = values {
        let used = counts.values().filter(|count| **count > 0).count();
        // A number of values that does not fit into `usize` is never all in use.
        if used < usize::try_from(values.get()).unwrap_or(usize::MAX) {
            return Some(Fewer::Unseen { used, values });
        }
    }
    let (value, count) = counts.iter().min_by_key(|(_, count)| **count)?;
    (*count < own).then_some(Fewer::At { value, count: *count })
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Judgement {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let answer = if self.allowed { "yes" } else { "no" };
        // Control characters are replaced, so that each part stays on one line.
        let sentence = self.why.sentence.replace(char::is_control, " ");
        write!(f, "{:1$}{answer}: {sentence}", "", depth * 2)?;
        self.why.children.iter().try_for_each(|child| {
            f.write_str("\n")?;
            child.write(f, depth + 1)
        })
    }
}
