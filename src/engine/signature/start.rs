//! Errors of the start: checks of the start scripts, conf files, data dirs and ports.

use super::ends::{CPU, OTHER_CPU};
use super::{Signature, row};

pub(super) const JDK: &str = "it does not run on this version of Java";
pub(super) const WHICH_JDK: &str = "set JAVA_HOME to the JDK of the vendor's image";
pub(super) const FREE_OR_CHANGE: &str = "`ss -lntup` shows the process that holds it: stop that process, or set the variable of the port, see `muster explain`";
const FREE: &str =
    "`ss -lntup` shows the process that holds it: stop that process; a member cannot change this port";

pub(super) const ROWS: &[Signature] = &[
    // Every start script; Doris 4: `is already running as process N, stop it first`.
    row(
        "already-running",
        "running as process*top it first",
        "its pid file names a live process",
        "stop the engine with that pid; if the process is no engine, remove the pid file",
    ),
    // Both FEs.
    row(
        "pid-file-locked",
        "pid file is already locked",
        "fe.pid is locked by another FE, or cannot be written",
        "stop the other FE, and make PID_DIR writable",
    ),
    // Observed on StarRocks 3.5 (`dose not exist`) and on Doris 4.0.
    row(
        "meta-dir-missing",
        "meta dir * not exist|NoSuchFileException: */process.lock",
        "its metadata dir does not exist",
        "mount a volume there, or correct meta_dir in fe.conf",
    ),
    // Doris since September 2023, the comma before it is a wide one in some versions; the same by JE.
    row(
        "data-in-use",
        "please do not start multiple FE processes|EnvironmentLockedException",
        "another FE runs on the same metadata dir",
        "give every FE its own volume",
    ),
    // Doris start scripts since October 2023.
    row(
        "proxy-variable",
        "need unset it using",
        "its start script refuses proxy variables",
        "start it without http_proxy, https_proxy and their upper-case forms",
    ),
    // Observed on StarRocks 3.5, no version between the blanks; before 3.4; Doris: `not set`, `not defined correctly`; its BE.
    row(
        "no-java",
        "JDK  is not supported|JAVA_HOME is not set|The JAVA_HOME environment variable is not|ERROR: invalid java_cmd",
        "JAVA_HOME is not set, or has no Java",
        "set JAVA_HOME so that $JAVA_HOME/bin/java exists",
    ),
    // StarRocks start_fe.sh of 3.x, which looks for bin/javac.
    row(
        "no-jdk",
        "JAVA_HOME environment variable is pointing to a non-JDK path",
        "JAVA_HOME has no JDK: a JRE is not enough for its start script",
        WHICH_JDK,
    ),
    // Doris scripts; Doris JdkUtils; any JVM older than the compiler's target.
    row(
        "wrong-jdk",
        "The jdk_version is *must be 17|is less than compile version|UnsupportedClassVersionError",
        JDK,
        WHICH_JDK,
    ),
    // Both, where the JDK chooses the line.
    row(
        "java-options-missing",
        "JAVA_OPTS_FOR_JDK*is not set in fe.conf",
        "fe.conf lacks the Java options for this JDK",
        "start from the fe.conf of the vendor's image, or use its JDK",
    ),
    // The messages of java itself, also in the next two rows.
    row(
        "heap-too-large",
        "Could not reserve enough space",
        "its Java heap is larger than the available memory",
        "lower -Xmx in JAVA_OPTS, or raise the container's memory limit",
    ),
    row(
        "native-memory",
        "insufficient memory for the Java Runtime Environment",
        "the memory of this container or host is used up",
        "raise its limit, or lower -Xmx in JAVA_OPTS",
    ),
    row(
        "java-options",
        "Could not create the Java Virtual Machine|Error occurred during initialization of VM",
        "java rejects its options",
        "correct JAVA_OPTS in the conf file; the line next to it names the option",
    ),
    row(
        "no-classes",
        "Could not find or load main class",
        "java does not find the program of the engine",
        "check that no volume hides lib/ of the engine, and that JAVA_OPTS are options only",
    ),
    // Doris start_be.sh, newer versions in other words.
    row(
        "map-count",
        "sysctl -w vm.max_map_count",
        "vm.max_map_count is too low for this BE",
        "run `sysctl -w vm.max_map_count=2000000` on the host; newer versions also accept SKIP_CHECK_ULIMIT=true",
    ),
    // Doris start_be.sh since September 2023.
    row(
        "swap",
        "isable swap memory",
        "its start script refuses a host with swap",
        "run `swapoff -a` on the host; newer versions also accept SKIP_CHECK_ULIMIT=true",
    ),
    // Doris doris_main.
    row("cpu", "Instruction check fail", CPU, OTHER_CPU),
    // Observed on both, on stdout only.
    row(
        "conf-variable",
        "no such env variable",
        "its conf file names a variable that is not set",
        "set it, or remove ${…} from the conf file, also from keys that the engine does not know",
    ),
    // Observed on Doris 4.0, on stdout only; both BEs, on stderr only; Doris, of priority_networks.
    row(
        "conf-value",
        "Failed to set config, name|error read *config file|Can not parse base IP",
        "a value in its conf file cannot be used",
        "correct the line it names: use no quotes, and put comments on separate lines",
    ),
    // Observed on Doris 4.0; StarRocks goes on after it: `, will try other usable ip`. Doris BackendOptions.
    row(
        "priority-networks",
        "priority_networks does not include the current IP address$|fail to find one valid address, exit",
        "none of its addresses is in priority_networks",
        "remove priority_networks from the conf file, or set it to the CIDR of a network of this host",
    ),
    // Observed on Doris 4.0; StarRocks FrontendOptions.
    row(
        "no-full-name",
        "when try to get FQDN|a network interface matching FQDN|is not the same as the FQDN obtained\
         |Fail to find right address to start fe",
        "the address of this host and its full name do not resolve to each other",
        "set LOCAL_HOST to an address, or give this address exactly one name in DNS or /etc/hosts",
    ),
    // The next four observed: StarRocks 3.5 tests the first before anything is written, and ends over the others after it
    // has founded or joined; Doris 4.0 tests all of them first.
    row(
        "edit-log-port",
        "edit_log_port *is already in use. will exit|Edit log port * is already in use",
        "its edit log port is in use",
        FREE,
    ),
    row(
        "http-port",
        "Fail to start FE query http server|Http port * is already in use",
        "its HTTP port is in use, or cannot be opened",
        FREE,
    ),
    row(
        "query-port",
        "mysql server start failed|Query port * is already in use",
        "its query port is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    row(
        "rpc-port",
        "thrift server start failed|Rpc port * is already in use",
        "its RPC port is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    // Observed on Doris 4.0; the BEs of both.
    row(
        "arrow-port",
        "Arrow Flight SQL port * is already in use|Arrow Flight S*did not start correctly",
        "its Arrow Flight port is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    // StarRocks from 3.1 on; Doris, which crashes after it.
    row(
        "be-port",
        "Fail to start BackendService thrift server|ThriftServer 'backend'*did not start correctly",
        "be_port is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    // Both; Doris, and StarRocks up to 3.0.
    row(
        "heartbeat-port",
        "ThriftServer 'heartbeat'*did not start correctly|HeartBeat Service did not start correctly",
        "its heartbeat port is in use, or cannot be opened",
        FREE,
    ),
    // Both.
    row(
        "brpc-port",
        "BRPC service did not start correctly",
        "brpc_port is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    // StarRocks, `BE` or `CN` before it; Doris, and StarRocks up to 2.x.
    row(
        "be-http-port",
        " http server did not start correctly|Be http service did not start correctly",
        "the HTTP port of this BE is in use, or cannot be opened",
        FREE_OR_CHANGE,
    ),
    // Observed on StarRocks 3.5; JE, which keeps 5 GB free and stops writing below that.
    row(
        "meta-volume-full",
        "is less than 5GB|within je.maxDisk or je.freeDisk",
        "the volume of its metadata has less than 5 GB free",
        "free or enlarge the volume of meta_dir",
    ),
    // Both BEs, the next three too.
    row(
        "be-pid-file",
        "fail to create pid file",
        "the BE cannot write its pid file",
        "make PID_DIR, by default bin/, writable for the engine's user",
    ),
    row(
        "storage-path",
        "parse config storage path failed|read write test file failed|All disks are broken",
        "a storage dir of this BE cannot be used",
        "set storage_root_path to absolute paths of existing, writable dirs, separated by `;`",
    ),
    row(
        "storage-of-two-clusters",
        "multiple cluster ids is not equal",
        "the storage dirs of this BE belong to different clusters",
        "compare the file cluster_id in each dir, and remove the dirs of the other cluster from storage_root_path",
    ),
    // RocksDB, which keeps the BE's own metadata.
    row(
        "storage-in-use",
        "While lock file: ",
        "another BE runs on the same storage dir",
        "give every BE its own volume",
    ),
];
