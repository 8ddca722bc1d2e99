//! A disk that loses power, fails, and is full, when a test says so.
//!
//! Invariant: after a loss of power there is what was synced, and of each sector written since either the old or the
//! new, as a seed decides: a disk may write in any order, and a write of several sectors may be torn.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use plan_driver::store::Medium;
use redb::StorageBackend;

const SECTOR: usize = 512;

/// A disk. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// As it was synced last.
    synced: Vec<u8>,
    /// As whoever runs reads it.
    present: Vec<u8>,
    /// The sectors that were written since.
    written: BTreeSet<usize>,
    /// So many further operations that change something are done; then power is lost.
    left: Option<u64>,
    /// So many such operations were done.
    done: u64,
    /// Operations fail, and change nothing.
    failing: bool,
    /// It can be no longer than this.
    room: Option<u64>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What is on it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().present.clone()
    }

    /// A disk with these bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let state = State { synced: bytes.clone(), present: bytes, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many operations that change something were done.
    pub(crate) fn done(&self) -> u64 {
        self.state().done
    }

    /// Power is lost after so many further operations that change something.
    pub(crate) fn lose_power_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// Power is back: what was not synced is there or not, sector by sector.
    pub(crate) fn power_is_back(&self, mut choose: impl FnMut() -> bool) {
        let mut state = self.state();
        state.left = None;
        // How long a file is, is the file system's: it is as the journal has it, old or new.
        let len = if choose() { state.present.len() } else { state.synced.len() };
        let mut after = state.synced.clone();
        after.resize(len, 0);
        for sector in std::mem::take(&mut state.written) {
            let from = (sector * SECTOR).min(len).min(state.present.len());
            let to = ((sector + 1) * SECTOR).min(len).min(state.present.len());
            if choose() {
                after[from..to].copy_from_slice(&state.present[from..to]);
            }
        }
        state.synced = after.clone();
        state.present = after;
    }

    /// Every operation fails, or none does any more.
    pub(crate) fn fails(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// It can be no longer than so many bytes, or as long as it will.
    pub(crate) fn has_room(&self, room: Option<u64>) {
        self.state().room = room;
    }
}

impl State {
    fn change(&mut self, len: u64) -> io::Result<()> {
        if self.failing {
            return Err(io::Error::other("the disk fails"));
        }
        if self.left == Some(0) {
            return Err(io::Error::other("there is no power"));
        }
        if self.room.is_some_and(|room| len > room) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.left = self.left.map(|left| left - 1);
        self.done += 1;
        Ok(())
    }
}

impl Medium for Disk {
    fn name(&self) -> String {
        "disk".to_owned()
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.clone()))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().present.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if state.failing {
            return Err(io::Error::other("the disk fails"));
        }
        let from = state.present.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.change(len)?;
        state.present.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.change(0)?;
        state.synced = state.present.clone();
        state.written.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let end = offset as usize + data.len();
        state.change(end as u64)?;
        state.present[offset as usize..end].copy_from_slice(data);
        state.written.extend(offset as usize / SECTOR..end.div_ceil(SECTOR));
        Ok(())
    }
}
