//! `completions`: writes the completions of a shell. Invariant: they follow from the command line's own description.

use std::io;

use crate::Verdict;
use crate::arguments::{Completions, command};
use crate::backends::Backends;
use crate::ui::Ui;

pub(crate) fn completions(ui: &mut Ui, backends: &Backends, arguments: &Completions) -> io::Result<Verdict> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(backends), "planwright", &mut text);
    ui.write(&String::from_utf8_lossy(&text))?;
    Ok(Verdict::Good)
}
