//! Exit codes and signals with a meaning of their own.

/// One exit code and its meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// The code itself, or 128 + the signal.
    pub number: u8,
    /// Another process ended the engine, so its log does not name the reason.
    pub from_outside: bool,
    pub sentence: &'static str,
    pub hint: &'static str,
}

pub(super) const CPU: &str = "this CPU lacks instructions that the engine needs, most likely AVX2";
pub(super) const OTHER_CPU: &str =
    "use the vendor's build without AVX2, or a CPU model that has it: `grep avx2 /proc/cpuinfo`";
const STOPPED: &str = "it was stopped by a signal, but not by muster";
const FIND_SENDER: &str = "look for what stops it: a stop script, or `kill` in the container or on the host";

const fn end(number: u8, from_outside: bool, sentence: &'static str, hint: &'static str) -> End {
    End {
        number,
        from_outside,
        sentence,
        hint,
    }
}

pub static ENDS: &[End] = &[
    // Up to 3.0 Doris only logs an exception of its start and returns from main. Either engine ends with 0 when it is stopped
    // over HTTP (`/api/_stop_be`, which needs no password, and `/api/stop`).
    end(
        0,
        false,
        "it ended by itself: some versions of Apache Doris end with 0 after a fatal start error",
        "read its last lines; if it was stopped over HTTP, nothing is wrong",
    ),
    // The two codes of the shell: for the script itself, or for a program it starts.
    end(
        126,
        false,
        "a program of the start script cannot be executed",
        "make it executable, or use an image for this CPU architecture",
    ),
    end(
        127,
        false,
        "the start script did not find a program it needs",
        "install the program that its last line names, or use the vendor's image",
    ),
    end(129, true, STOPPED, FIND_SENDER),
    end(130, true, STOPPED, FIND_SENDER),
    // Both vendors build their BE for AVX2; it crashes before it reports that.
    end(132, false, CPU, OTHER_CPU),
    // LOG(FATAL) of a BE.
    end(
        134,
        false,
        "it aborted (SIGABRT)",
        "look in its logs for the last line that begins with F",
    ),
    end(
        137,
        true,
        "it was killed (SIGKILL), but not by muster: probably by the kernel because memory ran out",
        "look for `oom-kill` in `dmesg`; raise the container's memory limit, or lower -Xmx of an FE, mem_limit of a BE",
    ),
    end(
        139,
        false,
        "it crashed (SIGSEGV)",
        "look for its stack trace among the vendor's known issues",
    ),
    end(143, true, STOPPED, FIND_SENDER),
];
