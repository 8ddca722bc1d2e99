//! Storage that is checked before it is written to.
//!
//! Invariant: until [`Trial::accept`], no write of redb reaches the underlying storage. Writes are kept in memory, and
//! read back from there. `accept` then makes all writes, in the same order and with the same syncs. So a crash in the
//! middle leaves what redb itself would have left.
//!
//! redb writes to a file when it opens it, even if the file then turns out to be damaged or of another program. So a
//! file is opened on trial first, and a file that is refused was never touched.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

const PAGE: usize = 4096;

/// Storage on trial. All clones are the same storage.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    beneath: Box<dyn StorageBackend>,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// Writes are held back.
    Trial(Held),
    /// Writes go through.
    Accepted,
    /// The held writes were only partly written. Later reads and writes would rely on missing data, so they are
    /// refused.
    Broken,
}

/// What was written on trial.
#[derive(Debug)]
struct Held {
    len: u64,
    /// How many bytes of the underlying storage still count. Later bytes read as zeros.
    beneath: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Len(u64),
    Write(u64, Vec<u8>),
    Sync,
}

impl Trial {
    pub(super) fn new(beneath: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = beneath.len()?;
        let held = Held { len, beneath: len, pages: BTreeMap::new(), steps: Vec::new() };
        Ok(Self { shared: Arc::new(Shared { beneath, stage: Mutex::new(Stage::Trial(held)) }) })
    }

    /// Makes the held writes, and lets all further writes through.
    pub(super) fn accept(&self) -> io::Result<()> {
        let mut stage = self.stage();
        let held = match std::mem::replace(&mut *stage, Stage::Broken) {
            Stage::Trial(held) => held,
            other => {
                *stage = other;
                return Ok(());
            }
        };
        for step in held.steps {
            match step {
                Step::Len(len) => self.shared.beneath.set_len(len)?,
                Step::Write(offset, data) => self.shared.beneath.write(offset, &data)?,
                Step::Sync => self.shared.beneath.sync_data()?,
            }
        }
        *stage = Stage::Accepted;
        Ok(())
    }

    /// A panic elsewhere leaves the stage whole, since it is replaced as a whole.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.shared.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// A page as it reads now, for the first write to it.
    fn page(&mut self, beneath: &dyn StorageBackend, number: u64) -> io::Result<&mut [u8; PAGE]> {
        use std::collections::btree_map::Entry;
        match self.pages.entry(number) {
            Entry::Occupied(page) => Ok(page.into_mut()),
            Entry::Vacant(vacant) => {
                let mut page = Box::new([0; PAGE]);
                read_beneath(beneath, self.beneath, number * PAGE as u64, &mut page[..])?;
                Ok(vacant.insert(page))
            }
        }
    }

    fn read(&self, beneath: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        for (offset, range) in pieces(offset, out.len()) {
            let (number, within) = (offset / PAGE as u64, (offset % PAGE as u64) as usize);
            let out = &mut out[range];
            match self.pages.get(&number) {
                Some(page) => out.copy_from_slice(&page[within..within + out.len()]),
                None => read_beneath(beneath, self.beneath, offset, out)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, beneath: &dyn StorageBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        for (offset, range) in pieces(offset, data.len()) {
            let (number, within) = (offset / PAGE as u64, (offset % PAGE as u64) as usize);
            let piece = &data[range];
            self.page(beneath, number)?[within..within + piece.len()].copy_from_slice(piece);
        }
        self.steps.push(Step::Write(offset, data.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        let kept = len.div_ceil(PAGE as u64);
        self.pages.split_off(&kept);
        if let Some(last) = self.pages.get_mut(&(len / PAGE as u64)) {
            last[(len % PAGE as u64) as usize..].fill(0);
        }
        self.beneath = self.beneath.min(len);
        self.len = len;
        self.steps.push(Step::Len(len));
    }
}

/// A range of bytes, cut at page boundaries: where each piece begins, and which part of the range it is.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        (done < len).then(|| {
            let at = offset + done as u64;
            let upto = (PAGE - (at % PAGE as u64) as usize).min(len - done);
            done += upto;
            (at, done - upto..done)
        })
    })
}

/// Reads the bytes of the underlying storage that count. The others are zeros.
fn read_beneath(beneath: &dyn StorageBackend, counts: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let there = usize::try_from(counts.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
    if there > 0 {
        beneath.read(offset, &mut out[..there])?;
    }
    out[there..].fill(0);
    Ok(())
}

fn out_of_range() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what it says of itself")
}

fn broken() -> io::Error {
    io::Error::other("what was to be written when the file was opened could not be")
}

impl StorageBackend for Trial {
    fn len(&self) -> io::Result<u64> {
        match &*self.stage() {
            Stage::Trial(held) => Ok(held.len),
            Stage::Accepted => self.shared.beneath.len(),
            Stage::Broken => Err(broken()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.stage() {
            Stage::Trial(held) => {
                let ends = offset.checked_add(out.len() as u64);
                if ends.is_none_or(|end| end > held.len) {
                    return Err(out_of_range());
                }
                held.read(&*self.shared.beneath, offset, out)
            }
            Stage::Accepted => self.shared.beneath.read(offset, out),
            Stage::Broken => Err(broken()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match &mut *self.stage() {
            Stage::Trial(held) => {
                held.set_len(len);
                Ok(())
            }
            Stage::Accepted => self.shared.beneath.set_len(len),
            Stage::Broken => Err(broken()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        match &mut *self.stage() {
            Stage::Trial(held) => {
                held.steps.push(Step::Sync);
                Ok(())
            }
            Stage::Accepted => self.shared.beneath.sync_data(),
            Stage::Broken => Err(broken()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &mut *self.stage() {
            Stage::Trial(held) => {
                let ends = offset.checked_add(data.len() as u64);
                if ends.is_none_or(|end| end > held.len) {
                    return Err(out_of_range());
                }
                held.write(&*self.shared.beneath, offset, data)
            }
            Stage::Accepted => self.shared.beneath.write(offset, data),
            Stage::Broken => Err(broken()),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.shared.beneath.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.shared.beneath.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.shared.beneath.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.shared.beneath.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.shared.beneath.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.shared.beneath.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.shared.beneath.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    type Step<'a> = &'a dyn Fn(&dyn StorageBackend);

    fn bytes(of: &dyn StorageBackend) -> Vec<u8> {
        let mut all = vec![0; of.len().unwrap() as usize];
        of.read(0, &mut all).unwrap();
        all
    }

    /// The same steps, on trial and done at once, read the same at each point, and are the same after `accept`.
    #[test]
    fn it_reads_as_if_it_were_written() {
        let start: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        let storage = || {
            let storage = InMemoryBackend::new();
            storage.set_len(start.len() as u64).unwrap();
            storage.write(0, &start).unwrap();
            storage
        };
        let plain = storage();
        let beneath = Arc::new(storage());
        let trial = Trial::new(Box::new(Shares(beneath.clone()))).unwrap();
        let steps: [Step<'_>; 6] = [
            &|of| of.write(4090, &[7; 20]).unwrap(),
            &|of| of.set_len(5000).unwrap(),
            &|of| of.set_len(20_000).unwrap(),
            &|of| of.write(4999, &[9; 9000]).unwrap(),
            &|of| of.sync_data().unwrap(),
            &|of| of.set_len(13_000).unwrap(),
        ];
        for step in steps {
            step(&plain);
            step(&trial);
            assert_eq!(bytes(&trial), bytes(&plain));
            assert_eq!(bytes(&*beneath), start, "nothing is written before it is accepted");
        }
        assert!(trial.read(12_999, &mut [0; 2]).is_err());
        assert!(trial.write(u64::MAX, &[0]).is_err());
        trial.accept().unwrap();
        assert_eq!(bytes(&*beneath), bytes(&plain));
        trial.write(0, &[1]).unwrap();
        assert_eq!(bytes(&*beneath)[0], 1);
    }

    #[derive(Debug)]
    struct Shares(Arc<InMemoryBackend>);

    impl StorageBackend for Shares {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            StorageBackend::read(&*self.0, offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            StorageBackend::write(&*self.0, offset, data)
        }
    }
}
