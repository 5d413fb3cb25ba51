//! The run as a whole, and its table.

use crate::measure::{self, Taken};
use crate::postroom::{self, Place};
use crate::tenant::{Address, Started};
use crate::tokens::Tokens;
use crate::{copy, newest, postgres};
use anyhow::{Context, Result};
use comfy_table::Table;
use postroom_cluster::Cluster;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Simulated time of a call to Microsoft in the run with latency.
const LATENCY: u64 = 80;

struct Row {
    name: &'static str,
    messages: usize,
    seconds: f64,
    taken: Option<Taken>,
    requests: Option<u64>,
}

/// Runs everything.
pub(crate) async fn run(messages: usize, large: usize, repeat: usize) -> Result<()> {
    let mut rows = Vec::new();
    let folder = tempfile::tempdir()?;
    eprintln!("mirroring {messages} messages, {repeat} times");
    let mut ours = Vec::new();
    let mut asked = None;
    let mut address = None;
    for number in 0..repeat.max(1) {
        let tenant = Started::new(messages, 0).await?;
        let data = Place::folder(folder.path().join(format!("run{number}")))?;
        postroom::prepare(&data, &tenant.address)?;
        let before = tenant.asked().await?.graph_requests;
        ours.push(postroom::sync(&data, &tenant.address)?);
        let after = tenant.asked().await?;
        asked = Some((after.graph_requests - before, after.throttled));
        address = Some((tenant, data));
    }
    let (tenant, data) = address.context("a run")?;
    let (requests, throttled) = asked.context("a run")?;
    ours.sort_by_key(|taken| taken.wall);
    let mut median = ours[ours.len() / 2];
    // A peak is a peak, whichever run had it.
    median.peak_bytes = ours.iter().map(|taken| taken.peak_bytes).max().unwrap_or(0);
    rows.push(Row {
        name: "postroom mailbox sync",
        messages,
        seconds: median.wall.as_secs_f64(),
        taken: Some(median),
        requests: Some(requests),
    });

    let fetch = fetch_floor(&tenant.address, repeat)?;
    rows.push(Row {
        name: "floor: fetch the same pages",
        messages,
        seconds: fetch.wall.as_secs_f64(),
        taken: Some(fetch),
        requests: None,
    });
    let writing = write_floor(&data, folder.path(), messages, repeat)?;
    rows.push(Row {
        name: "floor: write the same rows",
        messages,
        seconds: writing,
        taken: None,
        requests: None,
    });
    let mut others = Vec::new();
    // python-o365 lists attachments message by message and pauses between calls: a tenth of the
    // messages tells its rate.
    for (name, program, script, factor, part) in [
        (
            "microsoft-graph-client (JavaScript)",
            "node",
            "mirror.mjs",
            3.0,
            1,
        ),
        ("O365 (Python)", "python", "mirror.py", 30.0, 10),
    ] {
        let count = messages / part;
        let tenant = Started::new(count, 0).await?;
        match client(program, script, &tenant.address, folder.path()) {
            Ok((seconds, mirrored)) => {
                if mirrored != count as u64 {
                    eprintln!("{name}: mirrored {mirrored} of {count} messages");
                }
                let rate = mirrored as f64 / seconds;
                others.push((name, rate, factor));
                rows.push(Row {
                    name,
                    messages: count,
                    seconds,
                    taken: None,
                    requests: None,
                });
            }
            Err(error) => eprintln!("{name}: {error:#}"),
        }
    }
    print(&rows);

    let floor = fetch.wall.as_secs_f64().max(writing);
    aim(
        "wall time over the slower floor",
        median.wall.as_secs_f64() / floor,
        1.5,
        true,
    );
    let ours = messages as f64 / median.wall.as_secs_f64();
    for (name, rate, factor) in others {
        aim(
            &format!("times the messages a second of {name}"),
            ours / rate,
            factor,
            false,
        );
    }
    println!(
        "requests for 1,000 messages: {:.1}; 429 earned: {throttled}",
        requests as f64 * 1000.0 / messages as f64
    );
    drop(tenant);

    latency(messages, folder.path()).await?;
    memory(messages, large, median, folder.path()).await?;
    let cluster = Cluster::start()?;
    let postgres = postgres::run(&cluster, messages, folder.path()).await?;
    newest::run("SQLite", &data).await?;
    newest::run("PostgreSQL", &postgres).await?;
    copy::run(&cluster, folder.path()).await?;
    drop(cluster);
    let ready = postroom::ready_after(&data)?;
    aim(
        "seconds until serve is ready",
        ready.as_secs_f64(),
        0.2,
        true,
    );
    let size = std::fs::metadata(postroom::binary()?)?.len() as f64 / 1e6;
    aim("megabytes of the binary", size, 40.0, true);
    Tokens::default().run().await
}

fn fetch_floor(address: &Address, repeat: usize) -> Result<Taken> {
    let mut all = Vec::new();
    for _ in 0..repeat.max(1) {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("fetch").arg(serde_json::to_string(address)?);
        all.push(measure::run(&mut command)?.0);
    }
    all.sort_by_key(|taken| taken.wall);
    Ok(all[all.len() / 2])
}

fn write_floor(data: &Place, folder: &Path, messages: usize, repeat: usize) -> Result<f64> {
    let mut all = Vec::new();
    for number in 0..repeat.max(1) {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("write")
            .arg(postroom::database(data))
            .arg(folder.join(format!("rows{number}.db")))
            .args(["--transactions", &(messages / 50).max(1).to_string()]);
        let (_, output) = measure::run(&mut command)?;
        all.push(output.trim().parse::<f64>()?);
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

/// Another client's seconds, as it says itself.
fn client(program: &str, script: &str, address: &Address, folder: &Path) -> Result<(f64, u64)> {
    let mut command = script_of(program, script, address)?;
    command
        .env("MAILBOXES", &address.user)
        .env("DATABASE", folder.join(format!("{script}.db")));
    let (_, output) = measure::run(&mut command)?;
    let line = output.lines().last().context("its figures")?;
    let figures: serde_json::Value = serde_json::from_str(line)?;
    Ok((
        figures["seconds"].as_f64().context("its seconds")?,
        figures["messages"].as_u64().context("its messages")?,
    ))
}

/// A Python program of another client, told where the tenant is.
pub(crate) fn python(script: &str, address: &Address) -> Result<Command> {
    script_of("python", script, address)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, told by make bench"
)]
fn script_of(program: &str, script: &str, address: &Address) -> Result<Command> {
    let clients = std::env::var("BENCH_CLIENTS")
        .context("the clients are not installed: make bench does that")?;
    let program = if program == "python" {
        format!("{clients}/venv/bin/python")
    } else {
        program.to_owned()
    };
    let mut command = Command::new(program);
    command
        .arg(Path::new("benches/clients").join(script))
        .env("NODE_PATH", format!("{clients}/node_modules"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AUTHORITY_URL", &address.root)
        .env("GRAPH_URL", &address.root)
        .env("TENANT_ID", &address.tenant_id)
        .env("CLIENT_ID", &address.client_id)
        .env("CLIENT_SECRET", &address.client_secret);
    Ok(command)
}

/// With Microsoft's distance and limits: as near to the least possible time as can be.
async fn latency(messages: usize, folder: &Path) -> Result<()> {
    let tenant = Started::new(messages, LATENCY).await?;
    let data = Place::folder(folder.join("latency"))?;
    postroom::prepare(&data, &tenant.address)?;
    let before = tenant.asked().await?.graph_requests;
    let taken = postroom::sync(&data, &tenant.address)?;
    let after = tenant.asked().await?;
    let requests = after.graph_requests - before;
    let least = Duration::from_millis(LATENCY) * u32::try_from(requests)? / 4;
    println!(
        "with {LATENCY} ms for each call: {:.2} s for {requests} requests, {} at once at the most, {} answered 429",
        taken.wall.as_secs_f64(),
        after.max_concurrency,
        after.throttled
    );
    aim(
        "wall time over the least possible",
        taken.wall.as_secs_f64() / least.as_secs_f64(),
        1.2,
        true,
    );
    Ok(())
}

async fn memory(messages: usize, large: usize, usual: Taken, folder: &Path) -> Result<()> {
    let tenant = Started::new(large, 0).await?;
    let data = Place::folder(folder.join("large"))?;
    postroom::prepare(&data, &tenant.address)?;
    let taken = postroom::sync(&data, &tenant.address)?;
    println!(
        "{large} messages: {:.2} s, {:.0} a second, {:.0} MB at the most ({messages}: {:.0} MB)",
        taken.wall.as_secs_f64(),
        large as f64 / taken.wall.as_secs_f64(),
        taken.peak_bytes as f64 / 1e6,
        usual.peak_bytes as f64 / 1e6,
    );
    aim(
        "peak memory over that of the usual run",
        taken.peak_bytes as f64 / usual.peak_bytes as f64,
        1.2,
        true,
    );
    Ok(())
}

fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.set_header([
        "",
        "seconds",
        "messages/s",
        "processor s",
        "peak MB",
        "requests",
    ]);
    for row in rows {
        let of = |what: Option<String>| what.unwrap_or_default();
        table.add_row([
            row.name.to_owned(),
            format!("{:.2}", row.seconds),
            format!("{:.0}", row.messages as f64 / row.seconds),
            of(row
                .taken
                .map(|taken| format!("{:.2}", taken.processor.as_secs_f64()))),
            of(row
                .taken
                .map(|taken| format!("{:.0}", taken.peak_bytes as f64 / 1e6))),
            of(row.requests.map(|requests| requests.to_string())),
        ]);
    }
    println!("{table}");
}

/// Prints a figure beside its aim.
pub(crate) fn aim(what: &str, found: f64, aim: f64, below: bool) {
    let met = if below { found <= aim } else { found >= aim };
    let word = if below { "at most" } else { "at least" };
    let verdict = if met { "met" } else { "missed" };
    println!("{what}: {found:.2} (aim: {word} {aim}) {verdict}");
}
