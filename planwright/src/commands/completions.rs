//! `completions`: what a shell completes. Invariant: it follows from the command line's own description.

use std::io;

use clap::CommandFactory;

use crate::Verdict;
use crate::arguments::{Arguments, Completions};
use crate::ui::Ui;

pub(crate) fn completions(ui: &mut Ui, arguments: &Completions) -> io::Result<Verdict> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "planwright", &mut text);
    ui.write(&String::from_utf8_lossy(&text))?;
    Ok(Verdict::Good)
}
