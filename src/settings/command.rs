//! The `command:` of a file that was written for the vendor's image: an argv, or a text for `sh -c`, that calls a script
//! which finds the cluster and starts the engine. Here those words follow `muster run`: a compose file only changes the
//! image.

use std::path::PathBuf;

use super::conf_lines::{edited_lines, named, settings, with_values};
use super::environment::conf_prefix;
use super::heap::variable_of as heap_variable;
use super::problems::shown;
use super::shell::Script;
use crate::engine::{self, Component, Layout, aliases};

/// The name of the command in messages.
pub(super) const COMMAND: &str = "the command";

/// Looks up a variable of the environment.
pub(super) type Value<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The meaning of a vendor's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub component: Component,
    /// The script that was called.
    pub script: &'static str,
    /// The home dir that its path names.
    pub home: Option<PathBuf>,
    pub hosts: CommandHosts,
    /// For the start script.
    pub script_args: Vec<String>,
    /// Variables that it gives as arguments, such as `--fe_servers=…`.
    pub variables: Vec<(String, String)>,
    /// The first words of what else the text would have run.
    pub left_out: Vec<String>,
}

/// The hosts that a command names, not parsed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandHosts {
    /// The argument of an entrypoint script: an FE to ask.
    pub service: Option<String>,
    /// The host of `--helper`.
    pub helper: Option<String>,
    /// `--host_type`.
    pub host_type: Option<String>,
    /// A start script of an FE was called without `--helper`.
    pub founds: bool,
}

/// The reason why a command cannot be used; `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandProblem {
    #[error("the command of this container calls no start script of an engine; it calls {}", match .0.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    })]
    NoCall(Vec<String>),
    #[error("the command of this container calls {}; one container is one node", .0.join(" and "))]
    SeveralCalls(Vec<String>),
    #[error(
        "the command of this container calls {script} with `{argument}`, which only a shell can evaluate"
    )]
    Computed { script: &'static str, argument: String },
    #[error("the command of this container writes into {file}, and muster runs nothing of it but {script}")]
    WritesConf {
        script: &'static str,
        file: String,
        component: Component,
        /// The same as lines to copy, as far as the text can be read.
        settings: Vec<String>,
        /// What else changes the file and is no such line.
        unread: Vec<String>,
    },
}

impl CommandProblem {
    /// The next thing to do.
    pub fn hint(&self) -> String {
        match self {
            Self::WritesConf {
                component,
                settings,
                unread,
                ..
            } if settings.is_empty() => {
                let heap = edited_heap(*component, unread);
                let heap = heap.map_or_else(String::new, |variable| format!("{variable} for -Xmx and -Xms, or "));
                format!(
                    "take that out of `command:`, and set {heap}each key in the environment as {}key=value, or mount the whole \
                     file",
                    conf_prefix(*component)
                )
            }
            Self::WritesConf {
                component,
                settings,
                unread,
                ..
            } => {
                let heap = edited_heap(*component, unread);
                let heap = heap.map_or_else(String::new, |variable| format!(" ({variable} sets -Xmx and -Xms)"));
                let rest = if unread.is_empty() {
                    String::new()
                } else {
                    format!(
                        "; beside them the command changes what muster cannot read as {}key=value, so set that too{heap}, or \
                         mount the whole file: {}",
                        conf_prefix(*component),
                        unread.join(", ")
                    )
                };
                format!(
                    "take that out of `command:`, and set in the environment instead{rest}:\n{}",
                    settings.join("\n")
                )
            }
            _ => "muster is the entrypoint of this image and starts the engine itself: leave `command:` out, or set it to \
                  fe, be or cn; an FE and a BE are two containers of one image; to get a shell, set `entrypoint:` \
                  (docker run --entrypoint bash)"
                .to_owned(),
        }
    }
}

/// The variable that does what one of these edits does to the heap.
fn edited_heap(component: Component, edits: &[String]) -> Option<&'static str> {
    heap_variable(component).filter(|_| edits.iter().any(|edit| edit.contains("-Xmx")))
}

impl Command {
    /// Reads what stands after `run` and its flags. `None`: nothing a vendor would have written.
    pub fn read(words: &[String], value: Value<'_>) -> Option<Result<Self, CommandProblem>> {
        let first = words.first()?;
        let name = file_name(first);
        let is_program = script(name).is_some() || is_one_of(RUNNERS, name) || first.contains('/');
        // One word may be a component that was misspelled.
        if !is_program && (words.len() < 2 || Component::parse(first).is_some()) {
            return None;
        }
        let mut found = Found::default();
        Some(found.take(words, value).and_then(|()| found.meaning(value)))
    }

    /// The rest of a sentence that begins with the name of the command.
    pub(super) fn warning(&self) -> Option<String> {
        (!self.left_out.is_empty()).then(|| {
            format!(
                "starts the {} by {}; muster does not run what else it calls: {}; it waits and registers by itself, and \
                 {}key=value sets a key of the conf",
                self.component.name(),
                self.script,
                self.left_out.join(", "),
                conf_prefix(self.component)
            )
        })
    }
}

/// Words of a shell before the word that is run.
const KEYWORDS: &str = "if then elif else fi while until do done { } ! exec";

/// Programs that run another one.
const RUNNERS: &str =
    "sh bash dash ash ksh nohup setsid env tini dumb-init catatonit docker-init gosu su-exec";

/// Everything a command would have run.
#[derive(Default)]
struct Found {
    /// The different calls of start scripts, and how each was written.
    calls: Vec<(Command, String)>,
    /// The other programs, each once.
    others: Vec<String>,
    /// A conf file that the text writes to.
    conf_file: Option<String>,
    /// The texts that may become lines of a conf file.
    texts: Vec<String>,
    /// What changes a conf file and is no text of a line.
    unread: Vec<String>,
    /// The variables that the text sets.
    assigned: Vec<(String, String)>,
}

impl Found {
    /// Takes one command, and those of a text that it hands to a shell.
    fn take(&mut self, words: &[String], value: Value<'_>) -> Result<(), CommandProblem> {
        let is_before = |word: &&String| is_one_of(KEYWORDS, word) || is_assignment(word);
        let before = words.iter().take_while(is_before).count();
        let assigned = words.iter().take(before).filter_map(|word| word.split_once('='));
        let assigned = assigned.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.assigned.extend(assigned);
        let words = words.get(before..).unwrap_or_default();
        let Some(first) = words.first() else { return Ok(()) };
        let mut at = 0;
        if is_one_of(RUNNERS, file_name(first)) {
            let is_text =
                |flag: &String| flag.starts_with('-') && !flag.starts_with("--") && flag.contains('c');
            if let Some(text) = words
                .iter()
                .position(is_text)
                .and_then(|flag| words.get(flag + 1))
            {
                return self.take_script(&Script::parse(text), value);
            }
            at = words
                .iter()
                .position(|word| has_extension(word, "sh"))
                .unwrap_or(0);
        }
        let (path, args) = words
            .get(at..)
            .and_then(<[String]>::split_first)
            .unwrap_or((first, &[]));
        let name = file_name(path);
        match script(name) {
            Some((layout, script)) => {
                let command = read_call(layout, script, path, args, value)?;
                if self.calls.iter().all(|(known, _)| *known != command) {
                    self.calls.push((command, format!("{script} {}", args.join(" "))));
                }
            }
            None => self.other(name, args, value),
        }
        Ok(())
    }

    fn take_script(&mut self, script: &Script, value: Value<'_>) -> Result<(), CommandProblem> {
        script
            .commands
            .iter()
            .try_for_each(|command| self.take(command, value))?;
        self.texts.extend(script.documents.iter().cloned());
        for file in &script.outputs {
            self.writes(file, value);
        }
        Ok(())
    }

    /// Takes a program that muster does not run.
    fn other(&mut self, name: &str, args: &[String], value: Value<'_>) {
        let shown = shown(name);
        if !self.others.contains(&shown) {
            self.others.push(shown);
        }
        let is_flag = |arg: &&String| arg.starts_with('-');
        let words = || args.iter().filter(|arg| !is_flag(arg));
        match name {
            "echo" | "printf" => {
                let words: Vec<&str> = words().map(String::as_str).collect();
                self.texts.push(words.join(" "));
            }
            "sed" if args.iter().filter(is_flag).any(|flag| flag.contains('i')) => {
                let mut words: Vec<&String> = words().collect();
                let Some(file) = words.pop().filter(|file| self.writes(file, value)) else {
                    return;
                };
                for edit in words.iter().filter(|word| **word != file) {
                    match edited_lines(edit) {
                        Some(lines) => self.texts.extend(lines),
                        None => self.unread.push(named(name, edit)),
                    }
                }
            }
            "tee" => {
                for file in args {
                    self.writes(file, value);
                }
            }
            "cp" | "mv" | "ln" if args.last().is_some_and(|file| self.writes(file, value)) => {
                let from = words().next().map(String::as_str).unwrap_or_default();
                self.unread.push(named(name, from));
            }
            _ => {}
        }
    }

    /// Notes that this file is written to, if it is a conf file.
    fn writes(&mut self, file: &str, value: Value<'_>) -> bool {
        let assigned = |name: &str| {
            let (_, text) = self.assigned.iter().rev().find(|(known, _)| known == name)?;
            Some(text.clone())
        };
        let file = with_values(file, &|name| assigned(name).or_else(|| value(name)));
        let is_conf = has_extension(&file, "conf");
        if is_conf {
            self.conf_file = Some(shown(&file));
        }
        is_conf
    }

    /// The one call says what is meant.
    fn meaning(self, value: Value<'_>) -> Result<Command, CommandProblem> {
        let [(command, _)] = self.calls.as_slice() else {
            let calls: Vec<String> = self
                .calls
                .iter()
                .map(|(_, call)| call.trim_end().to_owned())
                .collect();
            return Err(match calls.len() {
                0 => CommandProblem::NoCall(self.others),
                _ => CommandProblem::SeveralCalls(calls),
            });
        };
        if let Some(file) = self.conf_file {
            let texts: Vec<String> = self.texts.iter().map(|text| with_values(text, value)).collect();
            let (settings, refused) = settings(command.component, &texts);
            return Err(CommandProblem::WritesConf {
                script: command.script,
                file,
                component: command.component,
                settings,
                unread: [self.unread, refused].concat(),
            });
        }
        Ok(Command {
            left_out: [self.others, command.left_out.clone()].concat(),
            ..command.clone()
        })
    }
}

fn read_call(
    layout: &Layout,
    script: &'static str,
    path: &str,
    args: &[String],
    value: Value<'_>,
) -> Result<Command, CommandProblem> {
    let mut command = Command {
        component: layout.component,
        script,
        home: None,
        hosts: CommandHosts::default(),
        script_args: Vec::new(),
        variables: Vec::new(),
        left_out: Vec::new(),
    };
    let expanded: Result<Vec<String>, CommandProblem> = args
        .iter()
        .map(|arg| {
            expand(arg, value).ok_or_else(|| CommandProblem::Computed {
                script,
                argument: shown(arg),
            })
        })
        .collect();
    let mut args = expanded?.into_iter();
    if let Some(entrypoint) = layout.entrypoints.iter().find(|it| it.script == script) {
        if entrypoint.takes_host {
            command.hosts.service = args.next().filter(|name| !name.is_empty());
        } else {
            for arg in args {
                match variable_of(&arg) {
                    Some(variable) => command.variables.push(variable),
                    None => command
                        .left_out
                        .push(shown(arg.split('=').next().unwrap_or(&arg))),
                }
            }
        }
        return Ok(command);
    }
    if path.starts_with('/') && !path.contains('$') {
        let home = path
            .strip_suffix(layout.script)
            .map(|home| home.trim_end_matches('/'));
        command.home = home.filter(|home| !home.is_empty()).map(PathBuf::from);
    }
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        match name {
            "--helper" => command.hosts.helper = value.or_else(|| args.next()).map(without_port),
            "--host_type" => command.hosts.host_type = value.or_else(|| args.next()),
            // muster stays in the foreground and shows the log on the console anyway.
            "--daemon" => {}
            _ if is_console_flag(name) => {}
            _ => command.script_args.push(arg),
        }
    }
    command.hosts.founds = layout.component.is_fe() && command.hosts.helper.is_none();
    Ok(command)
}

/// The variable that an argument such as `--fe_servers=…` of a vendor's entrypoint gives.
pub fn variable_of(arg: &str) -> Option<(String, String)> {
    let (name, value) = arg.strip_prefix("--")?.split_once('=')?;
    let alias = aliases::of(&name.to_ascii_uppercase())?;
    Some((alias.variable.to_owned(), value.to_owned()))
}

fn is_console_flag(flag: &str) -> bool {
    let mut layouts = engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    layouts.any(|layout| layout.console_flag == Some(flag))
}

/// A word, or the value of the variable that it consists of. `None`: only a shell can evaluate it.
fn expand(word: &str, value: Value<'_>) -> Option<String> {
    if !word.contains(['$', '`']) {
        return Some(word.to_owned());
    }
    let name = word.strip_prefix('$')?;
    let braced = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    let name = braced.unwrap_or(name);
    is_name(name).then(|| value(name).unwrap_or_default())
}

/// `fe-0:9010` is known by its host here.
fn without_port(helper: String) -> String {
    match helper.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => helper,
    }
}

fn is_one_of(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| is_name(name))
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The script of that name: an image's entrypoint, or what starts an engine.
fn script(name: &str) -> Option<(&'static Layout, &'static str)> {
    let layouts = || engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    layouts().find_map(|layout| {
        let entrypoints = layout.entrypoints.iter().map(|entrypoint| entrypoint.script);
        let mut all = entrypoints.chain([file_name(layout.script)]);
        Some((layout, all.find(|script| *script == name)?))
    })
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::Command;

    /// Reads a command; the text of a problem, and the lines to copy.
    fn read(words: &[&str]) -> Result<String, (String, String)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let value = |name: &str| (name == "FE").then(|| "fe-0".to_owned());
        let Some(read) = Command::read(&words, &value) else {
            return Ok("not a vendor's".to_owned());
        };
        let command = read.map_err(|problem| (problem.to_string(), problem.hint()))?;
        let hosts = command.hosts;
        let variables = command.variables.iter();
        let variables: Vec<String> = variables.map(|(name, value)| format!("{name}={value}")).collect();
        let fields = [
            ("home", command.home.map(|home| home.display().to_string())),
            ("service", hosts.service),
            ("helper", hosts.helper),
            ("type", hosts.host_type),
            ("founds", hosts.founds.then(|| "1".to_owned())),
            (
                "vars",
                Some(variables.join(",")).filter(|variables| !variables.is_empty()),
            ),
            (
                "args",
                Some(command.script_args.join(",")).filter(|args| !args.is_empty()),
            ),
            (
                "out",
                Some(command.left_out.join(",")).filter(|out| !out.is_empty()),
            ),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some(format!(" {name}={}", value?)));
        Ok(format!(
            "{}{}",
            command.component.id(),
            fields.collect::<String>()
        ))
    }

    const ARGVS: &str = "
        /opt/db/fe_entrypoint.sh db-fe-0 => fe service=db-fe-0
        ./cn_entrypoint.sh db-fe-0 x => cn service=db-fe-0
        fe_entrypoint.sh => fe
        bash /opt/db/be_entrypoint.sh db-fe-0 => be service=db-fe-0
        tini -g -- gosu root be_entrypoint.sh ${FE} => be service=fe-0
        /opt/db/fe/bin/start_fe.sh => fe home=/opt/db/fe founds=1
        /opt/db/fe/bin/start_fe.sh --helper fe-0:9010 --host_type=IP --debug => fe home=/opt/db/fe helper=fe-0 type=IP args=--debug
        start_cn.sh --numa 0 --daemon --logconsole => cn args=--numa,0
        /opt/db/be/bin/start_be.sh --console => be home=/opt/db/be
        /home/db/fe/bin/start_fe.sh --helper fe-leader:9010 --console => fe home=/home/db/fe helper=fe-leader
        bash init_fe.sh => fe
        bash entry_point.sh => be
        bash init_be.sh --be_addr=10.0.0.5:9050 --x=y => be vars=BE_ADDR=10.0.0.5:9050 out=--x
        /opt/db/init_broker.sh => broker
        bash start-fe.sh => fe
        sysctl -w vm.max_map_count=2000000 => calls no start script of an engine; it calls sysctl
        fe extra => not a vendor's
        sysctl => not a vendor's
        bash => calls no start script of an engine; it calls bash
        /my/own.sh hunter2 => calls no start script of an engine; it calls own.sh
        bash own.sh fe_entrypoint.sh => calls no start script of an engine; it calls own.sh
        be_entrypoint.sh $(hostname) => calls be_entrypoint.sh with `$(hostname)`, which only a shell can evaluate
        be_entrypoint.sh $1 => calls be_entrypoint.sh with `$1`, which only a shell can evaluate
        fe => not a vendor's
        => not a vendor's";

    /// Texts for a shell; `|n` is a line end.
    const TEXTS: &str = "
        |n /opt/db/fe_entrypoint.sh db-fe-0|n => fe service=db-fe-0
        sed -i s/-Xmx8192m/-Xmx1024m/ /x/fe/conf/fe.txt && exec bash init_fe.sh => fe out=sed
        exec nohup be_entrypoint.sh \"$FE\" 2>&1 => be service=fe-0
        bash -c 'fe_entrypoint.sh a' => fe service=a
        cd /opt/db/be && ./bin/start_be.sh => be out=cd
        $HOME_DIR/bin/start_be.sh => be
        P=hunter2 mysql -pX; P=hunter2 exec be_entrypoint.sh f | tee l => be service=f out=mysql,tee
        until nc -z f; do sleep 1; done; if [ -e x ]; then start_be.sh; else start_be.sh --daemon; fi => be out=nc,sleep,[
        sleep 1; mysql -phunter2 -e \"add backend 'be:9050';\"|n/opt/db/be/bin/start_be.sh => be home=/opt/db/be out=sleep,mysql
        grep x fe.conf >/tmp/x; cat fe.conf; be_entrypoint.sh a => be service=a out=grep,cat
        start_fe.sh --x; start_be.sh => calls start_fe.sh --x and start_be.sh; one container is one node
        fe_entrypoint.sh a; fe_entrypoint.sh b => calls fe_entrypoint.sh a and fe_entrypoint.sh b; one container is one node
        sleep 1; exec java -Dpassword=hunter2 => calls no start script of an engine; it calls sleep, java
        => calls no start script of an engine; it calls nothing";

    #[test]
    fn a_command_of_the_vendors_image_says_the_one_call_and_names_the_rest() {
        for (table, shell) in [(ARGVS, false), (TEXTS, true)] {
            for row in table.lines().skip(1) {
                let (command, expected) = row.trim().split_once("=> ").unwrap();
                let text = command.trim_end().replace("|n", "\n");
                let words = if shell {
                    vec!["sh", "-e", "-o", "pipefail", "-c", &text, "x"]
                } else {
                    text.split_whitespace().collect()
                };
                let said = read(&words).unwrap_or_else(|(problem, _)| problem);
                assert_eq!(
                    said.trim_start_matches("the command of this container "),
                    expected,
                    "{row}"
                );
            }
        }
    }

    /// The ways to write a conf file that were seen in compose files, each with the settings to copy.
    const WRITERS: &str = "
        echo \"run_mode = shared_data\" >> /db/fe.conf|necho '# no = x' >>/db/fe.conf; start_fe.sh => FE_CONF__run_mode=shared_data
        echo aws_s3_secret_key=hunter2 >> fe.conf; start_fe.sh => FE_CONF__aws_s3_secret_key=(the secret in the command)
        echo \"block_cache_enable = true\" >> be.conf; start_be.sh => BE_CONF__block_cache_enable=true
        sed -i '/^JAVA_OPTS=/d' fe.conf; echo 'JAVA_OPTS=\"-Xmx1g -Dx=y\"' >> fe.conf; exec fe_entrypoint.sh db-fe => FE_CONF__JAVA_OPTS=-Xmx1g -Dx=y
        cat >>$HOME_DIR/conf/cn.conf <<E|na = 1|nb.c=2|na = 3|nE|nstart_cn.sh => CN_CONF__b.c=2|nCN_CONF__a=3
        printf 'a = 1\\nb = 2\\n' | tee -a be.conf; start_be.sh => BE_CONF__a=1|nBE_CONF__b=2
        { echo -e \"a=1\"; } &> be.conf; start_be.sh => BE_CONF__a=1
        sed -ri 's|^#*mem_limit.*|mem_limit = 80%|' be.conf; start_be.sh => BE_CONF__mem_limit=80%
        CONF=/db/be/conf/be.conf; echo 'a = 1' >> \"$CONF\"; start_be.sh => BE_CONF__a=1
        echo a=$FE:9000 >> fe.conf; echo b=${FE} >> fe.conf; echo c=$NOPE >> fe.conf; start_fe.sh => FE_CONF__a=fe-0:9000|nFE_CONF__b=fe-0|nFE_CONF__c=$NOPE
        sed -i -e 's/^a .*/a = 1/' -e 's#^b.*#b = /x#g; s/c=1/c=2/' fe.conf; start_fe.sh => FE_CONF__a=1|nFE_CONF__b=/x|nFE_CONF__c=2
        sed -i '$ a a = 1' be.conf; sed -i '/^x/a\\b = 2' be.conf; sed -i '1i c = 3' be.conf; start_be.sh => BE_CONF__a=1|nBE_CONF__b=2|nBE_CONF__c=3
        sed -i 's/-Xmx8192m/-Xmx1g/' fe.conf; echo a=1 >> fe.conf; start_fe.sh => so set that too (FE_HEAP sets -Xmx and -Xms), or mount the whole file: `sed s/-Xmx8192m/-Xmx1g/`:|nFE_CONF__a=1
        cp /mnt/x.conf fe.conf; echo 'JAVA_OPTS=\"-Xlog:gc*\"' >> fe.conf; echo a=1 >> fe.conf; start_fe.sh => `cp /mnt/x.conf`, JAVA_OPTS, whose value contains `*`, and the start script evaluates upper-case keys as shell code:|nFE_CONF__a=1
        sed -i s/-Xmx8192m/-Xmx1024m/ /x/fe/conf/fe.conf && exec bash init_fe.sh => set FE_HEAP for -Xmx and -Xms, or each key in the environment as FE_CONF__key=value, or mount the whole file
        cp /mnt/fe.conf /opt/db/fe/conf/fe.conf; start_fe.sh => set each key in the environment as FE_CONF__key=value, or mount the whole file";

    #[test]
    fn a_text_that_writes_a_conf_file_is_refused_with_the_settings_to_copy() {
        for row in WRITERS.lines().skip(1) {
            let (text, expected) = row.trim().split_once(" => ").unwrap();
            let (problem, hint) = read(&["bash", "-c", &text.replace("|n", "\n")]).unwrap_err();
            assert!(
                problem.contains(".conf, and muster runs nothing of it but "),
                "{row}: {problem}"
            );
            assert!(hint.ends_with(&expected.replace("|n", "\n")), "{row}: {hint}");
        }
    }
}
