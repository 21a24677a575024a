//! The HTTP side: RabbitMQ's management API and metrics, on a thread of its own.
//!
//! The engine is asked in pages under its lock; everything is put into words outside. It never changes
//! state.

mod api;
mod backup;
mod metrics;

use crate::core::Core;
use crate::settings::Settings;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use tiny_http::{Header, Method, Request, Response, Server};

/// A running HTTP server.
pub struct HttpServer {
    running: Option<(Arc<Server>, thread::JoinHandle<()>)>,
}

impl HttpServer {
    /// Ends it and waits for its thread.
    pub fn stop(self) {
        if let Some((server, thread)) = self.running {
            server.unblock();
            // A panic of that thread has been shown already and concerns nobody else.
            let _ = thread.join();
        }
    }
}

/// Starts the HTTP server, if it has a port.
///
/// # Errors
/// One line for the operator.
pub fn serve(core: Arc<Core>, settings: &Settings) -> Result<HttpServer, String> {
    if settings.http_port == 0 {
        return Ok(HttpServer { running: None });
    }
    let address = SocketAddr::new(settings.bind, settings.http_port);
    let refused = |error: &dyn std::fmt::Display| format!("cannot listen for HTTP on {address}: {error}");
    let listener = crate::serve::bind_patiently(address, 1).map_err(|error| refused(&error))?.remove(0);
    let server = Arc::new(Server::from_listener(listener, None).map_err(|error| refused(&error))?);
    let view = api::View {
        core,
        amqp_port: settings.amqp_port,
        http_port: settings.http_port,
        started: Instant::now(),
    };
    let serving = server.clone();
    let thread = thread::Builder::new().name("http".to_owned()).spawn(move || {
        for request in serving.incoming_requests() {
            answer(&view, request);
        }
    });
    let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(HttpServer { running: Some((server, thread)) })
}

/// What a path has to say.
enum Answer {
    Json(u16, Value),
    Text(String),
}

fn answer(view: &api::View, request: Request) {
    let url = request.url().to_owned();
    let is_read = matches!(request.method(), Method::Get | Method::Head);
    let found = if *request.method() == Method::Post && url == backup::PATH {
        match authenticate(view, &request) {
            Ok(asker) => return backup::answer(view.core.clone(), &asker, request),
            Err(reason) => not_authorized(reason),
        }
    } else if !is_read {
        Answer::Json(405, json!({ "error": "method_not_allowed", "reason": "Method Not Allowed" }))
    } else if url.split('?').next() == Some("/metrics") {
        Answer::Text(metrics::text(&view.core))
    } else {
        match authenticate(view, &request) {
            Err(reason) => not_authorized(reason),
            Ok(asker) => match api::get(view, &asker, &url) {
                Some((status, body)) => Answer::Json(status, body),
                None => Answer::Json(404, json!({ "error": "Object Not Found", "reason": "Not Found" })),
            },
        }
    };
    respond(request, found);
}

fn not_authorized(reason: &str) -> Answer {
    Answer::Json(401, json!({ "error": "not_authorized", "reason": reason }))
}

fn respond(request: Request, answer: Answer) {
    let (status, content_type, body) = match answer {
        Answer::Json(status, body) => (status, "application/json", body.to_string()),
        Answer::Text(body) => (200, "text/plain; version=0.0.4; charset=utf-8", body),
    };
    let mut response = Response::from_string(body).with_status_code(status);
    response.add_header(header("Content-Type", content_type));
    if status == 401 {
        response.add_header(header("WWW-Authenticate", "Basic realm=\"RabbitMQ Management\""));
    }
    // Whoever asked may have gone: nobody is left to tell.
    let _ = request.respond(response);
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("the server's own headers are well formed")
}

/// Checks the request's basic credentials against the broker's users. Only users with a tag may look.
fn authenticate(view: &api::View, request: &Request) -> Result<api::Asker, &'static str> {
    let header = request.headers().iter().find(|header| header.field.equiv("Authorization"));
    let credentials = header.and_then(|header| header.value.as_str().strip_prefix("Basic "));
    let decoded = credentials.and_then(|credentials| BASE64_STANDARD.decode(credentials.trim()).ok());
    let decoded = decoded.ok_or("Not_Authorized")?;
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or("Not_Authorized")?;
    let (name, password) = (&decoded[..colon], &decoded[colon + 1..]);
    let engine = view.core.engine();
    let user = engine.broker().access().authenticate(name, password).ok_or("Not_Authorized")?;
    if user.tags.is_empty() {
        return Err("Not management user");
    }
    Ok(api::Asker { name: String::from_utf8_lossy(name).into_owned(), tags: user.tags.clone() })
}
