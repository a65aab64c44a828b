use bedside_spine::london_day;
use bedside_warm::Pipeline;

use crate::args::PipelineCheckArgs;
use crate::exit::{Exit, Stopped};
use crate::output::{Output, tell};

/// `bedside pipeline check`: every file is looked at, whatever is wrong with the one before.
pub(crate) fn check(args: &PipelineCheckArgs) -> Result<Exit, Stopped> {
    let (today, mut output, mut exit) = (london_day(jiff::Timestamp::now()), Output::new(), Exit::Done);
    for file in &args.files {
        match Pipeline::read(file, today) {
            Ok(pipeline) => {
                let areas: Vec<_> = pipeline.areas().iter().map(|area| area.as_str()).collect();
                let (name, areas) = (pipeline.name(), areas.join(", "));
                output.text(&format!("{}: pipeline {name} asks for {areas}\n", file.display()))?;
            }
            Err(error) => {
                tell(&format!("bedside: {}", crate::exit::with_causes(&error)));
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit)
}
