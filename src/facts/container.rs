//! What this container gives to the engine: the place of its data, the memory, the rights to write logs.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, eaccess, geteuid};

use super::mounts::Mounts;
use crate::file;
use crate::settings::JAVA_OPTIONS;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFacts {
    /// The data dirs on the container's own layer, which is deleted with the container.
    pub on_layer: Vec<PathBuf>,
    /// Volumes directly below the home dir, with the name of a data dir, that no conf key names.
    pub unused_volumes: Vec<PathBuf>,
    /// The memory limit in bytes.
    pub memory: Option<u64>,
    /// The memory of the host in bytes.
    pub host_memory: Option<u64>,
    /// The largest heap that the JVM may take. Of several lines of options only the JVM knows which one counts: the least.
    pub heap: Option<Heap>,
    /// The log dirs in which this user cannot create files.
    pub unwritable_logs: Vec<UnwritableLog>,
    pub uid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnwritableLog {
    pub dir: PathBuf,
    pub why: String,
    /// A shadow home has a link to it then; otherwise the engine makes its own there.
    pub exists: bool,
    /// The JVM opens the log of its garbage collection in it before anything else, whichever line of options counts.
    pub needed: bool,
}

/// The larger one of `-Xmx` and `-Xms` in one line of Java options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heap {
    pub key: String,
    /// The option as it is written.
    pub option: String,
    pub bytes: u64,
}

/// Parts of the names that people give to a data dir: `old-meta`, `storage2`.
const DATA_NAMES: [&str; 3] = ["meta", "storage", "data"];

impl ContainerFacts {
    /// `logs`: the dir of `LOG_DIR` first. `options` gives the value of a conf key as the start script exports it.
    pub fn look(
        root: &Path,
        home: &Path,
        [data, logs]: [&[PathBuf]; 2],
        mounts: &Mounts,
        options: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let lines = JAVA_OPTIONS.iter().filter_map(|key| Some((*key, options(key)?)));
        let lines: Vec<(&str, String)> = lines.collect();
        let heaps = lines.iter().filter_map(|(key, options)| heap(key, options));
        let gc_log = !lines.is_empty() && lines.iter().all(|(_, options)| opens_gc_log(options));
        Self {
            on_layer: data
                .iter()
                .filter(|dir| mounts.is_on_layer(dir))
                .cloned()
                .collect(),
            unused_volumes: mounts.below(home).filter(|dir| looks_meant(dir, data)).collect(),
            memory: memory(root),
            host_memory: host_memory(root),
            heap: heaps.min_by_key(|heap| heap.bytes),
            unwritable_logs: logs
                .iter()
                .enumerate()
                .filter_map(|(at, dir)| unwritable(dir, gc_log && at == 0))
                .collect(),
            uid: geteuid().as_raw(),
        }
    }
}

fn looks_meant(volume: &Path, data: &[PathBuf]) -> bool {
    let name = volume.file_name().unwrap_or_default().to_string_lossy();
    let mut data = data
        .iter()
        .map(|dir| fs::canonicalize(dir).unwrap_or_else(|_| dir.clone()));
    let named = data.any(|dir| dir.starts_with(volume) || volume.starts_with(&dir));
    !named && volume.is_dir() && DATA_NAMES.iter().any(|part| name.contains(part))
}

/// The last one of each option counts.
fn heap(key: &str, options: &str) -> Option<Heap> {
    let sizes = ["-Xmx", "-Xms"]
        .into_iter()
        .filter_map(|option| heap_option(key, options, option));
    // Of two equal ones the first: max_by_key takes the last.
    sizes.rev().max_by_key(|heap| heap.bytes)
}

fn heap_option(key: &str, options: &str, name: &str) -> Option<Heap> {
    let mut words = options
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']));
    let option = words.rfind(|word| word.starts_with(name))?;
    let size = option.strip_prefix(name)?;
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match size.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    Some(Heap {
        key: key.to_owned(),
        option: option.to_owned(),
        bytes: digits.parse::<u64>().ok()?.checked_mul(1 << shift)?,
    })
}

/// The unified logging of JDK 9 and later; an older one only warns.
fn opens_gc_log(options: &str) -> bool {
    let mut words = options.split_whitespace();
    words.any(|word| word.contains("-Xlog:gc") && (word.contains("${LOG_DIR}") || word.contains("$LOG_DIR")))
}

fn unwritable(dir: &Path, needed: bool) -> Option<UnwritableLog> {
    let nearest = dir.ancestors().find(|dir| dir.is_dir())?;
    let why = eaccess(nearest, AccessFlags::W_OK).err()?;
    Some(UnwritableLog {
        dir: dir.to_owned(),
        why: std::io::Error::from(why).to_string(),
        exists: dir.is_dir(),
        needed,
    })
}

/// The least memory limit of this process's control group and of those above it, in both versions of cgroups. In a container
/// with a namespace of its own its group is the root.
fn memory(root: &Path) -> Option<u64> {
    let limits = of_groups(root, "memory.max", "memory.limit_in_bytes", |text| {
        text.trim().parse().ok()
    });
    // Version 1 has no word for "unlimited", but the largest number of whole pages.
    let least = limits.into_iter().flatten().min();
    least.filter(|bytes| *bytes < 1 << 60)
}

/// The number of processes of this container that the kernel has killed because memory ran out, in the container or on the host.
/// `None`: its control group does not tell.
pub fn oom_kills(root: &Path) -> Option<u64> {
    let kills = of_groups(root, "memory.events", "memory.oom_control", |text| {
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
        count.trim().parse().ok()
    });
    // The groups above have other containers too.
    kills.iter().filter_map(|group| group.first()).max().copied()
}

/// What a file says of each memory group of this process and of those above it, its own first: in version 2 and in version 1 of
/// cgroups.
fn of_groups(root: &Path, v2: &str, v1: &str, parse: fn(&str) -> Option<u64>) -> Vec<Vec<u64>> {
    let groups = file::text_of_kernel(&root.join("proc/self/cgroup")).unwrap_or_default();
    let told = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (dir, file) = match controllers {
            "" => ("sys/fs/cgroup", v2),
            "memory" => ("sys/fs/cgroup/memory", v1),
            _ => return None,
        };
        let path = Path::new(path.trim_start_matches('/'));
        let read = |group: &Path| {
            let text = file::text_of_kernel(&root.join(dir).join(group).join(file)).ok()?;
            parse(&text)
        };
        Some(path.ancestors().filter_map(read).collect())
    });
    told.collect()
}

/// The first line of `/proc/meminfo`: in a container it is that of the host too.
fn host_memory(root: &Path) -> Option<u64> {
    let text = file::text_of_kernel(&root.join("proc/meminfo")).ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let number = kilobytes.trim().strip_suffix("kB")?.trim();
    number.parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{ContainerFacts, heap, host_memory, memory, oom_kills};
    use crate::facts::fixture::tree;
    use crate::facts::mounts::Mounts;

    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_kernel_tells_how_many_processes_it_has_killed_in_both_versions() {
        let v2 = "low 0\nhigh 0\nmax 41\noom 3\noom_kill 2\noom_group_kill 0\n";
        let v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
        let table: [(&str, Files<'_>, Option<u64>); 5] = [
            ("0::/\n", &[("memory.events", v2)], Some(2)),
            (
                "0::/a/b\n",
                &[("a/memory.events", "oom_kill 9\n"), ("a/b/memory.events", v2)],
                Some(2),
            ),
            (
                "4:memory:/docker/ab\n0::/\n",
                &[("memory/memory.oom_control", v1)],
                Some(1),
            ),
            // Older than Linux 4.13.
            (
                "4:memory:/\n",
                &[("memory/memory.oom_control", "under_oom 0\n")],
                None,
            ),
            ("0::/\n", &[], None),
        ];
        for (groups, files, expected) in table {
            let paths: Vec<(String, &str)> = files
                .iter()
                .map(|(path, text)| (format!("sys/fs/cgroup/{path}"), *text))
                .collect();
            let mut all = vec![("proc/self/cgroup", groups)];
            all.extend(paths.iter().map(|(path, text)| (path.as_str(), *text)));
            assert_eq!(oom_kills(tree(&all).path()), expected, "{groups} {files:?}");
        }
    }

    #[test]
    fn the_least_memory_limit_of_a_group_and_those_above_it_counts_in_both_versions() {
        let v1 = "5:devices:/\n4:memory:/docker/ab\n0::/\n";
        let table: [(&str, Files<'_>, Option<u64>); 6] = [
            ("0::/\n", &[("memory.max", "536870912\n")], Some(512 << 20)),
            ("0::/\n", &[("memory.max", "max\n")], None),
            (
                "0::/a/b\n",
                &[("a/memory.max", "1000\n"), ("a/b/memory.max", "2000\n")],
                Some(1000),
            ),
            (
                v1,
                &[("memory/docker/ab/memory.limit_in_bytes", "1000\n")],
                Some(1000),
            ),
            // Its group is mounted as the root, and its path is that of the host.
            (v1, &[("memory/memory.limit_in_bytes", "1000\n")], Some(1000)),
            (
                v1,
                &[("memory/memory.limit_in_bytes", "9223372036854771712\n")],
                None,
            ),
        ];
        for (groups, files, expected) in table {
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (format!("sys/fs/cgroup/{path}"), *text))
                .collect();
            let mut all = vec![("proc/self/cgroup", groups)];
            all.extend(files.iter().map(|(path, text)| (path.as_str(), *text)));
            assert_eq!(memory(tree(&all).path()), expected, "{all:?}");
        }
        assert_eq!(memory(tree(&[]).path()), None);
    }

    #[test]
    fn the_memory_of_the_host_is_read_where_the_kernel_tells_it() {
        let root = tree(&[("proc/meminfo", "MemTotal:       16316412 kB\nMemFree: 1 kB\n")]);
        assert_eq!(host_memory(root.path()), Some(16_316_412 << 10));
        assert_eq!(host_memory(tree(&[]).path()), None);
    }

    #[test]
    fn the_last_heap_of_a_line_is_read_in_every_unit() {
        for (options, expected) in [
            ("-Dx=y -Xmx8192m -XX:+UseG1GC", Some(8 << 30)),
            ("-Xmx2g -Xmx512M", Some(512 << 20)),
            ("\"-Xmx1048576\"", Some(1 << 20)),
            ("-Xms1g -Xmx2g", Some(2 << 30)),
            ("-Xms8192m", Some(8 << 30)),
            ("-Xmx64k -Xss1g", Some(64 << 10)),
            ("-Xmx$MEMORY", None),
            ("-Xss1g", None),
        ] {
            let read = heap("JAVA_OPTS", options).map(|heap| heap.bytes);
            assert_eq!(read, expected, "{options}");
        }
    }

    #[test]
    fn data_is_on_the_containers_layer_unless_a_mount_holds_it_and_a_volume_beside_it_looks_meant() {
        let root = tree(&[
            ("fe/meta/", ""),
            ("fe/old-meta/", ""),
            ("fe/lib/", ""),
            ("fe/conf/", ""),
            ("volume/", ""),
            ("fe/linked", "-> ../volume"),
        ]);
        let at = |path: &str| root.path().join(path);
        let point = |path: &str| {
            format!(
                "31 22 8:1 / {} rw,relatime shared:1 - ext4 /dev/sda1 rw",
                at(path).display()
            )
        };
        let layer = |fs: &str| format!("22 1 0:21 / / rw - {fs} overlay rw");
        let look = |mounts: &[String], data: &str| {
            let mounts = Mounts::parse(&mounts.join("\n"));
            let data: [PathBuf; 1] = [at(data)];
            let facts =
                ContainerFacts::look(Path::new("/nowhere"), &at("fe"), [&data, &[]], &mounts, |_| None);
            (facts.on_layer.len() == 1, facts.unused_volumes)
        };
        let unused = vec![at("fe/old-meta")];
        let overlay = layer("overlay");
        let table = [
            (vec![overlay.clone()], "fe/meta", true, vec![]),
            (vec![overlay.clone()], "fe/not-there-yet/below", true, vec![]),
            (vec![layer("fuse.fuse-overlayfs")], "fe/meta", true, vec![]),
            // Not in a container, or in one whose layer cannot be told from a disk.
            (vec![layer("ext4")], "fe/meta", false, vec![]),
            (vec![], "fe/meta", false, vec![]),
            (vec![overlay.clone(), point("fe/meta")], "fe/meta", false, vec![]),
            (vec![overlay.clone(), point("fe")], "fe/meta", false, vec![]),
            (
                vec![overlay.clone(), point("volume")],
                "fe/linked/meta",
                false,
                vec![],
            ),
            (
                vec![overlay.clone(), point("fe/lib"), point("fe/conf")],
                "fe/meta",
                true,
                vec![],
            ),
            (
                vec![overlay.clone(), point("fe/old-meta")],
                "fe/meta",
                true,
                unused,
            ),
            (
                vec![overlay.clone(), point("fe/old-meta")],
                "fe/old-meta/in",
                false,
                vec![],
            ),
        ];
        for (mounts, data, on_layer, unused) in table {
            assert_eq!(look(&mounts, data), (on_layer, unused), "{data} {mounts:?}");
        }
    }
}
