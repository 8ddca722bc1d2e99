//! The commands that ask a scheduler.

use std::io;

use crate::Verdict;
use crate::arguments::{DebugGroup, Endpoints, PlanGroup, PodGroup, Uninstall, Update};
use crate::ui::Ui;

macro_rules! later {
    ($name:ident, $args:ty) => {
        pub(crate) fn $name(_: &mut Ui, _: &$args) -> io::Result<Verdict> {
            Ok(Verdict::Good)
        }
    };
}
later!(plan, PlanGroup);
later!(pod, PodGroup);
later!(endpoints, Endpoints);
later!(update, Update);
later!(debug, DebugGroup);
later!(uninstall, Uninstall);
