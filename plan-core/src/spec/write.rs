//! A service as the text of a file.

use super::service::ServiceSpec;

impl ServiceSpec {
    /// The service as a file that a person would write. Read with its config templates and no values, it
    /// gives this service again.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).unwrap_or_default()
    }
}
