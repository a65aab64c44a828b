//! The site's policy file: how long records are kept, when they are stale, who may act on them. Every setting may be
//! left out; what the sheets suggest holds then, and no time may be longer than that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bedside_cache::{MOST_EARLIER_GENERATIONS, Retention, SitePolicy};
use bedside_model::OdsCode;
use bedside_warm::strict::{Fields, Problem, toml_table};
use jiff::SignedDuration;

use crate::exit::Stopped;

/// Reads the file, and tells everything that is wrong with it.
pub(crate) fn read(path: &Path) -> Result<SitePolicy, Stopped> {
    let text = fs::read_to_string(path)
        .map_err(|error| Stopped::usage(format!("cannot read the policy {}: {error}", path.display())))?;
    parse(&text).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Stopped::usage(format!("the policy {} is not usable{}", path.display(), problems.concat()))
    })
}

fn parse(text: &str) -> Result<SitePolicy, Vec<Problem>> {
    let table = toml_table(text).map_err(|problem| vec![Problem::malformed("", problem)])?;
    let (policy, problems) = Fields::read(&table, policy);
    policy.filter(|_| problems.is_empty()).ok_or(problems)
}

fn policy(fields: &mut Fields<'_>) -> Option<SitePolicy> {
    let default = Retention::default();
    let mut hours = |name, default| {
        let hours = fields.optional_count(name, 1);
        hours.map_or(default, |hours| SignedDuration::from_hours(hours.into()))
    };
    let retention = Retention {
        after_end: hours("after_end_hours", default.after_end),
        without_heartbeat: hours("without_heartbeat_hours", default.without_heartbeat),
        ceiling: hours("ceiling_hours", default.ceiling),
        fresh: hours("fresh_hours", default.fresh),
        stale: hours("stale_hours", default.stale),
    };
    let roles = fields.optional_texts("roles").map(BTreeSet::from_iter);
    let keep_bundle = fields.optional_text("raw_bundle").map(|word| match word {
        "keep" => true,
        "discard" => false,
        _ => {
            fields.malformed("raw_bundle", "must be keep or discard");
            false
        }
    });
    let (partners, earlier_generations) = (partners(fields), earlier_generations(fields));
    match retention.checked() {
        Ok(retention) => {
            let keep_bundle = keep_bundle.unwrap_or(SitePolicy::default().keep_bundle);
            Some(SitePolicy { retention, roles, partners, keep_bundle, earlier_generations })
        }
        Err(error) => {
            let hours = error.most.as_hours();
            fields.malformed(error.name, format!("hours must be at most {hours}"));
            None
        }
    }
}

fn partners(fields: &mut Fields<'_>) -> BTreeSet<OdsCode> {
    let codes = fields.optional_texts("partners").unwrap_or_default();
    codes.iter().map(|code| code.parse()).collect::<Result<_, _>>().unwrap_or_else(|_| {
        fields.malformed("partners", "must be a list of ODS codes, such as [\"RXX02\"]");
        BTreeSet::new()
    })
}

fn earlier_generations(fields: &mut Fields<'_>) -> u8 {
    let count = fields.optional_count("earlier_generations", 0);
    let Some(count) = count else { return SitePolicy::default().earlier_generations };
    u8::try_from(count).ok().filter(|count| *count <= MOST_EARLIER_GENERATIONS).unwrap_or_else(|| {
        fields.malformed("earlier_generations", format!("must be at most {MOST_EARLIER_GENERATIONS}"));
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse(text)
            .map(|_| Vec::new())
            .unwrap_or_else(|problems| problems)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_is_left_out_is_what_the_sheets_suggest() {
        let policy = parse("").expect("empty is enough");
        assert_eq!((policy.retention, policy.roles, policy.keep_bundle), (Retention::default(), None, false));
        assert_eq!((policy.earlier_generations, policy.partners.len()), (1, 0));
        let text = "after_end_hours = 2\nstale_hours = 12\nroles = ['Doctor']\nraw_bundle = 'keep'\npartners = ['RXX02']\nearlier_generations = 0";
        let policy = parse(text).expect("whole");
        assert_eq!(policy.retention.after_end, SignedDuration::from_hours(2));
        assert_eq!(policy.retention.stale, SignedDuration::from_hours(12));
        assert_eq!((policy.roles, policy.keep_bundle), (Some(BTreeSet::from(["Doctor".to_owned()])), true));
        assert_eq!((policy.earlier_generations, policy.partners.len()), (0, 1));
    }

    #[test]
    fn longer_times_and_unknown_words_are_refused() {
        assert_eq!(problems("ceiling_hours = 2161"), ["ceiling: hours must be at most 2160"]);
        assert_eq!(
            problems("after_end_hours = 0"),
            ["after_end_hours: must be a whole number of at least 1"]
        );
        assert_eq!(problems("raw_bundle = 'yes'"), ["raw_bundle: must be keep or discard"]);
        assert_eq!(
            problems("partners = ['a trust']"),
            ["partners: must be a list of ODS codes, such as [\"RXX02\"]"]
        );
        assert_eq!(problems("earlier_generations = 4"), ["earlier_generations: must be at most 3"]);
        assert_eq!(problems("forever = 1"), ["forever: is not a known field"]);
    }
}
