//! An outgoing message as flags, and as the form that the API takes. Files are read piece by piece
//! while they are sent.

use anyhow::Context;
use clap::{Args, ValueEnum};
use reqwest::multipart::{Form, Part};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What every outgoing message can have.
#[derive(Args, Default)]
pub(crate) struct Outgoing {
    /// Recipients, separated by commas or given several times
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) to: Vec<String>,
    /// Recipients of a copy
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) cc: Vec<String>,
    /// Recipients of a copy that nobody else sees
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) bcc: Vec<String>,
    /// Another sender than the mailbox's own address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Where answers go
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) reply_to: Vec<String>,
    #[command(flatten)]
    pub(crate) text: TextFlags,
    /// Files to attach
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) attach: Vec<PathBuf>,
    /// How urgent it calls itself
    #[arg(long)]
    pub(crate) importance: Option<Importance>,
    /// The subject, where the command takes one.
    #[arg(skip)]
    pub(crate) subject: Option<String>,
    /// Whether the original is left out.
    #[arg(skip)]
    pub(crate) no_quote: bool,
    /// Files that are made, not read: name, media type, content.
    #[arg(skip)]
    pub(crate) made: Vec<(String, String, Vec<u8>)>,
}

/// The text, once.
#[derive(Args, Default)]
#[group(multiple = false)]
pub(crate) struct TextFlags {
    /// The text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// The text in HTML
    #[arg(long)]
    pub(crate) html: Option<String>,
    /// The file with the text; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: Option<PathBuf>,
    /// The file with the text in HTML; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) html_file: Option<PathBuf>,
}

/// How urgent.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Importance {
    /// It can wait.
    Low,
    /// As usual.
    Normal,
    /// It cannot wait.
    High,
}

/// Where the text comes from: field of the form, and what is in it or where to read it.
pub(crate) enum Text<'a> {
    /// There is none.
    None,
    /// It was given.
    Given(&'static str, &'a str),
    /// It is in a file.
    File(&'static str, &'a Path),
}

impl TextFlags {
    pub(crate) fn kind(&self) -> Text<'_> {
        match (&self.text, &self.html, &self.text_file, &self.html_file) {
            (Some(text), ..) => Text::Given("text", text),
            (_, Some(html), ..) => Text::Given("html", html),
            (_, _, Some(path), _) => Text::File("text", path),
            (.., Some(path)) => Text::File("html", path),
            _ => Text::None,
        }
    }
}

impl Outgoing {
    /// The form.
    pub(crate) async fn form(&self) -> anyhow::Result<Form> {
        let mut form = Form::new();
        for (name, addresses) in [
            ("to", &self.to),
            ("cc", &self.cc),
            ("bcc", &self.bcc),
            ("replyTo", &self.reply_to),
        ] {
            if !addresses.is_empty() {
                form = form.text(name, addresses.join(", "));
            }
        }
        for (name, value) in [("from", &self.from), ("subject", &self.subject)] {
            if let Some(value) = value {
                form = form.text(name, value.clone());
            }
        }
        form = match self.text.kind() {
            Text::None => form,
            Text::Given(name, text) => form.text(name, text.to_owned()),
            Text::File(name, path) => form.text(name, read_text(path)?),
        };
        if let Some(importance) = self.importance {
            let name = match importance {
                Importance::Low => "low",
                Importance::Normal => "normal",
                Importance::High => "high",
            };
            form = form.text("importance", name);
        }
        if self.no_quote {
            form = form.text("quote", "false");
        }
        for path in &self.attach {
            form = form.part("attachments", file_part(path).await?);
        }
        for (name, kind, content) in &self.made {
            let part = Part::bytes(content.clone())
                .file_name(name.clone())
                .mime_str(kind)?;
            form = form.part("attachments", part);
        }
        Ok(form)
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the text from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .with_context(|| format!("the text's file {} cannot be read", path.display()))
}

async fn file_part(path: &Path) -> anyhow::Result<Part> {
    let cannot = || format!("the file {} cannot be attached", path.display());
    let file = tokio::fs::File::open(path).await.with_context(cannot)?;
    let about = file.metadata().await.with_context(cannot)?;
    anyhow::ensure!(about.is_file(), "{} is no file", path.display());
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_else(|| "attachment".to_owned());
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let pieces = tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024);
    Ok(
        Part::stream_with_length(reqwest::Body::wrap_stream(pieces), about.len())
            .file_name(name)
            .mime_str(kind.essence_str())?,
    )
}
