//! `postroom mail save`: attachments and whole messages as new files. Nothing is written over, and
//! nothing outside the folder.

use crate::client::{ApiClient, Download};
use crate::table::cell;
use crate::{output, pick, text, when};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `save`
#[derive(Args)]
pub(super) struct Save {
    /// The message's id
    message: String,
    /// The attachment of this name (or id); as often as needed
    #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "mime"])]
    attachment: Vec<String>,
    /// All attachments; so it is unless told otherwise
    #[arg(long)]
    all: bool,
    /// The whole message in MIME form, as a file ending in .eml
    #[arg(long, conflicts_with = "all")]
    mime: bool,
    /// The folder to save in
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// Print what was saved as JSON
    #[arg(long)]
    json: bool,
}

impl Save {
    pub(super) async fn run(self, client: &ApiClient, mailbox: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.to.is_dir(),
            "there is no folder {}: make it first",
            self.to.display()
        );
        let path = ["mailboxes", mailbox, "messages", &self.message];
        let mut saved = Vec::new();
        if self.mime {
            let message = client.get(&path, &[]).await?;
            let name = format!("{}.eml", text::file_name(&cell(&message["subject"])));
            let mime = client
                .download(&[path.as_slice(), &["mime"]].concat(), &[])
                .await?;
            saved.push(save(mime, &self.to, &name).await?);
        } else {
            let list = client
                .get(&[path.as_slice(), &["attachments"]].concat(), &[])
                .await?;
            for attachment in chosen(pick::entries(&list), &self.attachment)? {
                saved.push(save_attachment(client, &path, attachment, &self.to).await?);
            }
        }
        if self.json {
            let files: Vec<_> = saved
                .iter()
                .map(|(path, size)| json!({"path": path, "size": size}))
                .collect();
            return Ok(output::json(&json!({"value": files}))?);
        }
        if saved.is_empty() {
            output::say("The message has no attachments.");
        }
        for (path, size) in &saved {
            if output::is_terminal() {
                output::line(format_args!("{} ({})", path.display(), when::bytes(*size)))?;
            } else {
                output::line(format_args!("{}\t{size}", path.display()))?;
            }
        }
        Ok(())
    }
}

fn chosen<'a>(all: &'a [Value], named: &[String]) -> anyhow::Result<Vec<&'a Value>> {
    if named.is_empty() {
        // A reference only points somewhere: there is nothing to save.
        let has_content = |one: &&Value| cell(&one["kind"]) != "reference";
        return Ok(all.iter().filter(has_content).collect());
    }
    let mut chosen = Vec::new();
    for named in named {
        let before = chosen.len();
        chosen.extend(
            all.iter()
                .filter(|one| cell(&one["name"]) == *named || pick::id(one) == *named),
        );
        if chosen.len() == before {
            let names: Vec<_> = all.iter().map(|one| cell(&one["name"])).collect();
            anyhow::bail!(
                "the message has no attachment {named:?}; it has: {}",
                output::tame(&names.join(", "))
            );
        }
    }
    Ok(chosen)
}

/// Saves one attachment in a folder. Gives the file and its size.
pub(crate) async fn save_attachment(
    client: &ApiClient,
    message: &[&str],
    attachment: &Value,
    folder: &Path,
) -> anyhow::Result<(PathBuf, u64)> {
    let id = pick::id(attachment);
    let content = client
        .download(&[message, &["attachments", &id, "content"]].concat(), &[])
        .await?;
    let mut name = text::file_name(&cell(&attachment["name"]));
    if content.content_type.starts_with("message/rfc822") && text::parts(&name).1.is_empty() {
        name.push_str(".eml");
    }
    save(content, folder, &name).await
}

async fn save(file: Download, folder: &Path, name: &str) -> anyhow::Result<(PathBuf, u64)> {
    let path = free_path(folder, name)?;
    let size = file.save_new(&path).await?;
    Ok((path, size))
}

/// A path in the folder that nothing is at: `report.pdf`, `report (2).pdf`, …
fn free_path(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let (stem, kind) = text::parts(name);
    std::iter::once(folder.join(name))
        .chain((2..1000).map(|number| folder.join(format!("{stem} ({number}){kind}"))))
        .find(|path| path.symlink_metadata().is_err())
        .with_context(|| format!("{} holds too many files named {name}", folder.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let first = free_path(folder.path(), "a.txt").unwrap();
        assert!(first.ends_with("a.txt"));
        std::fs::write(&first, "x").unwrap();
        assert!(
            free_path(folder.path(), "a.txt")
                .unwrap()
                .ends_with("a (2).txt")
        );
    }

    #[test]
    fn attachments_are_chosen_by_name() {
        let all = [
            json!({"id": "1", "name": "a", "kind": "file"}),
            json!({"id": "2", "name": "b", "kind": "reference"}),
        ];
        assert_eq!(chosen(&all, &[]).unwrap().len(), 1);
        assert_eq!(chosen(&all, &["b".into()]).unwrap().len(), 1);
        let error = chosen(&all, &["c".into()]).unwrap_err().to_string();
        assert!(error.contains("a, b"), "{error}");
    }
}
