//! What a report for others shows of the settings of a node: the names of all, and the values of those that are known to hold no
//! secret.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use super::conf::{BLOCK_BEGINS, BLOCK_ENDS};
use super::mask::{HIDDEN, is_name, masked};
use crate::printable;
use crate::settings::{is_secret_value, variables};

/// Keys of conf files whose values are shown.
const KEYS: [&str; 22] = [
    "audit_log_dir",
    "be_node_role",
    "cluster_id",
    "deploy_mode",
    "frontend_address",
    "java_home",
    "log_dir",
    "log_format",
    "mem_limit",
    "meta_dir",
    "pid_dir",
    "plugin_dir",
    "priority_networks",
    "priority_network",
    "run_mode",
    "small_file_dir",
    "storage_root_path",
    "sys_log_dir",
    "sys_log_level",
    "sys_log_verbose_modules",
    "tmp_dir",
    "udf_runtime_dir",
];
/// Keys of which a number, a size, a time or a switch is shown.
const BEGINNINGS: [&str; 9] = [
    "enable_",
    "disable_",
    "max_",
    "min_",
    "num_",
    "default_",
    "sys_log_",
    "audit_log_",
    "skip_",
];
const ENDS: [&str; 26] = [
    "_port",
    "_second",
    "_seconds",
    "_sec",
    "_ms",
    "_bytes",
    "_size",
    "_mb",
    "_gb",
    "_num",
    "_number",
    "_count",
    "_limit",
    "_ratio",
    "_percent",
    "_interval",
    "_level",
    "_threads",
    "_mode",
    "_timeout",
    "_days",
    "_hours",
    "_enabled",
    "_factor",
    "_rate",
    "_loop",
];
/// Beginnings of Java options that are shown whole.
const JAVA: [&str; 6] = ["-Xmx", "-Xms", "-Xmn", "-Xss", "-XX:+", "-XX:-"];

/// A conf file: its keys, and the values that are shown. Comments are left out, because a value may have been put into one.
pub fn conf(text: &str) -> String {
    let mut shown = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let line = line.trim();
        let continues = std::mem::replace(&mut goes_on, line.ends_with('\\') && !line.starts_with('#'));
        if continues {
            shown.push_str(&format!("  {HIDDEN}\n"));
        } else if line == BLOCK_BEGINS || line == BLOCK_ENDS {
            shown.push_str(&format!("{line}\n"));
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            shown.push_str(&format!(
                "{} = {}\n",
                key.trim(),
                conf_value(key.trim(), value.trim())
            ));
        } else if !line.is_empty() && !line.starts_with('#') {
            shown.push_str(&format!("{HIDDEN}\n"));
        }
    }
    shown
}

/// The value of a conf key, or what stands for it.
fn conf_value(key: &str, value: &str) -> String {
    let name = key.strip_prefix("export ").unwrap_or(key).to_ascii_lowercase();
    if name.starts_with("java_opts") {
        return java_options(value);
    }
    let by_name = KEYS.contains(&name.as_str());
    let by_shape = (BEGINNINGS.iter().any(|part| name.starts_with(part))
        || ENDS.iter().any(|part| name.ends_with(part)))
        && is_plain(value);
    if is_name(key) || is_secret_value(value) || !(by_name || by_shape) {
        return HIDDEN.to_owned();
    }
    masked(value)
}

/// A number with a unit, or a switch.
fn is_plain(value: &str) -> bool {
    let value = value.trim_matches('"').to_ascii_lowercase();
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let is_number = unit.len() < value.len()
        && (unit.len() <= 2 && unit.chars().all(|c| c.is_ascii_alphabetic() || c == '%'));
    is_number || ["true", "false", "on", "off"].contains(&value.as_str())
}

/// Sizes and switches whole, of the others their names.
fn java_options(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let bare = word.trim_matches(['"', '\'']);
        if JAVA.iter().any(|part| bare.starts_with(part)) && !bare.contains('=') {
            return bare.to_owned();
        }
        let end = bare.find(['=', ':']).unwrap_or(bare.len());
        match bare.split_at_checked(end) {
            Some((name, value)) if name.starts_with('-') && !value.is_empty() => format!("{name}={HIDDEN}"),
            _ => HIDDEN.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The names of all variables, with the values of muster's own settings that are no secret.
pub fn environment(vars: &[(String, String)]) -> String {
    let mut lines: Vec<String> = vars
        .iter()
        .map(|(name, value)| {
            let value = match name.split_once("_CONF__") {
                Some((_, key)) => conf_value(key, value),
                None if is_own(name) && !is_name(name) && !is_secret_value(value) => masked(value),
                None => HIDDEN.to_owned(),
            };
            printable::line(&format!("{name}={value}")).into_owned()
        })
        .collect();
    lines.sort();
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

fn is_own(name: &str) -> bool {
    variables::all().any(|variable| variable.name == name)
}

#[cfg(test)]
mod tests {
    use super::{conf, environment};

    #[test]
    fn a_conf_file_shows_every_key_and_only_values_that_are_known_to_be_harmless() {
        let text = "# password = hunter2\n\
            JAVA_OPTS=\"-Xmx8192m -XX:+UseG1GC -Djavax.net.ssl.keyStorePassword=hunter2 -javaagent:hunter2 hunter2\"\n\
            http_port = 8030\n\
            priority_networks = 10.0.0.0/8\n\
            meta_dir = ${HOME}/meta\n\
            aws_s3_secret_key = hunter2\n\
            aws_s3_endpoint = hunter2\n\
            enable_x = true\n\
            enable_y = hunter2\n\
            mysql_service_port = hunter2\n\
            max_password_size = 4711\n\
            storage_root_path = http://u:hunter2@h/\n\
            LONG = \"a \\\n  hunter2\"\n\
            hunter2\n\
            # >>> muster: written at each start, changes between these lines are lost\n\
            query_port = 9031\n\
            # <<< muster\n";
        assert_eq!(
            conf(text),
            "JAVA_OPTS = -Xmx8192m -XX:+UseG1GC -Djavax.net.ssl.keyStorePassword=*** -javaagent=*** ***\n\
             http_port = 8030\n\
             priority_networks = 10.0.0.0/8\n\
             meta_dir = ${HOME}/meta\n\
             aws_s3_secret_key = ***\n\
             aws_s3_endpoint = ***\n\
             enable_x = true\n\
             enable_y = ***\n\
             mysql_service_port = ***\n\
             max_password_size = ***\n\
             storage_root_path = http://***@h/\n\
             LONG = ***\n  ***\n\
             ***\n\
             # >>> muster: written at each start, changes between these lines are lost\n\
             query_port = 9031\n\
             # <<< muster\n"
        );
    }

    #[test]
    fn the_environment_shows_every_name_and_only_values_of_muster_itself() {
        let vars = [
            ("MASTER_HOST", "10.0.0.10"),
            ("CLUSTER_PASSWORD", "hunter2"),
            ("CLUSTER_PASSWORD_FILE", "/run/secrets/root"),
            ("FE_CONF__http_port", "8031"),
            ("FE_CONF__aws_s3_endpoint", "hunter2"),
            ("KAFKA_HOST", "hunter2"),
            ("STATE_DIR", "a\nhunter=2"),
            ("PATH", "/bin"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            environment(&vars),
            "CLUSTER_PASSWORD=***\nCLUSTER_PASSWORD_FILE=/run/secrets/root\nFE_CONF__aws_s3_endpoint=***\n\
             FE_CONF__http_port=8031\nKAFKA_HOST=***\nMASTER_HOST=10.0.0.10\nPATH=***\nSTATE_DIR=a\\nhunter=2\n"
        );
    }
}
