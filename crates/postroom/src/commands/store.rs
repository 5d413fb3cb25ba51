//! `postroom store`: copies a store, proves one whole.

use crate::client::Target;
use crate::place::StorePlace;
use crate::progress::WorkBar;
use crate::settings::Settings;
use crate::trouble::{Said, usage};
use crate::{environment, output, stack};
use anyhow::Context;
use clap::{Args, Subcommand};
use postroom_store::postgres::reader_script;
use postroom_store::transfer::{self, CopyError, MOVED_TO, UNFINISHED};
use postroom_store::{MasterKey, Role, Store, StoreError};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// The store itself: move it, check it
#[derive(Args)]
pub(crate) struct StoreCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Copy(Copy),
    Check(Check),
    Reuse(Reuse),
    ReaderScript(ReaderScript),
}

impl StoreCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Copy(copy) => copy.run().await,
            Action::Check(check) => check.run().await,
            Action::Reuse(reuse) => reuse.run().await,
            Action::ReaderScript(script) => script.run(),
        }
    }
}

/// By this word an address is taken from the environment: others on a machine see what is on a
/// command line.
const VARIABLE: &str = "POSTROOM_DATABASE_URL";

/// Copy a whole installation into an empty store
///
/// FROM and TO are data folders or PostgreSQL addresses (postgres://USER:PASSWORD@HOST/DATABASE).
/// The word POSTROOM_DATABASE_URL stands for the address in that variable, for others on the machine
/// see what is on a command line.
///
/// No server may run on either. Secrets stay encrypted: the copy has the master key of FROM. A copy
/// that was cut off goes on when it is run again. At the end every row and every attachment is
/// compared; after that FROM is not used any more.
#[derive(Args)]
struct Copy {
    /// The store to copy
    from: String,
    /// The empty store to copy into
    to: String,
    /// If FROM is a database whose large contents are files: their folder
    #[arg(long, value_name = "DIR")]
    from_blob_folder: Option<PathBuf>,
    /// If TO is a database: keep large contents as files in this folder
    #[arg(long, value_name = "DIR")]
    to_blob_folder: Option<PathBuf>,
    /// The settings file [default: ~/.config/postroom/postroom.toml]
    #[arg(long, value_name = "FILE", env = "POSTROOM_CONFIG")]
    config: Option<PathBuf>,
    /// Print what was copied as JSON
    #[arg(long)]
    json: bool,
}

impl Copy {
    async fn run(self) -> anyhow::Result<()> {
        let settings = Settings::without_place(self.config.as_deref())?;
        let place = |text: &str, blobs: Option<&PathBuf>| {
            let named = (text == VARIABLE)
                .then(|| environment::text(VARIABLE))
                .flatten();
            StorePlace::parse(
                named.as_deref().unwrap_or(text),
                blobs.map(PathBuf::as_path),
            )
            .map_err(|error| usage(error.to_string()))
        };
        let from = place(&self.from, self.from_blob_folder.as_ref())?;
        let to = place(&self.to, self.to_blob_folder.as_ref())?;
        must_be_there(&settings, &from).await?;
        if from.name() == to.name() {
            return Err(usage(format!("{from} cannot be copied into itself")));
        }
        let source = stack::open_any_store(&settings, &from, Role::Engine).await?;
        let (key, origin) = stack::find_key(&settings, &from).await?;
        let copied = self.copy_into(&settings, &*source, &to, key).await;
        stack::close(&source).await;
        if let Err(error) = &copied
            && error.downcast_ref().is_some_and(is_there)
        {
            // It may have been ended just before the key was lent.
            origin.lend_to(&to)?;
        }
        let copied = copied?;
        if self.json {
            output::json(&json!({
                "rows": copied.rows,
                "contents": copied.contents,
                "resumed": copied.resumed,
            }))?;
        } else {
            output::say(format_args!(
                "Copied and compared: {} rows and {} contents. Use {to} from now on; {from} is not \
                 used any more.",
                copied.rows, copied.contents
            ));
        }
        origin.lend_to(&to)
    }

    async fn copy_into(
        &self,
        settings: &Settings,
        source: &dyn Store,
        to: &StorePlace,
        key: MasterKey,
    ) -> anyhow::Result<transfer::Copied> {
        let ca_file = settings.ca_file.as_deref();
        let target = stack::open_store_with(to, key, Role::Engine, ca_file)
            .await
            .map_err(|error| match error.downcast_ref() {
                Some(StoreError::MasterKey(_)) => anyhow::anyhow!(
                    "{to} is in use already, with another master key: a copy needs an empty store \
                     to go into"
                ),
                _ => error,
            })?;
        let bar = WorkBar::new("copying");
        let copied = transfer::copy(source, &*target, &|progress| bar.show(progress)).await;
        bar.finish();
        stack::close(&target).await;
        Ok(copied?)
    }
}

/// Whether the installation is in the other store already.
fn is_there(error: &CopyError) -> bool {
    matches!(error, CopyError::Same { .. })
}

/// Prove the store whole: references, counts, cursors, attachments, secrets
///
/// Changes no data. Exit status 1 if anything is wrong.
#[derive(Args)]
struct Check {
    #[command(flatten)]
    target: Target,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    async fn run(self) -> anyhow::Result<()> {
        let store = open(&self.target, Role::Engine).await?;
        let bar = WorkBar::new("checking");
        let faults = transfer::check(&*store, &|progress| bar.show(progress)).await;
        let unfinished = store
            .setting(UNFINISHED)
            .await?
            .is_some_and(|mark| !mark.is_empty());
        bar.finish();
        stack::close(&store).await;
        let mut faults = faults.context("the store cannot be checked")?;
        if unfinished {
            faults.push("it is a copy that was not finished".into());
        }
        if self.json {
            output::json(&json!({"ok": faults.is_empty(), "faults": faults}))?;
        } else if faults.is_empty() {
            output::say("The store is whole.");
        } else {
            for fault in &faults {
                output::line(fault)?;
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Said.into())
        }
    }
}

/// Use a store again that was copied elsewhere
///
/// Only if the copy is never used: two stores of one installation would send mail twice.
#[derive(Args)]
struct Reuse {
    #[command(flatten)]
    target: Target,
}

impl Reuse {
    async fn run(self) -> anyhow::Result<()> {
        let store = open(&self.target, Role::Engine).await?;
        let noted = store.put_setting(MOVED_TO, "").await;
        let usable = stack::whole(&*store).await;
        stack::close(&store).await;
        noted?;
        usable?;
        output::say("This store is in use again. Its copy must never be started: remove it.");
        Ok(())
    }
}

/// Print the SQL that lets people read a PostgreSQL database's views, and nothing else
///
/// Postroom makes the role postroom_reader itself where it may make roles. Elsewhere, as on hosted
/// servers, somebody who may runs this script in the database.
#[derive(Args)]
struct ReaderScript {
    /// The database's name
    #[arg(long, default_value = "postroom")]
    database: String,
    /// Make a login of this name that may read
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
}

impl ReaderScript {
    fn run(self) -> anyhow::Result<()> {
        let script = reader_script(&self.database, self.login.as_deref());
        Ok(output::line(script.trim_end())?)
    }
}

/// Opens the store, in whatever state it is.
async fn open(target: &Target, role: Role) -> anyhow::Result<Arc<dyn Store>> {
    if target.server().is_some() {
        return Err(usage(
            "a store is opened on its own machine: name it with --data or --database-url",
        ));
    }
    let settings = target.settings()?;
    let place = settings.place()?;
    must_be_there(&settings, &place).await?;
    stack::open_any_store(&settings, &place, role).await
}

/// A place without a store would become an empty one by being opened.
pub(super) async fn must_be_there(settings: &Settings, place: &StorePlace) -> anyhow::Result<()> {
    let is_there = place
        .has_store(settings.ca_file.as_deref())
        .await
        .with_context(|| format!("{place} cannot be looked into"))?;
    if is_there {
        Ok(())
    } else {
        Err(usage(format!("there is no store in {place}")))
    }
}
