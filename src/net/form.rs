//! A form that is sent to another site: what a hub is asked with. The guard, the
//! host's turn and the deadlines are those of every request.

use super::{Client, FetchError, MAX_REDIRECTS, keeps_private, phrase, target};
use crate::domain::url::HttpUrl;
use reqwest::header;

impl Client {
    /// Sends `fields` as a form and waits for the status: whatever the answer
    /// says beyond it is not read. Redirects that keep the method are followed.
    pub async fn send_form(&self, url: &HttpUrl, fields: &[(&str, &str)]) -> Result<(), FetchError> {
        let limits = self.limits.load_full();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (_turn, _slot) = self.wait(&url).await.map_err(|error| error.at(&url))?;
            let form = self
                .http
                .post(url.as_url().clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.clone());
            let answer = self.send(&limits, &url, form).await.map_err(|error| error.at(&url))?;
            match answer.status().as_u16() {
                200..=299 => return Ok(()),
                307 | 308 => {
                    let to = target(&url, &answer).map_err(|error| error.at(&url))?;
                    keeps_private(&url, &to).map_err(|error| error.at(&url))?;
                    url = to;
                }
                408 | 425 | 429 | 500..=599 => return Err(self.trouble(&url, &answer).at(&url)),
                _ => {
                    return Err(FetchError::Permanent(format!("it answered {}", phrase(answer.status()))).at(&url));
                }
            }
        }
        Err(FetchError::Refused(format!("it redirects more than {MAX_REDIRECTS} times")).at(&url))
    }
}
