//! What the `command:` of a file says that was written for the vendor's image, where it called a script that finds the
//! cluster and starts the engine. Here those words follow `muster run`: a compose file only changes the image.

use std::mem::take;
use std::path::PathBuf;

use super::calls::{self, Call, Calls, assignment, file_name};
use super::environment::conf_prefix;
use super::shell_text::Word;
use crate::engine::{self, Component};
use std::collections::BTreeSet;

/// How messages call it.
pub(super) const COMMAND: &str = "the command";

/// What a vendor's command means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub component: Component,
    /// The script that was called.
    pub script: &'static str,
    /// The home dir that its path names.
    pub home: Option<PathBuf>,
    pub says: Says,
    /// For the start script.
    pub script_args: Vec<String>,
    /// Flags of the start script that are not handed on.
    pub flags: Vec<String>,
    /// The first words of what else the text would have run.
    pub left_out: Vec<String>,
}

/// Whom to ask and who this is, as far as somebody said it there; all of it unread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    /// The argument of an entrypoint script: somebody to ask.
    pub service: Option<String>,
    /// The host of `--helper`.
    pub helper: Option<String>,
    /// `--host_type`.
    pub host_type: Option<String>,
    /// A start script was called that joins nobody.
    pub founds: bool,
    /// Where a MySQL client was to register this node.
    pub asked: Option<String>,
    /// The host it was to be registered under.
    pub registered: Option<String>,
}

/// Why a command means nothing here; `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandProblem {
    #[error("the command of this container calls no start script of an engine; it calls {}", list(.0))]
    NoCall(Vec<String>),
    #[error("the command of this container calls {}, and a container is one node", .0.join(" and "))]
    SeveralCalls(Vec<String>),
    #[error(
        "the command of this container calls {script} with `{argument}`, which only a shell that runs it can tell"
    )]
    Open { script: &'static str, argument: String },
    #[error(
        "the command of this container sets {0}, which a cluster keeps from its founding on, by a line that muster does not run"
    )]
    Founding(&'static str),
}

impl CommandProblem {
    const HINT: &str = "muster is the entrypoint of this image and starts the engine itself: leave `command:` out, or let \
        it say fe, be or cn; who wants a shell sets `entrypoint:` (docker run --entrypoint bash)";

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Founding(key) => format!(
                "set {}{key}=value in the environment, and every other key that the command writes to the conf",
                conf_prefix(Component::Fe)
            ),
            _ => Self::HINT.to_owned(),
        }
    }
}

impl Command {
    /// Reads what stands after `run` and its flags. `None`: nothing a vendor would have written.
    pub fn read(
        words: &[String],
        value: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Result<Self, CommandProblem>> {
        let first = file_name(words.first()?);
        if !calls::is_known(first) && !words.first()?.contains('/') {
            return None;
        }
        let all: Vec<Word> = words.iter().map(|word| Word::plain(word)).collect();
        let mut found = Calls::default();
        found.take(&all, value, 0);
        let command = meaning(&found);
        // Also in a here-document, which is no command.
        let key = founding_key(words, value);
        match (command, key) {
            (Ok(command), Some(key)) if command.component == Component::Fe => {
                Some(Err(CommandProblem::Founding(key)))
            }
            (command, _) => Some(command),
        }
    }

    /// But for the flags that make no difference.
    fn is_the_same(&self, other: &Self) -> bool {
        *self
            == Self {
                flags: self.flags.clone(),
                ..other.clone()
            }
    }

    /// What is odd about it; each is the rest of a sentence that begins with its name.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut texts = Vec::new();
        if !self.left_out.is_empty() {
            texts.push(format!(
                "is read as a start of the {} by {}; what else it calls is not run: {}; muster waits and registers by itself, \
                 and {}key=value sets a key of the conf",
                self.component.name(),
                self.script,
                self.left_out.join(", "),
                conf_prefix(self.component)
            ));
        }
        if !self.flags.is_empty() {
            texts.push(format!(
                "gives {} what muster decides itself and does not hand on: {}",
                self.script,
                self.flags.join(", ")
            ));
        }
        texts
    }
}

/// Where the words that are no flags of `run` begin; `None` if there are none, or somebody else has to say what is wrong.
pub fn after_flags(words: &[String]) -> Option<usize> {
    let mut at = 0;
    loop {
        match words.get(at)?.as_str() {
            "--exec" => at += 1,
            "--home" => at += 2,
            word if word.starts_with("--home=") => at += 1,
            word if word.starts_with('-') => return None,
            _ => return Some(at),
        }
    }
}

/// The one call says what is meant.
fn meaning(found: &Calls) -> Result<Command, CommandProblem> {
    let left_out = names(&found.others);
    let mut meant: Option<Command> = None;
    for call in &found.calls {
        let mut command = read_call(call, &found.others)?;
        let flags = take(&mut command.flags);
        match &mut meant {
            Some(before) if !before.is_the_same(&command) => {
                let mut scripts: Vec<String> = Vec::new();
                for call in &found.calls {
                    let script = if before.script == command.script {
                        written(call)
                    } else {
                        call.script.to_owned()
                    };
                    if !scripts.contains(&script) {
                        scripts.push(script);
                    }
                }
                return Err(CommandProblem::SeveralCalls(scripts));
            }
            Some(before) => before.flags.extend(flags),
            None => meant = Some(Command { flags, ..command }),
        }
    }
    match meant {
        Some(mut command) => {
            let mut seen = BTreeSet::new();
            command.flags.retain(|flag| seen.insert(flag.clone()));
            Ok(Command { left_out, ..command })
        }
        None => Err(CommandProblem::NoCall(left_out)),
    }
}

/// A key that the text mentions, and the environment does not set.
fn founding_key(words: &[String], value: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let keys = engine::ALL.iter().flat_map(|engine| engine.founding_keys);
    keys.copied().find(|key| {
        let mentioned = words.iter().any(|word| word.contains(key));
        mentioned && value(&format!("{}{key}", conf_prefix(Component::Fe))).is_none()
    })
}

fn written(call: &Call) -> String {
    let words: Vec<&str> = call.args.iter().map(|word| word.written.as_str()).collect();
    format!("`{} {}`", call.script, words.join(" ")).replace(" `", "`")
}

fn read_call(call: &Call, others: &[Vec<Word>]) -> Result<Command, CommandProblem> {
    let mut command = Command {
        component: call.layout.component,
        script: call.script,
        home: None,
        says: Says::default(),
        script_args: Vec::new(),
        flags: Vec::new(),
        left_out: Vec::new(),
    };
    if let Some(open) = call.args.iter().find(|word| word.open) {
        return Err(CommandProblem::Open {
            script: call.script,
            argument: open.written.clone(),
        });
    }
    let mut args = call.args.iter().map(|word| word.text.as_str());
    if call.layout.entrypoint == Some(call.script) {
        command.says.service = args.next().filter(|name| !name.is_empty()).map(str::to_owned);
        return Ok(command);
    }
    let path = call.path.text.as_str();
    if path.starts_with('/') && !call.path.open {
        let home = path.strip_suffix(call.layout.script);
        let home = home.map(|home| home.trim_end_matches('/'));
        command.home = home.filter(|home| !home.is_empty()).map(PathBuf::from);
    }
    while let Some(arg) = args.next() {
        let (name, value) = arg
            .split_once('=')
            .map_or((arg, None), |(name, value)| (name, Some(value)));
        let mut value = || value.or_else(|| args.next()).map(str::to_owned);
        match name {
            "--helper" => command.says.helper = value().map(without_port),
            "--host_type" => command.says.host_type = value(),
            "--daemon" | "--logconsole" => {}
            _ => {
                command.script_args.push(arg.to_owned());
                continue;
            }
        }
        command.flags.push(name.to_owned());
    }
    if call.layout.component.is_fe() {
        command.says.founds = command.says.helper.is_none();
    } else {
        command.says.asked = one(others.iter().filter_map(|words| client_host(words)));
        command.says.registered = one(others.iter().flatten().filter_map(|word| registered(&word.text)));
    }
    Ok(command)
}

/// `fe-0:9010` is known by its host here.
fn without_port(helper: String) -> String {
    match helper.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => helper,
    }
}

/// The host a MySQL client is told to call.
fn client_host(words: &[Word]) -> Option<String> {
    let (first, args) = words.split_first()?;
    if !["mysql", "mariadb"].contains(&file_name(&first.text)) {
        return None;
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let host = match arg.text.as_str() {
            "-h" | "--host" => args.next()?.clone(),
            text => {
                let host = text.strip_prefix("--host=").or_else(|| {
                    let short = text.strip_prefix("-h")?;
                    (!text.starts_with("--") && !short.is_empty()).then_some(short)
                });
                let Some(host) = host else { continue };
                Word {
                    text: host.to_owned(),
                    ..arg.clone()
                }
            }
        };
        return (!host.open).then_some(host.text);
    }
    None
}

/// The host in `ADD BACKEND "host:9050"`, `ADD COMPUTE NODE 'host:9050'`.
fn registered(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is = |word: Option<&&str>, name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name));
    let at = (0..words.len()).find_map(|at| {
        let next = |number| words.get(at + number);
        if !is(next(0), "ADD") {
            None
        } else if is(next(1), "BACKEND") {
            Some(at + 2)
        } else if is(next(1), "COMPUTE") && is(next(2), "NODE") {
            Some(at + 3)
        } else {
            None
        }
    })?;
    let endpoint = words.get(at)?.trim_matches(['"', '\'', ';', '\\']);
    let (host, port) = endpoint.rsplit_once(':')?;
    let is_one = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_one && !host.is_empty() && !host.contains(',')).then(|| host.to_owned())
}

/// The one value all of them have.
fn one(values: impl Iterator<Item = String>) -> Option<String> {
    let mut values: Vec<String> = values.collect();
    values.dedup();
    let one = values.pop()?;
    values.is_empty().then_some(one)
}

/// The first word of each, once; of `NAME=value` the name: the value may be a secret.
fn names(others: &[Vec<Word>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for first in others.iter().filter_map(|words| words.first()) {
        let name = match assignment(&first.written) {
            Some(name) => format!("{name}="),
            None => super::problem::shown(file_name(&first.written)),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Command, after_flags};

    fn read(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let value = |name: &str| (name == "FE").then(|| "fe-0".to_owned());
        match Command::read(&words, &value) {
            None => "not a vendor's".to_owned(),
            Some(Err(problem)) => problem.to_string(),
            Some(Ok(command)) => shown(&command),
        }
    }

    /// Only what was said.
    fn shown(command: &Command) -> String {
        let says = &command.says;
        let mut words = vec![command.component.id().to_owned()];
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                words.push(format!("{name}={value}"));
            }
        };
        add(
            "home",
            command.home.as_ref().map(|home| home.display().to_string()),
        );
        add("service", says.service.clone());
        add("helper", says.helper.clone());
        add("type", says.host_type.clone());
        add("founds", says.founds.then(|| "1".to_owned()));
        add("asked", says.asked.clone());
        add("registered", says.registered.clone());
        add("args", Some(command.script_args.join(",")));
        add("flags", Some(command.flags.join(",")));
        add("out", Some(command.left_out.join(",")));
        words.join(" ")
    }

    /// The words after `run`, and what they say.
    const COMMANDS: &[(&[&str], &str)] = &[
        (&["/opt/db/fe_entrypoint.sh", "db-fe-0"], "fe service=db-fe-0"),
        (&["be_entrypoint.sh", "db-fe-0"], "be service=db-fe-0"),
        (&["./cn_entrypoint.sh", "db-fe-0", "x"], "cn service=db-fe-0"),
        (&["fe_entrypoint.sh"], "fe"),
        (
            &["/bin/bash", "-c", "/opt/db/fe_entrypoint.sh db-fe-0"],
            "fe service=db-fe-0",
        ),
        (
            &["bash", "-lc", "exec be_entrypoint.sh \"$FE\"\n"],
            "be service=fe-0",
        ),
        (
            &[
                "sh",
                "-e",
                "-o",
                "pipefail",
                "-c",
                "exec nohup be_entrypoint.sh ${FE}",
                "x",
            ],
            "be service=fe-0",
        ),
        (
            &["bash", "/opt/db/be_entrypoint.sh", "db-fe-0"],
            "be service=db-fe-0",
        ),
        (
            &["tini", "-g", "--", "bash", "-c", "bash -c 'fe_entrypoint.sh a'"],
            "fe service=a",
        ),
        (
            &[
                "/bin/bash",
                "-c",
                "\n  sed -i 's/a/b/' /opt/db/fe/conf/fe.conf\n  /opt/db/fe_entrypoint.sh db-fe-0\n",
            ],
            "fe service=db-fe-0 out=sed",
        ),
        (
            &[
                "bash",
                "-c",
                "export A=b; MYSQL_PWD=hunter2\nP=hunter2 mysql -pX; P=x exec be_entrypoint.sh f 2>&1 | tee l",
            ],
            "be service=f out=export,MYSQL_PWD=,mysql,tee",
        ),
        (
            &[
                "bash",
                "-c",
                "until nc -z f 9030; do sleep 1; done; if [ -e x ]; then be_entrypoint.sh f; else be_entrypoint.sh f; fi",
            ],
            "be service=f out=nc,sleep,[",
        ),
        (&["/opt/db/fe/bin/start_fe.sh"], "fe home=/opt/db/fe founds=1"),
        (
            &[
                "/opt/db/fe/bin/start_fe.sh",
                "--daemon",
                "--helper",
                "fe-0:9010",
                "--host_type=FQDN",
                "--logconsole",
                "--debug",
            ],
            "fe home=/opt/db/fe helper=fe-0 type=FQDN args=--debug flags=--daemon,--helper,--host_type,--logconsole",
        ),
        (&["start_cn.sh", "--numa", "0"], "cn args=--numa,0"),
        (&["bash", "-c", "cd /opt/db/be && ./bin/start_be.sh"], "be out=cd"),
        (&["bash", "-c", "$HOME_DIR/bin/start_be.sh"], "be"),
        (
            &[
                "/bin/bash",
                "-c",
                "sleep 15s; mysql --connect-timeout 2 -h fe-0 -P9030 -uroot -phunter2 -e \"alter system add backend \\\"be-1:9050\\\";\"\n\
                     /opt/db/be/bin/start_be.sh",
            ],
            "be home=/opt/db/be asked=fe-0 registered=be-1 out=sleep,mysql",
        ),
        (
            &[
                "sh",
                "-c",
                "echo 'ADD COMPUTE NODE \"c:1\"' | mysql -hfe-0 && start_cn.sh --daemon",
            ],
            "cn asked=fe-0 registered=c flags=--daemon out=echo,mysql",
        ),
        (
            &[
                "sh",
                "-c",
                "mysql --host=a -e 'ADD BACKEND \"x:1\"'; mysql -hb -e 'ADD BACKEND \"y:1\"'; start_be.sh",
            ],
            "be out=mysql",
        ),
        (
            &[
                "bash",
                "-c",
                "start_fe.sh --daemon || start_fe.sh --logconsole --daemon",
            ],
            "fe founds=1 flags=--daemon,--logconsole",
        ),
        (
            &["bash", "-c", "start_fe.sh --daemon; start_be.sh --daemon"],
            "the command of this container calls start_fe.sh and start_be.sh, and a container is one node",
        ),
        (
            &["bash", "-c", "fe_entrypoint.sh a; fe_entrypoint.sh b"],
            "the command of this container calls `fe_entrypoint.sh a` and `fe_entrypoint.sh b`, and a container is one node",
        ),
        (
            &[
                "bash",
                "-c",
                "echo run_mode=shared_data >> /opt/db/fe/conf/fe.conf; fe_entrypoint.sh a",
            ],
            "the command of this container sets run_mode, which a cluster keeps from its founding on, by a line that muster \
             does not run",
        ),
        (
            &[
                "bash",
                "-c",
                "cat >>fe.conf <<E\nrun_mode = shared_data\nE\nfe_entrypoint.sh a",
            ],
            "the command of this container sets run_mode, which a cluster keeps from its founding on, by a line that muster \
             does not run",
        ),
        (
            &["bash", "-c", "echo run_mode; be_entrypoint.sh a"],
            "be service=a out=echo",
        ),
        (
            &["bash", "-c", "sleep 1; exec java -Dpassword=hunter2"],
            "the command of this container calls no start script of an engine; it calls sleep, java",
        ),
        (
            &["bash"],
            "the command of this container calls no start script of an engine; it calls bash",
        ),
        (
            &["/my/own.sh", "hunter2"],
            "the command of this container calls no start script of an engine; it calls own.sh",
        ),
        (
            &["bash", "-c", ""],
            "the command of this container calls no start script of an engine; it calls nothing",
        ),
        (
            &["bash", "-c", "be_entrypoint.sh $(hostname)"],
            "the command of this container calls be_entrypoint.sh with `$(…)`, which only a shell that runs it can tell",
        ),
        (&["fe"], "not a vendor's"),
        (&["frontend"], "not a vendor's"),
        (&[], "not a vendor's"),
    ];

    #[test]
    fn a_command_of_the_vendors_image_says_what_it_said_there() {
        for (words, expected) in COMMANDS {
            assert_eq!(read(words), *expected, "{words:?}");
        }
    }

    #[test]
    fn the_flags_of_run_stand_before_a_command() {
        let table: &[(&str, Option<usize>)] = &[
            ("", None),
            ("fe", Some(0)),
            ("--exec bash -c x", Some(1)),
            ("--home /x --exec --home=/y fe", Some(4)),
            ("--home", None),
            ("--help", None),
            ("-- --debug", None),
        ];
        for (text, expected) in table {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            assert_eq!(after_flags(&words), *expected, "{text}");
        }
    }
}
