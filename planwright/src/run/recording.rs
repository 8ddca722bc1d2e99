//! `--record`: what happens, written down for `planwright replay`.
//!
//! Invariant: a recording never takes the place of another one, and a scheduler never ends, nor waits, for its recording:
//! one that cannot be gone on with is told of, once.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use plan_driver::recording::Recorder;
use serde_json::json;

use crate::arguments::Run;
use crate::problem::Problem;
use crate::ui::Ui;

/// One MB, in bytes.
const MB: u64 = 1 << 20;

/// A recording that is written, if one is wanted.
pub(super) struct Recording {
    file: PathBuf,
    recorder: Option<Recorder>,
    told: AtomicBool,
}

impl Recording {
    /// Begins it, if the command line wants one.
    ///
    /// # Errors
    /// There is something in the file, or it cannot be written.
    pub(super) fn begin(arguments: &Run) -> Result<Self, Box<Problem>> {
        let file = arguments.record.clone().unwrap_or_default();
        let limit = arguments.record_limit.saturating_mul(MB);
        let recorder = arguments.record.as_ref().map(|file| Recorder::create(file, limit));
        let recorder = recorder.transpose().map_err(|error| {
            let problem = Problem::error(format!("cannot record in `{}`: {error}", file.display()));
            problem.help(match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    "a recording never takes the place of another file: name a new one, or move that one away"
                }
                _ => "name a file that can be written",
            })
        })?;
        Ok(Self { file, recorder, told: AtomicBool::new(false) })
    }

    /// Who writes it.
    pub(super) fn recorder(&self) -> Option<Recorder> {
        self.recorder.clone()
    }

    /// What is said of it as long as it is written.
    pub(super) fn line(&self) -> Option<String> {
        self.recorder.as_ref().map(|_| format!("recording: {}", self.file.display()))
    }

    /// Waits until it ends before the scheduler, and gives what is to be told. It is told once.
    pub(super) async fn ends(&self) -> String {
        match &self.recorder {
            Some(recorder) if !self.told.load(Ordering::Relaxed) => {
                let why = recorder.ends().await;
                self.told.store(true, Ordering::Relaxed);
                self.ended(&why)
            }
            _ => std::future::pending().await,
        }
    }

    /// Writes the rest of it, and tells what came of it.
    ///
    /// # Errors
    /// As for [`Ui::say`].
    pub(super) async fn finish(self, ui: &mut Ui) -> io::Result<()> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        recorder.flush().await;
        let why = recorder.ended();
        if ui.is_json() {
            return ui.json_line(&json!({ "event": "recorded", "file": self.file, "ended": why }));
        }
        if let Some(why) = why.filter(|_| !self.told.load(Ordering::Relaxed)) {
            ui.complain(&self.ended(&why));
        }
        ui.note(format_args!("what happened is recorded: planwright replay {}", self.file.display()));
        Ok(())
    }

    fn ended(&self, why: &str) -> String {
        format!("the recording in `{}` has ended, and the scheduler goes on: {why}", self.file.display())
    }
}
