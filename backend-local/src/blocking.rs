//! Work that waits for the disk, done on threads where nothing else waits for it.
//!
//! Invariant: a panic of the work is a panic of its caller.

/// Does the work, and waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends, and the caller with it.
        Err(_) => std::future::pending().await,
    }
}
