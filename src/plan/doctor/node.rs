//! The node of this container: what `run` would say of it, its disks, its conf.

use super::script::HostSetting;
use super::{Check, Examined, Finding, Looked, Node, Scope, Severity};
use crate::facts::disk::Disk;
use crate::plan::node::Role;
use crate::plan::refusal::Refusal;
use crate::plan::start_script::host_warnings;
use crate::settings::Bootstrap;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        Scope::Node,
        "settings",
        "what `run` refuses or warns of: settings, conf, ports, data",
        settings,
    ),
    Check::new(Scope::Node, "volume", "the data is on a volume", volume),
    Check::new(Scope::Node, "disk", "the disks of the data have room", disk),
    Check::new(
        Scope::Node,
        "inodes",
        "the disks of the data have room for files",
        inodes,
    ),
    Check::new(
        Scope::Node,
        "file_system",
        "the data is on a file system that keeps it",
        file_system,
    ),
    Check::new(
        Scope::Node,
        "same_disk",
        "each storage dir is on a disk of its own",
        same_disk,
    ),
    Check::new(
        Scope::Node,
        "record_copy",
        "a seed that is named alone has a copy of its record on another disk",
        record_copy,
    ),
    Check::new(
        Scope::Node,
        "io_scheduler",
        "the scheduler of the disk is not one for desktops",
        io_scheduler,
    ),
    Check::new(
        Scope::Node,
        "java",
        "the Java of the image is one that this version runs on",
        java,
    ),
    Check::new(
        Scope::Node,
        "one_start",
        "no key that is for one start by hand is left in the conf",
        one_start,
    ),
    Check::new(
        Scope::Node,
        "loose_images",
        "nobody has had the FE write images into its data dir",
        loose_images,
    ),
    Check::new(
        Scope::Node,
        "selinux",
        "SELinux does not keep the data from the engine",
        selinux,
    ),
];

fn of_node(examined: &Examined<'_>, found: impl FnOnce(&Node<'_>) -> Vec<Finding>) -> Looked {
    match &examined.node {
        Some(node) => Looked::Found(found(node)),
        None => Looked::NotHere,
    }
}

fn settings(examined: &Examined<'_>) -> Looked {
    of_node(examined, |node| match node.plan {
        Err(refusals) => refusals.iter().map(refused).collect(),
        Ok(plan) => {
            // The checks of the host name these.
            let of_host = host_warnings(node.facts);
            let own = plan.warnings.iter().filter(|warning| !of_host.contains(warning));
            own.map(|warning| Finding::new(Severity::Warning, warning.as_str()))
                .collect()
        }
    })
}

fn refused(refusal: &Refusal) -> Finding {
    Finding::new(Severity::Error, refusal.sentence.as_str())
        .why(format!("`run` ends with {}", refusal.code.number()))
        .fix(refusal.hint.as_str())
}

fn volume(examined: &Examined<'_>) -> Looked {
    of_node(examined, |node| {
        // Before a first start `run` warns of it itself.
        let has_data = node.plan.is_ok_and(|plan| !plan.node.data.is_empty());
        let dirs = node.facts.container.on_layer.iter().filter(|_| has_data);
        dirs.map(|dir| {
            Finding::new(
                Severity::Error,
                format!("the data in {} is on no volume", dir.display()),
            )
            .why("it is deleted with the container, also by `docker compose up` with another image")
            .fix(format!(
                "stop the engine, `docker cp` the directory out, mount it at {}",
                dir.display()
            ))
        })
        .collect()
    })
}

const GB: u64 = 1 << 30;
/// Below this an FE of both engines stops writing its journal.
const LEAST_OF_FE: u64 = 5 * GB;
const FULL: u64 = 85;
const FULL_UP: u64 = 95;

fn disk(examined: &Examined<'_>) -> Looked {
    each_disk(examined, |node, disk| {
        if node.facts.home.component.is_fe() {
            let severity = match disk.room.free {
                free if free < LEAST_OF_FE => Severity::Error,
                free if free < 2 * LEAST_OF_FE => Severity::Warning,
                _ => return None,
            };
            return Some(
                Finding::new(
                    severity,
                    format!("{} has {} left", disk.dir.display(), size(disk.room.free)),
                )
                .want("more than 10 GB")
                .why("below 5 GB an FE stops writing its journal, and does not start")
                .fix("free space on that disk, or move the data to a larger one"),
            );
        }
        let used = (disk.room.size.saturating_sub(disk.room.free))
            .saturating_mul(100)
            .checked_div(disk.room.size)?;
        let severity = match used {
            0..FULL => return None,
            FULL..FULL_UP => Severity::Warning,
            _ => Severity::Error,
        };
        Some(
            Finding::new(
                severity,
                format!(
                    "{} is {used} % full, with {} left",
                    disk.dir.display(),
                    size(disk.room.free)
                ),
            )
            .want(format!("at most {FULL} %"))
            .why("above 85 % replicas are moved away, above 95 % nothing more is loaded")
            .fix("free space on that disk, or add one"),
        )
    })
}

fn inodes(examined: &Examined<'_>) -> Looked {
    each_disk(examined, |_, disk| {
        let scarce = disk.room.files > 0 && disk.room.free_files < disk.room.files / 20;
        scarce.then(|| {
            Finding::new(
                Severity::Warning,
                format!(
                    "{} has room for {} files more",
                    disk.dir.display(),
                    disk.room.free_files
                ),
            )
            .want("a twentieth of all inodes")
            .why("the disk is full to the engine when it has no inode left")
            .fix("remove files, or make the file system anew with more inodes")
        })
    })
}

/// File systems of a network: their locks and their sync are not those of a disk.
const REMOTE: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"];

fn file_system(examined: &Examined<'_>) -> Looked {
    each_disk(examined, |_, disk| {
        let kind = disk.kind.as_deref()?;
        let (severity, why) = match kind {
            "tmpfs" | "ramfs" => (Severity::Error, "it is empty after a restart of the host"),
            kind if REMOTE.contains(&kind) => (
                Severity::Warning,
                "a journal that was synced may be gone after a fault of the network, and a lock may outlive its holder",
            ),
            _ => return None,
        };
        Some(
            Finding::new(severity, format!("{} is on {kind}", disk.dir.display()))
                .want("ext4 or xfs on a local disk")
                .why(why)
                .fix("mount a volume of a local disk there"),
        )
    })
}

fn same_disk(examined: &Examined<'_>) -> Looked {
    let shared = |first: &Disk, disk: &Disk| {
        let (first, second) = (first.dir.display(), disk.dir.display());
        Finding::new(Severity::Advice, format!("{first} and {second} are on one disk"))
            .want("a disk for each storage dir")
            .why("the BE reports the room of that disk once for each dir, and tablets are balanced by it")
            .fix("before the first start, name one of them in storage_root_path; later, add a disk")
    };
    of_node(examined, |node| {
        let disks: Vec<&Disk> = node.disks.iter().flatten().collect();
        let found = disks.iter().enumerate().filter_map(|(at, disk)| {
            let mut before = disks.iter().take(at);
            let first = before.find(|other| other.device == disk.device)?;
            Some(shared(first, disk))
        });
        found.collect()
    })
}

fn record_copy(examined: &Examined<'_>) -> Looked {
    let found = |node: &Node<'_>| {
        let plan = node.plan.ok()?;
        let may_found = plan.node.role == Role::Seed && plan.node.bootstrap != Bootstrap::Never;
        if !may_found || plan.masters.len() > 1 {
            return None;
        }
        let (state, data) = (node.state_disk?, node.disks.first()?.as_ref().ok()?);
        let place = if state.is_layer {
            "in the layer of this container, which is deleted with it"
        } else if state.device == data.device {
            "on the disk of the data"
        } else {
            return None;
        };
        Some(
            Finding::new(
                Severity::Advice,
                format!("STATE_DIR {} is {place}", state.dir.display()),
            )
            .want("another disk, or more than one host in MASTER_HOST")
            .why("a seed that lost its data and its record founds a second cluster if no member reaches it within GUARD_TIME")
            .fix("name the other FEs in MASTER_HOST after this one, or mount a volume of another disk and set STATE_DIR to it"),
        )
    };
    of_node(examined, |node| found(node).into_iter().collect())
}

fn io_scheduler(examined: &Examined<'_>) -> Looked {
    each_disk(examined, |_, disk| {
        let scheduler = disk.scheduler.as_ref()?;
        let name = if scheduler.rotates { "mq-deadline" } else { "none" };
        matches!(scheduler.name.as_str(), "bfq" | "cfq").then(|| {
            Finding::new(
                Severity::Advice,
                format!(
                    "the disk of {} has the scheduler {}",
                    disk.dir.display(),
                    scheduler.name
                ),
            )
            .want(name)
            .why("it shares the disk fairly between programs, and slows down the one that matters")
            .set(HostSetting::Scheduler {
                file: scheduler.file.display().to_string(),
                now: scheduler.name.clone(),
                name,
            })
        })
    })
}

fn each_disk(examined: &Examined<'_>, judge: impl Fn(&Node<'_>, &Disk) -> Option<Finding>) -> Looked {
    let Some(node) = &examined.node else {
        return Looked::NotHere;
    };
    let seen: Vec<&Disk> = node.disks.iter().filter_map(|disk| disk.as_ref().ok()).collect();
    if let (true, Some(Err((dir, why)))) = (seen.is_empty(), node.disks.first()) {
        return Looked::Unseen(format!("{}: {why}", dir.display()));
    }
    Looked::Found(seen.into_iter().filter_map(|disk| judge(node, disk)).collect())
}

fn size(bytes: u64) -> String {
    format!("{}.{} GB", bytes / GB, bytes % GB * 10 / GB)
}

fn java(examined: &Examined<'_>) -> Looked {
    let Some(node) = examined
        .node
        .as_ref()
        .filter(|node| node.facts.home.component.is_fe())
    else {
        return Looked::NotHere;
    };
    let (Some(version), Some(java)) = (&node.facts.version, &node.facts.java) else {
        return Looked::Unseen("no file tells the version of the engine and that of its Java".to_owned());
    };
    let mut demands = examined.engine.environment.java.iter();
    let demand = demands.find(|(since, _, _)| version.number >= *since);
    let Some((_, least, newest)) = demand else {
        return Looked::NotHere;
    };
    let fits = java.version >= *least && newest.is_none_or(|newest| java.version <= newest);
    let want = match newest {
        Some(newest) if newest == least => format!("Java {least}"),
        Some(newest) => format!("Java {least} to {newest}"),
        None => format!("Java {least} or newer"),
    };
    let found = (!fits).then(|| {
        Finding::new(
            Severity::Error,
            format!(
                "{} {} has Java {}",
                examined.engine.name, version.text, java.version
            ),
        )
        .want(want)
        .why(format!(
            "its start script or its classes refuse {}",
            java.home.display()
        ))
        .fix("set JAVA_HOME to the JDK of the vendor's image for this version")
    });
    Looked::Found(found.into_iter().collect())
}

fn one_start(examined: &Examined<'_>) -> Looked {
    of_node(examined, |node| {
        if !node.facts.home.component.is_fe() {
            return Vec::new();
        }
        let keys = examined.engine.environment.one_start.iter();
        let left = keys.filter(|one| {
            let value = node.facts.conf.lookup(one.key);
            value.is_some_and(|value| value.trim().eq_ignore_ascii_case(one.value))
        });
        left.map(|one| {
            Finding::new(
                Severity::Error,
                format!(
                    "{} has {} = {}",
                    node.facts.conf.path.display(),
                    one.key,
                    one.value
                ),
            )
            .why(format!("the next start {}", one.does))
            .fix("take that line out; it is for one start only")
        })
        .collect()
    })
}

fn loose_images(examined: &Examined<'_>) -> Looked {
    of_node(examined, |node| {
        let found = (node.loose_images > 0).then(|| {
            Finding::new(
                Severity::Warning,
                format!("{} image files lie in the data dir itself", node.loose_images),
            )
            .want("none")
            .why("whoever reaches the HTTP port of an FE can have it write them (/dump), without an account")
            .fix("keep strangers from that port (muster ports --format nft), then remove image.* and checksum.* there")
        });
        found.into_iter().collect()
    })
}

fn selinux(examined: &Examined<'_>) -> Looked {
    let Some(node) = examined
        .node
        .as_ref()
        .filter(|_| examined.host.selinux == Some(true))
    else {
        return Looked::NotHere;
    };
    let is_denied = |refusal: &Refusal| refusal.sentence.contains("Permission denied");
    let denied = node.plan.err().unwrap_or_default().iter().any(is_denied);
    let found = denied.then(|| {
        Finding::new(
            Severity::Error,
            "SELinux enforces, and a directory cannot be used",
        )
        .why("a directory of the host has no label that lets a container write to it")
        .fix("mount it with :z, as in -v /data/meta:/opt/…/meta:z")
    });
    Looked::Found(found.into_iter().collect())
}
