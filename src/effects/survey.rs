//! Asks every node of a cluster at once: the FEs by SQL and over HTTP, and what the believed leader lists. A node that is silent
//! costs one deadline, and never one for each question.

use std::collections::BTreeSet;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::cluster::{Client, DEADLINE, FeClient as _, http, is_open};
use crate::effects::clock::now;
use crate::effects::look::ask;
use crate::engine::failure::{Failure, presentable};
use crate::engine::member::{Backend, Row};
use crate::engine::{Component, Engine, Unhealthy};
use crate::plan::ask_list::by_host;
use crate::plan::leader::{Answer, Belief, Cluster, believe};
use crate::plan::view::observed::{ClockSeen, FrontendSeen, Observed, Own, ServiceSeen, TableSeen, Tablets};
use crate::settings::{Endpoint, Host};

/// The number of tables with one replica of which it is asked where they are. Of the others it is not known.
const MOST_SINGLE: usize = 20;

/// The hosts to begin with, and how.
#[derive(Debug)]
pub struct Survey<'a> {
    pub client: &'a Client,
    pub engine: &'static Engine,
    pub account: &'a str,
    /// The FEs that were named; the members that they list are asked as well.
    pub known: &'a [Endpoint],
    /// The HTTP port of a host whose own is not known.
    pub http_port: u16,
    pub own: Option<Own>,
    /// Look for tables with one replica too.
    pub tables: bool,
}

/// One answer.
enum Found {
    Frontends(Answer),
    Http(FrontendSeen),
    Clock(Host, Option<ClockSeen>),
    List(Component, Result<Vec<Backend>, Failure>),
    Service(ServiceSeen),
    Tablets(Result<Tablets, Failure>),
    MostReplicas(Option<u64>),
    MetaFree(Vec<(String, u64)>),
    Tables(Option<Result<Vec<TableSeen>, Failure>>),
    Single(TableSeen),
    BalanceOff(Result<Vec<(String, String)>, Failure>),
}

type Asking<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Found> + 'a>>>;

impl Survey<'_> {
    /// Asks; it takes no longer than one deadline and the time of the answers before.
    pub async fn ask(self) -> Observed {
        let until = Instant::now() + DEADLINE;
        let mut asking: Asking<'_> = FuturesUnordered::new();
        let mut seen = Observed {
            engine: self.engine,
            account: self.account.to_owned(),
            answers: Vec::new(),
            belief: Belief::Nobody,
            frontends: Vec::new(),
            lists: Vec::new(),
            services: Vec::new(),
            tablets: None,
            tables: None,
            most_replicas: None,
            balance_off: None,
            meta_free: Vec::new(),
            own: self.own.clone(),
        };
        let mut by_sql = BTreeSet::new();
        let mut over_http = BTreeSet::new();
        for candidates in by_host(self.known) {
            let mut candidates = candidates.into_iter().cloned();
            let Some(first) = candidates.next() else { continue };
            by_sql.insert(first.host.to_string());
            // At the usual port; if a list shows another one, there too.
            over_http.insert((first.host.to_string(), self.http_port));
            asking.push(Box::pin(self.http(first.host.clone(), self.http_port, until)));
            asking.push(Box::pin(self.frontends(first, candidates.collect(), until)));
        }
        let mut clocks = Vec::new();
        let mut leader: Option<Endpoint> = None;
        let mut asked_most = false;
        while let Some(found) = asking.next().await {
            match found {
                Found::Frontends(answer) => {
                    for fe in answer.said.as_deref().unwrap_or_default() {
                        let Ok(host) = Host::parse(&fe.host) else { continue };
                        if fe.query_port != 0 && by_sql.insert(host.to_string()) {
                            let at = Endpoint {
                                host: host.clone(),
                                port: fe.query_port,
                            };
                            asking.push(Box::pin(self.frontends(at, Vec::new(), until)));
                        }
                        if fe.http_port != 0 && over_http.insert((host.to_string(), fe.http_port)) {
                            asking.push(Box::pin(self.http(host, fe.http_port, until)));
                        }
                    }
                    if answer.said.is_ok() && self.engine.sql.unix_time.is_some() {
                        let at = Endpoint {
                            host: answer.from.clone(),
                            port: answer.port,
                        };
                        asking.push(Box::pin(self.clock_by_sql(at, until)));
                    }
                    seen.answers.push(answer);
                    if leader.is_none()
                        && let Belief::Leader(cluster) = believe(&seen.answers, self.engine.heartbeat)
                    {
                        leader = Some(cluster.endpoint());
                        self.ask_leader(&cluster, &asking, until);
                    }
                }
                Found::Http(fe) => seen.frontends.push(fe),
                Found::Clock(host, clock) => clocks.push((host, clock)),
                Found::List(component, list) => {
                    for row in list.as_deref().unwrap_or_default() {
                        let component = row.component.unwrap_or(component);
                        asking.push(Box::pin(self.service(component, row.clone(), until)));
                    }
                    let mut rows = list.iter().flatten();
                    if rows.any(|row| row.leaving && row.tablets > Some(0))
                        && !asked_most
                        && let Some(at) = leader.clone()
                    {
                        asked_most = true;
                        asking.push(Box::pin(self.most_replicas(at, until)));
                    }
                    seen.lists.push((component, list));
                }
                Found::Service(service) => seen.services.push(service),
                Found::Tablets(tablets) => seen.tablets = Some(tablets),
                Found::MetaFree(free) => seen.meta_free = free,
                Found::MostReplicas(most) => seen.most_replicas = most,
                Found::Tables(tables) => {
                    if let (Some(at), Some(Ok(tables))) = (&leader, &tables) {
                        self.ask_where(at, tables, &asking, until);
                    }
                    seen.tables = tables;
                }
                Found::Single(single) => place(&mut seen, &single),
                Found::BalanceOff(off) => seen.balance_off = Some(off),
            }
        }
        seen.belief = believe(&seen.answers, self.engine.heartbeat);
        settle(&mut seen, clocks);
        seen
    }

    /// Asks one host for its list.
    async fn frontends(&self, first: Endpoint, others: Vec<Endpoint>, until: Instant) -> Found {
        let candidates: Vec<&Endpoint> = [&first].into_iter().chain(&others).collect();
        let answer = timeout_at(until, ask(self.client, &candidates)).await;
        Found::Frontends(answer.ok().flatten().unwrap_or(Answer {
            from: first.host,
            port: first.port,
            said: Err(Failure::late(DEADLINE)),
        }))
    }

    /// Asks one FE over HTTP.
    async fn http(&self, host: Host, http_port: u16, until: Instant) -> Found {
        let left = until.saturating_duration_since(Instant::now());
        let probes = &self.engine.probes;
        let ready = http::bootstrap(probes, &host, http_port, left);
        let ha = http::ha(probes, &host, http_port, left);
        // By SQL it is asked where SQL is answered.
        let at = Endpoint {
            host: host.clone(),
            port: 0,
        };
        let clock = async {
            match self.engine.sql.unix_time {
                None => self.clock(&at, http_port).await,
                Some(_) => None,
            }
        };
        let (ready, (ha, clock)) = join(ready, join(ha, clock)).await;
        let ready = ready.map(drop);
        Found::Http(FrontendSeen {
            host,
            http_port,
            ready,
            ha,
            clock,
        })
    }

    /// The clock of an FE, by SQL or by the header of an HTTP answer. Its seconds are rounded down, and it read them at some moment
    /// between the question and the answer.
    async fn clock(&self, at: &Endpoint, http_port: u16) -> Option<ClockSeen> {
        let asked = now();
        let answer = self.client.time(at, http_port).await?;
        let answered = now();
        Some(ClockSeen {
            least: answer * 1_000 - answered,
            most: (answer + 1) * 1_000 - asked,
        })
    }

    async fn clock_by_sql(&self, at: Endpoint, until: Instant) -> Found {
        let clock = timeout_at(until, self.clock(&at, 0)).await;
        Found::Clock(at.host, clock.ok().flatten())
    }

    fn ask_leader<'s>(&'s self, cluster: &Cluster, asking: &Asking<'s>, until: Instant) {
        let leader = cluster.endpoint();
        let mut shows: Vec<&str> = Vec::new();
        for list in self.engine.lists {
            if shows.contains(&list.show) {
                continue;
            }
            shows.push(list.show);
            let (at, component) = (leader.clone(), list.component);
            asking.push(Box::pin(async move {
                let list = timeout_at(until, self.client.members(&at, component)).await;
                Found::List(component, list.unwrap_or_else(|_| Err(Failure::late(DEADLINE))))
            }));
        }
        let at = leader.clone();
        asking.push(Box::pin(async move {
            let rows = self.rows(&at, self.engine.sql.replicas.show, until).await;
            Found::Tablets(rows.and_then(|rows| tablets(self.engine, &rows)))
        }));
        if let Some(statement) = self.engine.sql.frontend_disks {
            let at = leader.clone();
            asking.push(Box::pin(async move {
                let rows = self.rows(&at, statement, until).await.unwrap_or_default();
                Found::MetaFree(rows.iter().filter_map(meta_free).collect())
            }));
        }
        if self.tables {
            let at = leader.clone();
            asking.push(Box::pin(async move {
                Found::Tables(self.tables(&at, until).await.transpose())
            }));
        }
        asking.push(Box::pin(async move {
            let rows = self.rows(&leader, self.engine.sql.balance.show, until).await;
            Found::BalanceOff(rows.map(|rows| balance_off(self.engine, &rows)))
        }));
    }

    /// Every table with its replicas; `None` where no node keeps the data.
    async fn tables(&self, at: &Endpoint, until: Instant) -> Result<Option<Vec<TableSeen>>, Failure> {
        if let Some(mode) = &self.engine.founding_mode {
            let rows = self.rows(at, mode.show, until).await?;
            // An FE without the key has no other mode.
            let value = rows.first().and_then(|row| cell(row, "Value"));
            if value.is_some_and(|value| !value.eq_ignore_ascii_case(mode.default)) {
                return Ok(None);
            }
        }
        let rows = self.rows(at, self.engine.sql.tables.show, until).await?;
        Ok(Some(rows.iter().filter_map(table).collect()))
    }

    /// Asks for the BEs of tables with one replica.
    fn ask_where<'s>(&'s self, leader: &Endpoint, tables: &[TableSeen], asking: &Asking<'s>, until: Instant) {
        let own = self.engine.sql.tables.own_database;
        let single = tables
            .iter()
            .filter(|table| table.replicas < 2 && table.database != own);
        for table in single.take(MOST_SINGLE) {
            asking.push(Box::pin(self.backends_of(leader.clone(), table.clone(), until)));
        }
    }

    /// The BEs that have a part of one table.
    async fn backends_of(&self, at: Endpoint, table: TableSeen, until: Instant) -> Found {
        let quoted = [&table.database, &table.name].map(|name| format!("`{}`", name.replace('`', "``")));
        let statement = self
            .engine
            .sql
            .tables
            .replicas_of
            .replace("{}", &quoted.join("."));
        let rows = self.rows(&at, &statement, until).await.unwrap_or_default();
        let backends: BTreeSet<u64> = rows
            .iter()
            .filter_map(|row| cell(row, "BackendId")?.parse().ok())
            .collect();
        Found::Single(TableSeen {
            backends: Some(backends).filter(|backends| !backends.is_empty()),
            ..table
        })
    }

    async fn most_replicas(&self, at: Endpoint, until: Instant) -> Found {
        let rows = self.rows(&at, self.engine.sql.tables.most, until).await;
        Found::MostReplicas(rows.ok().and_then(|rows| most(&rows)))
    }

    async fn rows(&self, at: &Endpoint, statement: &str, until: Instant) -> Result<Vec<Row>, Failure> {
        let rows = timeout_at(until, self.client.show(at, statement)).await;
        rows.unwrap_or_else(|_| Err(Failure::late(DEADLINE)))
    }

    /// Asks one node that is no FE.
    async fn service(&self, component: Component, row: Backend, until: Instant) -> Found {
        let left = until.saturating_duration_since(Instant::now());
        let serves = match Host::parse(&row.host) {
            Err(problem) => Err(Failure::Unresolvable(problem.to_string())),
            Ok(host) if row.http_port != 0 => {
                let probes = &self.engine.probes;
                http::backend_health(probes, &host, row.http_port, left)
                    .await
                    .map(drop)
            }
            Ok(host) => {
                let at = Endpoint { host, port: row.port };
                is_open(&at, left).await
            }
        };
        Found::Service(ServiceSeen {
            component,
            host: row.host,
            port: row.port,
            serves,
        })
    }
}

/// What was asked of one table.
fn place(seen: &mut Observed, single: &TableSeen) {
    for table in seen.tables.iter_mut().flatten().flatten() {
        if (&table.database, &table.name) == (&single.database, &single.name) {
            table.backends.clone_from(&single.backends);
        }
    }
}

/// A host that was asked at two ports answers at one of them; the other one says nothing about it.
fn settle(seen: &mut Observed, clocks: Vec<(Host, Option<ClockSeen>)>) {
    for (host, clock) in clocks {
        for fe in seen.frontends.iter_mut().filter(|fe| fe.host == host) {
            fe.clock = clock;
        }
    }
    let answered: Vec<Host> = seen
        .frontends
        .iter()
        .filter(|fe| fe.ready.is_ok() || fe.ha.is_ok())
        .map(|fe| fe.host.clone())
        .collect();
    seen.frontends
        .retain(|fe| fe.ready.is_ok() || fe.ha.is_ok() || !answered.contains(&fe.host));
    seen.frontends.sort_by_key(|fe| fe.host.to_string());
    seen.frontends.dedup_by(|one, other| one.host == other.host);
    seen.answers.sort_by_key(|answer| answer.from.to_string());
    seen.lists.sort_by_key(|(component, _)| *component);
}

pub(super) fn cell<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    let mut cells = row.iter();
    let (_, cell) = cells.find(|(name, _)| name.eq_ignore_ascii_case(column))?;
    cell.as_deref().map(str::trim)
}

fn tablets(engine: &Engine, rows: &[Row]) -> Result<Tablets, Failure> {
    let list = &engine.sql.replicas;
    let number = |row: &Row, column: &'static str| {
        let missing = Failure::MissingColumn {
            statement: list.show,
            column,
        };
        cell(row, column)
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or(missing)
    };
    let of = |row: &Row| -> Result<Tablets, Failure> {
        let all = number(row, "TabletNum")?;
        let unhealthy = match list.unhealthy {
            Unhealthy::Column(column) => number(row, column)?,
            Unhealthy::AllBut(column) => all.saturating_sub(number(row, column)?),
        };
        Ok(Tablets { all, unhealthy })
    };
    if let Some(total) = rows.iter().find(|row| cell(row, "DbId") == Some(list.total)) {
        return of(total);
    }
    let mut sum = Tablets { all: 0, unhealthy: 0 };
    for row in rows {
        let Tablets { all, unhealthy } = of(row)?;
        sum.all += all;
        sum.unhealthy += unhealthy;
    }
    Ok(sum)
}

fn table(row: &Row) -> Option<TableSeen> {
    Some(TableSeen {
        database: presentable(cell(row, "db")?),
        name: presentable(cell(row, "tbl")?),
        replicas: cell(row, "replicas")?.parse().ok()?,
        backends: None,
    })
}

/// The host and the free bytes of the metadata of one FE.
fn meta_free(row: &Row) -> Option<(String, u64)> {
    // Without `df` in its image everything is 0.
    let known = bytes(cell(row, "Capacity")?)? > 0;
    let free = bytes(cell(row, "Available")?)?;
    let host = cell(row, "Host").filter(|_| known && cell(row, "DirType") == Some("meta"))?;
    Some((host.to_owned(), free))
}

/// Reads `4G`: rounded down.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_uppercase());
    let unit = match text.get(digits.len()..)? {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1_024_u64.pow(unit))
}

fn most(rows: &[Row]) -> Option<u64> {
    cell(rows.first()?, "replicas")?.parse().ok()
}

fn balance_off(engine: &Engine, rows: &[Row]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, off) in engine.sql.balance.off {
        let row = rows.iter().find(|row| cell(row, "Key") == Some(key));
        let value = row.and_then(|row| cell(row, "Value"));
        if value.is_some_and(|value| value.eq_ignore_ascii_case(off)) {
            found.push(((*key).to_owned(), (*off).to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{bytes, meta_free};
    use crate::engine::member::Row;

    #[test]
    fn a_size_is_read_with_its_unit() {
        let table = [
            ("0", Some(0)),
            ("512M", Some(512 << 20)),
            ("4G", Some(4 << 30)),
            ("3P", Some(3 << 50)),
            ("99999999999P", None),
            ("4g", None),
            ("", None),
            ("4.2G", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_df_tells_of_the_metadata_is_free_space() {
        let table = [
            ("meta", "50G", "4G", Some(4 << 30)),
            ("log", "50G", "4G", None),
            ("meta", "0", "0", None),
        ];
        for (kind, capacity, free, expected) in table {
            let cells = [
                ("Host", "fe1"),
                ("DirType", kind),
                ("Capacity", capacity),
                ("Available", free),
            ];
            let row: Row = cells
                .map(|(name, cell)| (name.to_owned(), Some(cell.to_owned())))
                .into();
            let read = meta_free(&row);
            assert_eq!(read, expected.map(|free| ("fe1".to_owned(), free)), "{kind}");
        }
    }
}
