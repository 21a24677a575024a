//! The HTTP side: RabbitMQ's management API and metrics.

use crate::core::Core;
use crate::settings::Settings;
use std::sync::Arc;

/// Ends the HTTP server when dropped.
pub struct HttpServer;

/// Starts the HTTP server, if it has a port.
///
/// # Errors
/// One line for the operator.
pub fn serve(_core: Arc<Core>, _settings: &Settings) -> Result<Option<HttpServer>, String> {
    Ok(None)
}
