//! The form of a file as a JSON Schema, for editors.

use serde_json::{Value, json};

/// The form of a rendered file, as a JSON Schema of draft 2020-12.
pub fn json_schema() -> Value {
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A planwright service"})
}
