//! What ties records together: references, lists, and entries that come again.

use super::super::json::Json;
use super::Maker;

impl Maker<'_> {
    /// References of every form: known, forward, dangling, contained, bare, malformed, display only.
    pub(super) fn any_reference(&mut self) -> Json {
        let known = 1 + self.random.below(self.id as usize + 3);
        let words = self.words();
        match self.random.below(10) {
            0..3 => Json::object([("reference", Json::Text(format!("MedicationRequest/plan-{known}")))]),
            3 => Json::object([("reference", Json::Text(format!("Observation/o-{known}")))]),
            4 => Json::object([("reference", Json::text("Encounter/gone")), ("display", Json::Text(words))]),
            5 => Json::object([("reference", Json::Text(format!("#{words}")))]),
            6 => Json::object([("reference", Json::Text(format!("o-{known}")))]),
            7 => Json::object([("reference", Json::Text(words))]),
            8 => Json::object([("display", Json::Text(words))]),
            _ => Json::raw(self.random.pick(&["{}", "null", "[]", "\"Encounter/e\""])),
        }
    }

    /// Lists of one area and of a consultation, naming what there is and what is not.
    pub(super) fn lists(&mut self) {
        const CODES: [&str; 8] = [
            "886921000000105",
            "1103671000000101",
            "933361000000108",
            "717711000000103",
            "1149501000000101",
            "325851000000107",
            "826501000000100",
            "problems-medications-related-to-problems",
        ];
        for code in CODES {
            if self.random.chance(80) {
                continue;
            }
            let mut items = Vec::new();
            for _ in 0..self.random.below(4) {
                let item = self.any_reference();
                items.push(Json::object([("item", item)]));
            }
            let coding = Json::object([("code", Json::text(code))]);
            let mut list = Json::object([
                ("resourceType", Json::text("List")),
                ("code", Json::object([("coding", Json::List(vec![coding]))])),
                ("entry", Json::List(items)),
            ]);
            self.made.types.push(("List", self.made.entries.len()));
            if self.random.chance(40) {
                let id = self.id;
                self.made.types.push(("Observation", self.made.entries.len()));
                list.put(
                    "contained",
                    Json::List(vec![Json::object([
                        ("resourceType", Json::text("Observation")),
                        ("id", Json::Text(format!("c-{id}"))),
                    ])]),
                );
            }
            if self.random.chance(30) {
                let warning =
                    self.extension("ListWarningCode", "valueCode", Some(Json::text("data-in-transit")));
                list.put("extension", Json::List(vec![warning]));
            }
            self.push(list);
        }
    }

    /// The same entry again, or its id with another content.
    pub(super) fn repeat(&mut self) {
        let place = self.random.below(self.made.entries.len());
        let again = self.made.entries[place].clone();
        let Json::Object(members) = &again else { return };
        let Some((_, Json::Object(resource))) = members.first() else { return };
        let known = resource.iter().any(|(key, _)| key == "id");
        let entry = self.made.entries.len();
        let kinds = self.made.types.iter().filter(|(_, sent)| *sent == place).map(|(kind, _)| (*kind, entry));
        let kinds: Vec<_> = kinds.collect();
        self.made.types.extend(kinds);
        if known {
            self.made.repeated.push(entry as u32);
        }
        self.made.entries.push(again);
    }
}
