//! What the kernel and the container allow us.

use std::fs;
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

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

impl Limits {
    pub fn look(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
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
            .filter_map(|line| line.splitn(3, ':').nth(1).zip(line.splitn(3, ':').nth(2)))
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
