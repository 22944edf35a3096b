//! A system call of a stopped program, as one word and what it is about. Only those that change something that others
//! can see: files, ports, peers, processes.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::Pid;

/// Of data that is sent no more is looked at.
const GLANCE: usize = 256;

/// What a call is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    /// It is there when the program is gone: in a file, in the cluster, or as a process.
    pub(crate) lasts: bool,
}

/// The call at whose entry a program is stopped, if it is one that counts.
pub(crate) fn entered(pid: Pid) -> anyhow::Result<Option<Call>> {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall"))?;
    let mut words = text.split_whitespace();
    let Some(Ok(number)) = words.next().map(str::parse::<libc::c_long>) else {
        return Ok(None);
    };
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        let word = words.next().context("a call without its arguments")?;
        *argument = u64::from_str_radix(word.trim_start_matches("0x"), 16)?;
    }
    Ok(Stopped { pid, arguments }.call(number))
}

struct Stopped {
    pid: Pid,
    arguments: [u64; 6],
}

impl Stopped {
    /// Only what muster, the C library and the runtime under it can use.
    fn call(&self, number: libc::c_long) -> Option<Call> {
        let file = |name, what: PathBuf| Some(file(name, &what));
        let port = |name, what| {
            Some(Call {
                name,
                what,
                lasts: false,
            })
        };
        match number {
            libc::SYS_openat if self.number(2) & flags(libc::O_CREAT | libc::O_TRUNC) != 0 => {
                file("create", self.path_at(0, 1))
            }
            libc::SYS_mkdirat => self.mkdir(&self.path_at(0, 1)),
            libc::SYS_unlinkat => file("unlink", self.path_at(0, 1)),
            libc::SYS_renameat | libc::SYS_renameat2 => file("rename", self.path_at(0, 1)),
            libc::SYS_symlinkat => file("symlink", self.path_at(1, 2)),
            libc::SYS_linkat => file("link", self.path_at(2, 3)),
            libc::SYS_fchmodat => file("chmod", self.path_at(0, 1)),
            libc::SYS_fchmod => file("chmod", self.opened(0)),
            libc::SYS_ftruncate => file("truncate", self.opened(0)),
            libc::SYS_fsync | libc::SYS_fdatasync => file("sync", self.opened(0)),
            libc::SYS_write
            | libc::SYS_pwrite64
            | libc::SYS_writev
            | libc::SYS_sendto
            | libc::SYS_sendmsg => self.written(number),
            libc::SYS_bind => port("bind", self.address(1)),
            libc::SYS_listen => port("listen", String::new()),
            libc::SYS_connect => port("connect", self.address(1)),
            libc::SYS_clone | libc::SYS_clone3 => file("spawn", PathBuf::new()),
            libc::SYS_execve => file("exec", PathBuf::from(self.text(0))),
            _ => old_names(self, number),
        }
    }

    /// One that is there already is not made.
    fn mkdir(&self, path: &Path) -> Option<Call> {
        let seen = Path::new("/proc").join(self.pid.to_string()).join("root");
        let there = seen.join(path.strip_prefix("/").unwrap_or(path)).exists();
        (!there).then(|| file("mkdir", path))
    }

    fn written(&self, number: libc::c_long) -> Option<Call> {
        let to = self.opened(0);
        let target = to.to_string_lossy();
        let name = "write";
        if target.starts_with("socket:") {
            // The vectors of the other two are not followed.
            let direct = [libc::SYS_write, libc::SYS_sendto].contains(&number);
            let said = if direct { self.said() } else { String::new() };
            let lasts = said.starts_with("ALTER") || said.starts_with("SET PASSWORD");
            return Some(Call {
                name: "send",
                what: said,
                lasts,
            });
        }
        // Its log, its own pipes and events: nobody else's.
        if !target.starts_with('/') || self.is_console(&to) {
            return None;
        }
        let what = without_stamp(&target);
        let lasts = is_kept(&target);
        Some(Call { name, what, lasts })
    }

    /// The longest run of letters in what is sent: the statement, the path.
    fn said(&self) -> String {
        let length = usize::try_from(self.number(2)).unwrap_or(0).min(GLANCE);
        let bytes = self.memory(self.number(1), length);
        let runs = bytes.split(|byte| !(b' '..=b'~').contains(byte));
        let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
        let text = String::from_utf8_lossy(longest).trim().to_owned();
        // Hashed passwords, packets without words and the like are different each time.
        if text.contains(' ') {
            text
        } else {
            "bytes".to_owned()
        }
    }

    fn number(&self, at: usize) -> u64 {
        self.arguments.get(at).copied().unwrap_or(0)
    }

    fn opened(&self, at: usize) -> PathBuf {
        self.link(self.number(at))
    }

    fn link(&self, descriptor: u64) -> PathBuf {
        fs::read_link(format!("/proc/{}/fd/{descriptor}", self.pid)).unwrap_or_default()
    }

    /// By whatever descriptor: the engine's lines are passed on through one of our own.
    fn is_console(&self, path: &Path) -> bool {
        self.number(0) <= 2 || [1, 2].into_iter().any(|console| self.link(console) == path)
    }

    fn path_at(&self, dir: usize, name: usize) -> PathBuf {
        let name = self.text(name);
        #[expect(clippy::cast_possible_truncation, reason = "a descriptor has 32 bits")]
        let from = if self.number(dir) as i32 == libc::AT_FDCWD {
            fs::read_link(format!("/proc/{}/cwd", self.pid)).unwrap_or_default()
        } else {
            self.opened(dir)
        };
        from.join(name)
    }

    fn text(&self, at: usize) -> String {
        let bytes = self.memory(self.number(at), 4096);
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// `sockaddr`: family in the machine's order, port in the network's.
    fn address(&self, at: usize) -> String {
        let length = usize::try_from(self.number(at + 1)).unwrap_or(0).min(GLANCE);
        let bytes = self.memory(self.number(at), length);
        match bytes.as_slice() {
            [family, _, high, low, a, b, c, d, ..] if i32::from(*family) == libc::AF_INET => {
                format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([*high, *low]))
            }
            [family, _, high, low, ..] if i32::from(*family) == libc::AF_INET6 => {
                format!("[]:{}", u16::from_be_bytes([*high, *low]))
            }
            [family, _, 0, name @ ..] if i32::from(*family) == libc::AF_UNIX => {
                String::from_utf8_lossy(name).into_owned()
            }
            _ => String::new(),
        }
    }

    /// Up to so many bytes: less where the mapping ends.
    fn memory(&self, from: u64, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let read =
            File::open(format!("/proc/{}/mem", self.pid)).and_then(|mem| mem.read_at(&mut bytes, from));
        bytes.truncate(read.unwrap_or(0));
        bytes
    }
}

fn file(name: &'static str, what: &Path) -> Call {
    let what = what.to_string_lossy();
    Call {
        name,
        lasts: is_kept(&what),
        what: without_stamp(&what),
    }
}

/// A status file counts for as long as its writer lives, and how often it is written depends on how long things take. Nothing
/// depends on a history.
fn is_kept(path: &str) -> bool {
    !path.starts_with("/proc/") && !path.contains(".status") && !path.contains(".history")
}

/// Calls that newer machines do not have.
#[cfg(target_arch = "x86_64")]
fn old_names(stopped: &Stopped, number: libc::c_long) -> Option<Call> {
    let name = match number {
        libc::SYS_open if stopped.number(1) & flags(libc::O_CREAT | libc::O_TRUNC) != 0 => "create",
        libc::SYS_creat => "create",
        libc::SYS_mkdir => return stopped.mkdir(Path::new(&stopped.text(0))),
        libc::SYS_unlink | libc::SYS_rmdir => "unlink",
        libc::SYS_rename => "rename",
        libc::SYS_chmod => "chmod",
        libc::SYS_symlink => return Some(file("symlink", Path::new(&stopped.text(1)))),
        libc::SYS_fork | libc::SYS_vfork => return Some(file("spawn", Path::new(""))),
        _ => return None,
    };
    Some(file(name, Path::new(&stopped.text(0))))
}

#[cfg(not(target_arch = "x86_64"))]
fn old_names(_: &Stopped, _: libc::c_long) -> Option<Call> {
    None
}

fn flags(flags: i32) -> u64 {
    u64::from(flags.unsigned_abs())
}

/// Set-asides are told apart by the time, and new files by a random number of 16 digits; steps of two runs are the same all
/// the same.
fn without_stamp(path: &str) -> String {
    let number = path
        .strip_suffix(".muster-new")
        .and_then(|path| path.rsplit_once('.'));
    if let Some((before, number)) = number
        && number.len() == 16
    {
        return format!("{before}.….muster-new");
    }
    let Some((before, after)) = path.split_once("unfinished-") else {
        return path.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}unfinished-…{}", Path::new(rest).display())
}
