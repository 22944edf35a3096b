//! The machine and the settings of its kernel, which containers share.

use super::script::HostSetting;
use super::{Check, Examined, Finding, Looked, Scope, Severity, compare};
use crate::engine::{Component, Demand};
use crate::plan::start_script::demands;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        Scope::Host,
        "cpu",
        "the processor has AVX2, which a BE needs on x86-64",
        cpu,
    ),
    Check::new(Scope::Host, "kernel", "the kernel is not older than 3.10", kernel),
    Check::new(
        Scope::Host,
        "map_count",
        "`vm.max_map_count` is high enough for a BE",
        map_count,
    ),
    Check::new(
        Scope::Host,
        "overcommit",
        "`vm.overcommit_memory` is what the vendor recommends",
        overcommit,
    ),
    Check::new(Scope::Host, "swap", "nothing is swapped out", swap),
    Check::new(
        Scope::Host,
        "huge_pages",
        "transparent huge pages are not forced on every program",
        huge_pages,
    ),
    Check::new(
        Scope::Host,
        "somaxconn",
        "`net.core.somaxconn` is at least 1024",
        somaxconn,
    ),
    Check::new(
        Scope::Host,
        "abort_on_overflow",
        "`net.ipv4.tcp_abort_on_overflow` is 1",
        abort_on_overflow,
    ),
    Check::new(
        Scope::Host,
        "pid_max",
        "`kernel.pid_max` is at least 200000",
        pid_max,
    ),
    Check::new(
        Scope::Host,
        "threads_max",
        "`kernel.threads-max` is at least 120000",
        threads_max,
    ),
    Check::new(
        Scope::Host,
        "governor",
        "the processor is not slowed down to save power",
        governor,
    ),
    Check::new(
        Scope::Host,
        "clock_source",
        "the clock can be read without a system call",
        clock_source,
    ),
];

/// Anything but an FE or a broker, which are Java; also if no node is here.
fn has_programs(examined: &Examined<'_>) -> bool {
    !matches!(examined.component, Some(Component::Fe | Component::Broker))
}

fn cpu(examined: &Examined<'_>) -> Looked {
    let (Some(avx2), true) = (examined.host.avx2, has_programs(examined)) else {
        return Looked::NotHere;
    };
    if avx2 {
        return Looked::Found(Vec::new());
    }
    let build = examined.engine.environment.without_avx2;
    let severity = if build.is_some() {
        Severity::Warning
    } else {
        Severity::Error
    };
    let fix = match build {
        Some(build) => format!("use the build of the vendor whose name has {build}"),
        None => {
            "use another machine; in a virtual one, pass the processor of its host on (-cpu host)".to_owned()
        }
    };
    let found = Finding::new(severity, "the processor has no AVX2")
        .why("a BE that was built for it ends with SIGILL, exit code 132")
        .fix(fix);
    Looked::Found(vec![found])
}

fn kernel(examined: &Examined<'_>) -> Looked {
    compare(
        examined.host.kernel.as_deref(),
        "/proc/sys/kernel/osrelease",
        |kernel| {
            let mut numbers = kernel
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|part| part.parse::<u32>().ok());
            let number = (numbers.next()?, numbers.next()?);
            (number < (3, 10)).then(|| {
                Finding::new(Severity::Error, format!("the kernel is {kernel}"))
                    .want("3.10 or newer")
                    .why("neither the engine nor Docker is built for an older one")
                    .fix("upgrade the host")
            })
        },
    )
}

fn map_count(examined: &Examined<'_>) -> Looked {
    if !has_programs(examined) {
        return Looked::NotHere;
    }
    let least = examined.engine.environment.map_count;
    // A start script that demands it ends without it, or is told not to look.
    let demanded = examined.node.as_ref().is_some_and(|node| {
        let made = demands(&node.facts.home);
        made.into_iter()
            .any(|demand| matches!(demand, Demand::MapCount(_)))
    });
    let severity = if demanded {
        Severity::Warning
    } else {
        Severity::Advice
    };
    compare(examined.host.map_count, "/proc/sys/vm/max_map_count", |now| {
        (now < least).then(|| {
            sysctl(
                severity,
                "vm.max_map_count",
                now,
                least,
                format!("at least {least}"),
            )
            .why("a BE under load maps more areas than that, and is refused memory while there is some")
        })
    })
}

fn overcommit(examined: &Examined<'_>) -> Looked {
    let wanted = examined.engine.environment.overcommit;
    compare(
        examined.host.overcommit,
        "/proc/sys/vm/overcommit_memory",
        |now| {
            if now == 2 {
                let finding = sysctl(
                    Severity::Warning,
                    "vm.overcommit_memory",
                    now,
                    wanted.unwrap_or(1),
                    "0 or 1".to_owned(),
                );
                return Some(finding.why(
                    "the engine reserves more than it uses, and is refused memory while there is some",
                ));
            }
            let wanted = wanted.filter(|wanted| *wanted != now)?;
            let finding = sysctl(
                Severity::Advice,
                "vm.overcommit_memory",
                now,
                wanted,
                wanted.to_string(),
            );
            Some(finding.why("the kernel may refuse a large reservation of memory that would never be used"))
        },
    )
}

fn swap(examined: &Examined<'_>) -> Looked {
    let host = examined.host;
    compare(host.swaps, "/proc/swaps", |swaps| {
        let swappiness = host.swappiness.unwrap_or(60);
        (swaps > 0 && swappiness > 0).then(|| {
            Finding::new(
                Severity::Advice,
                format!("swap is on, and vm.swappiness is {swappiness}"),
            )
            .want("no swap, or vm.swappiness = 0")
            .why("an engine whose heap is swapped out misses its heartbeats")
            .set(HostSetting::Sysctl {
                key: "vm.swappiness",
                now: swappiness,
                value: 0,
            })
        })
    })
}

fn huge_pages(examined: &Examined<'_>) -> Looked {
    let Some(chosen) = examined.host.huge_pages.as_deref() else {
        // A kernel without them has no such file.
        return Looked::NotHere;
    };
    if chosen != "always" {
        return Looked::Found(Vec::new());
    }
    let finding = Finding::new(
        Severity::Advice,
        "transparent huge pages are on for every program",
    )
    .want("madvise or never")
    .why("a BE's memory grows, and its allocator waits for pages to be put together")
    .set(HostSetting::HugePages);
    Looked::Found(vec![finding])
}

fn somaxconn(examined: &Examined<'_>) -> Looked {
    compare(examined.host.somaxconn, "/proc/sys/net/core/somaxconn", |now| {
        (now < 1_024).then(|| {
            of_network("net.core.somaxconn", now, 1_024, "at least 1024")
                .why("connections of many clients at once are dropped")
        })
    })
}

fn abort_on_overflow(examined: &Examined<'_>) -> Looked {
    compare(
        examined.host.abort_on_overflow,
        "/proc/sys/net/ipv4/tcp_abort_on_overflow",
        |now| {
            (now != 1).then(|| {
                of_network("net.ipv4.tcp_abort_on_overflow", now, 1, "1")
                    .why("a client that an overloaded node cannot take hangs, where it could try another one at once")
            })
        },
    )
}

/// Each network has its own: what is seen here is that of the host only with `network_mode: host`, so no script sets it there.
fn of_network(key: &str, now: u64, value: u64, want: &str) -> Finding {
    Finding::new(Severity::Advice, format!("{key} is {now}"))
        .want(want)
        .fix(format!(
            "with network_mode: host, sysctl -w {key}={value} on the host; else in compose.yaml: sysctls: {{ {key}: {value} }}"
        ))
}

fn pid_max(examined: &Examined<'_>) -> Looked {
    compare(examined.host.pid_max, "/proc/sys/kernel/pid_max", |now| {
        (now < 200_000).then(|| {
            sysctl(
                Severity::Advice,
                "kernel.pid_max",
                now,
                200_000,
                "at least 200000".to_owned(),
            )
            .why("a BE has thousands of threads, and each takes a number of the host")
        })
    })
}

fn threads_max(examined: &Examined<'_>) -> Looked {
    compare(examined.host.threads_max, "/proc/sys/kernel/threads-max", |now| {
        (now < 120_000).then(|| {
            sysctl(
                Severity::Advice,
                "kernel.threads-max",
                now,
                120_000,
                "at least 120000".to_owned(),
            )
            .why("a BE has thousands of threads")
        })
    })
}

fn governor(examined: &Examined<'_>) -> Looked {
    let Some((governor, driver)) = &examined.host.governor else {
        // Most virtual machines have none.
        return Looked::NotHere;
    };
    // Where the processor chooses its speed itself, `powersave` only tells it what to prefer.
    let chooses_itself = driver.starts_with("intel_pstate") || driver.starts_with("amd-pstate");
    if governor != "powersave" || chooses_itself {
        return Looked::Found(Vec::new());
    }
    let finding = Finding::new(Severity::Advice, "the processor runs with the governor powersave")
        .want("performance")
        .why("it stays at its lowest speed")
        .set(HostSetting::Governor);
    Looked::Found(vec![finding])
}

/// The sources that need a system call or a slow device for every look at the clock.
const SLOW_CLOCKS: [&str; 4] = ["hpet", "acpi_pm", "refined-jiffies", "jiffies"];

fn clock_source(examined: &Examined<'_>) -> Looked {
    let file = "/sys/devices/system/clocksource";
    compare(examined.host.clock_source.as_deref(), file, |source| {
        SLOW_CLOCKS.contains(&source).then(|| {
            Finding::new(Severity::Advice, format!("the clock of the host is {source}"))
                .want("tsc, or the clock of the hypervisor")
                .why("every query reads the clock many times, and each look takes a microsecond")
                .fix("see why the kernel does not trust its own: dmesg | grep -i clocksource")
        })
    })
}

fn sysctl(severity: Severity, key: &'static str, now: u64, value: u64, want: String) -> Finding {
    Finding::new(severity, format!("{key} is {now}"))
        .want(want)
        .set(HostSetting::Sysctl { key, now, value })
}
