//! Where the figures come from.

use std::fs;
use std::process::Command;

use anyhow::Context;
use hosts::binary;

/// One line.
pub(crate) fn facts(quick: bool) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let processor = value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unnamed processor".to_owned());
    let memory: u64 = value("/proc/meminfo", "MemTotal")
        .and_then(|kb| kb.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let date = said(Command::new("date").args(["-u", "+%F %H:%M UTC"]))?;
    let muster = said(Command::new(binary("muster")?).arg("--version"))?;
    let missing = crate::bench::missing();
    let without = if missing.is_empty() {
        String::new()
    } else {
        format!("; not installed, and so not measured: {}", missing.join(", "))
    };
    Ok(format!(
        "{muster} on {cores} × {processor}, {} GB, Linux {}, {date}, load before {}{}{without}",
        memory / 1_000_000,
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
        if quick {
            "; quick: too few to mean much"
        } else {
            ""
        }
    ))
}

fn value(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let done = command.output().with_context(|| format!("{command:?}"))?;
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
