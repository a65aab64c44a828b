use std::time::Duration;

use bedside_model::OdsCode;
use tokio::time::sleep;

use super::{Directory, DirectoryError};
use crate::Provider;

/// Asks a directory once more when it could not be asked, and not when it has answered (`reliability` sheet,
/// F-38).
pub struct AskTwice<D> {
    inner: D,
    wait: Duration,
}

impl<D: Directory> AskTwice<D> {
    /// Wraps a directory; `wait` lies between the two look-ups.
    pub fn new(inner: D, wait: Duration) -> Self {
        Self { inner, wait }
    }
}

impl<D: Directory> Directory for AskTwice<D> {
    async fn look_up(&self, practice: &OdsCode) -> Result<Provider, DirectoryError> {
        match self.inner.look_up(practice).await {
            Err(error) if error.retryable() => {
                sleep(self.wait).await;
                self.inner.look_up(practice).await
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::transport::tests::provider;
    use crate::{Decision, Unavailability};

    const DOWN: DirectoryError =
        DirectoryError::Unavailable(Decision::Unavailable(Unavailability::PracticeUnreachable));

    /// Gives its answers one after the other, the last one first.
    struct Script(Mutex<Vec<Result<Provider, DirectoryError>>>);

    impl Directory for Script {
        async fn look_up(&self, _: &OdsCode) -> Result<Provider, DirectoryError> {
            self.0.lock().expect("whole").pop().expect("not asked so often")
        }
    }

    /// What comes of the answers, and how many were not asked for.
    async fn ask(
        answers: Vec<Result<Provider, DirectoryError>>,
    ) -> (Result<Provider, DirectoryError>, usize) {
        let twice =
            AskTwice::new(Script(Mutex::new(answers.into_iter().rev().collect())), Duration::from_secs(1));
        let result = twice.look_up(&"A20001".parse().expect("an ODS code")).await;
        let left = twice.inner.0.lock().expect("whole").len();
        (result, left)
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_out_of_reach_is_asked_twice_and_no_more() {
        assert_eq!(ask(vec![Err(DOWN), Ok(provider())]).await, (Ok(provider()), 0));
        assert_eq!(ask(vec![Err(DOWN), Err(DOWN), Ok(provider())]).await, (Err(DOWN), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_that_answered_is_not_asked_again() {
        for answer in
            [Ok(provider()), Err(DirectoryError::NotEnabled), Err(DirectoryError::Malformed("ASID"))]
        {
            assert_eq!(ask(vec![answer.clone(), Ok(provider())]).await, (answer, 1));
        }
    }
}
