//! A connection, tried step by step.

use super::limit::{self, LimitReport};
use super::steps::{bad, refused, sentence, untried, well};
use super::{
    CheckAsk, CheckStep, application, clock, credentials, discovery, feature_calls, grants,
    redirect, users,
};
use crate::setup::features;
use crate::{Engine, Result};
use postroom_microsoft::{DoorError, GraphPath, GraphRequest, GraphResponse, Identity};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::connection::Connection;
use postroom_model::grant::AccessToken;
use std::sync::Arc;

/// Somebody who can act, with a token.
pub(super) struct Actor {
    pub(super) who: Identity,
    pub(super) token: AccessToken,
}

/// Those who can act.
#[derive(Default)]
pub(super) struct Actors {
    application: Option<Actor>,
    user: Option<Actor>,
}

impl Actors {
    pub(super) fn of(&self, kind: AccountKind) -> Option<&Actor> {
        match kind {
            AccountKind::Application => self.application.as_ref(),
            AccountKind::User => self.user.as_ref(),
        }
    }

    fn add(&mut self, actor: Actor) {
        match actor.who.account.kind {
            AccountKind::Application => self.application = Some(actor),
            AccountKind::User => self.user = Some(actor),
        }
    }
}

/// All steps, in order.
pub(super) async fn steps(
    engine: &Engine,
    connection: Connection,
    ask: &CheckAsk,
) -> Result<(Vec<CheckStep>, Option<LimitReport>)> {
    engine.door().ask_anew(&connection.id);
    let connection = Arc::new(connection);
    let uses = features::uses(engine, &connection).await?;
    let [authority, tenant] = discovery::discovery(engine, &connection).await;
    let reachable = authority.ok != Some(false) && tenant.ok != Some(false);
    let (application, user) = identities(engine, &connection).await?;
    if ask.asks_for_limit() && application.is_none() {
        return Err(limit::no_application(&connection));
    }
    let mut steps = vec![authority, tenant];
    if !reachable {
        steps.extend(not_reached());
        let (step, report) = limit::not_tried(ask);
        steps.extend(step);
        return Ok((steps, report));
    }

    let uri = engine.redirect_uri_of(&connection);
    let probed = engine.door().probe_authorize(&connection, &uri).await;
    let mut actors = Actors::default();
    let primary = application.as_ref().or(user.as_ref());
    let asked = match primary {
        Some(who) => Some((who, engine.door().access_token(who).await)),
        None => None,
    };
    let outcome = asked
        .as_ref()
        .map(|(_, asked)| asked.as_ref().map(|_| ()).map_err(Clone::clone));
    steps.push(application::application(
        &connection,
        outcome.as_ref(),
        probed.as_ref().ok(),
    ));
    match asked {
        Some((who, asked)) => {
            steps.push(credentials::credential(engine, who, &asked));
            steps.extend(credentials::each(engine, who).await?);
            if let Ok(token) = asked {
                let who = who.clone();
                actors.add(Actor { who, token });
            }
        }
        None => steps.push(credentials::nobody(&connection)),
    }
    if let (Some(user), None) = (user, actors.of(AccountKind::User))
        && let Ok(token) = engine.door().access_token(&user).await
    {
        actors.add(Actor { who: user, token });
    }
    granted(engine, &connection, &actors, &uses, &mut steps).await?;
    steps.push(redirect::redirect_uri(&connection, &uri, &probed));
    steps.push(users::users(engine, &connection).await?);
    let report = match (ask.asks_for_limit(), actors.of(AccountKind::Application)) {
        (false, _) => None,
        (true, Some(actor)) => {
            let (limited, report) = limit::prove(engine, actor, ask).await?;
            steps.extend(limited);
            Some(report)
        }
        (true, None) => {
            let (step, report) = limit::not_tried(ask);
            steps.extend(step);
            report
        }
    };
    Ok((steps, report))
}

/// The steps that need a token: clock, permissions, Graph itself, each feature.
async fn granted(
    engine: &Engine,
    connection: &Connection,
    actors: &Actors,
    uses: &[features::FeatureUse],
    steps: &mut Vec<CheckStep>,
) -> Result<()> {
    let primary = actors
        .of(AccountKind::Application)
        .or(actors.of(AccountKind::User));
    let (called_steps, called) = feature_calls::call(engine, connection, actors, uses).await?;
    match primary {
        Some(actor) => {
            let (graph, answer) = graph(engine, &actor.who).await;
            let date = answer.as_ref().and_then(|answer| answer.header("date"));
            steps.push(clock::clock(engine.now(), &connection.graph_url, date));
            steps.push(permissions(connection, actors, uses, &called));
            steps.push(graph);
        }
        None => {
            let why = "There is no token to try it with.";
            steps.extend(["clock", "permissions", "graph"].map(|name| untried(name, why)));
        }
    }
    steps.extend(called_steps);
    Ok(())
}

/// One step for the application's permissions and those of users.
fn permissions(
    connection: &Connection,
    actors: &Actors,
    uses: &[features::FeatureUse],
    called: &[feature_calls::Called],
) -> CheckStep {
    let of = |kind: AccountKind| {
        actors
            .of(kind)
            .map(|actor| grants::permissions(connection, kind, &actor.token, uses, called))
    };
    let used = |kind: AccountKind| uses.iter().any(|one| one.kind == kind && one.in_use);
    match (of(AccountKind::Application), of(AccountKind::User)) {
        (Some(application), Some(user)) => {
            // A credential that only serves the sign-in of users asks for nothing itself.
            if !used(AccountKind::Application) {
                return user;
            }
            let detail = format!(
                "The application: {} Users: {}",
                application.detail, user.detail
            );
            let worse = if application.ok == Some(false) || user.ok != Some(false) {
                application
            } else {
                user
            };
            CheckStep { detail, ..worse }
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => untried("permissions", "There is no token to try it with."),
    }
}

/// Whoever can act: the application, and a user.
async fn identities(
    engine: &Engine,
    connection: &Arc<Connection>,
) -> Result<(Option<Identity>, Option<Identity>)> {
    let accounts: Vec<Account> = engine
        .store()
        .accounts()
        .await?
        .into_iter()
        .filter(|account| account.connection == connection.id)
        .collect();
    let identity = |account: &Account| Identity {
        connection: Arc::clone(connection),
        account: Arc::new(account.clone()),
        caller: "check".into(),
    };
    let application = accounts.iter().find(|account| {
        account.kind == AccountKind::Application && !connection.credentials.is_empty()
    });
    let user = accounts
        .iter()
        .find(|account| account.kind == AccountKind::User && account.state == AccountState::Active);
    Ok((application.map(identity), user.map(identity)))
}

/// What cannot be tried without the sign-in service.
fn not_reached() -> [CheckStep; 7] {
    let why = "The sign-in service was not reached, or does not know the tenant.";
    [
        "application",
        "credential",
        "clock",
        "permissions",
        "graph",
        "redirectUri",
        users::NAME,
    ]
    .map(|name| untried(name, why))
}

/// One harmless call: whether Graph is there and takes the token.
async fn graph(engine: &Engine, who: &Identity) -> (CheckStep, Option<GraphResponse>) {
    let name = "graph";
    let address = &who.connection.graph_url;
    let path = match &who.account.user_id {
        Some(user) => GraphPath::user(user).query("$select", "id"),
        None => GraphPath::new("users")
            .query("$top", "1")
            .query("$select", "id"),
    };
    let asked: std::result::Result<GraphResponse, DoorError> =
        engine.door().send(who, GraphRequest::get(path)).await;
    match asked {
        Ok(answer) => (
            well(name, format!("{address} answers and takes the token.")),
            Some(answer),
        ),
        // The token was taken; what is missing stands under the permissions.
        Err(error) if error.status() == Some(403) => (
            well(
                name,
                format!(
                    "{address} answers and takes the token, but does not let it look up users: see \
                     the permissions."
                ),
            ),
            None,
        ),
        // Here the address itself is tried: that nobody answers there is what was to be found out.
        Err(DoorError::Network { what, .. }) => (
            bad(
                name,
                sentence(&format!("{address} was not reached: {what}")),
                "Check that this machine reaches it, and the connection's Graph address.",
            ),
            None,
        ),
        Err(error) => (refused(name, &who.connection, &error), None),
    }
}
