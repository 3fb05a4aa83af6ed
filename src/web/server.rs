//! The accept loop. `axum::serve` installs no timer, so that its header timeout
//! has no effect; this one has deadlines, caps and a graceful end.

use super::socket::{InHand, Socket};
use super::threads::Threads;
use super::{Peer, Web, documents};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use futures_util::future::{Either, ready};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

/// How long a request's header may take; also how long a connection may idle.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// The largest header, in bytes.
const MAX_HEADER: usize = 16 * 1024;
/// Connections at once.
const MAX_CONNECTIONS: usize = 10_000;
/// Connections at once from one address; a proxy that is named counts none.
const MAX_PER_ADDRESS: usize = 100;

/// Serves until the stop; then finishes the requests in hand.
pub async fn serve(listener: TcpListener, web: Web) {
    let stop = web.tasks.stop().clone();
    let tasks = web.tasks.clone();
    let open = Arc::new(Open::default());
    let threads = Arc::new(Threads::start());
    let router = web.clone().router();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.soft() => break,
        };
        // Who waits for the stream from now on is another runtime.
        let accepted = accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let trusted = web.config.load().http.trusted_proxies.contains(&peer.ip().to_canonical());
        let Some(seat) = open.seat(peer.ip(), trusted) else {
            // Dropping the stream is the cheapest answer.
            continue;
        };
        let (router, web, held) = (router.clone(), web.clone(), (seat, threads.clone()));
        tasks.spawn_on(&threads.next(), "connection", async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => connection(stream, peer, router, &web).await,
                Err(error) => tracing::warn!(%error, "a connection was not served"),
            }
            drop(held);
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, web: &Web) {
    // What is sent in several pieces does not wait for the reader's word between them. Only a socket that is closed
    // would not take it.
    let _ = stream.set_nodelay(true);
    let in_hand = InHand::default();
    let socket = Socket { stream, in_hand: in_hand.clone() };
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        if let Some((response, filed)) = documents::at_once(web, &request) {
            in_hand.set(filed);
            return Either::Left(ready(Ok(response)));
        }
        let mut request = request.map(Body::new);
        let proxies = &web.config.load().http.trusted_proxies;
        let client = client_address(peer.ip().to_canonical(), request.headers(), proxies);
        request.extensions_mut().insert(Peer(client));
        Either::Right(router.clone().oneshot(request))
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN).max_buf_size(MAX_HEADER);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let stop = web.tasks.stop();
    tokio::select! {
        // Errors here are the client's: gone, slow, or no HTTP.
        _ = serving.as_mut() => return,
        () = stop.soft() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Who asks: the peer, or, behind proxies that the operator named, the last
/// address in `X-Forwarded-For` that is none of them.
fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    if !proxies.contains(&peer) {
        return peer;
    }
    headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|address| address.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .rfind(|address| !proxies.contains(address))
        .unwrap_or(peer)
}

/// The connections that are open, in all and by address.
#[derive(Debug, Default)]
struct Open(Mutex<(usize, HashMap<IpAddr, usize>)>);

/// A place among them, given back when dropped.
struct Seat {
    open: Arc<Open>,
    address: Option<IpAddr>,
}

impl Open {
    fn seat(self: &Arc<Self>, address: IpAddr, trusted: bool) -> Option<Seat> {
        let address = (!trusted).then_some(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = address.and_then(|address| counts.1.get(&address)).copied().unwrap_or(0);
        if counts.0 >= MAX_CONNECTIONS || here >= MAX_PER_ADDRESS {
            return None;
        }
        counts.0 += 1;
        if let Some(address) = address {
            counts.1.insert(address, here + 1);
        }
        drop(counts);
        Some(Seat { open: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0 = counts.0.saturating_sub(1);
        let Some(address) = self.address else { return };
        if let Some(here) = counts.1.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                counts.1.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.1".parse().unwrap());
        let proxies = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(client_address(ip("192.0.2.1"), &headers, &proxies), ip("192.0.2.1"));
        assert_eq!(client_address(ip("10.0.0.2"), &headers, &proxies), ip("198.51.100.7"));
        assert_eq!(client_address(ip("10.0.0.2"), &HeaderMap::new(), &proxies), ip("10.0.0.2"));
    }

    #[test]
    fn an_address_has_a_hundred_seats_and_gives_them_back() {
        let open = Arc::new(Open::default());
        let ip = "192.0.2.1".parse().unwrap();
        let mut seats: Vec<_> = (0..100).map(|_| open.seat(ip, false).unwrap()).collect();
        assert!(open.seat(ip, false).is_none());
        assert!(open.seat(ip, true).is_some());
        seats.pop();
        assert!(open.seat(ip, false).is_some());
    }
}
