//! Constraint strings, and what is said of those that are none.

use super::super::{Field, Pattern, PlacementRule};
use super::{count, rack};
use crate::spec::names::PodName;

fn parsed(text: &str) -> PlacementRule {
    PlacementRule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).unwrap()
}

#[test]
fn every_operator_is_read_in_every_form_and_printed() {
    use PlacementRule::{GroupBy, Is, IsNot, Like, MaxPer, Unlike};
    let attribute = |name: &str| Field::Attribute(name.to_owned());
    let pattern = |text: &str| Pattern::new(text).unwrap();
    let host = || Field::Hostname;
    let cases = [
        ("hostname:UNIQUE", MaxPer(host(), count(1)), "hostname:UNIQUE"),
        ("HOSTNAME:unique:ignored", MaxPer(host(), count(1)), "hostname:UNIQUE"),
        ("@hostname:MAX_PER:1", MaxPer(host(), count(1)), "hostname:UNIQUE"),
        (" @zone : MAX_PER : 2 ", MaxPer(Field::Zone, count(2)), "@zone:MAX_PER:2"),
        ("rack:CLUSTER:r1", Is(rack(), "r1".into()), "rack:IS:r1"),
        ("@region:IS:eu", Is(Field::Region, "eu".into()), "@region:IS:eu"),
        ("rack:Is_Not:1.50", IsNot(rack(), "1.50".into()), "rack:IS_NOT:1.50"),
        ("@zone:GROUP_BY", GroupBy(Field::Zone, None), "@zone:GROUP_BY"),
        ("@zone:GROUP_BY:3", GroupBy(Field::Zone, Some(count(3))), "@zone:GROUP_BY:3"),
        (r"rack:LIKE:r\:\d{1\,3}", Like(rack(), pattern(r"r:\d{1,3}")), r"rack:LIKE:r\:\d{1\,3}"),
        ("rack:UNLIKE:r[7-9]", Unlike(rack(), pattern("r[7-9]")), "rack:UNLIKE:r[7-9]"),
        (r#"["rack", "IS", "r1"]"#, Is(rack(), "r1".into()), "rack:IS:r1"),
        (r#" [["rack", "MAX_PER", 2]] "#, MaxPer(rack(), count(2)), "rack:MAX_PER:2"),
        (r#"[["a:b", "IS", "c,d"]]"#, Is(attribute("a:b"), "c,d".into()), r"a\:b:IS:c\,d"),
        // What the colon form cannot say is printed as JSON.
        (r#"[["rack", "IS", "r1 "]]"#, Is(rack(), "r1 ".into()), r#"[["rack","IS","r1 "]]"#),
        (r#"["rack","IS","\\,"]"#, Is(rack(), r"\,".into()), r#"[["rack","IS","\\,"]]"#),
        (r#"["[x","IS","y"]"#, Is(attribute("[x"), "y".into()), r#"[["[x","IS","y"]]"#),
        // Escaped once too often, as templates do.
        (r#"[[\"rack\",\"IS\",\"r1\"]]"#, Is(rack(), "r1".into()), "rack:IS:r1"),
    ];
    for (text, rule, printed) in cases {
        assert_eq!(parsed(text), rule, "{text}");
        assert_eq!(rule.to_string(), printed, "{text}");
    }
}

#[test]
fn rows_are_anded() {
    let expected = PlacementRule::All(vec![
        PlacementRule::MaxPer(Field::Hostname, count(1)),
        PlacementRule::GroupBy(Field::Zone, Some(count(3))),
    ]);
    for text in [r#"[["hostname","UNIQUE"],["@zone","GROUP_BY","3"]]"#, "hostname:UNIQUE, @zone:GROUP_BY:3"] {
        assert_eq!(parsed(text), expected, "{text}");
    }
    assert_eq!(expected.to_string(), "hostname:UNIQUE,@zone:GROUP_BY:3");
    for nothing in ["", " \n", "[]", " [ ] "] {
        assert_eq!(PlacementRule::parse(nothing), Ok(None), "{nothing:?}");
    }
}

#[test]
fn what_no_string_says_is_printed_as_calls() {
    let pod = |name| PodName::new(name).unwrap();
    let rows = parsed("hostname:UNIQUE,rack:IS:r1");
    let rule = PlacementRule::Any(vec![
        rows.clone(),
        PlacementRule::Not(Box::new(PlacementRule::Near(pod("kafka")))),
        PlacementRule::All(vec![PlacementRule::Apart(pod("data"))]),
        PlacementRule::All(vec![]),
    ]);
    assert_eq!(
        rule.to_string(),
        "any(all(hostname:UNIQUE, rack:IS:r1), not(near(kafka)), all(apart(data)), all())"
    );
    assert_eq!(
        PlacementRule::All(vec![rows, rule]).to_string(),
        "all(all(hostname:UNIQUE, rack:IS:r1), any(all(hostname:UNIQUE, rack:IS:r1), not(near(kafka)), \
         all(apart(data)), all()))"
    );
}

/// A wrong text, the part of it that is pointed at, and a piece of the message.
const WRONG: &[(&str, &str, &str)] = &[
    ("hostname", "hostname", "`hostname` has 1 entry: write `field:OPERATOR`"),
    (
        "rack:IS:a:b",
        "rack:IS:a:b",
        r"has 4 entries: write `field:OPERATOR` or `field:OPERATOR:value`, and a `:`",
    ),
    ("hostname:UNIQUE,", "", "`` has 1 entry"),
    (r#"[["a","IS","b"], ["rack"]]"#, r#"["rack"]"#, r#"`["rack"]` has 1 entry"#),
    ("[[]]", "[]", "has 0 entries"),
    (" :UNIQUE", "", "a field is missing before `UNIQUE`"),
    ("@rack:UNIQUE", "@rack", "`@rack` is not a field: write `@hostname`, `@region`, `@zone`, or the name"),
    ("a:IS:é, hostname:UNIQ", "UNIQ", "`UNIQ` is not an operator: did you mean `UNIQUE`?"),
    ("hostname:groupby", "groupby", "did you mean `GROUP_BY`?"),
    ("hostname:MAXPER:2", "MAXPER", "did you mean `MAX_PER`?"),
    ("hostname:ISNOT:2", "ISNOT", "did you mean `IS_NOT`?"),
    (
        "hostname:NEAREST",
        "NEAREST",
        "write one of UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, IS, IS_NOT, MAX_PER",
    ),
    (r#"[["é", "UNIQU"]]"#, r#""UNIQU""#, "did you mean `UNIQUE`?"),
    (r#"[[\"é\", \"UNIQU\"]]"#, r#"\"UNIQU\""#, "did you mean `UNIQUE`?"),
    ("rack:CLUSTER", "rack:CLUSTER", "CLUSTER needs a value: write `rack:CLUSTER:value`"),
    ("rack:max_per", "rack:max_per", "MAX_PER needs a value: write `rack:MAX_PER:3`"),
    ("rack:LIKE:", "", "LIKE needs a value: write `rack:LIKE:regex`"),
    (
        "rack:MAX_PER:two",
        "two",
        "`two` is not a number for MAX_PER: write a whole number from 1 to 4294967295",
    ),
    ("rack:MAX_PER:0", "0", "`0` is not a number"),
    ("rack:GROUP_BY:-1", "-1", "to 4294967295, or leave it out"),
    ("rack:LIKE:r(", "r(", "`r(` is not a regular expression: unclosed group; look-around"),
    ("rack:LIKE:a)(?:b", "rack:LIKE:a)(?:b", "has 4 entries"),
    (r"rack:LIKE:a)(?\:b", r"a)(?\:b", "unopened group"),
    (r#"[["hostname","UNIQUE"]"#, "]", "starts with `[` but is not JSON: EOF while parsing a list"),
    (
        "[[\"hostname\",\n\"UNIQUE\",]]",
        "]",
        "trailing comma, at byte 23; write `[[\"hostname\", \"UNIQUE\"]]`",
    ),
    ("[hostname:UNIQUE]", "h", "is not JSON: expected value, at byte 1"),
    (r#"[{"hostname":"UNIQUE"}]"#, "{", "an object (`{`) has no place in a constraint"),
    (r#"["hostname",null]"#, "null", "null has no place in a constraint: write `[\"field\""),
    (r#"[["hostname","UNIQUE"],"x"]"#, r#""x""#, "a text beside a list"),
    (r#"["x",["hostname","UNIQUE"]]"#, "[", "a list beside a text"),
    (r#"[["x",["hostname"]]]"#, "[", "a list in a row"),
];

#[test]
fn a_wrong_text_is_told_what_to_write_and_where() {
    for (text, at, message) in WRONG {
        let error = PlacementRule::parse(text).unwrap_err();
        assert!(error.to_string().contains(message), "{text}: {error}");
        let shown = text.get(error.range()).unwrap();
        assert_eq!(shown, *at, "{text}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(PlacementRule::parse(&deep).unwrap_err().to_string().contains("recursion limit"));
}

#[test]
fn a_pattern_matches_whole_values_and_is_one_by_itself() {
    let pattern = Pattern::new("a|b").unwrap();
    assert!(
        pattern.matches("a") && pattern.matches("b") && !pattern.matches("ab") && !pattern.matches("a\n")
    );
    assert!(Pattern::new("(?x) a # the first").unwrap().matches("a"));
    assert!(Pattern::new("a)(?:b").is_err());
}
