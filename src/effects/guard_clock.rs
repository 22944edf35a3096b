//! Counts the time in which this process ran. The kernel's clock continues while a container is paused, a machine is
//! suspended or no processor is free; the process hears no calls then, so that time must not count for the guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The interval between two counts.
const TICK: Duration = Duration::from_millis(100);
/// The most that one tick counts: the process did not run for the rest of a longer one.
const LONGEST: Duration = Duration::from_millis(200);

/// A clock that counts until it is dropped.
#[derive(Debug)]
pub struct GuardClock {
    micros: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl GuardClock {
    pub fn begin() -> Self {
        let micros = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&micros);
        let task = tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                sleep(TICK).await;
                let now = Instant::now();
                let tick = now.duration_since(last).min(LONGEST);
                counted.fetch_add(u64::try_from(tick.as_micros()).unwrap_or(0), Ordering::Relaxed);
                last = now;
            }
        });
        Self { micros, task }
    }

    pub fn so_far(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

impl Drop for GuardClock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::{GuardClock, LONGEST};
    use std::time::Duration;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn time_that_was_slept_through_does_not_count() {
        let awake = GuardClock::begin();
        assert_eq!(awake.so_far(), Duration::ZERO);
        sleep(Duration::from_secs(3)).await;
        let before = awake.so_far();
        assert!(
            before >= Duration::from_millis(2800) && before <= Duration::from_secs(3),
            "{before:?}"
        );
        advance(Duration::from_secs(3600)).await;
        sleep(Duration::from_millis(1)).await;
        assert!(awake.so_far() <= before + 2 * LONGEST, "{:?}", awake.so_far());
    }
}
