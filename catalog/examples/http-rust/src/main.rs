//! A server on port 8080: `/` greets, `/sum` adds the numbers of a JSON list, SIGTERM lets running requests finish.

use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Serialize)]
struct Sum {
    count: usize,
    sum: i64,
}

async fn sum(Json(numbers): Json<Vec<i64>>) -> Json<Sum> {
    Json(Sum { count: numbers.len(), sum: numbers.iter().sum() })
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(|| async { "Hello from Rust\n" })).route("/sum", post(sum));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
    println!("listening on port 8080");
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await
}
