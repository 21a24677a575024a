//! `warren ctl`: what `rabbitmqctl` prints, read from the HTTP API.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Subcommand)]
pub enum Command {
    /// Queues with their numbers of messages.
    #[command(name = "list_queues")]
    ListQueues(Node),
}

/// The server that is asked.
#[derive(Args)]
pub struct Node {
    #[arg(long, default_value = "http://127.0.0.1:15672")]
    node: String,
    #[arg(long, default_value = "guest")]
    user: String,
    #[arg(long, default_value = "guest")]
    password: String,
}

/// Runs a command and prints what it has to say.
///
/// # Errors
/// One line for the operator.
pub fn run(command: &Command) -> Result<(), String> {
    match command {
        Command::ListQueues(node) => list_queues(node),
    }
}

fn list_queues(node: &Node) -> Result<(), String> {
    let queues = node.ask("GET", "/api/queues", None, Some(ANSWER_TIME_MAX))?;
    let queues =
        queues.as_array().ok_or_else(|| format!("{} answers something else than queues", node.node))?;
    println!("Listing queues ...");
    println!("name\tmessages");
    for queue in queues {
        println!("{}\t{}", queue["name"].as_str().unwrap_or_default(), queue["messages"]);
    }
    Ok(())
}

impl Node {
    /// Sends a request and answers the body of the answer; `None` for a time is for ever.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        time_max: Option<Duration>,
    ) -> Result<Value, String> {
        let authority = self.node.strip_prefix("http://").unwrap_or(&self.node).trim_end_matches('/');
        let failed = |error: std::io::Error| format!("cannot ask {}: {error}", self.node);
        let mut stream = TcpStream::connect(authority).map_err(failed)?;
        stream.set_read_timeout(time_max).map_err(failed)?;
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
        // HTTP/1.0: the answer ends with the connection, and comes in one piece.
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {authority}\r\nAuthorization: Basic {credentials}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let malformed = || format!("{} does not answer as an HTTP server", self.node);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let status = head.split(' ').nth(1).ok_or_else(malformed)?;
        let body: Result<Value, String> = serde_json::from_str(body).map_err(|_| malformed());
        if status == "200" {
            return body;
        }
        let reason = body.ok().and_then(|body| body["reason"].as_str().map(str::to_owned));
        Err(format!("{} refuses with status {status}: {}", self.node, reason.unwrap_or_default()))
    }
}
