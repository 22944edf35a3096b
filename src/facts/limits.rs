//! What the kernel and the container allow us. Nothing of a start depends on it, and a machine with many processors takes
//! its time to list them: only who asks for it looks.

use std::fs;
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub open_files: Option<Limit>,
    pub processes: Option<Limit>,
    /// Bytes; the lowest of our cgroup and all above it. `None`: no limit.
    pub cgroup_memory: Option<u64>,
    /// Bytes of the machine.
    pub machine_memory: Option<u64>,
    /// `None` on a processor that is not x86.
    pub avx2: Option<bool>,
    pub is_pid_one: bool,
}

/// `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// Of every process the engine will start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    pub open_files: Option<Limit>,
    pub processes: Option<Limit>,
}

impl ProcessLimits {
    pub fn look() -> Self {
        Self {
            open_files: limit(Resource::RLIMIT_NOFILE),
            processes: limit(Resource::RLIMIT_NPROC),
        }
    }
}

impl Limits {
    pub fn look(root: &Path) -> Self {
        let read = |path: &str| text::read(&root.join(path)).unwrap_or_default();
        Self {
            open_files: limit(Resource::RLIMIT_NOFILE),
            processes: limit(Resource::RLIMIT_NPROC),
            cgroup_memory: cgroup_memory(root, &read("proc/self/cgroup")),
            machine_memory: machine_memory(&read("proc/meminfo")),
            avx2: avx2(&read("proc/cpuinfo")),
            is_pid_one: std::process::id() == 1,
        }
    }
}

fn limit(resource: Resource) -> Option<Limit> {
    let number = |limit| (limit != RLIM_INFINITY).then_some(limit);
    getrlimit(resource).ok().map(|(soft, hard)| Limit {
        soft: number(soft),
        hard: number(hard),
    })
}

/// Version 2 says `max`, version 1 a number near 2⁶³, for "no limit". Inside a container the own cgroup is usually
/// mounted as the root of the hierarchy, so the path of /proc/self/cgroup may not exist below it.
fn cgroup_memory(root: &Path, own: &str) -> Option<u64> {
    let path_of = |wanted: fn(&str) -> bool| {
        own.lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
            .find(|(controllers, _)| wanted(controllers))
            .map_or("", |(_, path)| path)
    };
    let unified = path_of(str::is_empty);
    let memory = path_of(|controllers| controllers.split(',').any(|name| name == "memory"));
    [
        ("sys/fs/cgroup", unified, "memory.max"),
        ("sys/fs/cgroup/memory", memory, "memory.limit_in_bytes"),
    ]
    .into_iter()
    .filter_map(|(mount, own, file)| lowest(&root.join(mount), Path::new(own), file))
    .min()
}

fn lowest(mount: &Path, own: &Path, file: &str) -> Option<u64> {
    own.ancestors()
        .filter_map(|path| path.strip_prefix("/").ok())
        .chain([Path::new("")])
        .filter_map(|path| fs::read_to_string(mount.join(path).join(file)).ok())
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .filter(|bytes| *bytes < 1 << 60)
        .min()
}

fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn avx2(cpuinfo: &str) -> Option<bool> {
    let flags = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "flags")?;
    Some(flags.1.split_whitespace().any(|flag| flag == "avx2"))
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use crate::facts::fixture::tree;

    type Files = &'static [(&'static str, &'static str)];

    #[test]
    fn the_memory_limit_is_the_lowest_of_both_hierarchies_and_of_every_level() {
        const V2: (&str, &str) = ("proc/self/cgroup", "0::/system.slice/docker-1.scope\n");
        const V1: (&str, &str) = (
            "proc/self/cgroup",
            "12:cpu,cpuacct:/docker/1\n7:memory:/docker/1\n0::/docker/1\n",
        );
        let table: [(&str, Files, Option<u64>); 8] = [
            ("no cgroups", &[], None),
            (
                "v2, unlimited",
                &[V2, ("sys/fs/cgroup/memory.max", "max\n")],
                None,
            ),
            (
                "v2 in a namespace of its own",
                &[("sys/fs/cgroup/memory.max", "8589934592\n")],
                Some(8 << 30),
            ),
            (
                "v2 on the host",
                &[
                    V2,
                    (
                        "sys/fs/cgroup/system.slice/docker-1.scope/memory.max",
                        "4294967296\n",
                    ),
                ],
                Some(4 << 30),
            ),
            (
                "v2, the slice has less",
                &[
                    V2,
                    (
                        "sys/fs/cgroup/system.slice/docker-1.scope/memory.max",
                        "4294967296\n",
                    ),
                    ("sys/fs/cgroup/system.slice/memory.max", "2147483648\n"),
                ],
                Some(2 << 30),
            ),
            (
                "v1, unlimited",
                &[
                    V1,
                    (
                        "sys/fs/cgroup/memory/memory.limit_in_bytes",
                        "9223372036854771712\n",
                    ),
                ],
                None,
            ),
            (
                "v1 in a container, whose own cgroup is mounted as the root",
                &[V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n")],
                Some(1 << 30),
            ),
            (
                "v1 on the host",
                &[
                    V1,
                    (
                        "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
                        "536870912\n",
                    ),
                ],
                Some(1 << 29),
            ),
        ];
        for (name, files, expected) in table {
            assert_eq!(Limits::look(tree(files).path()).cgroup_memory, expected, "{name}");
        }
    }

    #[test]
    fn the_processor_says_whether_it_has_avx2_unless_it_is_none_that_could() {
        let table = [
            ("processor\t: 0\nflags\t\t: fpu sse avx avx2 bmi1\n", Some(true)),
            ("processor\t: 0\nflags\t\t: fpu sse avx avx256\n", Some(false)),
            ("processor\t: 0\nFeatures\t: fp asimd\n", None),
            ("", None),
        ];
        for (cpuinfo, expected) in table {
            let root = tree(&[("proc/cpuinfo", cpuinfo)]);
            assert_eq!(Limits::look(root.path()).avx2, expected, "{cpuinfo}");
        }
    }

    #[test]
    fn this_process_has_limits_and_is_not_pid_one() {
        let root = tree(&[("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n")]);
        let limits = Limits::look(root.path());
        assert!(limits.open_files.is_some() && limits.processes.is_some());
        assert_eq!(limits.machine_memory, Some(8_192_000_000));
        assert_eq!(limits.is_pid_one, std::process::id() == 1);
    }
}
