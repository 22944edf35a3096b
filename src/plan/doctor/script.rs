//! What `doctor` would have set on the host, as a command and as a script. muster itself sets nothing there.

#![expect(clippy::format_push_string, reason = "a short script, built once")]

use super::Examination;

/// A setting of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostSetting {
    Sysctl {
        key: &'static str,
        now: u64,
        value: u64,
    },
    /// Transparent huge pages only where a program asks for them.
    HugePages,
    /// The governor `performance` for every processor.
    Governor,
    /// The scheduler of one disk.
    Scheduler {
        file: String,
        now: String,
        name: &'static str,
    },
}

const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const GOVERNORS: &str = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor";

impl HostSetting {
    /// What a person types on the host.
    pub(super) fn command(&self) -> String {
        match self {
            Self::Sysctl { key, value, .. } => format!("sysctl -w {key}={value}"),
            Self::HugePages => format!("echo madvise >{HUGE_PAGES}"),
            Self::Governor => format!("echo performance | tee {GOVERNORS}"),
            Self::Scheduler { file, name, .. } => format!("echo {name} >{file}"),
        }
    }

    /// The lines of the service that sets it at each boot; sysctl has a place of its own for that.
    fn at_boot(&self) -> Option<String> {
        match self {
            Self::Sysctl { .. } => None,
            Self::HugePages | Self::Scheduler { .. } => Some(self.command()),
            Self::Governor => Some(format!(
                "for file in {GOVERNORS}; do echo performance >\"$file\"; done"
            )),
        }
    }

    fn undo(&self) -> String {
        match self {
            Self::Sysctl { key, now, .. } => format!("sysctl -w {key}={now}"),
            Self::HugePages => format!("echo always >{HUGE_PAGES}"),
            Self::Governor => format!("for file in {GOVERNORS}; do echo powersave >\"$file\"; done"),
            Self::Scheduler { file, now, .. } => format!("echo {now} >{file}"),
        }
    }
}

const SYSCTLS: &str = "/etc/sysctl.d/90-muster.conf";
const UNIT: &str = "/etc/systemd/system/muster-host.service";

/// A script for the host: it sets what was found and keeps it over a reboot; with `undo` it puts back what was there.
pub fn script(examination: &Examination) -> String {
    let settings: Vec<&HostSetting> = examination
        .findings
        .iter()
        .filter_map(|(_, finding)| finding.setting.as_ref())
        .collect();
    let mut text = String::from(
        "#!/bin/sh\n# Settings of a host, by `muster doctor --script`. Run it there as root; `undo` as its argument puts back what\n\
         # was there before. It may be run again.\nset -eu\n",
    );
    if settings.is_empty() {
        text.push_str("# There is nothing to set.\n");
        return text;
    }
    text.push_str("\nif [ \"${1:-}\" = undo ]; then\n");
    text.push_str(&format!("  rm -f {SYSCTLS}\n"));
    let boot: Vec<String> = settings.iter().filter_map(|setting| setting.at_boot()).collect();
    if !boot.is_empty() {
        text.push_str(&format!(
            "  if [ -e {UNIT} ]; then\n    systemctl disable muster-host.service\n    rm -f {UNIT}\n    systemctl daemon-reload\n  fi\n"
        ));
    }
    for setting in &settings {
        text.push_str(&format!("  {}\n", setting.undo()));
    }
    text.push_str("  exit 0\nfi\n");
    let sysctls: Vec<String> = settings
        .iter()
        .filter_map(|setting| match setting {
            HostSetting::Sysctl { key, value, .. } => Some(format!("{key} = {value}\n")),
            _ => None,
        })
        .collect();
    if !sysctls.is_empty() {
        text.push_str(&format!(
            "\ncat >{SYSCTLS} <<'END'\n{}END\nsysctl -q -p {SYSCTLS}\n",
            sysctls.concat()
        ));
    }
    if !boot.is_empty() {
        text.push_str(&format!("\ncat >{UNIT} <<'END'\n[Unit]\nDescription=Settings for the database on this host\n\n[Service]\nType=oneshot\n"));
        for line in &boot {
            // systemd replaces `$` and `%` itself.
            let line = line.replace('$', "$$").replace('%', "%%");
            text.push_str(&format!("ExecStart=/bin/sh -c '{line}'\n"));
        }
        text.push_str("\n[Install]\nWantedBy=multi-user.target\nEND\nsystemctl daemon-reload\nsystemctl enable --now muster-host.service\n");
    }
    text
}
