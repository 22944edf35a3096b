//! Decides what is said about the clock of this machine. An engine ends an FE that starts with a clock that differs by more
//! than five seconds from the leader's; on one that runs nothing shows it (observed on both).

/// The clock of the leader, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub leader: String,
    /// What the leader answered: whole seconds since 1970, rounded down.
    pub answer: i64,
    /// The clock of this machine before the question and after the answer, in milliseconds since 1970.
    pub asked: i64,
    pub answered: i64,
}

/// What has been said so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockWatch {
    /// The difference in milliseconds; positive: this machine is ahead.
    told: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockNews {
    Differs(String),
    Agrees(String),
}

/// A difference beyond this one is told, in milliseconds.
const MOST: i64 = 3_000;

impl ClockWatch {
    /// Compares the clocks; `None` if there is nothing new to tell.
    pub fn compare(&mut self, reading: &Reading) -> Option<ClockNews> {
        // The leader read its clock at some moment between the two, and its second had begun up to a second before.
        let least = reading.asked - (reading.answer + 1) * 1_000;
        let most = reading.answered - reading.answer * 1_000;
        let about = i64::midpoint(least, most);
        let leader = &reading.leader;
        if least > MOST || most < -MOST {
            if self.told.is_some_and(|told| (told - about).abs() <= MOST) {
                return None;
            }
            self.told = Some(about);
            return Some(ClockNews::Differs(format!(
                "the clock of this machine is {} the clock of the leader {leader}; an FE whose clock differs by more than \
                 max_bdbje_clock_delta_ms (5 s unless fe.conf sets it) ends when it is started; synchronise the clocks of \
                 all FE hosts with NTP",
                by(about)
            )));
        }
        // Otherwise it is not certain on which side of the limit it is.
        let agrees = least > -MOST && most < MOST && self.told.take().is_some();
        agrees.then(|| {
            ClockNews::Agrees(format!(
                "the clock of this machine agrees with the clock of the leader {leader} again"
            ))
        })
    }
}

/// Such as `10 s ahead of`.
fn by(milliseconds: i64) -> String {
    let seconds = (milliseconds.abs() + 500) / 1_000;
    let way = if milliseconds > 0 { "ahead of" } else { "behind" };
    format!("{seconds} s {way}")
}

#[cfg(test)]
mod tests {
    use super::{ClockNews, ClockWatch, Reading};

    /// Reading after reading: how far this machine is ahead in milliseconds, how long the answer took, and what is said.
    #[test]
    fn a_difference_of_more_than_three_seconds_is_told_once_per_change_and_never_by_the_time_that_an_answer_took()
     {
        let said = |watch: &mut ClockWatch, ahead: i64, took: i64| {
            // The leader answers half way, 0.4 s into its second.
            let at = 1_795_245_687_400;
            let reading = Reading {
                leader: "10.0.0.1".to_owned(),
                answer: at / 1_000,
                asked: at + ahead - took / 2,
                answered: at + ahead + took / 2,
            };
            watch.compare(&reading).map(|news| match news {
                ClockNews::Differs(text) => {
                    let (said, _) = text.split_once(" the clock of the leader 10.0.0.1; ").unwrap();
                    said.strip_prefix("the clock of this machine is ")
                        .unwrap()
                        .to_owned()
                }
                ClockNews::Agrees(text) => text,
            })
        };
        let agrees = "the clock of this machine agrees with the clock of the leader 10.0.0.1 again";
        let table: [&[(i64, i64, Option<&str>)]; 6] = [
            &[(0, 0, None), (2_900, 0, None), (-2_900, 10, None)],
            &[(10_000, 20, Some("10 s ahead of"))],
            &[(-7_200, 20, Some("7 s behind"))],
            // A slow answer proves less.
            &[(5_000, 4_000, None), (5_000, 200, Some("5 s ahead of"))],
            // Not each minute: again if it changes, and once it is over.
            &[
                (10_000, 20, Some("10 s ahead of")),
                (10_400, 20, None),
                (8_000, 20, None),
                (60_000, 20, Some("60 s ahead of")),
                (-60_000, 20, Some("60 s behind")),
                (-3_000, 20, None),
                (100, 20, Some(agrees)),
                (100, 20, None),
            ],
            &[
                (5_000, 20, Some("5 s ahead of")),
                (0, 9_000, None),
                (0, 20, Some(agrees)),
            ],
        ];
        for readings in table {
            let mut watch = ClockWatch::default();
            for (ahead, took, expected) in readings {
                let said = said(&mut watch, *ahead, *took);
                assert_eq!(said.as_deref(), *expected, "{ahead} {took} in {readings:?}");
            }
        }
    }
}
