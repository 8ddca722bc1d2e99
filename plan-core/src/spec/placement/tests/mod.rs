//! The laws of placement, as properties; the tables of its texts and operators are beside.

mod judge;
mod text;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::{Census, Field, NodeFacts, Pattern, PlacementRule};
use crate::spec::names::{NodeName, PodName};
use crate::spec::units::Count;

pub(super) fn rack() -> Field {
    Field::Attribute("rack".to_owned())
}

pub(super) fn count(n: u32) -> Count {
    Count::new(n).unwrap()
}

fn fields() -> impl Strategy<Value = Field> {
    prop_oneof![Just(Field::Hostname), Just(Field::Region), Just(Field::Zone), Just(rack())]
}

fn values() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "1", "1.0", ""]).prop_map(str::to_owned)
}

fn pods() -> impl Strategy<Value = PodName> {
    prop::sample::select(vec!["data", "data-hot"]).prop_map(|name| PodName::new(name).unwrap())
}

fn hosts() -> impl Strategy<Value = NodeName> {
    prop::sample::select(vec!["a", "b"]).prop_map(|name| NodeName::new(name).unwrap())
}

fn nodes() -> impl Strategy<Value = NodeFacts> {
    (hosts(), option::of(values()), option::of(values()), option::of(values())).prop_map(
        |(name, region, zone, value)| NodeFacts {
            name,
            region,
            zone,
            attributes: value.map(|value| ("rack".to_owned(), value)).into_iter().collect(),
        },
    )
}

fn censuses() -> impl Strategy<Value = Census> {
    let values = btree_map(fields(), btree_map(values(), 0_u32..4, 0..4), 0..4);
    let hosts = btree_map(pods(), btree_map(hosts(), 0_u32..3, 0..3), 0..3);
    (values, hosts).prop_map(|(values, hosts)| Census { values, hosts })
}

fn leaves() -> impl Strategy<Value = PlacementRule> {
    let pattern =
        || prop::sample::select(vec!["a|b", "1.*", ".*"]).prop_map(|text| Pattern::new(text).unwrap());
    let counts = || (1_u32..4).prop_map(count);
    prop_oneof![
        (fields(), values()).prop_map(|(field, value)| PlacementRule::Is(field, value)),
        (fields(), values()).prop_map(|(field, value)| PlacementRule::IsNot(field, value)),
        (fields(), pattern()).prop_map(|(field, pattern)| PlacementRule::Like(field, pattern)),
        (fields(), pattern()).prop_map(|(field, pattern)| PlacementRule::Unlike(field, pattern)),
        (fields(), counts()).prop_map(|(field, max)| PlacementRule::MaxPer(field, max)),
        (fields(), option::of(counts())).prop_map(|(field, values)| PlacementRule::GroupBy(field, values)),
        pods().prop_map(PlacementRule::Near),
        pods().prop_map(PlacementRule::Apart),
    ]
}

fn rules() -> impl Strategy<Value = PlacementRule> {
    leaves().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(PlacementRule::All),
            vec(inner.clone(), 0..4).prop_map(PlacementRule::Any),
            inner.prop_map(|rule| PlacementRule::Not(Box::new(rule))),
        ]
    })
}

/// A part of a row: letters that mean something in one of the forms, and some that do not.
fn parts() -> impl Strategy<Value = String> {
    r#"[-a-zA-Z0-9.:,\\ "\[\]{}é_@|*]{0,8}"#
}

/// Rows of which many are constraints.
fn rows() -> impl Strategy<Value = Vec<Vec<String>>> {
    let field = prop_oneof![
        prop::sample::select(vec!["hostname", "@hostname", "@region", "@zone", "rack"])
            .prop_map(str::to_owned),
        parts(),
    ];
    let operator = prop::sample::select(vec![
        "UNIQUE", "unique", "CLUSTER", "GROUP_BY", "Group_By", "LIKE", "UNLIKE", "IS", "IS_NOT", "MAX_PER",
    ]);
    let value = option::of(prop_oneof![parts(), (1_u32..5).prop_map(|n| n.to_string())]);
    let row = (field, operator, value)
        .prop_map(|(field, operator, value)| [field, operator.to_owned()].into_iter().chain(value).collect());
    vec(row, 1..4)
}

fn prints_back(text: &str) -> Result<(), TestCaseError> {
    if let Ok(Some(rule)) = PlacementRule::parse(text) {
        let printed = rule.to_string();
        prop_assert_eq!(PlacementRule::parse(&printed), Ok(Some(rule)), "{} printed as {}", text, printed);
    }
    Ok(())
}

proptest! {
    #[test]
    fn judging_and_allowing_agree(rule in rules(), node in nodes(), census in censuses()) {
        let judgement = rule.judge(&node, &census);
        prop_assert_eq!(judgement.allowed, rule.allows(&node, &census));
        let tree = judgement.to_string();
        prop_assert!(tree.lines().all(|line| line.trim_start().starts_with("yes: ") || line.trim_start().starts_with("no: ")));
    }

    #[test]
    fn not_flips(rule in rules(), node in nodes(), census in censuses()) {
        let not = PlacementRule::Not(Box::new(rule.clone()));
        prop_assert_eq!(not.allows(&node, &census), !rule.allows(&node, &census));
    }

    #[test]
    fn all_is_and_any_is_or(parts in vec(rules(), 0..4), node in nodes(), census in censuses()) {
        let each: Vec<bool> = parts.iter().map(|rule| rule.allows(&node, &census)).collect();
        prop_assert_eq!(PlacementRule::All(parts.clone()).allows(&node, &census), each.iter().all(|allowed| *allowed));
        prop_assert_eq!(PlacementRule::Any(parts).allows(&node, &census), each.iter().any(|allowed| *allowed));
    }

    #[test]
    fn the_negative_operators_are_opposites(field in fields(), value in values(), node in nodes(), census in censuses()) {
        let not = |rule| PlacementRule::Not(Box::new(rule)).allows(&node, &census);
        let pattern = Pattern::new(&value).unwrap();
        prop_assert_eq!(
            PlacementRule::IsNot(field.clone(), value.clone()).allows(&node, &census),
            not(PlacementRule::Is(field.clone(), value))
        );
        prop_assert_eq!(
            PlacementRule::Unlike(field.clone(), pattern.clone()).allows(&node, &census),
            not(PlacementRule::Like(field, pattern))
        );
    }

    #[test]
    fn only_the_counts_it_names_matter(rule in rules(), node in nodes(), census in censuses()) {
        let (fields, pods) = (rule.fields(), rule.pods());
        let mut needed = census.clone();
        needed.values.retain(|field, _| fields.contains(field));
        needed.hosts.retain(|pod, _| pods.contains(pod));
        prop_assert_eq!(rule.judge(&node, &needed), rule.judge(&node, &census));
    }

    #[test]
    fn a_spread_stays_even(places in vec(0_usize..3, 0..30)) {
        // Whoever is placed where the rule allows, no zone gets two ahead of another.
        let zones = ["a", "b", "c"];
        let rule = PlacementRule::GroupBy(Field::Zone, Some(count(3)));
        let mut census = Census::default();
        for place in places {
            let zone = Some(zones[place].to_owned());
            let name = NodeName::new("n").unwrap();
            let node = NodeFacts { name, region: None, zone, attributes: BTreeMap::new() };
            if rule.allows(&node, &census) {
                census.add(&Field::Zone, zones[place]);
            }
            let counts = zones.map(|zone| census.count(&Field::Zone, zone));
            prop_assert!(counts.iter().max() <= counts.iter().min().map(|least| least + 1).as_ref(), "{:?}", counts);
        }
    }

    #[test]
    fn a_spread_over_known_values_takes_the_least(node in nodes(), census in censuses()) {
        let rule = PlacementRule::GroupBy(Field::Zone, None);
        let least = census.values.get(&Field::Zone).and_then(|counts| counts.values().min()).copied();
        let own = node.zone.as_deref().map(|zone| census.count(&Field::Zone, zone));
        let expected = own.is_some_and(|own| least.is_none_or(|least| own <= least));
        prop_assert_eq!(rule.allows(&node, &census), expected);
    }

    #[test]
    fn a_census_forgets_what_is_taken_back(
        kept in vec((fields(), values()), 0..6),
        gone in vec((fields(), values()), 0..6),
        hosts_gone in vec((pods(), hosts()), 0..6),
    ) {
        let mut census = Census::default();
        kept.iter().for_each(|(field, value)| census.add(field, value));
        let before = census.clone();
        gone.iter().for_each(|(field, value)| census.add(field, value));
        hosts_gone.iter().for_each(|(pod, host)| census.add_host(pod, host));
        for (field, value) in gone.iter().rev() {
            prop_assert!(census.remove(field, value));
        }
        for (pod, host) in &hosts_gone {
            prop_assert!(census.remove_host(pod, host));
        }
        prop_assert_eq!(&census, &before);
        let json = serde_json::to_string(&census).unwrap();
        prop_assert_eq!(serde_json::from_str::<Census>(&json).unwrap(), census);
    }

    #[test]
    fn what_is_read_prints_back(rows in rows()) {
        let colon = rows.iter().map(|row| row.join(":")).collect::<Vec<_>>().join(",");
        prints_back(&colon)?;
        prints_back(&serde_json::to_string(&rows).unwrap())?;
        prints_back(&serde_json::to_string(&rows[0]).unwrap())?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), r#"[\[\]{}",:\\ a1é]{0,24}"#, r#"\[\["[^\]]{0,12}"#]) {
        if let Err(error) = PlacementRule::parse(&text) {
            prop_assert!(text.get(error.range()).is_some(), "{:?} of {:?}", error, text);
        }
        prints_back(&text)?;
    }

    #[test]
    fn an_error_in_json_points_into_the_text(rows in rows()) {
        let json = serde_json::to_string(&rows).unwrap();
        for text in [json.replace('"', "\\\""), json] {
            if let Err(error) = PlacementRule::parse(&text) {
                prop_assert!(text.get(error.range()).is_some(), "{:?} of {:?}", error, text);
            }
        }
    }
}
