use std::error::Error;
use std::fs;
use std::time::Duration;

use bedside_cache::{OpenEpisode, PublicKey, TokenIssuer};
use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use bedside_serve::{Format, Group, Limits, ListenError, Listener, NotWritten, Parts, Server};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::ServeArgs;
use crate::config::{Config, Serve};
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::tell;
use crate::render::{self, Record};

/// `bedside serve`
pub(crate) fn serve(config: &Config, args: &ServeArgs) -> Result<Exit, Stopped> {
    let Installation { audit, cache, clock } = Installation::open(config)?;
    let serve = together(&config.serve, args);
    let issuer = issuer(&serve)?;
    let limits = limits(&serve);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?;
    let _guard = runtime.enter();
    let signals =
        signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    let signals =
        signals.map_err(|error| Stopped::failed(format!("signals cannot be listened for: {error}")))?;
    let listener = listener(&serve, issuer.is_some())?;
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

/// What flags and configuration say together. A flag that says where to listen goes before both places of the other.
fn together(config: &Serve, args: &ServeArgs) -> Serve {
    fn first<T: Clone>(flag: &Option<T>, setting: &Option<T>) -> Option<T> {
        flag.as_ref().or(setting.as_ref()).cloned()
    }
    let is_placed = args.socket.is_some() || args.listen.is_some();
    let (socket, listen) = match is_placed {
        true => (args.socket.clone(), args.listen),
        false => (config.socket.clone(), config.listen),
    };
    Serve {
        socket,
        group: first(&args.group, &config.group),
        listen,
        certificate: first(&args.certificate, &config.certificate),
        tls_key: first(&args.tls_key, &config.tls_key),
        token_key: first(&args.token_key, &config.token_key),
        audience: first(&args.audience, &config.audience),
        connections: args.connections.or(config.connections),
        seconds: args.seconds.or(config.seconds),
    }
}

fn limits(serve: &Serve) -> Limits {
    let usual = Limits::default();
    Limits {
        connections: serve.connections.unwrap_or(usual.connections),
        time: serve.seconds.map_or(usual.time, |seconds| Duration::from_secs(seconds.into())),
    }
}

fn issuer(serve: &Serve) -> Result<Option<TokenIssuer>, Stopped> {
    let (path, audience) = match (&serve.token_key, &serve.audience) {
        (Some(path), Some(audience)) if !audience.trim().is_empty() => (path, audience),
        (None, None) => return Ok(None),
        _ => return Err(Stopped::usage("tokens need both --token-key and an --audience that is not empty")),
    };
    let problem =
        |what: &dyn std::fmt::Display| Stopped::usage(format!("the token key {} {what}", path.display()));
    let pem = fs::read_to_string(path).map_err(|error| problem(&format!("cannot be read: {error}")))?;
    let public_key: PublicKey = pem.parse().map_err(|error| problem(&format!("is {error}")))?;
    Ok(Some(TokenIssuer { public_key, audience: audience.clone() }))
}

fn listener(serve: &Serve, takes_tokens: bool) -> Result<Listener, Stopped> {
    let listener = match (&serve.socket, serve.listen, &serve.certificate, &serve.tls_key) {
        (Some(_), ..) if serve.group.is_some() && !takes_tokens => {
            return Err(Stopped::usage("a group needs --token-key: the word of its members is not taken"));
        }
        (Some(path), ..) => {
            let group = serve.group.as_deref().map(Group::find).transpose();
            group.and_then(|group| Listener::unix(path, group))
        }
        (None, Some(address), Some(certificate), Some(key)) if takes_tokens => {
            Listener::tls(address, certificate, key)
        }
        (None, Some(_), ..) => {
            return Err(Stopped::usage("--listen needs --certificate, --tls-key and --token-key"));
        }
        (None, None, ..) => {
            return Err(Stopped::usage(
                "say where to serve: --socket PATH or --listen ADDRESS, or set serve.socket or serve.listen",
            ));
        }
    };
    listener.map_err(|error| match error {
        ListenError::InUse(_) | ListenError::Bind { .. } => Stopped::failed(error),
        _ => Stopped::usage(error),
    })
}
