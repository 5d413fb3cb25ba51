//! A user in front of the sandbox's sign-in page.

use anyhow::{Context, Result, bail};
use reqwest::{Client, Response, redirect};
use std::collections::HashMap;
use url::Url;

/// What the user does on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Signs in and accepts.
    Accepts,
    /// Signs in and declines.
    Declines,
}

/// Opens a sign-in address, signs in, and follows to where the browser ends. Gives the last
/// address and page.
pub async fn sign_in(
    authorize_url: &str,
    user: &str,
    password: &str,
    does: Does,
) -> Result<(Url, String)> {
    let (address, page, _) = walk(authorize_url, None, user, password, does).await?;
    Ok((address, page))
}

/// Opens the page for device codes, types one, signs in, and follows to where that ends.
pub async fn enter_code(
    page: &str,
    user_code: &str,
    user: &str,
    password: &str,
    does: Does,
) -> Result<(Url, String)> {
    let (address, page, _) = walk(page, Some(user_code), user, password, does).await?;
    Ok((address, page))
}

/// As [`sign_in`], with the cookies that the browser has in the end.
pub async fn walk_in(
    authorize_url: &str,
    user: &str,
    password: &str,
    does: Does,
) -> Result<(Url, String, HashMap<String, String>)> {
    walk(authorize_url, None, user, password, does).await
}

async fn walk(
    authorize_url: &str,
    mut user_code: Option<&str>,
    user: &str,
    password: &str,
    does: Does,
) -> Result<(Url, String, HashMap<String, String>)> {
    let http = Client::builder()
        .redirect(redirect::Policy::none())
        .build()?;
    let mut cookies: HashMap<String, String> = HashMap::new();
    let mut address = Url::parse(authorize_url)?;
    let mut answer = http.get(address.clone()).send().await?;
    for _ in 0..12 {
        for cookie in answer.headers().get_all("set-cookie") {
            if let Some((name, value)) = cookie
                .to_str()?
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
            {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let jar = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        if answer.status().is_redirection() {
            let location = answer
                .headers()
                .get("location")
                .context("a redirect's location")?
                .to_str()?;
            address = address.join(location)?;
            answer = http
                .get(address.clone())
                .header("cookie", jar)
                .send()
                .await?;
            continue;
        }
        let page = text(answer).await?;
        let Some(form) = form(&page) else {
            return Ok((address, page, cookies));
        };
        // A page of the server's own, after the sign-in: nothing is to be typed there.
        if form.0 == "/signout" {
            return Ok((address, page, cookies));
        }
        let (action, mut fields) = form;
        let mut typed = false;
        if let Some((_, field)) = fields
            .iter_mut()
            .find(|(name, value)| name == "user_code" && value.is_empty())
        {
            // A code that does not work is asked for again.
            let Some(code) = user_code.take() else {
                return Ok((address, page, cookies));
            };
            *field = code.to_owned();
            typed = true;
        }
        for (name, value) in &mut fields {
            match name.as_str() {
                "username" | "login" | "loginfmt" => {
                    *value = user.to_owned();
                    typed = true;
                }
                "password" | "passwd" => {
                    *value = password.to_owned();
                    typed = true;
                }
                _ => {}
            }
        }
        if !typed {
            let decision = decision(&page, does).context("a consent page's buttons")?;
            fields.retain(|(name, _)| *name != decision.0);
            fields.push(decision);
        }
        address = address.join(&action)?;
        answer = http
            .post(address.clone())
            .header("cookie", jar)
            .form(&fields)
            .send()
            .await?;
    }
    bail!("the sign-in did not come to an end")
}

async fn text(answer: Response) -> Result<String> {
    Ok(answer.text().await?)
}

/// The first form of a page that posts: its address and its fields with their values.
fn form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let start = page.find("<form")?;
    let end = page[start..].find("</form")? + start;
    let form = &page[start..end];
    let tag = &form[..form.find('>')?];
    if !tag.to_ascii_lowercase().contains("post") {
        return None;
    }
    let action = attribute(tag, "action").unwrap_or_default();
    let fields = form
        .split("<input")
        .skip(1)
        .filter_map(|input| {
            let tag = &input[..input.find('>')?];
            let kind = attribute(tag, "type").unwrap_or_default();
            if kind == "submit" {
                return None;
            }
            Some((
                attribute(tag, "name")?,
                attribute(tag, "value").unwrap_or_default(),
            ))
        })
        .collect();
    Some((action, fields))
}

/// The button that accepts or declines.
fn decision(page: &str, does: Does) -> Option<(String, String)> {
    let buttons: Vec<(String, String)> = page
        .split("<button")
        .skip(1)
        .filter_map(|button| {
            let tag = &button[..button.find('>')?];
            Some((
                attribute(tag, "name")?,
                attribute(tag, "value").unwrap_or_default(),
            ))
        })
        .collect();
    let wanted: &[&str] = match does {
        Does::Accepts => &["accept", "yes", "allow"],
        Does::Declines => &["cancel", "decline", "no", "deny"],
    };
    buttons
        .into_iter()
        .find(|(_, value)| wanted.contains(&value.as_str()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let marker = format!("{name}=\"");
    let start = tag.find(&marker)? + marker.len();
    let end = tag[start..].find('"')? + start;
    Some(
        tag[start..end]
            .replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">"),
    )
}
