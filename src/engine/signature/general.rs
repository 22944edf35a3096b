//! Words that say what failed and not why, or that an engine mostly survives: asked last.

use super::start::{FREE, JDK, WHICH_JDK};
use super::{Signature, row};

pub(super) const ROWS: &[Signature] = &[
    // Observed on StarRocks 3.5, 44 s after the majority was lost (the two tries before say so as well) and of a cut cable;
    // StarRocks JournalWriter; observed on Doris 4.0, after an ALTER without a majority.
    row(
        "majority-lost",
        "failed to begin txn after retried 3 times|failed to rebuild txn\
         |got exception when trying to write one batch, will exit|write bdb failed. will exit",
        "it could not write to the journal any more, most likely for want of a majority of the followers",
        "bring back the other followers, or the network to them",
    ),
    // JE, after a change of the leader: some versions end once and do it at the next start.
    row(
        "rollback",
        "RollbackException*must rollback",
        "it has to take back writes that the other FEs never had",
        "start it again: it does that by itself",
    ),
    // StarRocks, Doris: BDBEnvironment.
    row(
        "journal-not-opened",
        "failed to setup environment after retried|error to open replicated environment. will exit",
        "it cannot open its journal",
        "read the exception beside it; its helper's edit_log_port has to be reachable",
    ),
    // Both up to 3.0; Doris from 3.0 on, which may end with 0; either, of RocksDB.
    row(
        "storage-not-opened",
        "fail to open StorageEngine|failed to init doris storage engine|open rocksdb failed",
        "the BE cannot open its storage",
        "read the lines before: they name the dir and the reason",
    ),
    // A BE lives on and stays dead for the cluster: StarRocks, Doris.
    row(
        "unmatched-cluster-id",
        "Unmatched cluster id|invalid cluster id. ignore",
        "its storage belongs to another cluster than the FE that calls it",
        "compare the file cluster_id in its storage dir with ClusterId of SHOW FRONTENDS",
    ),
    // Java and C++; Doris before 4.0.
    row(
        "port",
        "Address already in use|port * already in use",
        "a port it needs is in use",
        FREE,
    ),
    // Observed on both, on stdout only: of the conf, and of priority_networks with a comment behind it.
    row(
        "conf-number",
        "NumberFormatException: For input string",
        "a value in its conf file is no number",
        "look for the quoted text: comments stand on lines of their own",
    ),
    // bash, of an upper-case line of the conf. The script of Doris ends with 2, the one of StarRocks drops the line.
    row(
        "conf-quote",
        "unexpected EOF while looking for matching",
        "a quote in an upper-case line of its conf file is not closed",
        "close it: the start script gives these lines to the shell",
    ),
    // Observed on StarRocks 3.5; its BE from 4.1 on only says so and starts.
    row(
        "old-jdk",
        "is not supported, please use JDK version",
        JDK,
        WHICH_JDK,
    ),
    row(
        "permission",
        "Permission denied",
        "it may not read or write a file",
        "the engine's user has to own its log, data and pid dirs",
    ),
    // getopt: the script of Doris ends, the one of StarRocks starts its FE all the same (observed).
    row(
        "unknown-flag",
        "unrecognized option",
        "its start script does not know an argument",
        "look at what stands behind `--` of `muster run`: versions differ",
    ),
];
