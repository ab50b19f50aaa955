//! HTTP agents: one that trusts what this machine trusts, one that trusts everybody.

use std::sync::OnceLock;
use std::time::Duration;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(20);
/// Longest silence on a connection.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether the other side has to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// By a certificate that this machine trusts.
    Yes,
    /// No.
    No,
}

/// The agent for this; connections are kept and used again.
pub(crate) fn agent(verify: Verify) -> Agent {
    static VERIFYING: OnceLock<Agent> = OnceLock::new();
    static TRUSTING: OnceLock<Agent> = OnceLock::new();
    let agent = match verify {
        Verify::Yes => &VERIFYING,
        Verify::No => &TRUSTING,
    };
    agent.get_or_init(|| make(verify)).clone()
}

fn make(verify: Verify) -> Agent {
    // Another part of the program may have chosen a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls);
    let tls = match verify {
        Verify::Yes => {
            // Certificates that cannot be read are as good as not there; a handshake then says what is missing.
            let found = rustls_native_certs::load_native_certs().certs;
            let certificates = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            tls.root_certs(RootCerts::from(certificates))
        }
        Verify::No => tls.disable_verification(true),
    };
    Agent::config_builder()
        .http_status_as_error(false)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .user_agent(concat!("pith/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .tls_config(tls.build())
        .build()
        .new_agent()
}
