//! `muster run` as it is, around a start script of the test's own: a founder that nobody contradicts, in a network
//! namespace of its own. What it says is in a file, because some tests leave nobody to read it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Place, eventually, namespaces, send};

/// Tells when it is up, hears USR1, and has its own clean stop; `MUSTER` stands for what is to be done besides.
pub const ENGINE: &str = "sleep 1000 &\n\
    trap 'echo stopping; sleep 0.2; echo clean >mark; exit 143' TERM\n\
    trap 'echo again >>heard' USR1\n\
    echo $$ >up.new; mv up.new up; echo engine up\n\
    while :; do wait $!; done\n";

pub struct Whole {
    pub home: PathBuf,
    said: PathBuf,
    state: PathBuf,
    envs: Vec<(String, String)>,
    through: Vec<String>,
    before: String,
}

impl Whole {
    /// A home whose start script does this, from its home.
    pub fn new(place: &Place, does: &str) -> Self {
        let home = place.path("home");
        for dir in ["bin", "conf", "lib", "meta"] {
            fs::create_dir_all(home.join(dir)).unwrap();
        }
        fs::write(home.join("conf/fe.conf"), "").unwrap();
        fs::write(home.join("lib/starrocks-fe.jar"), "").unwrap();
        let script = format!(
            "#!/bin/sh\n# --host_type --helper --logconsole\ncd \"$(dirname \"$0\")/..\" || exit 9\n{does}"
        );
        place.script("home/bin/start_fe.sh", 0o755, &script);
        Self {
            home,
            said: place.path("said"),
            state: place.path("state"),
            envs: Vec::new(),
            through: Vec::new(),
            before: String::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.envs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a program between: muster is its child then, and not PID 1.
    pub fn through(mut self, words: &[String]) -> Self {
        self.through = words.to_vec();
        self
    }

    /// Shell commands in its namespaces before it is started, gone with them.
    pub fn after(mut self, commands: &str) -> Self {
        commands.clone_into(&mut self.before);
        self
    }

    /// Everything it has said so far, the engine's lines among them.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    pub fn has(&self, file: &str) -> bool {
        self.home.join(file).exists()
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.home.join(file)).unwrap_or_default()
    }

    /// None where namespaces are refused.
    pub fn start(&self) -> Option<Running> {
        let mut command = Command::new("unshare");
        command.args(namespaces()?).args(["--net", "--", "sh", "-c"]);
        let before = &self.before;
        command.args([&format!("ip link set lo up; {before} exec \"$@\""), "sh"]);
        let output = fs::File::create(&self.said).unwrap();
        let child = command
            .args(&self.through)
            .arg(env!("CARGO_BIN_EXE_muster"))
            .args(["run", "--home"])
            .arg(&self.home)
            .envs([
                ("MASTER_HOST", "127.0.0.1"),
                ("LOCAL_HOST", "127.0.0.1"),
                ("BOOTSTRAP", "force"),
                ("LOG_FORMAT", "text"),
            ])
            .env("STATE_DIR", &self.state)
            .envs(self.envs.iter().cloned())
            // cargo's own, in which the loader would look for every library.
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Some(Running {
            child,
            between: !self.through.is_empty(),
        })
    }
}

pub struct Running {
    child: Child,
    between: bool,
}

impl Running {
    /// Its code, once it has ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    pub fn ended(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.try_wait().unwrap()?;
        Some(status.code().unwrap_or_else(|| 1000 + status.signal().unwrap()))
    }

    pub fn end(&mut self) -> i32 {
        eventually("it has ended", || self.ended())
    }

    /// By its number outside the namespace.
    pub fn muster(&self) -> i32 {
        let child = |pid: i32| -> Option<i32> {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            children.split(' ').next()?.parse().ok()
        };
        let unshare = i32::try_from(self.child.id()).unwrap();
        eventually("muster runs", || {
            let first = child(unshare)?;
            if self.between { child(first) } else { Some(first) }
        })
    }

    pub fn signal(&self, signal: i32) {
        send(self.muster(), signal);
    }
}

impl Drop for Running {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test program's own child, and nothing else waits here"
    )]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
