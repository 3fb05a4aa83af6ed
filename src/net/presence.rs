//! Whether a page is there, without reading it. It is asked for as readers ask, since many servers answer a question
//! without a body (`HEAD`) otherwise or not at all.

use super::robots::Manners;
use super::{ACCEPT_PAGE, Client, FetchError, MAX_REDIRECTS, keeps_private, phrase, target};
use crate::domain::url::HttpUrl;
use reqwest::header;

/// What stands at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A page.
    Here,
    /// 404: nothing.
    NotFound,
    /// 410: nothing any more.
    Gone,
}

impl Client {
    /// Asks whether a page is there, through redirects, at the pace that its host's robots.txt asks for; a page to which
    /// no feed leads (`invited`) only as that lets programs read it. What is not there at another site's address
    /// says nothing of this one.
    pub async fn presence(&self, url: &HttpUrl, invited: bool) -> Result<Presence, FetchError> {
        let manners = if invited { Manners::Paced } else { Manners::Guest };
        let limits = self.limits.load_full();
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.mind(&at, manners).await.map_err(|error| error.at(&at))?;
            let (_turn, _slot) = self.wait(&at).await.map_err(|error| error.at(&at))?;
            let request = self.http.get(at.as_url().clone()).header(header::ACCEPT, ACCEPT_PAGE);
            let answer = self.send(&limits, &at, request).await.map_err(|error| error.at(&at))?;
            let status = answer.status();
            let said = match status.as_u16() {
                200..=299 => return Ok(Presence::Here),
                404 if same_site(&at, url) => return Ok(Presence::NotFound),
                410 if same_site(&at, url) => return Ok(Presence::Gone),
                301 | 302 | 303 | 307 | 308 => target(&at, &answer).and_then(|to| keeps_private(&at, &to).map(|()| to)),
                408 | 425 | 429 | 500..=599 => Err(self.trouble(&at, &answer)),
                _ => Err(FetchError::Permanent(format!("it answered {}", phrase(status)))),
            };
            at = said.map_err(|error| error.at(&at))?;
        }
        Err(FetchError::Refused(format!("it redirects more than {MAX_REDIRECTS} times")).at(url))
    }
}

/// Whether two addresses are of one host, with `www.` or without.
#[must_use]
pub fn same_site(one: &HttpUrl, other: &HttpUrl) -> bool {
    let host = |url: &HttpUrl| url.host().trim_start_matches("www.").to_owned();
    host(one) == host(other)
}
