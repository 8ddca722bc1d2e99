//! `schema`: writes the form of a file, for editors.

use std::io;

use plan_core::spec::json_schema;

use crate::Verdict;
use crate::ui::Ui;

/// The schema is JSON in both forms of output, since other programs read it.
pub(crate) fn schema(ui: &mut Ui) -> io::Result<Verdict> {
    ui.json(&json_schema())?;
    Ok(Verdict::Good)
}
