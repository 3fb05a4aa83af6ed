//! From host names to addresses that may be connected to. The HTTP library gets
//! addresses from here only, and only those that the guard has just passed for
//! this very request: a name that answers differently the second time (DNS
//! rebinding, S2) is never asked a second time.

use super::guard::Guard;
use crate::domain::url::HttpUrl;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Script = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Who answers for host names.
#[derive(Clone)]
pub struct Names(Kind);

#[derive(Clone)]
enum Kind {
    System,
    Scripted(Arc<Script>),
}

impl Names {
    /// The machine's own resolver.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// Answers by `script`, which may block as the system's resolver does; no
    /// answer is an unknown name.
    pub fn scripted(script: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self(Kind::Scripted(Arc::new(script)))
    }

    async fn lookup(&self, host: &str, port: u16, within: Duration) -> Result<Vec<SocketAddr>, Unreachable> {
        let unknown = || Unreachable::Unknown(host.to_owned());
        let answer = async {
            match &self.0 {
                Kind::System => Ok(tokio::net::lookup_host((host, port)).await.map_err(|_| unknown())?.collect()),
                Kind::Scripted(script) => {
                    let (script, host) = (Arc::clone(script), host.to_owned());
                    let answer = tokio::task::spawn_blocking(move || script(&host)).await.map_err(|_| unknown())?;
                    Ok(answer.into_iter().map(|ip| (ip, port).into()).collect::<Vec<SocketAddr>>())
                }
            }
        };
        let slow = |_| Unreachable::Slow(host.to_owned(), within.as_secs_f32());
        let addresses = tokio::time::timeout(within, answer).await.map_err(slow)??;
        if addresses.is_empty() { Err(unknown()) } else { Ok(addresses) }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Kind::System => "Names::System",
            Kind::Scripted(_) => "Names::Scripted",
        })
    }
}

/// Why no connection may be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("the name {0} is not known")]
    Unknown(String),
    #[error("the name {0} could not be looked up within {1} s")]
    Slow(String, f32),
    #[error("{0} is at {1}, which is not a public address; if it should be fetched, name it in [fetch] allow")]
    Refused(String, SocketAddr),
}

/// The addresses that requests under way may connect to, by host name. A host
/// has one request at a time, so that one entry serves it.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed(Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>);

/// Keeps a host's addresses usable until the request is done.
pub(super) struct Pass {
    passed: Passed,
    host: Option<String>,
}

impl Passed {
    /// Looks `url`'s host up and passes the addresses that the guard permits.
    pub(super) async fn admit(
        &self,
        (names, within): (&Names, Duration),
        guard: &Guard,
        url: &HttpUrl,
    ) -> Result<Pass, Unreachable> {
        let port = url.as_url().port_or_known_default().unwrap_or(80);
        let (host, addresses) = match url.as_url().host() {
            // The library connects to a literal address without asking anyone.
            Some(url::Host::Ipv4(ip)) => (None, vec![(ip, port).into()]),
            Some(url::Host::Ipv6(ip)) => (None, vec![(ip, port).into()]),
            Some(url::Host::Domain(host)) => (Some(host.to_owned()), names.lookup(host, port, within).await?),
            None => return Err(Unreachable::Unknown(url.to_string())),
        };
        let (permitted, refused): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|&address| guard.permits(address));
        if let (true, Some(&address)) = (permitted.is_empty(), refused.first()) {
            return Err(Unreachable::Refused(url.host().to_owned(), address));
        }
        if let Some(host) = &host {
            self.table().insert(host.clone(), permitted);
        }
        Ok(Pass { passed: self.clone(), host })
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(host) = &self.host {
            self.passed.table().remove(host);
        }
    }
}

impl reqwest::dns::Resolve for Passed {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addresses = self.table().get(name.as_str()).cloned();
        Box::pin(async move {
            let addresses = addresses.ok_or("no address was passed for this name")?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
