//! The form of a file as a JSON Schema, for editors. Invariant: the schema follows from the tables of keys alone. Rules
//! between keys are left to the checks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{Kind, Need, SERVICE, STEP, Table, Unknown};

/// The form of a rendered file, as a JSON Schema of draft 2020-12.
///
/// The schema is as lenient as [`read`](super::read()): numbers may be in quotes, and optional keys may be null. A file
/// that the schema refuses has an error. The reverse does not hold, as rules between keys are not in the schema.
///
/// ```
/// let schema = plan_core::spec::json_schema();
/// assert_eq!(schema["required"], serde_json::json!(["name", "pods"]));
/// ```
pub fn json_schema() -> Value {
    let mut tables = BTreeMap::new();
    collect(&SERVICE, &mut tables);
    collect(&STEP, &mut tables);
    let mut definitions: Map<String, Value> =
        tables.iter().map(|(name, table)| ((*name).to_owned(), object(table))).collect();
    definitions.insert("steps".to_owned(), steps());
    definitions.remove(SERVICE.name);
    let mut root = object(&SERVICE);
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["title"] = "planwright service".into();
    root["$defs"] = Value::Object(definitions);
    root
}

fn collect(table: &'static Table, into: &mut BTreeMap<&'static str, &'static Table>) {
    if into.insert(table.name, table).is_none() {
        for key in table.keys() {
            collect_kind(&key.kind, into);
        }
    }
}

fn collect_kind(kind: &'static Kind, into: &mut BTreeMap<&'static str, &'static Table>) {
    match kind {
        Kind::Table(table) => collect(table, into),
        Kind::List(inner) | Kind::Map(inner) | Kind::Known(_, inner) | Kind::Limit(inner) => {
            collect_kind(inner, into);
        }
        Kind::Steps => collect(&STEP, into),
        Kind::Text
        | Kind::Flag
        | Kind::Whole(..)
        | Kind::Share
        | Kind::Part
        | Kind::Words(_)
        | Kind::AnyCase(_) => {}
    }
}

fn object(table: &'static Table) -> Value {
    let properties: Map<String, Value> = table
        .keys()
        .map(|key| {
            let mut value = form(&key.kind);
            if key.need == Need::Optional {
                value = json!({"anyOf": [value, {"type": "null"}]});
            }
            value["description"] = key.doc.into();
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> =
        table.keys().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    // Null is a mapping without keys, so it is allowed if no key is required.
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut object = json!({
        "type": kind,
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": table.unknown == Unknown::Ignored,
    });
    if table.unknown == Unknown::RefusedButNotes {
        object["patternProperties"] = json!({"^x-": {}});
    }
    object
}

fn form(kind: &'static Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
        Kind::Flag => json!({"anyOf": [
            {"type": "boolean"},
            {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])?$"},
        ]}),
        Kind::Whole(least, most) => json!({"anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            {"type": "string", "pattern": r"^\s*[-+]?[0-9]+(\.0*)?\s*$"},
        ]}),
        Kind::Share => json!({"anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": r"^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)\s*$"},
        ]}),
        Kind::Part => json!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            {"type": "string", "pattern": r"^\s*0*([1-9][0-9]*|([1-9][0-9]?|100)%)\s*$"},
        ]}),
        Kind::Limit(inner) => {
            let mut value = form(inner);
            if let Some(forms) = value["anyOf"].as_array_mut() {
                forms.push(
                    json!({"type": "string", "pattern": r"^\s*([Uu][Nn][Ll][Ii][Mm][Ii][Tt][Ee][Dd])?\s*$"}),
                );
            }
            value
        }
        Kind::Words(words) => json!({"enum": words()}),
        Kind::AnyCase(words) => {
            let any: Vec<String> = words().iter().map(|word| any_case(word)).collect();
            json!({"anyOf": [{"enum": words()}, {"type": "string", "pattern": format!("^({})$", any.join("|"))}]})
        }
        Kind::List(inner) => json!({"type": "array", "items": form(inner)}),
        Kind::Map(inner) => json!({"type": "object", "additionalProperties": nullable(inner)}),
        Kind::Known(words, inner) => {
            json!({"type": "object", "propertyNames": {"enum": words()}, "additionalProperties": nullable(inner)})
        }
        Kind::Table(table) => json!({"$ref": format!("#/$defs/{}", table.name)}),
        Kind::Steps => json!({"$ref": "#/$defs/steps"}),
    }
}

/// A variable without a value is empty.
fn nullable(kind: &'static Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": ["string", "number", "boolean", "null"]}),
        other => form(other),
    }
}

fn any_case(word: &str) -> String {
    word.chars().map(|c| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())).collect()
}

fn steps() -> Value {
    let text = || form(&Kind::Text);
    json!({
        "description": "Either lists of task lists, `- default: [[a, b], [c]]`, or steps with names.",
        "type": "array",
        "items": {"anyOf": [
            {
                "description": "The steps of one instance, or of all that have no entry of their own: each \
                                a list of the tasks that it launches together.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": {"pattern": "^(default|[0-9]+)$"},
                "additionalProperties": {
                    "type": ["array", "null"],
                    "items": {"type": "array", "items": text()},
                },
            },
            {"$ref": format!("#/$defs/{}", STEP.name)},
        ]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::keys::RANGE;

    #[test]
    fn tables_have_names_and_docs_of_their_own() {
        let mut tables = BTreeMap::new();
        collect(&SERVICE, &mut tables);
        assert!(tables.contains_key(RANGE.name) && tables.contains_key(STEP.name));
        for table in tables.values() {
            let names: Vec<_> = table.keys().map(|key| key.name).collect();
            let mut once = names.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), names.len(), "{names:?}");
            assert!(table.keys().all(|key| key.doc.ends_with('.')), "{}", table.name);
        }
    }
}
