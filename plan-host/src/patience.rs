//! A service is asked until it is known whether it heard.

use std::time::Duration;

use plan_driver::DriverError;
use tokio::time::{Instant, sleep};

/// A service is asked so long, where its store does not answer.
const FIRST: Duration = Duration::from_secs(15);
/// The time between two tries.
const AGAIN: Duration = Duration::from_millis(100);

/// Asks again as long as nobody knows whether it was heard, for at most 15 seconds. What is asked is the same each time: a
/// verb or a target under the same request id is done once.
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
