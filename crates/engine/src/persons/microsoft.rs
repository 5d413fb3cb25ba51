//! Signing in to Postroom with Microsoft (OpenID Connect), through a connection.
//!
//! A person is known by tenant and object (`tid` and `oid`) and never by a name. An invitation by
//! address is for one sign-in: from then on it is the object that counts.

use super::NewSession;
use crate::access::{Origin, Shown, source};
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::{Identified, IdentityAsk, pkce};
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::person::{MicrosoftIdentity, Person};
use postroom_model::{ConnectionId, Secret, Timestamp};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long somebody may take at Microsoft's page.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// So many sign-ins are under way at most: anybody can begin one. Whoever began the most loses the
/// first of them to the next one, so that nobody pushes out others'.
const MOST: usize = 1024;
/// Tenants that are none: a sign-in there could be anybody's.
const NO_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

/// A sign-in to begin.
#[derive(Clone, Debug)]
pub struct MicrosoftSignIn {
    /// The page to open.
    pub url: String,
    /// What the browser has to bring back with it, so that nobody is signed in with somebody
    /// else's return.
    pub browser: Secret,
}

/// Sign-ins under way, by their state. They live in this process only: whoever is at Microsoft's
/// page while it starts anew begins again.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<HashMap<String, UnderWay>>);

#[derive(Clone, Debug)]
struct UnderWay {
    connection: ConnectionId,
    redirect_uri: String,
    nonce: Secret,
    verifier: Secret,
    browser: Secret,
    /// The network that it was begun from.
    source: Option<IpAddr>,
    expires_at: Timestamp,
}

impl Pending {
    fn put(&self, state: &Secret, one: UnderWay, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, one| now < one.expires_at);
        }
        if all.len() >= MOST
            && let Some(oldest) = oldest_of_the_busiest(&all)
        {
            all.remove(&oldest);
        }
        all.insert(state.reveal().to_owned(), one);
    }

    /// A state works once.
    fn take(&self, state: &str, now: Timestamp) -> Option<UnderWay> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(state).filter(|one| now < one.expires_at)
    }

    fn has(&self, state: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.contains_key(state)
    }
}

/// The first sign-in of the network that began the most of them.
fn oldest_of_the_busiest(all: &HashMap<String, UnderWay>) -> Option<String> {
    let mut begun: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for one in all.values() {
        *begun.entry(one.source).or_default() += 1;
    }
    all.iter()
        .min_by_key(|(_, one)| {
            let many = begun.get(&one.source).copied().unwrap_or_default();
            (Reverse(many), one.expires_at)
        })
        .map(|(state, _)| state.clone())
}

impl Engine {
    /// The connection that people sign in through: the one that the settings name, else the only
    /// one there is. It has to be for one tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_in_connection(&self) -> Result<Option<Connection>> {
        Ok(self.signs_in_through(self.connections().await?))
    }

    /// The one of these that people sign in through.
    pub(crate) fn signs_in_through(&self, mut all: Vec<Connection>) -> Option<Connection> {
        let chosen = match &self.settings().sign_in_connection {
            Some(named) => all.into_iter().find(|one| {
                one.id.as_str() == named || one.name.to_lowercase() == named.to_lowercase()
            }),
            None if all.len() == 1 => all.pop(),
            None => None,
        };
        chosen.filter(|one| !NO_TENANTS.contains(&one.tenant_id.to_lowercase().as_str()))
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// `notFound` where there is no connection to sign in through; Microsoft's refusals, when the
    /// sign-in service's addresses cannot be read.
    pub async fn begin_microsoft_sign_in(&self, origin: &Origin) -> Result<MicrosoftSignIn> {
        let connection = self.sign_in_connection().await?.ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                "There is no connection to sign in with Microsoft through: add one for a single \
                 tenant, and where there are several, name one with the setting \
                 sign_in_connection.",
            )
        })?;
        let dice = &*self.shared.dice;
        let proof = pkce(dice);
        let ask = IdentityAsk {
            // Registered already, for the sign-ins of mailboxes' users.
            redirect_uri: format!("{}/auth/callback", self.settings().public_url),
            state: Secret::new(dice.token(32)),
            nonce: Secret::new(dice.token(32)),
            code_challenge: proof.challenge,
        };
        let url = self.door().identity_url(&connection, &ask).await?;
        let now = self.now();
        let browser = Secret::new(dice.token(32));
        let under_way = UnderWay {
            connection: connection.id,
            redirect_uri: ask.redirect_uri,
            nonce: ask.nonce,
            verifier: proof.verifier,
            browser: browser.clone(),
            source: source(origin.address),
            expires_at: later(now, LIFETIME),
        };
        self.shared.persons.pending.put(&ask.state, under_way, now);
        Ok(MicrosoftSignIn {
            url: url.into(),
            browser,
        })
    }

    /// Whether a return of a browser is one of these sign-ins, and not one of a mailbox's user.
    pub fn is_microsoft_sign_in(&self, query: &[(String, String)]) -> bool {
        value(query, "state").is_some_and(|state| self.shared.persons.pending.has(state))
    }

    /// The browser came back. `browser` is what it was given at the beginning.
    ///
    /// # Errors
    /// `unauthorized` when it is over, was begun in another browser, or Microsoft or the person
    /// said no; `forbidden` for somebody whom nobody invited; else Microsoft's refusals.
    pub async fn finish_microsoft_sign_in(
        &self,
        query: &[(String, String)],
        browser: Option<&Secret>,
        origin: &Origin,
    ) -> Result<NewSession> {
        let signed_in = self.identify(query, browser, origin).await;
        if let Err(problem) = &signed_in {
            self.note_failed_sign_in(
                origin,
                match problem.code {
                    Code::Forbidden => "notInvited",
                    _ => "microsoft",
                },
            );
            self.slow_down(Shown::SignInToken, origin.address).await;
        }
        signed_in
    }

    async fn identify(
        &self,
        query: &[(String, String)],
        browser: Option<&Secret>,
        origin: &Origin,
    ) -> Result<NewSession> {
        let refused = |why: &str| Problem::new(Code::Unauthorized, why);
        let under_way = value(query, "state")
            .and_then(|state| self.shared.persons.pending.take(state, self.now()))
            .ok_or_else(|| refused("This sign-in is over: begin it again, at /signin."))?;
        if browser != Some(&under_way.browser) {
            return Err(refused(
                "This sign-in was begun in another browser, or this one keeps no cookies: begin it \
                 again here, at /signin.",
            ));
        }
        let Some(code) = value(query, "code").map(Secret::new) else {
            return Err(Problem::new(
                Code::Unauthorized,
                crate::logins::why_no_code(query),
            ));
        };
        let connection = self
            .store()
            .connection(&under_way.connection)
            .await?
            .ok_or_else(|| refused("The connection of this sign-in was removed meanwhile."))?;
        let who = self
            .door()
            .redeem_identity(
                &connection,
                &code,
                &under_way.redirect_uri,
                &under_way.verifier,
                &under_way.nonce,
            )
            .await?;
        let person = self.person_behind(who).await?;
        let (session, secret, hash) = self.new_session(&person.id);
        if !self.store().insert_session(&session, &hash).await? {
            return Err(not_invited(None));
        }
        Ok(self
            .signed_in(person, session, secret, "microsoft", origin)
            .await)
    }

    /// Who somebody at Microsoft is here.
    async fn person_behind(&self, who: Identified) -> Result<Person> {
        let identity = MicrosoftIdentity {
            tenant_id: who.tenant_id.to_lowercase(),
            object_id: who.object_id.to_lowercase(),
        };
        if let Some(known) = self.store().person_by_identity(&identity).await? {
            return Ok(known);
        }
        let name = who.user_principal_name.as_deref().map(str::to_lowercase);
        let invited = match &name {
            Some(name) => self.store().person_by_address(name).await?,
            None => None,
        };
        if let (Some(invited), Some(name)) = (invited, &name)
            && invited.identity.is_none()
        {
            let bound = self
                .store()
                .bind_person(&invited.id, name, &identity)
                .await?;
            // Changed or removed meanwhile: the invitation is not this one's any more.
            return bound.ok_or_else(|| not_invited(Some(name)));
        }
        let of_tenant = self
            .settings()
            .sign_in_tenant
            .as_ref()
            .is_some_and(|tenant| tenant.eq_ignore_ascii_case(&identity.tenant_id));
        let Some(role) = self.settings().sign_in_role.filter(|_| of_tenant) else {
            return Err(not_invited(name.as_deref()));
        };
        let now = self.now();
        let person = Person {
            id: self.new_person_id(now),
            name: who
                .display_name
                .or(name)
                .unwrap_or_else(|| identity.object_id.clone()),
            // The name is somebody's only while Microsoft says so: it invites nobody.
            address: None,
            role,
            identity: Some(identity),
            created_at: now,
            signed_in_at: None,
        };
        self.store().insert_person(&person).await?;
        Ok(person)
    }
}

fn not_invited(name: Option<&str>) -> Problem {
    let who = name.map_or_else(String::new, |name| format!(" as {name}"));
    Problem::new(
        Code::Forbidden,
        format!(
            "You signed in to Microsoft{who}, and nobody has let you in here: ask an administrator \
             of Postroom to invite you with that address."
        ),
    )
}

fn value<'a>(query: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under_way(expires: i64) -> UnderWay {
        begun_at("10.0.0.1", expires)
    }

    fn begun_at(address: &str, expires: i64) -> UnderWay {
        UnderWay {
            connection: "c".into(),
            redirect_uri: String::new(),
            nonce: Secret::new("n"),
            verifier: Secret::new("v"),
            browser: Secret::new("b"),
            source: source(Some(address.parse().expect("an address"))),
            expires_at: Timestamp::from_second(expires).expect("a time"),
        }
    }

    #[test]
    fn a_state_works_once_and_in_time() {
        let pending = Pending::default();
        let now = Timestamp::from_second(5).expect("a time");
        pending.put(&Secret::new("s"), under_way(10), now);
        pending.put(&Secret::new("late"), under_way(5), now);
        assert!(pending.has("s") && pending.take("s", now).is_some());
        assert!(pending.take("s", now).is_none());
        assert!(pending.take("late", now).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let pending = Pending::default();
        let now = Timestamp::UNIX_EPOCH;
        for number in 0..MOST + 10 {
            let expires = i64::try_from(number).expect("small") + 10;
            pending.put(&Secret::new(number.to_string()), under_way(expires), now);
        }
        assert!(!pending.has("0") && pending.has(&(MOST + 9).to_string()));
        assert_eq!(pending.0.lock().expect("held").len(), MOST);
    }

    /// Else anybody could keep everybody from signing in.
    #[test]
    fn nobody_pushes_out_what_others_began() {
        let pending = Pending::default();
        let now = Timestamp::UNIX_EPOCH;
        pending.put(&Secret::new("ours"), begun_at("192.0.2.1", 1), now);
        for number in 0..3 * MOST {
            // Many addresses of one network of IPv6 are one.
            let address = format!("2001:db8::{number:x}");
            pending.put(&Secret::new(number.to_string()), begun_at(&address, 9), now);
        }
        assert!(pending.take("ours", now).is_some());
        assert_eq!(pending.0.lock().expect("held").len(), MOST - 1);
    }
}
