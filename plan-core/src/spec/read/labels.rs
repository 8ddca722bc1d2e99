//! Lists that a file writes as one text: labels, and the options of a volume driver.

use super::fields::{Field, Fields, Reader};
use crate::spec::diagnostic::{Code, Path};

impl Reader<'_> {
    /// Labels, as `key:value,key:value` (SDK rule R17). An empty text, which a template may leave, is no label.
    pub(super) fn labels(&mut self, fields: &Fields<'_, '_>) -> Vec<(String, String)> {
        let Some(field) = fields.get("labels") else { return Vec::new() };
        let at = fields.path.key("labels");
        let Some(text) = self.scalar(&at, field).filter(|text| !text.is_empty()) else { return Vec::new() };
        let mut labels = Vec::new();
        for piece in text.split(',') {
            match piece.split_once(':') {
                Some((key, value)) if !key.trim().is_empty() => {
                    if labels.iter().any(|(other, _)| other == key.trim()) {
                        let message = format!("the label `{}` is given twice", key.trim());
                        self.error(Code::Labels, &at, field.place, message, "leave one of them out");
                    }
                    labels.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                _ => self.no_label(&at, field, piece),
            }
        }
        labels
    }

    fn no_label(&mut self, path: &Path<'_>, field: Field<'_>, piece: &str) {
        let message = format!("illegal label `{piece}`: it is not of the form `key:value`");
        let help = "write labels as `key:value`, with commas between them";
        self.error(Code::Labels, path, field.place, message, help);
    }

    /// The options of a volume driver, as `k=v;k=v` (SDK rule R26).
    pub(super) fn driver_options(&mut self, fields: &Fields<'_, '_>) -> Vec<(String, String)> {
        let Some(field) = fields.get("driver-options") else { return Vec::new() };
        let at = fields.path.key("driver-options");
        let Some(text) = self.scalar(&at, field) else { return Vec::new() };
        let mut options = Vec::new();
        for piece in text.split(';').filter(|piece| !piece.trim().is_empty()) {
            match piece.split('=').collect::<Vec<_>>()[..] {
                [key, value] if !key.trim().is_empty() => {
                    options.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                _ => {
                    let message =
                        format!("invalid driver option `{piece}`: it is not of the form `key=value`");
                    let help = "write options as `key=value`, with semicolons between them";
                    self.error(Code::ExternalVolume, &at, field.place, message, help);
                }
            }
        }
        options
    }
}
