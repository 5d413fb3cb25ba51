//! Signs a user in at the sandbox as a browser would: pages, forms, a cookie, redirects, until the
//! browser is back at our own callback.

use anyhow::{Context, bail};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// More steps than any sign-in takes.
const MOST_STEPS: usize = 12;

/// Opens the authorize address, fills in what the pages ask, and follows to the end.
pub(super) async fn sign_in(authorize_url: &str, user: &str, password: &str) -> anyhow::Result<()> {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut url = Url::parse(authorize_url).context("the address to sign in at")?;
    let mut form: Option<Vec<(String, String)>> = None;
    let mut cookies: Vec<String> = Vec::new();
    for _ in 0..MOST_STEPS {
        let call = match &form {
            Some(fields) => browser.post(url.clone()).form(fields),
            None => browser.get(url.clone()),
        };
        let answer = call.header(COOKIE, cookies.join("; ")).send().await?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            cookies.push(pair.to_owned());
        }
        if answer.status().is_redirection() {
            let to = answer
                .headers()
                .get(LOCATION)
                .context("a redirect to nowhere")?;
            url = url.join(to.to_str()?)?;
            form = None;
            continue;
        }
        let status = answer.status();
        let page = answer.text().await?;
        let Some(asked) = Form::first_in(&page) else {
            if status.is_success() {
                return Ok(());
            }
            bail!("the sign-in of the demo's user ended at {url} with {status}");
        };
        url = url.join(&asked.action)?;
        form = Some(asked.filled(user, password));
    }
    bail!("the sign-in of the demo's user goes round in circles")
}

/// A form of the sandbox's pages.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    action: String,
    hidden: Vec<(String, String)>,
    asks_password: bool,
}

impl Form {
    fn first_in(page: &str) -> Option<Self> {
        let (_, rest) = page.split_once("<form ")?;
        let (form, _) = rest.split_once("</form>")?;
        let (tag, inside) = form.split_once('>')?;
        if !attribute(tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
            return None;
        }
        let inputs: Vec<&str> = inside
            .split("<input ")
            .skip(1)
            .filter_map(|input| input.split_once('>').map(|(tag, _)| tag))
            .collect();
        let hidden = inputs
            .iter()
            .filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
            .collect();
        Some(Self {
            action: attribute(tag, "action")?,
            hidden,
            asks_password: inputs
                .iter()
                .any(|tag| attribute(tag, "name").as_deref() == Some("passwd")),
        })
    }

    fn filled(self, user: &str, password: &str) -> Vec<(String, String)> {
        let mut fields = self.hidden;
        let mut put = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
        if self.asks_password {
            put("login", user);
            put("passwd", password);
            put("action", "signin");
        } else {
            put("action", "accept");
        }
        fields
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let page = "<p>x</p><form method=\"post\" action=\"../../login\"><input type=\"hidden\" \
                    name=\"request\" value=\"a=1&amp;b=2\"><label><input type=\"text\" \
                    name=\"login\" value=\"\"></label><input type=\"password\" \
                    name=\"passwd\"></form>";
        let form = Form::first_in(page);
        let Some(form) = form else {
            panic!("no form");
        };
        assert_eq!(form.action, "../../login");
        let fields = form.filled("anna", "secret");
        assert_eq!(fields[0], ("request".to_owned(), "a=1&b=2".to_owned()));
        assert!(fields.contains(&("passwd".to_owned(), "secret".to_owned())));
        assert_eq!(Form::first_in("<p>done</p>"), None);
    }
}
