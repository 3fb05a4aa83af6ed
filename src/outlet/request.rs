//! A request to an outlet's interface: sent with its secrets, shown without them.

use crate::domain::secret::Secret;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Method, Push, PushError, Pushed};
use serde_json::Value;

/// What separates the parts of a form with a file; its key makes it unlikely in any of them.
const BOUNDARY: &str = "syndicated-7e1b6c0f5a3d4b29";

/// A request in the making.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    url: HttpUrl,
    /// Whether the address itself is a secret.
    is_hidden: bool,
    authorization: Option<Secret>,
    headers: Vec<(&'static str, String)>,
    body: Option<Body>,
}

#[derive(Debug, Clone)]
enum Body {
    Json(Value),
    Bytes { media_type: String, bytes: Vec<u8> },
}

/// A file that is uploaded.
#[derive(Debug, Clone)]
pub(super) struct File<'a> {
    /// The form's name for it.
    pub(super) field: &'a str,
    /// What it is called; of ASCII letters, digits, dots and hyphens.
    pub(super) name: &'a str,
    /// Its media type.
    pub(super) media_type: &'a str,
    /// What is in it.
    pub(super) bytes: &'a [u8],
}

impl Request {
    pub(super) fn new(method: Method, url: HttpUrl) -> Self {
        Self { method, url, is_hidden: false, authorization: None, headers: Vec::new(), body: None }
    }

    /// Of its address only the host is shown: whoever has the rest can write there.
    pub(super) fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    /// With an `Authorization` header, which nobody is shown: `Bearer …`.
    pub(super) fn authorized(mut self, authorization: Secret) -> Self {
        self.authorization = Some(authorization);
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Some(Body::Json(body));
        self
    }

    pub(super) fn bytes(mut self, media_type: &str, bytes: Vec<u8>) -> Self {
        self.body = Some(Body::Bytes { media_type: media_type.to_owned(), bytes });
        self
    }

    /// A form with fields and one file (RFC 7578).
    pub(super) fn upload(self, fields: &[(&str, &str)], file: &File<'_>) -> Self {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(part.into_bytes());
        }
        let File { field, name, media_type, bytes } = file;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend_from_slice(bytes);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        self.bytes(&format!("multipart/form-data; boundary={BOUNDARY}"), body)
    }

    /// What is sent, for people.
    pub(super) fn shown(&self) -> Vec<(String, String)> {
        let address = if self.is_hidden {
            format!("{}://{}/…", self.url.as_url().scheme(), self.url.host())
        } else {
            self.url.to_string()
        };
        let mut parts = vec![("request".to_owned(), format!("{} {address}", self.method))];
        if self.authorization.is_some() {
            parts.push(("authorization".to_owned(), "… (secret)".to_owned()));
        }
        parts.extend(self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let body = match &self.body {
            None => return parts,
            Some(Body::Json(json)) => serde_json::to_string_pretty(json).unwrap_or_default(),
            Some(Body::Bytes { media_type, bytes }) => format!("{} bytes of {media_type}", bytes.len()),
        };
        parts.push(("body".to_owned(), body));
        parts
    }

    /// Sends what could be made; what could not is a fault of `what`, which makes no web address.
    pub(super) async fn send_made(request: Option<Self>, client: &Client, what: &str) -> Result<Pushed, PushError> {
        match request {
            Some(request) => request.send(client).await,
            None => Err(PushError::Forbidden(format!("its {what} makes no web address"))),
        }
    }

    /// Sends it and waits for the answer.
    pub(super) async fn send(self, client: &Client) -> Result<Pushed, PushError> {
        let mut headers = self.headers;
        headers.extend(self.authorization.map(|secret| ("authorization", secret.expose().clone())));
        let (media_type, body) = match self.body {
            None => (None, Vec::new()),
            Some(Body::Json(json)) => (Some("application/json".to_owned()), json.to_string().into_bytes()),
            Some(Body::Bytes { media_type, bytes }) => (Some(media_type), bytes),
        };
        headers.extend(media_type.map(|media_type| ("content-type", media_type)));
        client.push(Push { method: self.method, url: &self.url, headers, body }).await
    }
}
