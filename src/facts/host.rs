//! The machine below this container and the settings of its kernel, as far as a container may read them. What `doctor` compares.

use std::path::Path;

use crate::file;

/// `None`: it could not be read, or the machine has nothing of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// `6.1.0-18-amd64`.
    pub kernel: Option<String>,
    /// Whether an x86-64 processor has AVX2.
    pub avx2: Option<bool>,
    /// `vm.overcommit_memory`.
    pub overcommit: Option<u64>,
    /// `vm.max_map_count`.
    pub map_count: Option<u64>,
    /// The number of swap devices and files in use.
    pub swaps: Option<usize>,
    /// `vm.swappiness`.
    pub swappiness: Option<u64>,
    /// The chosen word of `transparent_hugepage/enabled`.
    pub huge_pages: Option<String>,
    /// `net.core.somaxconn` of this network.
    pub somaxconn: Option<u64>,
    /// `net.ipv4.tcp_abort_on_overflow` of this network.
    pub abort_on_overflow: Option<u64>,
    /// `kernel.pid_max`.
    pub pid_max: Option<u64>,
    /// `kernel.threads-max`.
    pub threads_max: Option<u64>,
    /// The governor of the first processor, and its driver.
    pub governor: Option<(String, String)>,
    /// `tsc`, `kvm-clock` and so on.
    pub clock_source: Option<String>,
    /// Whether `SELinux` denies what it does not allow.
    pub selinux: Option<bool>,
    /// The most processes and threads of this container; `None` also without a limit.
    pub most_pids: Option<u64>,
    /// The processor time that this container may use, in thousandths of a core; `None` also without a limit.
    pub millicores: Option<u64>,
}

impl HostFacts {
    pub fn look(root: &Path) -> Self {
        let text = |path: &str| {
            let text = file::text_of_kernel(&root.join(path)).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let number = |path: &str| text(path)?.parse().ok();
        Self {
            kernel: text("proc/sys/kernel/osrelease"),
            avx2: text("proc/cpuinfo").as_deref().and_then(avx2),
            overcommit: number("proc/sys/vm/overcommit_memory"),
            map_count: number("proc/sys/vm/max_map_count"),
            // The first line names the columns.
            swaps: text("proc/swaps").map(|text| text.lines().skip(1).count()),
            swappiness: number("proc/sys/vm/swappiness"),
            huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
                .as_deref()
                .and_then(chosen),
            somaxconn: number("proc/sys/net/core/somaxconn"),
            abort_on_overflow: number("proc/sys/net/ipv4/tcp_abort_on_overflow"),
            pid_max: number("proc/sys/kernel/pid_max"),
            threads_max: number("proc/sys/kernel/threads-max"),
            governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").map(|governor| {
                let driver = text("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
                (governor, driver.unwrap_or_default())
            }),
            clock_source: text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
            selinux: number("sys/fs/selinux/enforce").map(|enforces: u64| enforces == 1),
            // A container with a namespace of its own sees its group as the root.
            most_pids: number("sys/fs/cgroup/pids.max").or_else(|| number("sys/fs/cgroup/pids/pids.max")),
            millicores: text("sys/fs/cgroup/cpu.max")
                .as_deref()
                .and_then(quota)
                .or_else(|| {
                    let quota = number("sys/fs/cgroup/cpu/cpu.cfs_quota_us")?;
                    let period = number("sys/fs/cgroup/cpu/cpu.cfs_period_us")?;
                    millicores(quota, period)
                }),
        }
    }
}

/// Whether the flags name it; `None` on a machine whose flags are others.
fn avx2(cpuinfo: &str) -> Option<bool> {
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags"))?;
    let mut words = flags.split_whitespace();
    // Every x86-64 processor has `lm`.
    words
        .clone()
        .any(|word| word == "lm")
        .then(|| words.any(|word| word == "avx2"))
}

/// The word in brackets.
fn chosen(words: &str) -> Option<String> {
    let word = words.split_whitespace().find(|word| word.starts_with('['))?;
    Some(word.trim_matches(['[', ']']).to_owned())
}

/// `200000 100000`, or `max 100000` without a limit.
fn quota(text: &str) -> Option<u64> {
    let (quota, period) = text.split_once(' ')?;
    millicores(quota.parse().ok()?, period.parse().ok()?)
}

fn millicores(quota: u64, period: u64) -> Option<u64> {
    quota.checked_mul(1_000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::HostFacts;
    use crate::facts::fixture::tree;

    #[test]
    fn a_host_is_read_with_either_kind_of_control_groups() {
        let root = tree(&[
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu lm avx2 sse\n"),
            ("proc/sys/vm/overcommit_memory", "1\n"),
            ("proc/swaps", "Filename Type Size\n/swap.img file 1\n"),
            (
                "sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                "powersave\n",
            ),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
                "acpi-cpufreq\n",
            ),
            ("sys/fs/selinux/enforce", "1"),
            ("sys/fs/cgroup/pids.max", "2048\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
        ]);
        let host = HostFacts::look(root.path());
        assert_eq!(host.kernel.as_deref(), Some("6.1.0"));
        assert_eq!(
            (host.avx2, host.overcommit, host.swaps),
            (Some(true), Some(1), Some(1))
        );
        assert_eq!(host.huge_pages.as_deref(), Some("madvise"));
        assert_eq!(
            host.governor,
            Some(("powersave".to_owned(), "acpi-cpufreq".to_owned()))
        );
        assert_eq!(
            (host.selinux, host.most_pids, host.millicores),
            (Some(true), Some(2048), Some(1_500))
        );
        let root = tree(&[
            ("proc/cpuinfo", "flags : fpu lm sse\n"),
            ("sys/fs/cgroup/pids/pids.max", "max\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        let host = HostFacts::look(root.path());
        assert_eq!(
            (host.avx2, host.most_pids, host.millicores),
            (Some(false), None, Some(500))
        );
        let root = tree(&[
            ("proc/cpuinfo", "Features\t: fp asimd\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
        ]);
        assert_eq!(HostFacts::look(root.path()), HostFacts::default());
    }
}
