use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::{Output, tell};

/// `bedside keys rotate`
pub(crate) fn rotate(config: &Config) -> Result<Exit, Stopped> {
    let rotated = Installation::open(config)?.cache.rotate().map_err(Stopped::failed)?;
    Output::new().text(&format!(
        "{} keys wrapped again, {} were wrapped by the key in use already\n",
        rotated.rewrapped, rotated.current
    ))?;
    for (episode, state) in &rotated.unreadable {
        tell(&format!("bedside: {episode} could not be wrapped again: {state}"));
    }
    Ok(if rotated.unreadable.is_empty() { Exit::Done } else { Exit::Failed })
}

/// `bedside keys list`
pub(crate) fn list(config: &Config) -> Result<Exit, Stopped> {
    let used = Installation::open(config)?.cache.keys_in_use().map_err(Stopped::failed)?;
    let mut output = Output::new();
    for (key, episodes) in used {
        output.text(&format!("{key} wraps {episodes}\n"))?;
    }
    Ok(Exit::Done)
}
