//! The list of hosts of `init --hosts`: one host a line, the kinds of nodes on it, and its own settings. Everything that is wrong
//! with it is found at once, each with the number of its line.

use crate::engine::{Component, Engine};

use super::env_file::EnvFile;
use super::environment::{self, Owner, owner};
use super::hosts::parse_host;
use super::problems::{Problem, Problems, shown};
use super::secret::{is_secret_name, is_secret_value};
use super::variables::VARIABLES;
use super::{Host, applies_to, suggest};

/// Variables that follow from the list.
const OF_LIST: [&str; 11] = [
    "MASTER_HOST",
    "LOCAL_HOST",
    "MASTER_FE_HOST",
    "FE_HOST",
    "HOST_IP",
    "COMPONENT",
    "FE_ROLE",
    "FE_INDEX",
    "BE_INDEX",
    "MASTER_FE_QUERY_PORT",
    "MASTER_FE_EDIT_LOG_PORT",
];

/// The kind of an FE without a vote.
const OBSERVER: &str = "observer";

/// How many FEs `MASTER_HOST` names. Of up to five voters one of the first three is up whenever there is a leader, and a list that
/// does not grow with the cluster restarts no node when an FE is added.
const MASTERS: usize = 3;

/// The list, and the settings that are the same on every host.
#[derive(Debug)]
pub struct HostList {
    name: String,
    app_env: EnvFile,
    pub hosts: Vec<ListedHost>,
    broken: Vec<Problem>,
}

/// One line.
#[derive(Debug)]
pub struct ListedHost {
    pub line: usize,
    pub host: Host,
    /// In the order in which their ports are chosen.
    pub components: Vec<Component>,
    /// True if its FE has no vote.
    pub observer: bool,
    variables: Vec<(String, String)>,
}

impl ListedHost {
    /// True if it has an FE with a vote.
    pub fn votes(&self) -> bool {
        self.components.contains(&Component::Fe) && !self.observer
    }

    /// The name of its directory: `:` would end a word for docker, scp and others.
    pub fn dir_name(&self) -> String {
        self.host.to_string().replace(':', "-")
    }
}

impl HostList {
    /// Reads the whole text; `app_env` has the settings of all hosts.
    pub fn parse(name: impl Into<String>, text: &str, app_env: EnvFile, engine: &Engine) -> Self {
        let mut list = Self {
            name: name.into(),
            app_env,
            hosts: Vec::new(),
            broken: Vec::new(),
        };
        list.check_app_env();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let mut found = Found {
                engine,
                problems: Vec::new(),
            };
            let host = found.line(number, line);
            list.hosts
                .extend(host.filter(|host| list_once(&list.hosts, host, line, &mut found)));
            let problems = found.problems.into_iter();
            list.broken.extend(problems.map(|why| Problem {
                variable: list.name.clone(),
                text: format!("line {number}: {why}"),
            }));
        }
        list.check_whole();
        list
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with the list itself; the settings of its hosts are read one by one.
    pub fn problems(&self) -> Option<Problems> {
        (!self.broken.is_empty()).then(|| Problems::new(self.broken.clone(), Vec::new(), Some(&self.name)))
    }

    /// Where a host is named.
    pub fn place(&self, host: &ListedHost) -> String {
        format!("{}, line {}", self.name, host.line)
    }

    /// The hosts of `MASTER_HOST`, the seed first.
    pub fn masters(&self) -> impl Iterator<Item = &Host> {
        let voters = self.hosts.iter().filter(|host| host.votes());
        voters.map(|host| &host.host).take(MASTERS)
    }

    /// The variables of one host: its own, those of all hosts, and what follows from the list.
    pub fn env(&self, host: &ListedHost) -> EnvFile {
        let mut masters: Vec<String> = self.masters().map(ToString::to_string).collect();
        if masters.is_empty() {
            // What is wrong is said once, by the list.
            masters.push(host.host.to_string());
        }
        let own = host.variables.iter();
        let mut lines: Vec<(&str, String)> = own.map(|(key, value)| (key.as_str(), value.clone())).collect();
        lines.push(("LOCAL_HOST", host.host.to_string()));
        if host.observer {
            lines.push(("FE_ROLE", OBSERVER.to_owned()));
        }
        let env = self.app_env.clone().without(|key| image_of(key).is_some());
        env.with([("MASTER_HOST", masters.join(","))], &self.name)
            .with(lines, &self.place(host))
            .without(|key| image_of(key).is_some())
    }

    /// The image for a node of this host, if one is set.
    pub fn image<'a>(&'a self, host: &'a ListedHost, component: Component) -> Option<&'a str> {
        let own = host.variables.iter();
        let mut own = own.filter(|(key, _)| image_of(key) == Some(component));
        match own.next_back() {
            Some((_, image)) => Some(image),
            None => self.app_env.get(image_variable(component)),
        }
    }

    /// What only the whole list tells.
    fn check_whole(&mut self) {
        let why = if self.hosts.is_empty() {
            "names no host"
        } else if self.masters().next().is_none() {
            "has no FE that votes: give one host the kind fe, better three"
        } else {
            return;
        };
        // A line that cannot be read may have been the one.
        if self.broken.iter().all(|problem| problem.variable != self.name) {
            self.broken.push(Problem {
                variable: self.name.clone(),
                text: why.to_owned(),
            });
        }
    }

    /// The settings of all hosts can have neither what belongs to one of them nor a secret.
    fn check_app_env(&mut self) {
        let secrets = environment::collect(&mut self.app_env.vars(), None).secrets;
        for key in self.app_env.keys() {
            let place = self.app_env.place(key);
            let why = if secrets.iter().any(|secret| secret == key) {
                no_secret(key)
            } else if OF_LIST.contains(&key) {
                format!("follows from {}; take the line out", self.name)
            } else if image_of(key).is_some() && !self.app_env.get(key).is_some_and(is_image) {
                NO_IMAGE.to_owned()
            } else {
                continue;
            };
            self.broken.push(Problem {
                variable: key.to_owned(),
                text: format!("{why}, set in {place}"),
            });
        }
    }
}

/// False if the host is there already, which is noted.
fn list_once(hosts: &[ListedHost], host: &ListedHost, line: &str, found: &mut Found<'_>) -> bool {
    let Some(before) = hosts.iter().find(|before| before.host == host.host) else {
        return true;
    };
    let word = line.split_whitespace().next().unwrap_or_default();
    let spelled = host.host.to_string();
    let this = if word == spelled {
        format!("{spelled} is")
    } else {
        format!("`{}` is {spelled}, which is", shown(word))
    };
    found.problem(format!(
        "{this} on line {} already; write all kinds of a host on one line",
        before.line
    ));
    false
}

const NO_IMAGE: &str = "is not the name of an image";

/// The problems of one line.
struct Found<'a> {
    engine: &'a Engine,
    problems: Vec<String>,
}

impl Found<'_> {
    fn problem(&mut self, why: impl Into<String>) {
        self.problems.push(why.into());
    }

    /// The host of a line, if there is one that can be used.
    fn line(&mut self, number: usize, line: &str) -> Option<ListedHost> {
        // As a shell reads it: quotes keep blanks, and `#` begins a comment where a word would begin.
        let Some(words) = shlex::split(line) else {
            self.problem("has a quote that is not closed, or ends with a backslash");
            return None;
        };
        let (first, rest) = words.split_first()?;
        if first.contains('=') {
            self.problem(
                "begins with a setting and not with a host; settings of all hosts are for the file of --app-env",
            );
            return None;
        }
        let is_kind = |word: &String| word.split(',').all(|part| Component::parse(part).is_some());
        if is_kind(first) && rest.iter().any(|word| !is_kind(word) && parse_host(word).is_ok()) {
            self.problem(format!(
                "`{first}` is a kind: a line begins with the host, as in `10.0.0.10 {first}`"
            ));
            return None;
        }
        let host = parse_host(first).map_err(|why| self.problem(format!("`{}` {why}", shown(first))));
        let (settings, kinds): (Vec<&String>, Vec<&String>) =
            rest.iter().partition(|word| word.contains('='));
        // Next to a secret, a word that is none of ours may be a part of it.
        let hides = settings.iter().any(|word| is_secret_setting(word));
        let kinds: Vec<&str> = kinds.iter().flat_map(|word| word.split(',')).collect();
        let (components, observer) = self.kinds(&kinds, hides);
        let mut variables: Vec<(String, String)> = Vec::new();
        for word in settings {
            let Some((key, value)) = self.setting(word, &components) else {
                continue;
            };
            if variables.iter().any(|(known, _)| *known == key) {
                self.problem(format!("{key} is set twice"));
            }
            variables.push((key, value));
        }
        Some(ListedHost {
            line: number,
            host: host.ok()?,
            components,
            observer,
            variables,
        })
    }

    fn kinds(&mut self, words: &[&str], hides: bool) -> (Vec<Component>, bool) {
        let mut named: Vec<Component> = Vec::new();
        let mut observer = false;
        let mut any = false;
        for word in words.iter().filter(|word| !word.is_empty()) {
            any = true;
            let is_observer = word.eq_ignore_ascii_case(OBSERVER);
            let component = Component::parse(word).or(is_observer.then_some(Component::Fe));
            let Some(component) = component.filter(|component| self.engine.layout(*component).is_some())
            else {
                let kinds = Component::ALL.map(Component::id).join(", ");
                self.problem(if hides {
                    format!("a word is no kind ({kinds}, {OBSERVER}) and no KEY=VALUE")
                } else {
                    format!(
                        "`{}` is no kind ({kinds}, {OBSERVER}) and no KEY=VALUE",
                        shown(word)
                    )
                });
                continue;
            };
            if named.contains(&component) {
                let name = component.name();
                self.problem(format!("two {name}s; a host has one node of a kind"));
            } else {
                named.push(component);
            }
            observer |= is_observer;
        }
        if !any {
            self.problem("has no kind, such as fe or fe,be");
        }
        let in_order = Component::ALL.into_iter();
        let in_order = in_order.filter(|component| named.contains(component));
        (in_order.collect(), observer)
    }

    fn setting(&mut self, word: &str, components: &[Component]) -> Option<(String, String)> {
        let (key, value) = word.split_once('=')?;
        if let Some(why) = self.unfit(key, value, components) {
            self.problem(if key.is_empty() {
                why
            } else {
                format!("{} {why}", shown(key))
            });
            return None;
        }
        Some((key.to_owned(), value.to_owned()))
    }

    /// The reason why a setting cannot be used.
    fn unfit(&self, key: &str, value: &str, components: &[Component]) -> Option<String> {
        if key.is_empty() {
            return Some("a setting has nothing before its `=`".to_owned());
        }
        if is_secret_name(key) || is_secret_value(value) {
            return Some(no_secret(key));
        }
        if OF_LIST.contains(&key) {
            return Some(if key == "FE_ROLE" {
                "is not set here: the kind is fe or observer".to_owned()
            } else {
                "is not set here: it follows from the list".to_owned()
            });
        }
        if key == "ENGINE" {
            return Some("is the same on all hosts: set it in the file of --app-env".to_owned());
        }
        let is_here = |component: &Component| components.contains(component);
        let is_for = if let Some(component) = image_of(key) {
            if !is_image(value) {
                return Some(NO_IMAGE.to_owned());
            }
            is_here(&component)
        } else {
            match owner(key, Some(self.engine)) {
                Owner::Conf(of, _) => components
                    .iter()
                    .any(|here| *here == of || self.engine.share_conf(*here, of)),
                Owner::Foreign => {
                    let meant = suggest::meant(key).map(|meant| format!("; {meant} is one"));
                    return Some(format!("is no setting of muster{}", meant.unwrap_or_default()));
                }
                Owner::Ours(_) | Owner::Vendor(_) | Owner::Home(_) => {
                    let applies = |component| applies_to(key, value, self.engine, component);
                    if Component::ALL
                        .into_iter()
                        .all(|component| applies(component).is_none())
                    {
                        return Some(
                            "is a variable of the vendor's image: use the name that muster has for it"
                                .to_owned(),
                        );
                    }
                    components
                        .iter()
                        .any(|component| applies(*component) == Some(true))
                }
            }
        };
        // Kinds that could not be read may be the ones.
        (!is_for && !components.is_empty()).then(|| "has no effect on the kinds of this host".to_owned())
    }
}

/// A secret would be in a list that is read and copied by many.
fn no_secret(key: &str) -> String {
    if key.contains("__") {
        return "is a secret, which is not written here: put it into compose.override.yaml or a conf file of the host"
            .to_owned();
    }
    let file = format!("{key}_FILE");
    let file = VARIABLES.iter().find(|variable| variable.name == file);
    let file = file.map_or("CLUSTER_PASSWORD_FILE", |variable| variable.name);
    format!("is a secret, which is not written here: set {file} to the path of a file on the host")
}

fn is_secret_setting(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(key, value)| is_secret_name(key) || is_secret_value(value))
}

const fn image_variable(component: Component) -> &'static str {
    match component {
        Component::Fe => "FE_IMAGE",
        Component::Be => "BE_IMAGE",
        Component::Cn => "CN_IMAGE",
        Component::Broker => "BROKER_IMAGE",
    }
}

/// The component whose image this variable names.
fn image_of(key: &str) -> Option<Component> {
    Component::ALL
        .into_iter()
        .find(|component| image_variable(*component) == key)
}

/// True if it can be the name of an image; nothing in it means anything to YAML or to compose.
fn is_image(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::HostList;
    use crate::engine::{ALL, Component};
    use crate::settings::EnvFile;

    fn list(text: &str) -> HostList {
        HostList::parse("hosts.txt", text, EnvFile::parse("app.env", ""), ALL[0])
    }

    fn said(list: &HostList) -> Vec<String> {
        list.broken
            .iter()
            .map(|problem| format!("{}: {}", problem.variable, problem.text))
            .collect()
    }

    #[test]
    fn a_list_is_read_as_people_write_it() {
        let list = list(
            "\u{feff}# three hosts\r\n\r\n  10.0.0.10\tfe,be   FE_HEAP=4g BE_CONF__y='a # b#' # the first\r\n\
             FE2.Example. FE , be , BE_CONF__x='a b'\"c\" FE_IMAGE=r:5000/fe@sha256:0f\n\
             [2001:DB8::0:1] observer,cn,broker\n",
        );
        assert_eq!(said(&list), [""; 0]);
        let hosts: Vec<String> = list.hosts.iter().map(|host| host.host.to_string()).collect();
        assert_eq!(hosts, ["10.0.0.10", "fe2.example", "2001:db8::1"]);
        let dirs: Vec<String> = list.hosts.iter().map(super::ListedHost::dir_name).collect();
        assert_eq!(dirs, ["10.0.0.10", "fe2.example", "2001-db8--1"]);
        let kinds: Vec<&[Component]> = list.hosts.iter().map(|host| host.components.as_slice()).collect();
        let (fe, be, cn, broker) = (Component::Fe, Component::Be, Component::Cn, Component::Broker);
        assert_eq!(kinds, [&[fe, be][..], &[fe, be], &[fe, cn, broker]]);
        let votes: Vec<bool> = list.hosts.iter().map(super::ListedHost::votes).collect();
        assert_eq!(votes, [true, true, false]);

        let env = list.env(&list.hosts[0]);
        assert_eq!(env.get("MASTER_HOST"), Some("10.0.0.10,fe2.example"));
        assert_eq!(env.get("LOCAL_HOST"), Some("10.0.0.10"));
        assert_eq!(env.get("FE_HEAP"), Some("4g"));
        assert_eq!(env.get("BE_CONF__y"), Some("a # b#"));
        assert_eq!(env.place("FE_HEAP"), "hosts.txt, line 3");
        let env = list.env(&list.hosts[1]);
        assert_eq!(env.get("BE_CONF__x"), Some("a bc"));
        assert_eq!(env.get("FE_IMAGE"), None);
        assert_eq!(
            list.image(&list.hosts[1], Component::Fe),
            Some("r:5000/fe@sha256:0f")
        );
        assert_eq!(list.image(&list.hosts[0], Component::Fe), None);
        assert_eq!(list.env(&list.hosts[2]).get("FE_ROLE"), Some("observer"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_line() {
        let list = list(
            "10.0.0.10 fe\n\
             10.0.0.11 fe, feb\n\
             ::ffff:10.0.0.10 be\n\
             10.0.0.10 be\n\
             FE_HEAP=4g\n\
             10.0.0.12\n\
             10.0.0.300 be FE_HEAP=4g BE_HEAP=1g BE_HEAP=2g\n\
             fe5 be FE_QUERY_PROT=9031 FE_QUERY_PORT=9031 LOCAL_HOST=x NOSUCH=1 ENGINE=x =1\n\
             fe6 fe,observer FE_ROLE=observer\n\
             fe7 be 'BE_CONF__x=a b\n\
             fe8 be,cn CLUSTER_PASSWORD=hunter2 hunter3 POD_IP=10.0.0.1 FE_CONF__query_port=9031 BE_CONF__be_port=9061\n\
             fe9 be BE_CONF__s3_secret_key=hunter2 BE_IMAGE=a;b FE_IMAGE=a BE_CONF__o=-Dtoken=hunter2\n\
             0.0.0.0 be\n\
             fe,be 10.0.0.14 FE_HEAP=4g\n",
        );
        assert_eq!(
            said(&list).join("\n"),
            "hosts.txt: line 2: `feb` is no kind (fe, be, cn, broker, observer) and no KEY=VALUE\n\
             hosts.txt: line 3: `::ffff:10.0.0.10` is 10.0.0.10, which is on line 1 already; write all kinds of a host on one line\n\
             hosts.txt: line 4: 10.0.0.10 is on line 1 already; write all kinds of a host on one line\n\
             hosts.txt: line 5: begins with a setting and not with a host; settings of all hosts are for the file of --app-env\n\
             hosts.txt: line 6: has no kind, such as fe or fe,be\n\
             hosts.txt: line 7: `10.0.0.300` is not an IPv4 address: four numbers of 0–255 with dots between them\n\
             hosts.txt: line 7: FE_HEAP has no effect on the kinds of this host\n\
             hosts.txt: line 7: BE_HEAP is set twice\n\
             hosts.txt: line 8: FE_QUERY_PROT is no setting of muster; FE_QUERY_PORT is one\n\
             hosts.txt: line 8: FE_QUERY_PORT has no effect on the kinds of this host\n\
             hosts.txt: line 8: LOCAL_HOST is not set here: it follows from the list\n\
             hosts.txt: line 8: NOSUCH is no setting of muster\n\
             hosts.txt: line 8: ENGINE is the same on all hosts: set it in the file of --app-env\n\
             hosts.txt: line 8: a setting has nothing before its `=`\n\
             hosts.txt: line 9: two FEs; a host has one node of a kind\n\
             hosts.txt: line 9: FE_ROLE is not set here: the kind is fe or observer\n\
             hosts.txt: line 10: has a quote that is not closed, or ends with a backslash\n\
             hosts.txt: line 11: a word is no kind (fe, be, cn, broker, observer) and no KEY=VALUE\n\
             hosts.txt: line 11: CLUSTER_PASSWORD is a secret, which is not written here: set CLUSTER_PASSWORD_FILE to the path of \
             a file on the host\n\
             hosts.txt: line 11: POD_IP is a variable of the vendor's image: use the name that muster has for it\n\
             hosts.txt: line 11: FE_CONF__query_port has no effect on the kinds of this host\n\
             hosts.txt: line 12: BE_CONF__s3_secret_key is a secret, which is not written here: put it into compose.override.yaml or a \
             conf file of the host\n\
             hosts.txt: line 12: BE_IMAGE is not the name of an image\n\
             hosts.txt: line 12: FE_IMAGE has no effect on the kinds of this host\n\
             hosts.txt: line 12: BE_CONF__o is a secret, which is not written here: put it into compose.override.yaml or a conf file of \
             the host\n\
             hosts.txt: line 13: `0.0.0.0` is not the address of one host\n\
             hosts.txt: line 14: `fe,be` is a kind: a line begins with the host, as in `10.0.0.10 fe,be`"
        );
        let report = list.problems().unwrap().to_string();
        assert!(!report.contains("hunter"), "{report}");
        assert!(report.starts_with("hosts.txt cannot be used\n"), "{report}");
    }

    #[test]
    fn a_list_without_a_voter_is_refused_and_one_whose_voter_cannot_be_read_is_not_blamed_for_it() {
        for (text, expected) in [
            ("# nothing\n", &["hosts.txt: names no host"][..]),
            (
                "a be\nb observer\n",
                &["hosts.txt: has no FE that votes: give one host the kind fe, better three"],
            ),
            (
                "a be\nb fee\n",
                &["hosts.txt: line 2: `fee` is no kind (fe, be, cn, broker, observer) and no KEY=VALUE"],
            ),
        ] {
            assert_eq!(said(&list(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_settings_of_all_hosts_hold_no_secret_and_nothing_that_follows_from_the_list() {
        let app_env = EnvFile::parse(
            "app.env",
            "MASTER_HOST=x\nMYSQL_PWD=hunter2\nFE_HEAP=4g\nKAFKA_PASSWORD=hunter2\nFE_IMAGE=a b\nCLUSTER_PASSWORD_FILE=/p\n",
        );
        let list = HostList::parse("hosts.txt", "a fe\n", app_env, ALL[0]);
        assert_eq!(
            said(&list),
            [
                "FE_IMAGE: is not the name of an image, set in app.env, line 5",
                "MASTER_HOST: follows from hosts.txt; take the line out, set in app.env, line 1",
                "MYSQL_PWD: is a secret, which is not written here: set CLUSTER_PASSWORD_FILE to the path of a file on the host, set in \
                 app.env, line 2",
            ]
        );
    }

    #[test]
    fn three_voters_at_most_are_asked_and_the_first_is_the_seed() {
        let list = list("a be\nb observer\nc fe\nd fe\ne fe,be\nf fe\n");
        let masters: Vec<String> = list.masters().map(ToString::to_string).collect();
        assert_eq!(masters, ["c", "d", "e"]);
    }
}
