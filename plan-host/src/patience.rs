//! A request is sent again until its result is known.

use std::time::Duration;

use plan_driver::DriverError;
use tokio::time::{Instant, sleep};

/// How long a request is sent again while the store does not answer.
const FIRST: Duration = Duration::from_secs(15);
/// The time between two tries.
const AGAIN: Duration = Duration::from_millis(100);

/// Sends a request again while its result is unknown, for at most 15 seconds. Each try is the same request: a verb or a
/// target under one request id is done once.
///
/// # Errors
/// The last answer, if it is not one that another try would change, or the time is over.
pub async fn patiently<T, F: Future<Output = Result<T, DriverError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, DriverError> {
    let until = Instant::now() + FIRST;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let again = match &error {
            DriverError::Busy | DriverError::Unknown => true,
            DriverError::Away(condition) => !condition.is_final(),
            _ => false,
        };
        if !again || Instant::now() >= until {
            return Err(error);
        }
        sleep(AGAIN).await;
    }
}
