//! `--record`: records what happens, for `planwright replay`.
//!
//! Invariant: a recording never overwrites another one, and a scheduler never ends or waits because of its recording.
//! The end of a recording is reported once.

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

/// The recording that is being written, if one is wanted.
pub(super) struct Recording {
    file: PathBuf,
    recorder: Option<Recorder>,
    told: AtomicBool,
}

impl Recording {
    /// Begins a recording, if the command line asks for one.
    ///
    /// # Errors
    /// The file is not empty, or cannot be written.
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

    /// The recorder.
    pub(super) fn recorder(&self) -> Option<Recorder> {
        self.recorder.clone()
    }

    /// The note about the recording at the start.
    pub(super) fn line(&self) -> Option<String> {
        self.recorder.as_ref().map(|_| format!("recording: {}", self.file.display()))
    }

    /// Waits until the recording ends before the scheduler, and returns the message about that, once.
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

    /// Writes the rest of the recording, and reports the result.
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
