//! Every operator, allowed and refused, with its reason.

use std::collections::BTreeMap;

use super::super::{Census, Field, NodeFacts, PlacementRule};
use super::rack;
use crate::spec::names::{NodeName, PodName};

fn node() -> NodeFacts {
    NodeFacts {
        name: NodeName::new("n1").unwrap(),
        region: None,
        zone: Some("a".to_owned()),
        attributes: BTreeMap::from([
            ("rack".to_owned(), "r1".to_owned()),
            ("disks".to_owned(), "1.50".to_owned()),
        ]),
    }
}

/// One of the pod on `n1` (rack `r1`, zone `a`), two in rack `r2`, one in zone `b`, one where `disks` is 1.5.
fn census() -> Census {
    let mut census = Census::default();
    census.add(&Field::Hostname, "n1");
    census.add(&Field::Zone, "a");
    census.add(&Field::Zone, "b");
    census.add(&rack(), "r1");
    census.add(&rack(), "r2");
    census.add(&rack(), "r2");
    census.add(&Field::Attribute("disks".to_owned()), "+1.5");
    census.add_host(&PodName::new("data").unwrap(), &NodeName::new("n1").unwrap());
    census.add_host(&PodName::new("data-hot").unwrap(), &NodeName::new("n2").unwrap());
    census
}

#[test]
fn every_operator_allows_and_refuses_with_a_reason() {
    let cases = [
        ("rack:IS:r1", "yes: rack is `r1`"),
        ("rack:IS:r2", "no: rack is `r1`, not `r2`"),
        ("gpu:IS:r2", "no: the node has no gpu, so it is not `r2`"),
        ("disks:IS:1.5", "yes: disks is `1.50`"),
        ("disks:IS:1.5004", "yes: disks is `1.50`"),
        ("disks:IS:1.501", "no: disks is `1.50`, not `1.501`"),
        ("hostname:IS:n1", "yes: hostname is `n1`"),
        ("@zone:CLUSTER:b", "no: @zone is `a`, not `b`"),
        ("rack:IS_NOT:r2", "yes: rack is `r1`, not `r2`"),
        ("rack:IS_NOT:r1", "no: rack is `r1`"),
        ("gpu:IS_NOT:r1", "yes: the node has no gpu, so it is not `r1`"),
        ("disks:IS_NOT:01.5", "no: disks is `1.50`"),
        ("rack:LIKE:r[1-3]", "yes: rack `r1` matches `r[1-3]`"),
        ("rack:LIKE:r", "no: rack `r1` does not match `r`"),
        ("gpu:LIKE:.*", "no: the node has no gpu that could match `.*`"),
        ("rack:UNLIKE:r", "yes: rack `r1` does not match `r`"),
        ("rack:UNLIKE:r.", "no: rack `r1` matches `r.`"),
        ("gpu:UNLIKE:.*", "yes: the node has no gpu that could match `.*`"),
        ("hostname:UNIQUE", "no: hostname `n1` has 1 of at most 1"),
        ("rack:MAX_PER:2", "yes: rack `r1` has 1 of at most 2"),
        ("disks:MAX_PER:1", "no: disks `1.50` has 1 of at most 1"),
        ("gpu:UNIQUE", "no: the node has no gpu to count by"),
        ("@region:MAX_PER:5", "no: the node has no @region to count by"),
        ("@zone:GROUP_BY", "yes: @zone `a` has 1, and no other has fewer"),
        ("@zone:GROUP_BY:2", "yes: @zone `a` has 1, and no other has fewer"),
        ("@zone:GROUP_BY:3", "no: @zone `a` has 1, and only 2 of 3 values are in use"),
        ("rack:GROUP_BY:2", "yes: rack `r1` has 1, and no other has fewer"),
        ("gpu:GROUP_BY", "no: the node has no gpu to spread over"),
    ];
    for (text, reason) in cases {
        let rule = PlacementRule::parse(text).unwrap().unwrap();
        assert_eq!(rule.judge(&node(), &census()).to_string(), reason, "{text}");
    }
    let pod = |name| PodName::new(name).unwrap();
    let cases = [
        (PlacementRule::Near(pod("data")), "yes: `n1` has 1 of pod data"),
        (PlacementRule::Near(pod("data-hot")), "no: `n1` has none of pod data-hot"),
        (PlacementRule::Apart(pod("data")), "no: `n1` has 1 of pod data"),
        (PlacementRule::Apart(pod("data-hot")), "yes: `n1` has none of pod data-hot"),
        (PlacementRule::All(vec![]), "yes: there is no condition"),
        (PlacementRule::Any(vec![]), "no: one must hold, and there is none"),
    ];
    for (rule, reason) in cases {
        assert_eq!(rule.judge(&node(), &census()).to_string(), reason, "{rule}");
    }
}

#[test]
fn a_spread_prefers_the_emptiest_value() {
    let rule = |text| PlacementRule::parse(text).unwrap().unwrap();
    let in_rack = |value: &str| {
        let mut node = node();
        node.attributes.insert("rack".to_owned(), value.to_owned());
        node
    };
    let judge = |text, value| rule(text).judge(&in_rack(value), &census()).to_string();
    assert_eq!(judge("rack:GROUP_BY", "r2"), "no: rack `r2` has 2, and `r1` has only 1");
    assert_eq!(judge("rack:GROUP_BY", "r3"), "yes: rack `r3` has 0, and no other has fewer");
    assert_eq!(judge("rack:GROUP_BY:3", "r3"), "yes: rack `r3` has 0, and no other has fewer");
    assert_eq!(judge("rack:GROUP_BY:1", "r2"), "no: rack `r2` has 2, and `r1` has only 1");
    let empty = rule("rack:GROUP_BY:3").judge(&in_rack("r1"), &Census::default());
    assert_eq!(empty.to_string(), "yes: rack `r1` has 0, and no other has fewer");
}

#[test]
fn a_tree_of_reasons_is_indented() {
    let leaf = |text| PlacementRule::parse(text).unwrap().unwrap();
    let rule = PlacementRule::All(vec![
        leaf("rack:IS:r1"),
        PlacementRule::Not(Box::new(leaf("hostname:UNIQUE"))),
        PlacementRule::Not(Box::new(leaf("rack:LIKE:r.*"))),
        PlacementRule::Any(vec![leaf("@zone:IS:a"), leaf("@zone:IS:b")]),
        PlacementRule::Any(vec![leaf("@zone:IS:c")]),
        leaf("rack:IS_NOT:r2,@zone:GROUP_BY"),
    ]);
    insta::assert_snapshot!(rule.judge(&node(), &census()), @"
    no: 2 of 6 do not hold, and all must
      yes: rack is `r1`
      yes: this must not hold, and does not
        no: hostname `n1` has 1 of at most 1
      no: this must not hold, and does
        yes: rack `r1` matches `r.*`
      yes: 1 of 2 holds, and one is enough
        yes: @zone is `a`
        no: @zone is `a`, not `b`
      no: none of 1 holds, and one must
        no: @zone is `a`, not `c`
      yes: all hold, of 2
        yes: rack is `r1`, not `r2`
        yes: @zone `a` has 1, and no other has fewer
    ");
}

#[test]
fn a_rule_says_which_counts_it_needs() {
    let rule = PlacementRule::All(vec![
        PlacementRule::parse("hostname:UNIQUE,rack:GROUP_BY,@zone:IS:a").unwrap().unwrap(),
        PlacementRule::Not(Box::new(PlacementRule::Near(PodName::new("data").unwrap()))),
        PlacementRule::Any(vec![PlacementRule::Apart(PodName::new("log").unwrap())]),
    ]);
    assert_eq!(rule.fields().into_iter().collect::<Vec<_>>(), [Field::Hostname, rack()]);
    assert_eq!(rule.pods().into_iter().map(|pod| pod.to_string()).collect::<Vec<_>>(), ["data", "log"]);
}

#[test]
fn a_census_is_json_with_readable_keys() {
    let json = serde_json::to_string(&census()).unwrap();
    assert_eq!(
        json,
        r#"{"values":{"hostname":{"n1":1},"zone":{"a":1,"b":1},"attribute:disks":{"1.5":1},"#.to_owned()
            + r#""attribute:rack":{"r1":1,"r2":2}},"hosts":{"data":{"n1":1},"data-hot":{"n2":1}}}"#
    );
    assert_eq!(serde_json::from_str::<Census>(&json).unwrap(), census());
    let wrong = serde_json::from_str::<Census>(r#"{"values":{"rack":{"r1":1}}}"#).unwrap_err();
    assert!(wrong.to_string().contains("`rack` is not a field: write"), "{wrong}");
    let mut empty = Census::default();
    assert!(!empty.remove(&rack(), "r1") && !empty.remove_host(&PodName::new("data").unwrap(), &node().name));
}
