//! Errors that name a result and not its cause, or that an engine mostly survives: tried last.

use super::start::{FREE_OR_CHANGE, JDK, WHICH_JDK};
use super::{Signature, row};

pub(super) const ROWS: &[Signature] = &[
    // Observed on StarRocks: an image without the entries that follow it, or, from 3.5 on, in the old place. Doris BDBJEJournal.
    row(
        "entries-missing",
        "Can not find the key[*key too small",
        "the journal entries after its image are gone: files are missing, or another version of the engine wrote its data",
        "use the image of the version that wrote its data; if the other FEs have the data, start it with REJOIN=1",
    ),
    // StarRocks EditLog and GlobalStateMgr; Doris EditLog, where older versions lack the first word.
    row(
        "journal-not-replayed",
        "failed to load journal type|catch exception when replaying|EditLog.loadJournal*Operation Type ",
        "it cannot apply an entry of its journal",
        "use the newest image of its version; if the other FEs have the data, start it with REJOIN=1; before any recovery mode \
         copy its metadata: it may lose data",
    ),
    // Observed on StarRocks 3.5, 44 s after the majority was lost (the two tries before log it as well) and after a network cut;
    // StarRocks JournalWriter; observed on Doris 4.0, after an ALTER without a majority.
    row(
        "majority-lost",
        "failed to begin txn after retried 3 times|failed to rebuild txn\
         |got exception when trying to write one batch, will exit|write bdb failed. will exit",
        "it could not write to the journal, most likely because it lost the majority of the followers",
        "start the other followers, or repair the network to them",
    ),
    // JE, after a change of the leader: some versions end once and roll back at the next start.
    row(
        "rollback",
        "RollbackException*must rollback",
        "it has to undo writes that the other FEs never received",
        "start it again: it undoes them itself",
    ),
    // JE, when a node comes back while the leader still has its old connection.
    row(
        "old-connection",
        "is already active with the Feeder",
        "the leader still had its old connection, after a long pause of one of them",
        "start it again; if this happens often, look for long GC pauses, and raise -Xmx",
    ),
    // JE; also in the log of a new follower, which fetches its first copy so.
    row(
        "obsolete-journal",
        "INSUFFICIENT_LOG: ",
        "it is so far behind that the leader no longer has the journal entries that it lacks",
        "start it again: it fetches a whole copy",
    ),
    // StarRocks, Doris: BDBEnvironment.
    row(
        "journal-not-opened",
        "failed to setup environment after retried|error to open replicated environment. will exit",
        "it cannot open its journal",
        "read the exception next to it, and check that the edit_log_port of its helper is reachable",
    ),
    // Both up to 3.0; Doris from 3.0 on, which may end with 0; either, about RocksDB.
    row(
        "storage-not-opened",
        "fail to open StorageEngine|failed to init doris storage engine|open rocksdb failed",
        "the BE cannot open its storage",
        "read the lines before it: they name the dir and the reason",
    ),
    // The BE keeps running, and the cluster shows it as dead: StarRocks, Doris.
    row(
        "unmatched-cluster-id",
        "Unmatched cluster id|invalid cluster id. ignore",
        "its storage belongs to another cluster than the FE that contacts it",
        "compare the file cluster_id in its storage dir with ClusterId in SHOW FRONTENDS",
    ),
    // Java and C++; Doris before 4.0.
    row(
        "port",
        "Address already in use|port * already in use",
        "a port it needs is in use",
        FREE_OR_CHANGE,
    ),
    // Observed on both, on stdout only: about the conf, and about priority_networks with a comment after it.
    row(
        "conf-number",
        "NumberFormatException: For input string",
        "a value in its conf file is not a number",
        "find the quoted text in the conf file; comments have to be on separate lines",
    ),
    // bash, about an upper-case line of the conf. The script of Doris ends with 2, the one of StarRocks drops the line.
    row(
        "conf-quote",
        "unexpected EOF while looking for matching|syntax error near unexpected token|: bad substitution",
        "an upper-case line of its conf file is an error to the shell: an open quote, or a bracket that is not quoted",
        "correct the line: the start script passes these lines to the shell",
    ),
    // Observed on StarRocks 3.5; its BE from 4.1 on only warns and starts.
    row(
        "old-jdk",
        "is not supported, please use JDK version",
        JDK,
        WHICH_JDK,
    ),
    row(
        "permission",
        "Permission denied",
        "it has no permission to read or write a file",
        "make the engine's user the owner of its log, data and pid dirs",
    ),
    // numactl, with the flag --numa of the BE of StarRocks: seen, a node that is not there and a container that may not.
    row(
        "numa",
        "libnuma: Warning: |setting membind: |set_mempolicy: ",
        "numactl cannot bind it to the NUMA node of --numa",
        "name a node that `numactl -H` shows, and give the container `cap_add: [SYS_NICE]`",
    ),
    // chmod, before the BE is started: the script of Doris ends, the one of StarRocks goes on.
    row(
        "not-its-owner",
        "chmod: changing permissions of ",
        "its start script sets the mode of the engine's program, and only root and its owner may",
        "run the container as root, or as the user that owns the program in lib/",
    ),
    // getopt: the script of Doris ends, the one of StarRocks starts its FE anyway (observed).
    row(
        "unknown-flag",
        "unrecognized option|option '*requires an argument|option '*doesn't allow an argument",
        "its start script does not take an argument as it stands",
        "check the arguments after `--` of `muster run`: versions differ",
    ),
];
