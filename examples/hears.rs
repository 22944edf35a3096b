//! Prints every signal that reaches it, and ends with TERM. For the tests: a shell's trap cannot hear them all.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool of the tests: its output is the point"
)]

use std::process::ExitCode;

use nix::libc::SIGTERM;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;

fn main() -> ExitCode {
    SigSet::all().thread_block().unwrap();
    let signals = SignalFd::new(&SigSet::all()).unwrap();
    println!("hearing");
    loop {
        let signal = signals.read_signal().unwrap().unwrap().ssi_signo;
        println!("heard {signal}");
        if signal == SIGTERM.cast_unsigned() {
            return ExitCode::from(143);
        }
    }
}
