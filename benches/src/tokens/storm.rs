//! Many callers, a token that is over, and a refresh token that works once: whoever refreshes twice
//! has lost the grant.

use super::msal;
use crate::report::aim;
use crate::tenant::{Address, User};
use anyhow::{Context, Result};
use futures::future::join_all;
use postroom_engine::access::Caller;
use postroom_engine::connections::{NewConnection, NewCredential};
use postroom_engine::logins::NewLogin;
use postroom_engine::{Code, Engine, EngineParts, EngineSettings};
use postroom_microsoft::DoorSettings;
use postroom_model::{Secret, SystemClock, SystemDice};
use postroom_sandbox::{Options, Running, Sandbox, SignedIn};
use postroom_store::{MasterKey, SqliteOptions, SqliteStore};
use std::sync::Arc;
use std::time::Duration;

/// Callers at once.
const CALLERS: usize = 50;
/// How often.
const ROUNDS: usize = 10;

/// Postroom, and msal in threads, each against a sandbox of its own.
pub(super) async fn run() -> Result<()> {
    let (ours, lost) = postroom().await?;
    println!(
        "{CALLERS} callers with an expired token, each refresh token good for once, {ROUNDS} times: \
         postroom refused {ours} of them and lost {lost} grants"
    );
    let sandbox = strict().await?;
    let user = sandbox.users.first().context("a user")?;
    let user = User {
        name: user.user_principal_name.clone(),
        password: user.password.clone(),
    };
    let address = Address::of(&sandbox);
    let measured =
        tokio::task::spawn_blocking(move || msal::storm(&address, &user, CALLERS, ROUNDS)).await?;
    match measured {
        Ok(theirs) => println!(
            "msal (Python) in {} threads, {} times, signed in anew each time: {} to {} of them were \
             answered invalid_grant",
            theirs.callers,
            theirs.rounds,
            theirs.refused.iter().min().copied().unwrap_or(0),
            theirs.refused.iter().max().copied().unwrap_or(0),
        ),
        Err(error) => eprintln!("msal: {error:#}"),
    }
    sandbox.shutdown().await;
    aim("callers that postroom refused", ours as f64, 0.0, true);
    aim("grants that postroom lost", lost as f64, 0.0, true);
    Ok(())
}

/// A sandbox in which a refresh token that is used twice ends its grant.
async fn strict() -> Result<Running> {
    Ok(Sandbox::start(Options {
        messages: 0,
        strict_rotation: true,
        // A network's way there and back: without it threads hardly meet.
        token_latency: Duration::from_millis(20),
        ..Options::default()
    })
    .await?)
}

/// How many callers were refused, and how many grants were lost.
async fn postroom() -> Result<(usize, usize)> {
    let sandbox = strict().await?;
    let folder = tempfile::tempdir()?;
    let options = SqliteOptions::new(folder.path(), MasterKey::generate()?);
    let engine = Engine::new(EngineParts {
        store: Arc::new(SqliteStore::open(options).await?),
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice),
        door: DoorSettings::default(),
        settings: EngineSettings::default(),
    })?;
    let connection = engine
        .add_connection(
            &Caller::Local,
            NewConnection {
                name: "Storm".into(),
                tenant_id: sandbox.tenant_id.clone(),
                client_id: sandbox.client_id.clone(),
                credential: Some(NewCredential::secret(
                    Secret::new(sandbox.client_secret.as_str()),
                    None,
                )),
                authority_url: Some(sandbox.authority_url.clone()),
                graph_url: Some(sandbox.graph_url.clone()),
                ..NewConnection::default()
            },
        )
        .await?;
    let login = engine
        .begin_login(&Caller::Local, &connection.id, NewLogin::default())
        .await?;
    let user = sandbox.users.first().context("a user")?;
    let SignedIn::Redirect(end) = sandbox.sandbox().sign_in(
        &login.authorize_url,
        &user.user_principal_name,
        &user.password,
    ) else {
        anyhow::bail!("nobody came back from the sign-in");
    };
    let login = engine
        .login_redirect(&Caller::Local, &login.id, &end)
        .await?;
    let account = login.account.context("an account")?;
    let (mut refused, mut lost) = (0, 0);
    for _ in 0..ROUNDS {
        engine.expire_token(&account);
        let all = (0..CALLERS).map(|_| {
            let (engine, account) = (engine.clone(), account.clone());
            tokio::spawn(async move { engine.account_token(&Caller::Local, &account).await })
        });
        for ended in join_all(all).await {
            if let Err(problem) = ended? {
                refused += 1;
                lost += usize::from(problem.code == Code::NeedsSignIn);
            }
        }
    }
    engine.stop().await;
    sandbox.shutdown().await;
    Ok((refused, lost.min(1)))
}
