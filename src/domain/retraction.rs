//! Posts that their authors withdrew: what makes one a suspect, what proves it, and how
//! patient one is in between (docs/polling.md, "Withdrawn posts").

use super::id::PostId;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long after its feed was found to lack it a post's page is asked for: many a post is back by then.
pub const FIRST_LOOK: Duration = Duration::from_hours(1);
/// For how long a post whose page is there may be missing from its feed.
pub const LEFT_ALONE: Duration = Duration::from_hours(72);
/// After so long without a clear answer, a post is taken to be there.
pub const GIVEN_UP: Duration = Duration::from_hours(7 * 24);
/// So many posts of a source are suspects at once, or left alone: what a broken blog is asked for at the most.
pub const SUSPECTS: usize = 20;

/// What says that a post is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Proof {
    /// Its feed (RFC 6721).
    #[serde(rename = "deleted")]
    Deleted,
    /// Its page, with 404.
    #[serde(rename = "404")]
    NotFound,
    /// Its page, with 410.
    #[serde(rename = "410")]
    Gone,
}

impl Proof {
    /// The word in the database and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::NotFound => "404",
            Self::Gone => "410",
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deleted => "its feed says that it was deleted",
            Self::NotFound => "its page answers 404 Not Found, and its feed lacks it",
            Self::Gone => "its page answers 410 Gone, and its feed lacks it",
        })
    }
}

impl FromStr for Proof {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Deleted, Self::NotFound, Self::Gone]
            .into_iter()
            .find(|proof| proof.as_str() == text)
            .ok_or_else(|| format!("unknown proof of a withdrawal `{text}`"))
    }
}

/// The posts that should stand in a document and do not. `posts` are its source's, newest first, each with whether an
/// entry of the document is it.
///
/// A document shows what is newer than some date: its window. That is the longest of which at least half stands
/// there, so that neither a feed that has become shorter nor an old post that was pinned to its top makes all
/// between missing.
#[must_use]
pub fn missing(posts: &[(PostId, bool)]) -> Vec<PostId> {
    let (mut there, mut window) = (0, 0);
    for (at, (_, stands)) in posts.iter().enumerate() {
        there += usize::from(*stands);
        if *stands && there * 2 > at {
            window = at + 1;
        }
    }
    posts.iter().take(window).filter(|(_, stands)| !stands).map(|(id, _)| *id).collect()
}

/// When a page without a clear answer is asked for again, of a post that has been missing for so long.
#[must_use]
pub fn rest(missing_for: Duration) -> Duration {
    missing_for.clamp(FIRST_LOOK, Duration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing from a document that shows the posts marked `x`, newest first; by their places.
    fn missing_from(document: &str) -> Vec<i64> {
        let posts: Vec<_> = document.chars().zip(0..).map(|(c, number)| (PostId(number), c == 'x')).collect();
        missing(&posts).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn what_is_missing_stands_between_what_is_there() {
        for (document, expected) in [
            ("", vec![]),
            ("....", vec![]),
            ("xxxx", vec![]),
            ("xx.x", vec![2]),
            (".xxx", vec![0]),
            ("x..xx", vec![1, 2]),
            // Half of it.
            (".x", vec![0]),
            (".x.x", vec![0, 2]),
            // A window that became shorter.
            ("xxxxx...............", vec![]),
            // An old post on top, and one that was taken out besides.
            ("x.xx................x", vec![1]),
            // Another feed, of which nearly nothing is known.
            ("......x", vec![]),
            ("...x....x..", vec![]),
        ] {
            assert_eq!(missing_from(document), expected, "{document}");
        }
    }

    #[test]
    fn unclear_pages_are_asked_for_less_and_less_often_and_not_for_ever() {
        let (mut age, mut asked) = (FIRST_LOOK, 0);
        while age < GIVEN_UP {
            asked += 1;
            age += rest(age);
        }
        assert_eq!(asked, 11);
    }
}
