use std::error::Error;
use std::fs;
use std::time::Duration;

use bedside_cache::{OpenEpisode, TokenIssuer};
use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use bedside_serve::{Format, Limits, ListenError, Listener, NotWritten, Parts, Server, token_key};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::ServeArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::tell;
use crate::render::{self, Record};

/// `bedside serve`
pub(crate) fn serve(config: &Config, args: &ServeArgs) -> Result<Exit, Stopped> {
    let Installation { audit, cache, clock } = Installation::open(config)?;
    let issuer = issuer(args)?;
    let limits = Limits { connections: args.connections, time: Duration::from_secs(args.seconds.into()) };
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?;
    let _guard = runtime.enter();
    let signals =
        signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    let signals =
        signals.map_err(|error| Stopped::failed(format!("signals cannot be listened for: {error}")))?;
    let listener = listener(args)?;
    tell(&format!("serving on {}; SIGTERM ends it", listener.place()));
    let server = Server::new(Parts { cache, audit, clock, issuer, write, limits });
    runtime.block_on(server.run(listener, told(signals)));
    Ok(Exit::Done)
}

async fn told((mut terminate, mut interrupt): (Signal, Signal)) {
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    tell("finishing what was begun; nobody comes in any more");
}

/// A table as `bedside show` prints it.
fn write(
    episode: &EpisodeId,
    opened: &OpenEpisode,
    table: Table,
    format: Format,
) -> Result<Vec<u8>, NotWritten> {
    fn failed(error: impl Error + Send + Sync + 'static) -> NotWritten {
        NotWritten(Box::new(error))
    }
    let record = Record::of(episode.clone(), opened).map_err(failed)?;
    render::document(&record, (table, format)).map_err(failed)
}

fn issuer(args: &ServeArgs) -> Result<Option<TokenIssuer>, Stopped> {
    // Neither is there without the other.
    let (Some(path), Some(audience)) = (&args.token_key, &args.audience) else { return Ok(None) };
    let problem =
        |what: &dyn std::fmt::Display| Stopped::usage(format!("the token key {} {what}", path.display()));
    let pem = fs::read(path).map_err(|error| problem(&format!("cannot be read: {error}")))?;
    let public_key = token_key(&pem).map_err(|error| problem(&error))?;
    Ok(Some(TokenIssuer { public_key, audience: audience.clone() }))
}

fn listener(args: &ServeArgs) -> Result<Listener, Stopped> {
    let listener = match (&args.socket, args.listen, &args.certificate, &args.tls_key) {
        (Some(path), ..) => Listener::unix(path),
        (None, Some(address), Some(certificate), Some(key)) => Listener::tls(address, certificate, key),
        // The parser lets nothing else through.
        _ => return Err(Stopped::usage("name a --socket, or an address to --listen on")),
    };
    listener.map_err(|error| match error {
        ListenError::InUse(_) | ListenError::Bind { .. } => Stopped::failed(error),
        _ => Stopped::usage(error),
    })
}
