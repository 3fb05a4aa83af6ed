//! What Ghost lets in: a JWT (RFC 7519) that is made for each request and lives for
//! five minutes, signed with the Admin API key
//! (docs.ghost.org/admin-api, "Token Authentication").

use crate::domain::outlet::Ghost;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

/// The longest life of a token that Ghost takes, in seconds.
const LIFE: i64 = 300;

/// What stands in a request's `Authorization`.
pub(super) fn authorization(ghost: &Ghost, now: Timestamp) -> Secret {
    let seconds = now.millis() / 1000;
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": ghost.key_id });
    let claims = json!({ "iat": seconds, "exp": seconds + LIFE, "aud": "/admin/" });
    let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    // A key of any length will do (RFC 2104 section 3).
    let signature = Hmac::<Sha256>::new_from_slice(ghost.key.expose())
        .map(|mac| URL_SAFE_NO_PAD.encode(mac.chain_update(&signed).finalize().into_bytes()));
    Secret::new(format!("Ghost {signed}.{}", signature.unwrap_or_default()))
}
