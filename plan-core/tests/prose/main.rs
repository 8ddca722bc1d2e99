//! What holds of the project's prose, wherever it stands.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sources are read, and a test that cannot go on fails"
)]

mod citations;
mod texts;
mod words;
