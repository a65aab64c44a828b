use jiff::Timestamp;
use jiff::tz::TimeZone;

/// From when until when a DER certificate holds (RFC 5280, section 4.1.2.5), `None` where it cannot be told. Only the
/// way to those two dates is read: whether the certificate is any good is for the verifier to say.
pub(crate) fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xA0;
    let (_, to_be_signed, _) = element(element(certificate, SEQUENCE)?.1, SEQUENCE)?;
    let mut rest = to_be_signed;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest, *rest.first()?)?.2;
    }
    let (_, dates, _) = element(rest, SEQUENCE)?;
    let (tag, begins, rest) = element(dates, *dates.first()?)?;
    let (other_tag, ends, _) = element(rest, *rest.first()?)?;
    Some((instant(tag, begins)?, instant(other_tag, ends)?))
}

/// When the successor of a DER list of withdrawn certificates is due (RFC 5280, section 5.1.2.5).
pub(crate) fn next_update(list: &[u8]) -> Option<Timestamp> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (_, to_be_signed, _) = element(element(list, SEQUENCE)?.1, SEQUENCE)?;
    let mut rest = to_be_signed;
    if rest.first() == Some(&INTEGER) {
        rest = element(rest, INTEGER)?.2;
    }
    // Signature algorithm, issuer, this update.
    for _ in 0..3 {
        rest = element(rest, *rest.first()?)?.2;
    }
    let (tag, next, _) = element(rest, *rest.first()?)?;
    instant(tag, next)
}

/// Tag, content and what follows of the first element, if its tag is that one.
fn element(bytes: &[u8], tag: u8) -> Option<(u8, &[u8], &[u8])> {
    let (&found, rest) = bytes.split_first().filter(|(found, _)| **found == tag)?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((found, content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn instant(tag: u8, text: &[u8]) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let digits = text.strip_suffix(b"Z")?;
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<i16>().ok();
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => digits.split_at_checked(4).map(|(year, rest)| Some((number(year)?, rest)))??,
        _ => return None,
    };
    let parts: Vec<i8> =
        rest.chunks_exact(2).filter_map(number).filter_map(|part| i8::try_from(part).ok()).collect();
    let [month, day, hour, minute, second] = parts[..] else { return None };
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let begins = (is_date && is_time).then(|| jiff::civil::Date::new(year, month, day).ok())??;
    begins.at(hour, minute, second, 0).to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_dates_of_a_certificate_are_read_in_both_forms() {
        for (until, expected) in [(2031, "2031-03-02T00:00:00Z"), (2051, "2051-03-02T00:00:00Z")] {
            let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
            params.not_before = date_time_ymd(2024, 12, 31);
            params.not_after = date_time_ymd(until, 3, 2);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("a certificate");
            let (begins, ends) = validity(certificate.der()).expect("dates");
            assert_eq!(
                (begins.to_string().as_str(), ends.to_string().as_str()),
                ("2024-12-31T00:00:00Z", expected)
            );
        }
    }

    #[test]
    fn a_certificate_cut_or_altered_anywhere_is_no_panic() {
        let params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let bytes = certificate.der().to_vec();
        for at in 0..bytes.len() {
            assert_eq!(validity(&bytes[..at.min(60)]), None, "{at}");
            let mut altered = bytes.clone();
            altered[at] ^= 0xFF;
            let _ = validity(&altered);
        }
    }
}
