//! Ends that say something by their number alone.

/// A number a process ends with and what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// The code itself, or 128 + the signal.
    pub number: u8,
    /// Somebody else ended it: what it complained of before is not the reason.
    pub from_outside: bool,
    pub sentence: &'static str,
    pub hint: &'static str,
}

pub(super) const CPU: &str = "this CPU lacks instructions of the engine, AVX2 most likely";
pub(super) const OTHER_CPU: &str =
    "use the vendor's build without AVX2, or a CPU model that has it: `grep avx2 /proc/cpuinfo`";
const SENT: &str = "it was sent a stop signal, and not by muster";
const WHO_SENT: &str = "look for who stops it: a stop script, or `kill` here or on the host";

const fn end(number: u8, from_outside: bool, sentence: &'static str, hint: &'static str) -> End {
    End {
        number,
        from_outside,
        sentence,
        hint,
    }
}

pub static ENDS: &[End] = &[
    // Up to 3.0 Doris only logs an exception of its start and returns from main. Either engine ends with 0 when it is told
    // to over HTTP (`/api/_stop_be`, which wants no password, and `/api/stop`).
    end(
        0,
        false,
        "it ended by itself: some versions of Apache Doris end with 0 after a fatal start error",
        "read its last lines; if somebody stopped it over HTTP nothing is wrong",
    ),
    // The shell's own two numbers: of the script itself, or of a program it starts.
    end(
        126,
        false,
        "a program of the start script cannot be executed",
        "give it the permission, or use an image for this CPU architecture",
    ),
    end(
        127,
        false,
        "the start script did not find a program it needs",
        "install what its last line names, or use the vendor's image",
    ),
    end(129, true, SENT, WHO_SENT),
    end(130, true, SENT, WHO_SENT),
    // Both vendors build their BE for AVX2; it crashes before it says so.
    end(132, false, CPU, OTHER_CPU),
    // LOG(FATAL) of a BE ends so.
    end(
        134,
        false,
        "it gave up by itself (SIGABRT)",
        "look in its logs for a last line that begins with F",
    ),
    end(
        137,
        true,
        "it was killed (SIGKILL), and not by muster: probably by the kernel for want of memory",
        "look for `oom-kill` in `dmesg`; raise the container's memory limit, or lower -Xmx of an FE, mem_limit of a BE",
    ),
    end(
        139,
        false,
        "it crashed (SIGSEGV)",
        "look for its stack trace among the vendor's known issues",
    ),
    end(143, true, SENT, WHO_SENT),
];
