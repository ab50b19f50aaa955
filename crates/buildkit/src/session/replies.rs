//! Short questions: is anybody there, secrets, credentials.

use crate::request::{Secret, SecretSource};
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::Health;
use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets as SecretsService;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest, GetTokenAuthorityResponse,
    VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use pith_image::registry::credentials;
use pith_image::{DEFAULT_REGISTRY, Settings};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use tonic::codegen::tokio_stream::Empty;
use tonic::{Request, Response, Status};

/// Docker's own registry, as builders ask for it.
const DOCKER_ENDPOINTS: [&str; 3] = ["registry-1.docker.io", "index.docker.io", "auth.docker.io"];

type Reply<T> = Result<Response<T>, Status>;

/// Yes, somebody is there.
pub(crate) struct Healthy;

#[tonic::async_trait]
impl Health for Healthy {
    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Reply<HealthCheckResponse> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Reply<HealthListResponse> {
        Err(Status::unimplemented("list"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Reply<Self::WatchStream> {
        Err(Status::unimplemented("watch"))
    }
}

/// The secrets of a build, read before it starts.
pub(crate) struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    pub(crate) fn read(secrets: &[Secret]) -> crate::Result<Self> {
        let one = |secret: &Secret| {
            let content = match &secret.source {
                SecretSource::Value(value) => value.as_bytes().to_vec(),
                SecretSource::File(path) => std::fs::read(path)
                    .map_err(|error| crate::Error::Secret { id: secret.id.clone(), problem: format!("{}: {error}", path.display()) })?,
            };
            Ok((secret.id.clone(), content))
        };
        secrets.iter().map(one).collect::<crate::Result<_>>().map(Self)
    }
}

#[tonic::async_trait]
impl SecretsService for Secrets {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Reply<GetSecretResponse> {
        let id = &request.get_ref().id;
        let data = self.0.get(id).cloned().ok_or_else(|| Status::not_found(format!("secret {id} was not given")))?;
        Ok(Response::new(GetSecretResponse { data }))
    }
}

/// The user's credentials for registries.
pub(crate) struct Credentials(pub(crate) Settings);

#[tonic::async_trait]
impl Auth for Credentials {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Reply<CredentialsResponse> {
        let host = request.into_inner().host;
        let registry = if DOCKER_ENDPOINTS.contains(&host.as_str()) { DEFAULT_REGISTRY.to_owned() } else { host };
        let settings = self.0.clone();
        // A helper program may take its time.
        let found = tokio::task::spawn_blocking(move || credentials::find(&settings, &registry, "")).await;
        let found = found.map_err(|error| Status::internal(error.to_string()))?.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(match found {
            None => CredentialsResponse::default(),
            Some(credentials::Credentials::Password { user, password }) => CredentialsResponse { username: user, secret: password },
            Some(credentials::Credentials::IdentityToken(secret)) => CredentialsResponse { username: String::new(), secret },
        }))
    }

    // Builders that may fetch tokens by themselves do so when this side does not.
    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Reply<FetchTokenResponse> {
        Err(Status::unimplemented("fetch_token"))
    }

    async fn get_token_authority(&self, _: Request<GetTokenAuthorityRequest>) -> Reply<GetTokenAuthorityResponse> {
        Err(Status::unimplemented("get_token_authority"))
    }

    async fn verify_token_authority(&self, _: Request<VerifyTokenAuthorityRequest>) -> Reply<VerifyTokenAuthorityResponse> {
        Err(Status::unimplemented("verify_token_authority"))
    }
}
