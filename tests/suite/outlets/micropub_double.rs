//! A site that speaks Micropub, as the W3C Recommendation of 2017 and its extensions for
//! lists of posts and their status have it.

use super::double::{Answer, Came, Double, Interface};
use super::world::secret;
use crate::engines::Bench;
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "xxxx-micropub-token";

pub(crate) struct Site {
    base: String,
    pub(crate) posts: Vec<Value>,
    pub(crate) files: Vec<usize>,
    /// Whether it lists its posts, heeds slugs, and names its endpoint in a header.
    pub(crate) lists: bool,
    pub(crate) heeds_slugs: bool,
    pub(crate) links: bool,
    /// So many posts are taken, and answered by 500.
    pub(crate) breaks: usize,
}

pub(crate) type Micropub = Double<Site>;

impl Micropub {
    pub(crate) async fn new() -> Self {
        Self::start(|base| Site {
            base: base.to_owned(),
            posts: Vec::new(),
            files: Vec::new(),
            lists: true,
            heeds_slugs: true,
            links: true,
            breaks: 0,
        })
        .await
    }

    pub(crate) fn outlet(&self, bench: &Bench, more: &str) -> String {
        let file = secret(bench, "micropub-token", TOKEN);
        format!(
            "[[outlet]]\nname = \"site\"\ntitle = \"The Site\"\nkind = \"micropub\"\nurl = \"{}\"\nsecret_file = \"{}\"\n{more}\n",
            self.url("/"),
            file.display()
        )
    }

    /// The posts that stand there.
    pub(crate) fn posts(&self) -> Vec<Value> {
        self.with(|site| site.posts.iter().filter(|post| post["deleted"].is_null()).cloned().collect())
    }
}

impl Interface for Site {
    fn take(&mut self, came: &Came) -> Answer {
        let (path, query) = came.path.split_once('?').unwrap_or((&came.path, ""));
        if path == "/" {
            return self.home();
        }
        if came.header("authorization") != format!("Bearer {TOKEN}") {
            return answer(401, &json!({ "error": "unauthorized" }));
        }
        match (came.method.as_str(), path) {
            ("GET", "/micropub") => self.query(query),
            ("POST", "/media") => {
                assert!(came.header("content-type").starts_with("multipart/form-data; boundary="));
                self.files.push(came.bytes.len());
                made(&format!("{}/media/{}.png", self.base, self.files.len()))
            }
            ("POST", "/micropub") => self.act(&came.body),
            _ => answer(404, &json!({ "error": "not_found" })),
        }
    }
}

impl Site {
    fn home(&self) -> Answer {
        if self.links {
            let link = "link: </micropub>; rel=\"other micropub\", <https://hub.example.com/>; rel=hub\r\n";
            return (200, link.to_owned(), "<p>Hello</p>".to_owned());
        }
        let page = "<link rel=stylesheet href=/a.css><link href=\"micropub\" rel=\"micropub\">";
        (200, "content-type: text/html\r\n".to_owned(), page.to_owned())
    }

    fn query(&self, query: &str) -> Answer {
        if query.contains("q=config") {
            return answer(
                200,
                &json!({ "media-endpoint": format!("{}/media", self.base), "q": ["config", "source"] }),
            );
        }
        if !self.lists {
            let words = "the parameter url is missing";
            return answer(400, &json!({ "error": "invalid_request", "error_description": words }));
        }
        answer(200, &json!({ "items": self.posts.iter().rev().collect::<Vec<_>>() }))
    }

    fn act(&mut self, body: &Value) -> Answer {
        let url = body["url"].as_str().unwrap_or_default().to_owned();
        let standing = self.posts.iter_mut().find(|post| post["properties"]["url"][0] == url.as_str());
        match (body["action"].as_str(), standing) {
            (None, _) => self.create(body),
            (Some("update"), Some(post)) => {
                for (name, values) in body["replace"].as_object().unwrap() {
                    assert!(values.is_array(), "values are arrays: {name}");
                    post["properties"][name] = values.clone();
                }
                (204, String::new(), String::new())
            }
            (Some("delete"), Some(post)) => {
                post["deleted"] = json!(true);
                (204, String::new(), String::new())
            }
            _ => answer(400, &json!({ "error": "invalid_request", "error_description": "there is no such post" })),
        }
    }

    fn create(&mut self, body: &Value) -> Answer {
        assert_eq!(body["type"], json!(["h-entry"]));
        for (name, values) in body["properties"].as_object().unwrap() {
            assert!(values.is_array(), "values are arrays: {name}");
        }
        let mut properties = body["properties"].clone();
        let slug = properties["mp-slug"][0].as_str().filter(|_| self.heeds_slugs).map(str::to_owned);
        let slug = slug.unwrap_or_else(|| format!("{}", self.posts.len() + 1));
        let url = format!("{}/posts/{slug}", self.base);
        properties.as_object_mut().unwrap().retain(|name, _| !name.starts_with("mp-"));
        properties["url"] = json!([url]);
        self.posts.push(json!({ "type": ["h-entry"], "properties": properties }));
        if self.breaks > 0 {
            self.breaks -= 1;
            return (500, String::new(), "Internal Server Error".to_owned());
        }
        made(&url)
    }
}

fn made(url: &str) -> Answer {
    (201, format!("location: {url}\r\n"), String::new())
}

fn answer(status: u16, body: &Value) -> Answer {
    (status, "content-type: application/json\r\n".to_owned(), body.to_string())
}
