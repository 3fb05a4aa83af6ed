//! An account's server at Bluesky (PDS), as docs.bsky.app and the lexicons have it:
//! records by their names, sessions that end, blobs that must be there.

use super::double::{Answer, Came, Double, Interface};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use unicode_segmentation::UnicodeSegmentation as _;

pub(crate) const PASSWORD: &str = "abcd-efgh-ijkl-mnop";
const DID: &str = "did:plc:z72i7hdynmk6r22z27h6tvur";
const HANDLE: &str = "paper.example.com";

#[derive(Default)]
pub(crate) struct Pds {
    /// Records by their names.
    pub(crate) records: BTreeMap<String, Value>,
    /// How often a record was put.
    pub(crate) puts: usize,
    /// Sizes of blobs that were uploaded, with their types.
    pub(crate) blobs: Vec<(usize, String)>,
    /// How often a session was opened; the token holds the number.
    pub(crate) sessions: usize,
    /// Whether it has no word of its own for records that are not there.
    pub(crate) is_old: bool,
    /// What it answers to a session that is opened, instead of one.
    pub(crate) refuses: Option<(u16, &'static str, &'static str)>,
}

pub(crate) type Server = Double<Pds>;

impl Server {
    pub(crate) async fn pds() -> Self {
        Self::start(|_| Pds::default()).await
    }

    /// Sessions that are open end.
    pub(crate) fn ends_sessions(&self) {
        self.with(|pds| pds.sessions += 1);
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.with(|pds| pds.records.values().cloned().collect())
    }
}

impl Interface for Pds {
    fn is_struck(&self, came: &Came) -> bool {
        came.path.ends_with("Record") && came.method == "POST"
    }

    fn take(&mut self, came: &Came) -> Answer {
        let (call, query) = came
            .path
            .trim_start_matches("/xrpc/")
            .split_once('?')
            .unwrap_or((came.path.trim_start_matches("/xrpc/"), ""));
        if call == "com.atproto.server.createSession" {
            return self.open(&came.body);
        }
        if came.header("authorization") != format!("Bearer token.{}", self.sessions) {
            return error(400, "ExpiredToken", "Token has expired");
        }
        match call {
            "com.atproto.repo.putRecord" => self.put(&came.body),
            "com.atproto.repo.getRecord" => self.get(query),
            "com.atproto.repo.deleteRecord" => {
                // Of what is not there, too.
                self.records.remove(came.body["rkey"].as_str().unwrap());
                answer(200, &json!({ "commit": { "cid": "bafy", "rev": "3k" } }))
            }
            "com.atproto.repo.uploadBlob" => {
                let kind = came.header("content-type").to_owned();
                self.blobs.push((came.bytes.len(), kind.clone()));
                let link = json!({ "$link": format!("bafkrei{}", self.blobs.len() - 1) });
                let blob = json!({ "$type": "blob", "ref": link, "mimeType": kind, "size": came.bytes.len() });
                answer(200, &json!({ "blob": blob }))
            }
            _ => error(404, "MethodNotImplemented", "Method Not Implemented"),
        }
    }
}

impl Pds {
    fn open(&mut self, body: &Value) -> Answer {
        if let Some((status, word, why)) = self.refuses {
            return error(status, word, why);
        }
        if body["identifier"] != HANDLE || body["password"] != PASSWORD {
            return error(401, "AuthenticationRequired", "Invalid identifier or password");
        }
        self.sessions += 1;
        let token = format!("token.{}", self.sessions);
        answer(200, &json!({ "did": DID, "handle": HANDLE, "accessJwt": token, "refreshJwt": "r", "active": true }))
    }

    fn put(&mut self, body: &Value) -> Answer {
        let invalid = |why: &str| error(400, "InvalidRequest", why);
        let (rkey, record) = (body["rkey"].as_str().unwrap_or_default(), &body["record"]);
        // atproto.com/specs/tid.
        let is_tid = rkey.len() == 13
            && rkey.starts_with(|c| "234567abcdefghij".contains(c))
            && rkey.chars().all(|c| "234567abcdefghijklmnopqrstuvwxyz".contains(c));
        if body["repo"] != DID || body["collection"] != "app.bsky.feed.post" || record["$type"] != "app.bsky.feed.post"
        {
            return invalid("Could not find repo");
        }
        if !is_tid {
            return invalid("Invalid rkey");
        }
        let text = record["text"].as_str().unwrap_or_default();
        if text.len() > 3_000 || text.graphemes(true).count() > 300 {
            return invalid("Invalid app.bsky.feed.post record: Record/text must not be longer than 300 graphemes");
        }
        for facet in record["facets"].as_array().into_iter().flatten() {
            let at = |name: &str| usize::try_from(facet["index"][name].as_u64().unwrap()).unwrap();
            if text.get(at("byteStart")..at("byteEnd")).is_none_or(str::is_empty) {
                return invalid("Invalid facet");
            }
        }
        if chrono::DateTime::parse_from_rfc3339(record["createdAt"].as_str().unwrap_or_default()).is_err() {
            return invalid("Record/createdAt must be an valid atproto datetime");
        }
        let card = &record["embed"]["external"];
        if !card.is_null() && !["uri", "title", "description"].iter().all(|name| card[*name].is_string()) {
            return invalid("Record/embed/external must have the property");
        }
        if card["thumb"]["size"].as_u64().is_some_and(|size| size > 1_000_000) {
            return error(400, "BlobTooLarge", "This file is too large");
        }
        self.puts += 1;
        self.records.insert(rkey.to_owned(), record.clone());
        answer(200, &json!({ "uri": format!("at://{DID}/app.bsky.feed.post/{rkey}"), "cid": "bafyrei" }))
    }

    fn get(&self, query: &str) -> Answer {
        let rkey = query.rsplit_once("rkey=").unwrap().1;
        let uri = format!("at://{DID}/app.bsky.feed.post/{rkey}");
        match self.records.get(rkey) {
            Some(record) => answer(200, &json!({ "uri": uri, "cid": "bafyrei", "value": record })),
            None => {
                let word = if self.is_old { "InvalidRequest" } else { "RecordNotFound" };
                error(400, word, &format!("Could not locate record: {uri}"))
            }
        }
    }
}

fn answer(status: u16, told: &Value) -> Answer {
    (status, "ratelimit-limit: 3000\r\nratelimit-reset: 1795305600\r\n".to_owned(), told.to_string())
}

fn error(status: u16, word: &str, why: &str) -> Answer {
    answer(status, &json!({ "error": word, "message": why }))
}
