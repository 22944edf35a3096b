//! `muster readdress`: gives a member that has moved its new host, through the leader. Looks, prints what it will do, does
//! it, and looks again: only the second look counts.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::ReaddressArgs;
use crate::cluster::{Client, FeClient as _, is_open};
use crate::effects::look::find_leader;
use crate::engine::Component;
use crate::engine::failure::{Failure, Immovable};
use crate::engine::member::Backend;
use crate::exit::ExitCode;
use crate::facts::home::Home;
use crate::facts::record::RecordCopy;
use crate::facts::resolve::resolve;
use crate::plan::join::denied;
use crate::plan::leader::Cluster;
use crate::plan::readdress::{Inputs, ListedMember, Move, Verdict, decide, listed, remaining_steps};
use crate::plan::refusal::Refusal;
use crate::settings::{Endpoint, Host, Settings};
use crate::verbs::{Outcome, fe_endpoints};

/// Between two looks.
const SOON: Duration = Duration::from_millis(300);
/// An ALTER was seen to take 3.6 s on a busy machine.
const SAYING: Duration = Duration::from_secs(15);
/// How long one port may take to accept a connection.
const KNOCK: Duration = Duration::from_secs(1);

/// The lists of a confirmed leader.
struct Shown {
    cluster: Cluster,
    /// The BEs and CNs.
    backends: Vec<Backend>,
}

/// Moves the members of one host.
pub async fn readdress(args: &ReaddressArgs, settings: &Settings, home: &Home) -> Outcome {
    let mut output = String::new();
    match moved(args, settings, home, &mut output).await {
        Ok(()) => Outcome {
            output,
            report: String::new(),
            code: ExitCode::Ok,
        },
        Err(refusal) => Outcome {
            output,
            ..Outcome::refused(&[refusal])
        },
    }
}

async fn moved(
    args: &ReaddressArgs,
    settings: &Settings,
    home: &Home,
    output: &mut String,
) -> Result<(), Refusal> {
    let client = Client::new(settings, home.engine);
    let record = match fe_endpoints::record(home, &settings.image).1 {
        RecordCopy::Present(record) => Some(record),
        RecordCopy::Missing | RecordCopy::Unreadable { .. } | RecordCopy::Newer { .. } => None,
    };
    let fes = fe_endpoints::endpoints(settings, home.engine, record.as_ref());
    let way = Move {
        engine: home.engine,
        from: &args.from,
        to: &args.to,
        name: "",
    };
    let shown = find(&client, home, &fes, args.timeout).await?;
    let leader = shown.cluster.endpoint();
    output.push_str(&format!("cluster {} is led by {}\n", shown.cluster.id, leader));
    let addresses = resolve(&args.to).await;
    let same_machine = match (&addresses, resolve(&args.from).await) {
        (Ok(to), Ok(from)) => to.iter().any(|address| from.contains(address)),
        (Ok(_) | Err(_), _) => false,
    };
    let members = listed(&args.from, args.only, &shown.cluster, &shown.backends);
    let open = open(&members, &args.from, &args.to, same_machine).await;
    let inputs = Inputs {
        cluster: &shown.cluster,
        backends: &shown.backends,
        only: args.only,
        open: &open,
        resolves: addresses.map(drop),
        same_machine,
    };
    let statements = match decide(&way, &inputs) {
        Verdict::Refuse(refusal) => return Err(refusal),
        Verdict::Done(members) => {
            output.push_str(&format!(
                "nothing to do: it lists {} and not {}\n{}\n",
                args.to,
                args.from,
                remaining_steps(&way, &members)
            ));
            return Ok(());
        }
        Verdict::Run(statements) => statements,
    };
    for (member, statement) in &statements {
        let would = if args.dry_run { "would send" } else { "sends" };
        output.push_str(&format!(
            "{} {}: {would} {statement}\n",
            member.kind.name(),
            args.from.with_port(member.port)
        ));
    }
    let members: Vec<ListedMember> = statements.iter().map(|(member, _)| member.clone()).collect();
    if args.dry_run {
        output.push_str(&format!(
            "nothing was changed\n{}\n",
            remaining_steps(&way, &members)
        ));
        return Ok(());
    }
    let patient = client.patient(SAYING);
    for (member, statement) in &statements {
        let answer = patient.run(&leader, statement).await;
        if let Err(Failure::Immovable(Immovable::Alive, why)) = &answer {
            return Err(put_right(&patient, &leader, &way, member, why).await);
        }
        second_look(&client, home, &fes, &way, member, answer).await?;
        output.push_str(&format!(
            "done: the cluster lists {} {} and no longer {}\n",
            member.kind.name(),
            args.to.with_port(member.port),
            args.from.with_port(member.port)
        ));
    }
    output.push_str(&format!("{}\n", remaining_steps(&way, &members)));
    Ok(())
}

/// Finds the leader, and reads all its lists.
async fn find(client: &Client, home: &Home, fes: &[Endpoint], patience: Duration) -> Result<Shown, Refusal> {
    let begun = Instant::now();
    let last = loop {
        let left = patience.saturating_sub(begun.elapsed());
        let cluster = match find_leader(client, fes, home.engine.heartbeat, left).await {
            Ok(cluster) => cluster,
            Err(round) => match round.denied_to_the_end().first() {
                Some((from, why)) => return Err(denied(from, why)),
                None => break round.no_leader(),
            },
        };
        let leader = cluster.endpoint();
        match backends(client, home, &leader).await {
            Ok(backends) => return Ok(Shown { cluster, backends }),
            Err(why) if why.is_final() => return Err(denied(&leader.to_string(), &why)),
            Err(why) if left.is_zero() => break format!("the leader {leader}: {why}"),
            Err(_) => sleep(SOON).await,
        }
    };
    Err(Refusal::new(
        ExitCode::NoLeader,
        format!("no leader in time: {last}"),
        "nothing was changed; only a leader with a majority can change a host",
    ))
}

async fn backends(client: &Client, home: &Home, leader: &Endpoint) -> Result<Vec<Backend>, Failure> {
    let mut backends = Vec::new();
    for list in home.engine.lists_beside(Component::Be) {
        backends.extend(client.members(leader, list.component).await?);
    }
    Ok(backends)
}

/// Ports of these members that accept a connection, at the old host and at the new one: the lists of the cluster lag behind.
async fn open(members: &[ListedMember], from: &Host, to: &Host, same_machine: bool) -> Vec<String> {
    let hosts = if same_machine { vec![from] } else { vec![from, to] };
    let mut open = Vec::new();
    for member in members {
        for host in &hosts {
            let at = Endpoint {
                host: (*host).clone(),
                port: member.port,
            };
            if is_open(&at, KNOCK).await.is_ok() {
                open.push(at.to_string());
            }
        }
    }
    open
}

/// Checks the lists again: they count, whatever the leader answered.
async fn second_look(
    client: &Client,
    home: &Home,
    fes: &[Endpoint],
    way: &Move<'_>,
    member: &ListedMember,
    answer: Result<(), Failure>,
) -> Result<(), Refusal> {
    let shown = find(client, home, fes, SAYING).await?;
    let is_listed = |host| {
        listed(
            host,
            Some(member.kind.component()),
            &shown.cluster,
            &shown.backends,
        )
        .iter()
        .any(|other| other.port == member.port)
    };
    if is_listed(way.to) && !is_listed(way.from) {
        return Ok(());
    }
    let leader = shown.cluster.endpoint();
    Err(match answer {
        Err(why) if why.is_final() => denied(&leader.to_string(), &why),
        Err(why @ Failure::Immovable(..)) => Refusal::protect(
            format!("{leader}: {why}"),
            way.rejoin_steps(member.kind, member.port),
        ),
        Err(why) => Refusal::new(
            ExitCode::TryAgain,
            format!("{leader}: {why}; it still lists {}", way.from),
            "run it again: it looks first, and changes nothing twice",
        ),
        Ok(()) => Refusal::new(
            ExitCode::TryAgain,
            format!("{leader} accepted the statement and still lists {}", way.from),
            "run it again: it looks first, and changes nothing twice",
        ),
    })
}

/// On a live member the statement fails, and the leader has changed the host in its memory nevertheless. The reverse
/// statement fails too, and repairs that (observed).
async fn put_right(
    client: &Client,
    leader: &Endpoint,
    way: &Move<'_>,
    member: &ListedMember,
    why: &str,
) -> Refusal {
    let back = Move {
        engine: way.engine,
        from: way.to,
        to: way.from,
        name: "",
    };
    let said = match back.statement(member.kind, member.port) {
        Some(statement) => {
            // It answers with the same error, and repairs the list.
            drop(client.run(leader, &statement).await);
            format!("; the reverse statement was sent to repair the leader's list: {statement}")
        }
        None => String::new(),
    };
    Refusal::protect(
        format!(
            "the leader {leader} shows {} {} as alive: {why}{said}",
            member.kind.name(),
            way.from.with_port(member.port)
        ),
        "stop it, look at SHOW FRONTENDS, then run this again",
    )
}
