//! What the health check does beside its check: it notices that somebody has dropped this node while its engine ran.
//!
//! A dropped engine lives on and says that it is well, and PID 1 has neither a timer nor the account to ask with. The
//! health check has the account, and comes by anyway: now and then it looks for this node in its cluster. Three looks at
//! a believed leader of that cluster which do not find it, and one by a later check that shows that this leader's
//! heartbeats have gone on, are noted in the record, and whoever runs the engine is asked to stop it; the record tells
//! them why. A look that does find it brings the record's list of members up to date: a founder wrote down nobody but
//! itself.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::lookup_host;
use tokio::time::sleep;

use crate::cluster::Client;
use crate::effects::files;
use crate::effects::join_loop::{chain, members};
use crate::effects::look::{CONTRADICTION, look};
use crate::effects::roster::{MemberRow, row};
use crate::facts::home::Home;
use crate::facts::process;
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::drop_detector::{DropDetector, Missed};
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::Identity;
use crate::settings::{Endpoint, Flags, Host, ImageSettings, Settings};
use crate::verbs::fe_endpoints;

/// From one look of a node that seems well to the next: a thousand nodes ask their FEs 17 times a second.
const EVERY: Duration = Duration::from_secs(60);
/// Between the looks that decide.
const SOON: Duration = Duration::from_millis(300);
/// The bound of one look.
const ROUND: Duration = Duration::from_secs(1);
/// When the last look was, by the file's own time, and what it missed: beside the record.
const STAMP: &str = "looked";

/// Looks, if it is time to; `Some` is what a health check says of a node that was dropped.
pub(super) async fn dropped(
    home: &Home,
    image: &ImageSettings,
    flags: Flags,
    vars: &[(OsString, OsString)],
) -> Option<String> {
    let (copy, RecordCopy::Present(mut record)) = fe_endpoints::record(home, image) else {
        return None;
    };
    // Before that the watch of `run` looks itself, and afterwards everything is said.
    let own = record.cluster_id.clone()?;
    let stamp = copy.with_extension(STAMP);
    let mut misses: DropDetector = fs::read_to_string(&stamp)
        .ok()
        .and_then(|noted| noted.parse().ok())
        .unwrap_or_default();
    let goes_on = misses != DropDetector::default();
    if record.progress != Progress::Joined || !(goes_on || is_due(age(&stamp))) {
        return None;
    }
    let (settings, _) = Settings::read(flags, vars.iter().cloned()).ok()?;
    // Before the look: what hangs is not asked again by the next check.
    File::create(&stamp).ok()?;
    let cluster = match seen(home, &settings, &record, &own, &mut misses).await? {
        Seen::Missing(cluster) => cluster,
        Seen::Perhaps => {
            if let Err(error) = fs::write(&stamp, misses.to_string()) {
                tracing::debug!("{}: {error}", stamp.display());
            }
            return None;
        }
        Seen::Listed(cluster) => {
            let members = members(&cluster);
            if members != record.members {
                record.members = members;
                if let Err(error) = files::replace(&copy, record.to_json().as_bytes()) {
                    tracing::debug!("{}", chain(&error));
                }
            }
            return None;
        }
    };
    // Until it is stopped each check looks.
    fs::remove_file(&stamp).ok();
    record.progress = Progress::Dropped;
    let gone = format!(
        "cluster {} led by {} does not list this node any more: somebody dropped it",
        cluster.id, cluster.leader.host
    );
    if let Err(error) = files::replace(&copy, record.to_json().as_bytes()) {
        return Some(format!("{gone}; {}", chain(&error)));
    }
    let stopped = match process::to_stop(home, Path::new("/")) {
        None => "no engine runs here".to_owned(),
        Some(pid) => match kill(Pid::from_raw(pid), Signal::SIGTERM) {
            Ok(()) => "its engine is being stopped".to_owned(),
            Err(errno) => format!("pid {pid} cannot be asked to stop its engine: {errno}"),
        },
    };
    Some(format!("{gone}; {stopped}"))
}

/// What the cluster of this node shows of it.
enum Seen {
    Listed(Cluster),
    /// By three looks in a row; the next check can prove it.
    Perhaps,
    Missing(Cluster),
}

/// `None` if nobody can be believed who speaks for that cluster.
async fn seen(
    home: &Home,
    settings: &Settings,
    record: &Record,
    own: &str,
    misses: &mut DropDetector,
) -> Option<Seen> {
    let client = Client::new(settings, home.engine);
    let fes = fe_endpoints::endpoints(settings, home, Some(record));
    let also = addresses(&record.host).await;
    let me = Identity {
        component: home.component,
        host: &record.host,
        also: &also,
        identity_port: record.identity_port()?,
    };
    let mut asked = first(&fes, std::process::id());
    loop {
        let cluster = match look(&client, asked, home.engine.heartbeat, ROUND, CONTRADICTION)
            .await
            .belief
        {
            Belief::Leader(cluster) => cluster,
            // The one that was asked may be the one that is down.
            Belief::Doubt(_) | Belief::Nobody if asked.len() < fes.len() => {
                asked = &fes;
                continue;
            }
            Belief::Doubt(_) | Belief::Nobody => return None,
        };
        match row(&client, &me, &cluster).await {
            Ok(MemberRow::None) => {}
            Ok(MemberRow::Alive | MemberRow::NotAlive(_)) if cluster.id == own => {
                return Some(Seen::Listed(cluster));
            }
            Ok(MemberRow::Alive | MemberRow::NotAlive(_)) | Err(_) => return None,
        }
        match misses.missed(&cluster, Some(own)) {
            Missed::Dropped => return Some(Seen::Missing(cluster)),
            // Whoever leads where this node looks, it is not its cluster that speaks.
            Missed::Stranger | Missed::Foreign => return None,
            Missed::Unproven => return Some(Seen::Perhaps),
            Missed::Perhaps => {}
        }
        // From here on everybody is asked.
        asked = &fes;
        sleep(SOON).await;
    }
}

/// One of them, another one each time: a node that is well costs its cluster one question.
fn first(fes: &[Endpoint], dice: u32) -> &[Endpoint] {
    let place = usize::try_from(dice)
        .unwrap_or(0)
        .checked_rem(fes.len())
        .unwrap_or(0);
    fes.get(place..=place).unwrap_or(fes)
}

async fn addresses(host: &Host) -> BTreeSet<Host> {
    let Host::Name(name) = host else {
        return BTreeSet::new();
    };
    match lookup_host((name.as_str(), 0)).await {
        Ok(addresses) => addresses.map(|address| Host::from(address.ip())).collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// How long ago the last look was; `None` if there was none, or it is in the future.
fn age(stamp: &Path) -> Option<Duration> {
    let modified = fs::metadata(stamp).ok()?.modified().ok()?;
    SystemTime::now().duration_since(modified).ok()
}

fn is_due(age: Option<Duration>) -> bool {
    age.is_none_or(|age| age >= EVERY)
}

#[cfg(test)]
mod tests {
    use super::{first, is_due};
    use crate::settings::{Endpoint, Host};
    use std::time::Duration;

    #[test]
    fn a_node_that_is_well_asks_one_fe_a_minute_and_not_always_the_same() {
        assert!(is_due(None) && is_due(Some(Duration::from_secs(60))));
        assert!(!is_due(Some(Duration::from_secs(59))));
        let fes: Vec<Endpoint> = (1..=3)
            .map(|number| Endpoint {
                host: Host::parse(&format!("10.0.0.{number}")).unwrap(),
                port: 9030,
            })
            .collect();
        let asked: Vec<&[Endpoint]> = (0..4).map(|dice| first(&fes, dice)).collect();
        assert_eq!(asked, [&fes[0..1], &fes[1..2], &fes[2..3], &fes[0..1]]);
        assert!(first(&[], 7).is_empty());
    }
}
