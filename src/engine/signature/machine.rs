//! Errors of the machine: disk, memory, limits, libraries. They cause many other errors, but an engine survives some of
//! them.

use super::membership::REJOIN;
use super::{Signature, row};

/// The row of the one JVM that kills itself: Doris starts its FE with `-XX:OnOutOfMemoryError="kill -9 %p"`.
pub const HEAP_FULL: &str = "heap-full";

pub(super) const ROWS: &[Signature] = &[
    // The JVM, before the heap because it is an OutOfMemoryError too; a BE of StarRocks 3.3.
    row(
        "no-thread",
        "unable to create native thread|what():  Resource temporarily unavailable",
        "it cannot start another thread: a limit is reached",
        "raise the pids limit of the container (`--pids-limit`) and the user's nproc",
    ),
    row(
        HEAP_FULL,
        "java.lang.OutOfMemoryError",
        "its Java heap is full",
        "raise -Xmx in JAVA_OPTS, and the container's memory limit with it",
    ),
    row(
        "no-memory",
        "std::bad_alloc",
        "the BE ran out of memory",
        "raise the container's memory limit, or lower mem_limit in be.conf below it",
    ),
    row(
        "disk-full",
        "No space left on device",
        "a disk it writes to is full",
        "free space or enlarge the volume; `df -h` shows its bytes and `df -i` its inodes",
    ),
    // Observed on Doris 4.0, whose FE writes into conf/ and /tmp on every start.
    row(
        "read-only",
        "Read-only file system|Unable to create tempDir",
        "a dir it has to write to is read-only",
        "mount log, data and /tmp writable, for Doris also conf",
    ),
    // Doris start_be.sh, before 2.1 the second; both BEs, StorageEngine; either later.
    row(
        "file-limit",
        "max number of open file descriptors|maximum number of open file descriptors|file descriptors limit is too small|Too many open files",
        "its limit of open files is too low",
        "raise the container's limit: `--ulimit nofile=655350`",
    ),
    row(
        "library",
        "error while loading shared libraries|UnsatisfiedLinkError",
        "a native library cannot be loaded",
        "use the vendor's image for this CPU architecture; Java needs /tmp without noexec",
    ),
    // JE: the checksum of a record is wrong.
    row(
        "journal-damaged",
        "LOG_CHECKSUM",
        "its journal is damaged",
        REJOIN,
    ),
    // JE: a flush of the journal took longer than five minutes (StarRocks, docs/en/administration/Meta_recovery.md).
    row(
        "slow-disk",
        "Latch timeout. com.sleepycat.je",
        "the disk of its metadata is too slow: its journal could not be written for minutes",
        "give meta_dir a disk of its own, or a faster one",
    ),
    // The JVM's own report, on stdout.
    row(
        "jvm-crash",
        "A fatal error has been detected by the Java Runtime Environment",
        "its Java VM crashed",
        "read the hs_err_pid file that its output names",
    ),
];
