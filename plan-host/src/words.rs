//! Errors in words.

/// An error with its causes, each after a colon.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let of_cause = cause.to_string();
        // A transparent error says what its cause says.
        if !words.ends_with(&of_cause) {
            words.push_str(": ");
            words.push_str(&of_cause);
        }
        source = cause.source();
    }
    words
}
