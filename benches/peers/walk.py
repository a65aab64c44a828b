"""Dicts of a bundle to three pyarrow tables, as somebody would write it who needs medications, allergies and problems
and does not know the rest: the plan beside its statement, the drug by reference, no flags, no notices."""

import pyarrow as pa

MEDICATIONS = ("id", "status", "drug", "code", "from", "to", "dosage", "intent", "quantity", "unit", "days")
ALLERGIES = ("id", "clinical_status", "verification_status", "term", "code", "onset", "asserted")
PROBLEMS = ("id", "clinical_status", "term", "code", "onset", "abated", "asserted")


def tables(bundle):
    resources = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
    by_reference = {f"{resource['resourceType']}/{resource.get('id')}": resource for resource in resources}
    of = lambda kind: [resource for resource in resources if resource["resourceType"] == kind]
    return (
        table(MEDICATIONS, (medication(statement, by_reference) for statement in of("MedicationStatement"))),
        table(ALLERGIES, map(allergy, of("AllergyIntolerance"))),
        table(PROBLEMS, map(problem, of("Condition"))),
    )


def table(names, rows):
    columns = list(zip(*rows)) or [()] * len(names)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns)})


def medication(statement, by_reference):
    plan = target(first(statement.get("basedOn")), by_reference)
    drug = target(statement.get("medicationReference"), by_reference).get("code")
    term, code = concept(drug or statement.get("medicationCodeableConcept"))
    period = statement.get("effectivePeriod") or {}
    dispense = plan.get("dispenseRequest") or {}
    quantity = dispense.get("quantity") or {}
    return (
        statement.get("id"), statement.get("status"), term, code, period.get("start"), period.get("end"),
        first(statement.get("dosage")).get("text"), plan.get("intent"), text(quantity.get("value")),
        quantity.get("unit"), text((dispense.get("expectedSupplyDuration") or {}).get("value")),
    )


def allergy(resource):
    return (
        resource.get("id"), resource.get("clinicalStatus"), resource.get("verificationStatus"),
        *concept(resource.get("code")), resource.get("onsetDateTime"), resource.get("assertedDate"),
    )


def problem(resource):
    return (
        resource.get("id"), resource.get("clinicalStatus"), *concept(resource.get("code")),
        resource.get("onsetDateTime"), resource.get("abatementDateTime"), resource.get("assertedDate"),
    )


def concept(code):
    """Term and SNOMED CT code of a CodeableConcept."""
    codings = (code or {}).get("coding") or ()
    snomed = next((coding for coding in codings if coding.get("system") == "http://snomed.info/sct"), {})
    return (code or {}).get("text") or snomed.get("display") or first(codings).get("display"), snomed.get("code")


def target(reference, by_reference):
    return by_reference.get((reference or {}).get("reference"), {})


def first(items):
    return items[0] if items else {}


def text(value):
    return None if value is None else str(value)
