//! Refreshing under storm: tokens of two seconds, many callers, an authority that fails a third of
//! the time. No grant is lost, and never are two refreshes of one grant under way.

use crate::login::log_in;
use anyhow::{Context, Result};
use postroom_model::{Dice, SystemDice};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_sandbox::{Options, Running, Sandbox};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::process::Program;
use postroom_tests::wait::until;
use postroom_tests::{Api, Ground, World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients, each with its own connections …
const CLIENTS: usize = 4;
/// … and so many callers in each.
const CALLERS: usize = 50;
/// How long a token lives.
const LIFETIME: Duration = Duration::from_secs(2);
/// Where tokens are asked for.
const TOKENS: &str = "/oauth2/v2.0/token";

/// Every third of the next requests for a token fails, in each of these ways in turn.
fn a_third_fails(sandbox: &Running, ways: &[Fault]) {
    for number in 0..60 {
        // One that fails is not counted by the faults behind it.
        let through = 2 * (number + 1);
        let way = ways[usize::try_from(number).unwrap_or(0) % ways.len()].clone();
        sandbox.sandbox().fault(way.skip(through));
    }
}

fn fails(action: FaultAction) -> Fault {
    Fault::on(TOKENS, action).method("POST")
}

/// Callers that ask for a token again and again, and what they were answered.
struct Callers {
    tasks: JoinSet<Result<()>>,
    asking: Arc<AtomicBool>,
    answers: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Callers {
    /// They ask the server whose address is the newest one in `servers`.
    fn start(servers: &watch::Receiver<String>, key: &str, account: &str) -> Self {
        let asking = Arc::new(AtomicBool::new(true));
        let answers: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for _ in 0..CLIENTS {
            let api = Api::new("", key);
            for _ in 0..CALLERS {
                let (api, servers) = (api.clone(), servers.clone());
                let (asking, answers) = (Arc::clone(&asking), Arc::clone(&answers));
                let path = format!("/accounts/{account}/token");
                tasks.spawn(async move {
                    loop {
                        // Before the call: whoever is told to stop has had a token after that.
                        let last = !asking.load(Ordering::Acquire);
                        let api = api.at(&servers.borrow().clone());
                        let request = api.request(Method::POST, &path).json(&json!({}));
                        let (told, has_token) = match api.answer(request).await {
                            Err(_) => ("no answer".to_owned(), false),
                            Ok(answer) if answer.status == 200 => {
                                let token = answer.body["accessToken"].is_string();
                                (format!("token: {token}"), token)
                            }
                            Ok(answer) => {
                                (format!("{} {}", answer.status, answer.body["code"]), false)
                            }
                        };
                        if let Ok(mut known) = answers.lock() {
                            *known.entry(told).or_default() += 1;
                        }
                        if last && has_token {
                            return Ok(());
                        }
                        tokio::time::sleep(Duration::from_millis(30)).await;
                    }
                });
            }
        }
        Self {
            tasks,
            asking,
            answers,
        }
    }

    /// Everybody gets a token once more. Gives what was answered, and how often.
    async fn end(mut self) -> Result<BTreeMap<String, u64>> {
        self.asking.store(false, Ordering::Release);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(240), all)
            .await
            .context("not everybody got a token in the end")??;
        let answers = self.answers.lock().map_err(|_| anyhow::anyhow!("held"))?;
        Ok(answers.clone())
    }
}

/// Whether an account can act. With tokens of two seconds the next refresh can be under way.
fn acts(account: &Value) -> bool {
    account["state"] == "active" || account["state"] == "refreshing"
}

/// What says that a grant is over, or that something broke.
fn ensure_nothing_lost(answers: &BTreeMap<String, u64>) {
    let passing = [
        "token: true",
        "no answer",
        r#"502 "microsoftUnreachable""#,
        r#"503 "microsoftUnreachable""#,
        r#"504 "microsoftUnreachable""#,
        r#"502 "microsoftRefused""#,
        r#"503 "microsoftRefused""#,
        r#"503 "throttled""#,
    ];
    for answer in answers.keys() {
        assert!(passing.contains(&answer.as_str()), "{answers:?}");
    }
    assert!(answers["token: true"] >= (CLIENTS * CALLERS) as u64);
}

fn refreshes(sandbox: &Running) -> u64 {
    let grants = sandbox.sandbox().stats().grants;
    grants.get("refresh_token").copied().unwrap_or(0)
}

/// A refresh token that is used twice ends its grant. Here the authority fails before it does
/// anything: where its answer is lost after it rotated the token, such a rule lets no client keep
/// the grant.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn strict_rotation_loses_no_grant() -> Result<()> {
    let mut options = WorldOptions::default();
    options.sandbox.access_token_lifetime = LIFETIME;
    options.sandbox.strict_rotation = true;
    options.sandbox.token_latency = Duration::from_millis(50);
    // A request that is only slow must not be given up: its answer would be lost.
    options.door.answer_timeout = Duration::from_secs(5);
    options.door.refusal_memory = Duration::from_millis(100);
    let world = World::start(options).await?;
    let login = log_in(&world, 0).await?;
    let account = login["account"].as_str().context("an account")?.to_owned();
    a_third_fails(
        &world.sandbox,
        &[
            fails(FaultAction::status(503, None)),
            fails(FaultAction::Drop),
            fails(FaultAction::Html { status: 503 }),
            fails(FaultAction::Hang),
            fails(FaultAction::Html { status: 200 }),
            fails(FaultAction::status(503, Some(1))),
        ],
    );
    let (_servers, address) = watch::channel(world.api.url().to_owned());
    let callers = Callers::start(&address, world.key(), &account);
    let faults = || world.sandbox.sandbox().faults().waiting().len();
    until("eight refreshes and six failures", || {
        refreshes(&world.sandbox) >= 8 && faults() <= 54
    })
    .await?;
    let answers = callers.end().await?;
    ensure_nothing_lost(&answers);
    let stats = world.sandbox.sandbox().stats();
    assert_eq!(stats.max_refreshes_in_flight, 1, "{stats:?}");
    assert_eq!(stats.refresh_tokens_reused, 0, "{stats:?}");
    let accounts = world.api.get("/accounts").await?;
    assert!(
        accounts["value"]
            .as_array()
            .is_some_and(|all| all.iter().all(acts)),
        "{accounts}"
    );
    world.stop().await;
    Ok(())
}

/// As Entra ID does it: the former refresh token stays good. So a server that is killed after
/// Microsoft's answer and before it is on disk goes on with the former one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kills_lose_no_grant() -> Result<()> {
    let sandbox = Sandbox::start(Options {
        messages: 0,
        access_token_lifetime: LIFETIME,
        token_latency: Duration::from_millis(50),
        ..Options::default()
    })
    .await?;
    let ground = Ground::new()?;
    let program = Program::on(&ground)?;
    program.connect(&sandbox)?;
    let key = program
        .run(&["key", "create", "--name", "storm", "--scope", "admin"])?
        .trim()
        .to_owned();
    let mut server = program.serve()?;
    server.ready().await?;
    let account = sign_user_in(&server.url, &key, &sandbox).await?;

    let (servers, address) = watch::channel(server.url.clone());
    let callers = Callers::start(&address, &key, &account);
    let dice = SystemDice;
    for round in 0..12 {
        let faults = sandbox.sandbox().faults();
        faults.clear();
        if round % 3 == 0 {
            // Killed between Microsoft's answer and the commit: the token is rotated there, and
            // nobody here knows the new one.
            let before = refreshes(&sandbox);
            sandbox.sandbox().fault(fails(FaultAction::Hang).perform());
            until("a refresh was carried out and not answered", || {
                faults.waiting().is_empty() && refreshes(&sandbox) > before
            })
            .await?;
        } else {
            a_third_fails(
                &sandbox,
                &[
                    fails(FaultAction::status(503, None)),
                    fails(FaultAction::Cut),
                    fails(FaultAction::Html { status: 503 }).perform(),
                    fails(FaultAction::Hang),
                    fails(FaultAction::Html { status: 200 }),
                ],
            );
            let moment = Duration::from_secs_f64(dice.fraction() * 2.5);
            tokio::time::sleep(moment).await;
        }
        server.kill()?;
        // What a dead process asked is nobody's refresh any more.
        until("the dead one's refresh has ended", || {
            sandbox.sandbox().stats().refreshes_in_flight == 0
        })
        .await?;
        server = program.serve()?;
        server.ready().await?;
        servers.send_replace(server.url.clone());
    }
    sandbox.sandbox().faults().clear();
    let answers = callers.end().await?;
    ensure_nothing_lost(&answers);
    let stats = sandbox.sandbox().stats();
    assert_eq!(stats.max_refreshes_in_flight, 1, "{stats:?}");
    // A fault can meet the application instead of the user; one that was met is enough.
    assert!(stats.refresh_tokens_reused >= 1, "{stats:?}");
    let accounts = Api::new(&server.url, &key).get("/accounts").await?;
    assert!(
        accounts["value"]
            .as_array()
            .is_some_and(|all| all.iter().all(acts)),
        "{accounts}"
    );
    assert!(server.terminate()?, "SIGTERM ends it well");
    sandbox.shutdown().await;
    Ok(())
}

/// Signs the first user in. Gives the account.
pub(crate) async fn sign_user_in(server: &str, key: &str, sandbox: &Running) -> Result<String> {
    let api = Api::new(server, key);
    let connections = api.get("/connections").await?;
    let connection = connections["value"][0]["id"].as_str().context("one")?;
    let logins = format!("/connections/{connection}/logins");
    let login = api.post(&logins, &json!({})).await?;
    let user = &sandbox.users[0];
    sign_in(
        login["authorizeUrl"].as_str().context("an address")?,
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    )
    .await?;
    let id = login["id"].as_str().context("an id")?;
    let login = api.get(&format!("/logins/{id}?wait=60")).await?;
    assert_eq!(login["status"], "completed", "{login}");
    Ok(login["account"].as_str().context("an account")?.to_owned())
}
