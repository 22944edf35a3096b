//! Time as the stand-in sees it: the engine's own seconds, shortened by `time_scale`.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// One second of the real engine lasts this long here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale(pub(crate) f64);

impl Scale {
    pub(crate) fn seconds(self, engine: f64) -> Duration {
        Duration::from_secs_f64((engine * self.0).max(0.0))
    }

    /// Scaled, but no shorter than `floor`: a silence of 20 ms is a busy machine, not a cut cable.
    pub(crate) fn at_least(self, engine: f64, floor: Duration) -> Duration {
        self.seconds(engine).max(floor)
    }

    pub(crate) async fn sleep(self, engine: f64) {
        tokio::time::sleep(self.seconds(engine)).await;
    }

    /// Waits until `engine` seconds after `start`: steps stand at fixed moments of a start, they do not add up.
    pub(crate) async fn sleep_until(self, start: Instant, engine: f64) {
        tokio::time::sleep_until(start + self.seconds(engine)).await;
    }
}

/// How far this process's clock is ahead of the machine's, in milliseconds: `clock_offset_ms`.
static OFFSET: AtomicI64 = AtomicI64::new(0);

pub(crate) fn set_offset(millis: i64) {
    OFFSET.store(millis, Relaxed);
}

pub(crate) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    millis.saturating_add_signed(OFFSET.load(Relaxed))
}

/// `2026-11-21 07:21:27`, in UTC: containers have no other zone.
pub(crate) fn timestamp(millis: u64) -> String {
    let (year, month, day) = civil(millis / 86_400_000);
    let second = millis / 1000 % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `#Sat Nov 21 07:21:27 UTC 2026`, the comment java.util.Properties writes first.
pub(crate) fn properties_date(millis: u64) -> String {
    let (week, month) = names(millis);
    let (year, _, day) = civil(millis / 86_400_000);
    let time = timestamp(millis);
    let time = time.split(' ').next_back().unwrap_or_default();
    format!("#{week} {month} {day:02} {time} UTC {year}")
}

/// `Sat, 21 Nov 2026 07:21:27 GMT`, as a web server's `Date` header.
pub(crate) fn http_date(millis: u64) -> String {
    let (week, month) = names(millis);
    let (year, _, day) = civil(millis / 86_400_000);
    let time = timestamp(millis);
    let time = time.split(' ').next_back().unwrap_or_default();
    format!("{week}, {day:02} {month} {year} {time} GMT")
}

/// Day of the week and month, in three letters each.
fn names(millis: u64) -> (&'static str, &'static str) {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let days = millis / 86_400_000;
    let (_, month, _) = civil(days);
    let week = DAYS.get(usize::try_from(days % 7).unwrap_or(0));
    let month = MONTHS.get(usize::try_from(month).unwrap_or(1).saturating_sub(1));
    (week.unwrap_or(&"Thu"), month.unwrap_or(&"Jan"))
}

/// Year, month and day of a day count since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(timestamp(1_795_245_687_000), "2026-11-21 07:21:27");
        assert_eq!(
            properties_date(1_795_245_687_000),
            "#Sat Nov 21 07:21:27 UTC 2026"
        );
        assert_eq!(http_date(1_795_245_687_000), "Sat, 21 Nov 2026 07:21:27 GMT");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29 00:00:00");
    }
}
