//! `postroom vault`: how secrets are kept, and changing keys.

use super::store::must_be_there;
use crate::client::Target;
use crate::master_key::{self, Origin};
use crate::place::StorePlace;
use crate::settings::Settings;
use crate::table::Table;
use crate::trouble::usage;
use crate::{output, stack};
use anyhow::Context;
use clap::{Args, Subcommand};
use postroom_engine::access::Caller;
use postroom_engine::shell_word;
use postroom_model::account::Account;
use postroom_model::audit::{AuditEntry, Outcome, Subject};
use postroom_model::{AuditId, Clock as _, Dice as _, SystemClock, SystemDice};
use postroom_store::seal::{
    NEW_CREDENTIAL, ROWS_AT_ONCE, SIGN_IN_AGAIN, change_master_key, rotate, vault_status,
};
use postroom_store::{MasterKey, Role, Store, StoreError};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// The setting by which a store remembers when its data key was changed.
const ROTATED_AT: &str = "vault_rotated_at";

/// Secrets at rest: see how they are kept, change keys, go on without a lost one
#[derive(Args)]
pub(crate) struct VaultCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Status(Status),
    Rotate(Rotate),
    Reset(Reset),
}

impl VaultCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Status(status) => status.run().await,
            Action::Rotate(rotate) => rotate.run().await,
            Action::Reset(reset) => reset.run().await,
        }
    }
}

/// Where the store is, and that it is there.
async fn place(target: &Target) -> anyhow::Result<(Settings, StorePlace)> {
    if target.server().is_some() {
        return Err(usage(
            "a vault is looked after on its own machine: name the store with --data or \
             --database-url",
        ));
    }
    let settings = target.settings()?;
    let place = settings.place()?;
    must_be_there(&settings, &place).await?;
    Ok((settings, place))
}

/// Show where the master key comes from, and whether every secret opens with it
///
/// Works beside a running server. Exit status 1 if the store does not open.
#[derive(Args)]
struct Status {
    #[command(flatten)]
    target: Target,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    async fn run(self) -> anyhow::Result<()> {
        let (settings, place) = place(&self.target).await?;
        let (key, origin) = stack::find_key(&settings, &place).await?;
        let ca_file = settings.ca_file.as_deref();
        let store = stack::open_store_with(&place, key.clone(), Role::Beside, ca_file).await?;
        let looked = async {
            let status = vault_status(&*store, &key).await?;
            let rotated = store.setting(ROTATED_AT).await?;
            let backed_up = store.setting(master_key::BACKED_UP).await?;
            let set = |value: Option<String>| value.filter(|it| !it.is_empty());
            anyhow::Ok((status, set(rotated), set(backed_up)))
        }
        .await;
        stack::close(&store).await;
        let (status, rotated, backed_up) = looked.context("the vault cannot be read")?;
        let from = from(&origin);
        if self.json {
            output::json(&json!({
                "masterKey": from,
                "masterKeyBackedUpAt": backed_up,
                "dataKeyRotatedAt": rotated,
                "sealed": status.sealed,
                "unopened": status.unopened,
                "rotationUnfinished": status.unfinished,
            }))?;
            return Ok(());
        }
        let mut table = Table::new(["", ""]);
        table.row(["Master key".to_owned(), from]);
        table.row([
            "Copy of it kept since".to_owned(),
            backed_up.unwrap_or_else(|| "unknown: see `postroom doctor`".to_owned()),
        ]);
        table.row([
            "Data key changed".to_owned(),
            rotated.unwrap_or_else(|| "never".to_owned()),
        ]);
        table.row(["Secrets".to_owned(), status.sealed.to_string()]);
        table.print()?;
        if status.unfinished {
            output::warning(
                "a rotation is not finished: if none is running now, it was cut off, and `postroom \
                 vault rotate` goes on with it. Until then both data keys are kept, and everything \
                 works",
            );
        }
        if status.unopened > 0 {
            output::warning(format_args!(
                "{} of the secrets do not open: `postroom store check` names them; enter them anew",
                status.unopened
            ));
        }
        Ok(())
    }
}

/// An entry of the audit log about something that is done here.
fn entry(action: &str, outcome: Outcome) -> AuditEntry {
    let at = SystemClock.now();
    AuditEntry {
        id: AuditId::new(SystemDice.timed_guid(at).to_string()),
        at,
        actor: Caller::Local.actor(),
        address: None,
        action: action.to_owned(),
        subject: Some(Subject {
            kind: "vault".into(),
            id: None,
            name: None,
        }),
        outcome,
        details: serde_json::Map::new(),
        request_id: None,
    }
}

/// Where the key was found, for people.
fn from(origin: &Origin) -> String {
    match origin {
        Origin::Named(path) | Origin::Made(path) | Origin::New(path) => {
            format!("the file {}", path.display())
        }
        Origin::Credential(path) => format!("the systemd credential {}", path.display()),
        Origin::Command => "the output of master_key_command".to_owned(),
        Origin::Environment => "POSTROOM_MASTER_KEY".to_owned(),
    }
}

/// Change the data key, and encrypt every secret anew with it
///
/// Takes the store for itself: stop the server first. Secrets are encrypted anew some rows at a
/// time; cut off anywhere, the store can be used, and the same command goes on. The old data key is
/// removed when nothing needs it any more.
///
/// With --new-master-key-file the data key is put under another master key first, in one step.
#[derive(Args)]
struct Rotate {
    #[command(flatten)]
    target: Target,
    /// Change the master key to the one in this file; if there is no such file, to a new one, which
    /// is written there
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
    /// Change the master key only
    #[arg(long, requires = "new_master_key_file")]
    keep_data_key: bool,
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let (settings, place) = place(&self.target).await?;
        let ca_file = settings.ca_file.as_deref();
        let (key, origin) = stack::find_key(&settings, &place).await?;
        let new_file = self.new_master_key_file.as_deref();
        let given = match new_file.filter(|path| path.exists()) {
            Some(path) => Some(MasterKey::read_file(path).with_context(|| {
                format!("the new master key file {} cannot be used", path.display())
            })?),
            None => None,
        };
        let open = async |key: MasterKey| stack::open_store_alone(&place, key, ca_file).await;
        let (store, is_changed) = match (open(key.clone()).await, &given) {
            // It was cut off after the change of the master key.
            (Err(error), Some(new)) if is_other_key(&error) => match open(new.clone()).await {
                Ok(store) => (store, true),
                Err(_) => return Err(error),
            },
            (opened, _) => (opened?, false),
        };
        let done = async {
            stack::whole(&*store).await?;
            // Only now: where the store is in use, no key is left behind that nothing opens with.
            // And before it is the store's, so that the store never has a key that nobody has.
            let new = match (new_file, given) {
                (None, _) => None,
                (Some(_), Some(key)) => Some(key),
                (Some(path), None) => {
                    let key = MasterKey::generate()?;
                    key.write_new_file(path)?;
                    Some(key)
                }
            };
            self.noted(&*store, &key, new.as_ref(), is_changed).await
        }
        .await;
        stack::close(&store).await;
        done?;
        if let Some(path) = new_file {
            output::say(format_args!(
                "The store opens with the master key in {path} from now on, and with no other one: \
                 set master_key_file to it, or put the key where it comes from now ({from}). Keep a \
                 copy of it, then run `postroom doctor --master-key-backed-up`. Backups of the data \
                 made before need the former key.",
                path = path.display(),
                from = from(&origin),
            ));
        }
        Ok(())
    }

    /// Does the work, with an entry in the audit log around it.
    async fn noted(
        &self,
        store: &dyn Store,
        key: &MasterKey,
        new: Option<&MasterKey>,
        is_changed: bool,
    ) -> anyhow::Result<()> {
        let mut entry = entry("vault.rotate", Outcome::Begun);
        entry
            .details
            .insert("masterKeyChanged".into(), new.is_some().into());
        entry
            .details
            .insert("dataKeyChanged".into(), (!self.keep_data_key).into());
        store.insert_audit(std::slice::from_ref(&entry)).await?;
        let done = self.work(store, key, new, is_changed).await;
        entry.outcome = if done.is_ok() {
            Outcome::Done
        } else {
            Outcome::Failed
        };
        store.finish_audit(&entry).await?;
        done
    }

    async fn work(
        &self,
        store: &dyn Store,
        key: &MasterKey,
        new: Option<&MasterKey>,
        is_changed: bool,
    ) -> anyhow::Result<()> {
        let key = match new {
            None => key,
            Some(new) => {
                if !is_changed {
                    // First, so that no copy is thought to be kept that is not.
                    store.put_setting(master_key::BACKED_UP, "").await?;
                    change_master_key(store, key, new)
                        .await
                        .context("the master key was not changed")?;
                }
                new
            }
        };
        if self.keep_data_key {
            return Ok(());
        }
        let rotated = rotate(store, key, ROWS_AT_ONCE, &|_| {})
            .await
            .context("the rotation was not finished: run the same command again, and it goes on")?;
        let now = format!("{:.0}", SystemClock.now());
        store.put_setting(ROTATED_AT, &now).await?;
        output::say(format_args!(
            "{}: {} secrets are encrypted with a new data key, and the old one is gone.",
            if rotated.resumed {
                "Gone on with a rotation that was cut off"
            } else {
                "Rotated"
            },
            rotated.resealed
        ));
        if rotated.unopened > 0 {
            output::warning(format_args!(
                "{} secrets open with no key and were left as they are: `postroom store check` names \
                 them",
                rotated.unopened
            ));
        }
        Ok(())
    }
}

fn is_other_key(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::MasterKey(_)))
}

/// Take the store into use again when its master key is lost
///
/// What was encrypted with the lost key cannot be read by anybody: connections' credentials, users'
/// sign-ins and sign-ins under way are removed, and the accounts say that a credential or a sign-in
/// is needed. Everything else stays: connections, accounts, mailboxes and their mirror, keys,
/// outbox, the log of calls. The store is given the master key that settings name, or a new one.
///
/// Nothing is changed if the store opens with the master key that is there.
#[derive(Args)]
struct Reset {
    #[command(flatten)]
    target: Target,
    /// Yes, remove the stored credentials and sign-ins
    #[arg(long)]
    drop_secrets: bool,
    /// Print what is to be done now as JSON
    #[arg(long)]
    json: bool,
}

impl Reset {
    async fn run(self) -> anyhow::Result<()> {
        let (settings, place) = place(&self.target).await?;
        if !self.drop_secrets {
            return Err(usage(format!(
                "this removes the credentials and sign-ins in {place}, which nobody can read without \
                 the lost master key; if it may be in a backup, look there first. If it is lost for \
                 good, say so with --drop-secrets"
            )));
        }
        let (key, origin) = master_key::find_or_generate(&settings, &place).await?;
        let ca_file = settings.ca_file.as_deref();
        let store = stack::reset_store(&place, key.clone(), ca_file).await?;
        if let Err(error) = origin.keep(&key) {
            stack::close(&store).await;
            return Err(error.context(
                "the store was given a new master key, and that could not be written down; correct \
                 this and run the same command again: nothing is encrypted with it yet",
            ));
        }
        origin.announce();
        // The former key's copy is none of this one's.
        let noted = async {
            store.put_setting(master_key::BACKED_UP, "").await?;
            store
                .insert_audit(&[entry("vault.reset", Outcome::Done)])
                .await
        }
        .await;
        let waiting = Waiting::of(&store).await;
        stack::close(&store).await;
        noted?;
        waiting?.show(self.json)
    }
}

/// What has to be done for everything to work again.
struct Waiting {
    /// Names of connections without a credential.
    connections: BTreeSet<String>,
    /// Users, each with the connection to sign in through.
    users: Vec<(String, String)>,
}

impl Waiting {
    async fn of(store: &Arc<dyn Store>) -> anyhow::Result<Self> {
        let connections = store.connections().await?;
        let name = |account: &Account| {
            connections
                .iter()
                .find(|it| it.id == account.connection)
                .map_or_else(|| account.connection.to_string(), |it| it.name.clone())
        };
        let mut waiting = Self {
            connections: BTreeSet::new(),
            users: Vec::new(),
        };
        for account in store.accounts().await? {
            match account.reason.as_deref() {
                Some(NEW_CREDENTIAL) => {
                    waiting.connections.insert(name(&account));
                }
                Some(SIGN_IN_AGAIN) => {
                    let user = account.user_principal_name.clone();
                    let user = user.unwrap_or_else(|| account.id.to_string());
                    waiting.users.push((user, name(&account)));
                }
                _ => {}
            }
        }
        Ok(waiting)
    }

    fn show(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            let users: Vec<_> = self
                .users
                .iter()
                .map(|(user, connection)| json!({"user": user, "connection": connection}))
                .collect();
            output::json(&json!({"credentials": self.connections, "signIns": users}))?;
            return Ok(());
        }
        output::say(
            "The store is in use with another master key. Nothing but secrets was removed.",
        );
        let mut table = Table::new(["NEEDS", "DO"]);
        for name in &self.connections {
            table.row([
                format!("a credential for {name}"),
                format!(
                    "postroom connection set {} --client-secret-file FILE",
                    shell_word(name)
                ),
            ]);
        }
        for (user, connection) in &self.users {
            table.row([
                format!("a sign-in of {user}"),
                format!(
                    "postroom login {} --login-hint {}",
                    shell_word(connection),
                    shell_word(user)
                ),
            ]);
        }
        Ok(table.print()?)
    }
}
