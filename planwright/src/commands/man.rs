//! `man`: the manual pages. Invariant: they follow from the command line's own description.

use std::io;
use std::path::Path;

use crate::Verdict;
use crate::arguments::{Man, command};
use crate::backends::Backends;
use crate::problem::Problem;
use crate::ui::Ui;

pub(crate) fn man(ui: &mut Ui, backends: &Backends, arguments: &Man) -> io::Result<Verdict> {
    let mut command = command(backends);
    let Some(folder) = &arguments.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        ui.write(&String::from_utf8_lossy(&page))?;
        return Ok(Verdict::Good);
    };
    command.build();
    if let Err(error) = write(folder, command) {
        let problem = Problem::error(format!("cannot write manual pages to `{}`: {error}", folder.display()));
        ui.problem(&problem);
        return Ok(Verdict::Refused);
    }
    Ok(Verdict::Good)
}

fn write(folder: &Path, command: clap::Command) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)
}
