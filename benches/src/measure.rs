//! What a process takes: wall time, processor time, memory.

use anyhow::{Result, ensure};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    pub(crate) peak_bytes: u64,
}

/// Runs a command to its end and measures it from outside, through `/proc`.
pub(crate) fn run(command: &mut Command) -> Result<(Taken, String)> {
    let output = tempfile::NamedTempFile::new()?;
    let errors = tempfile::NamedTempFile::new()?;
    let began = Instant::now();
    let mut process = command
        .stdin(Stdio::null())
        .stdout(output.reopen()?)
        .stderr(errors.reopen()?)
        .spawn()?;
    let mut taken = Taken::default();
    let status = loop {
        if let Some((processor, peak)) = look(process.id()) {
            taken.processor = taken.processor.max(processor);
            taken.peak_bytes = taken.peak_bytes.max(peak);
        }
        if let Some(status) = process.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    taken.wall = began.elapsed();
    let output = std::fs::read_to_string(output.path())?;
    ensure!(
        status.success(),
        "{command:?}: {status}\n{output}\n{}",
        std::fs::read_to_string(errors.path())?
    );
    Ok((taken, output))
}

/// The processor time that a process has taken so far.
pub(crate) fn processor(process: u32) -> Option<Duration> {
    look(process).map(|(processor, _)| processor)
}

/// Processor time and the most memory so far. A clock tick is a hundredth of a second on Linux.
fn look(process: u32) -> Option<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .ok()?;
    Some((Duration::from_millis(ticks * 10), peak * 1024))
}
