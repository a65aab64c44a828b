//! Where a key in a token is, as RFC 7512 writes it:
//! `pkcs11:token=LABEL;object=LABEL?module-path=/PATH&pin-source=file:/PATH`. Of the attributes that the RFC knows,
//! these four are read and needed; any other is refused, because one that was passed over would name another key.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

const SCHEME: &str = "pkcs11:";

/// A key in a token, and what opens the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pkcs11Uri {
    /// The module: a shared library.
    pub(crate) module: PathBuf,
    /// Label of the token.
    pub(crate) token: String,
    /// Label of the key.
    pub(crate) object: String,
    pub(crate) pin: PinSource,
}

/// Where the PIN is. It never stands in the address itself, which configurations and `config show` print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PinSource {
    /// `file:/PATH`, a file like a key file.
    File(PathBuf),
    /// `credential:NAME`, a credential of the service manager.
    Credential(String),
}

impl Pkcs11Uri {
    /// Reads the address; what is wrong with it otherwise, as a name of an attribute or a few words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(SCHEME).ok_or("it does not begin with pkcs11:")?;
        let (path, query) = rest.split_once('?').ok_or("module-path and pin-source are missing")?;
        let mut path = attributes(path, ';')?;
        let mut query = attributes(query, '&')?;
        let uri = Self {
            token: take(&mut path, "token").ok_or("token is missing")?,
            object: take(&mut path, "object").ok_or("object is missing")?,
            module: take(&mut query, "module-path").ok_or("module-path is missing")?.into(),
            pin: pin_source(&take(&mut query, "pin-source").ok_or("pin-source is missing")?)?,
        };
        if !uri.module.is_absolute() {
            return Err("module-path is not an absolute path");
        }
        if path.is_empty() && query.is_empty() {
            Ok(uri)
        } else {
            Err("only token, object, module-path and pin-source are read, each once")
        }
    }
}

fn attributes(text: &str, separator: char) -> Result<Vec<(&str, String)>, &'static str> {
    let attribute = |part| {
        let (name, value) = str::split_once(part, '=').ok_or("an attribute has no value")?;
        let value = percent_decode_str(value).decode_utf8().map_err(|_| "a value is not UTF-8")?;
        if value.is_empty() { Err("an attribute has no value") } else { Ok((name, value.into_owned())) }
    };
    text.split(separator).map(attribute).collect()
}

fn take(attributes: &mut Vec<(&str, String)>, name: &str) -> Option<String> {
    let index = attributes.iter().position(|(found, _)| *found == name)?;
    Some(attributes.swap_remove(index).1)
}

fn pin_source(text: &str) -> Result<PinSource, &'static str> {
    match text.split_once(':') {
        Some(("file", path)) if path.starts_with('/') => Ok(PinSource::File(path.into())),
        Some(("credential", name)) if !name.is_empty() && !name.contains('/') => {
            Ok(PinSource::Credential(name.to_owned()))
        }
        _ => Err("pin-source is neither file:/PATH nor credential:NAME"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_escapes() {
        let read = Pkcs11Uri::parse(
            "pkcs11:object=kek%202026;token=bedside?pin-source=file:/run/pin&module-path=/usr/lib/module.so",
        );
        let expected = Pkcs11Uri {
            module: "/usr/lib/module.so".into(),
            token: "bedside".into(),
            object: "kek 2026".into(),
            pin: PinSource::File("/run/pin".into()),
        };
        assert_eq!(read, Ok(expected));
        let read =
            Pkcs11Uri::parse("pkcs11:token=t;object=o?module-path=/m.so&pin-source=credential:token.pin");
        assert_eq!(read.map(|uri| uri.pin), Ok(PinSource::Credential("token.pin".into())));
    }

    #[test]
    fn what_is_missing_wrong_or_unknown_is_named() {
        for (text, problem) in [
            ("token=t;object=o", "pkcs11:"),
            ("pkcs11:token=t;object=o", "module-path"),
            ("pkcs11:object=o?module-path=/m.so&pin-source=file:/p", "token"),
            ("pkcs11:token=t?module-path=/m.so&pin-source=file:/p", "object"),
            ("pkcs11:token=t;object=o?module-path=m.so&pin-source=file:/p", "absolute"),
            ("pkcs11:token=t;object=o?module-path=/m.so", "pin-source"),
            ("pkcs11:token=t;object=o?module-path=/m.so&pin-source=file:p", "pin-source"),
            ("pkcs11:token=t;object=o?module-path=/m.so&pin-source=credential:../p", "pin-source"),
            ("pkcs11:token=t;object=o?module-path=/m.so&pin-value=1234&pin-source=file:/p", "only"),
            ("pkcs11:token=t;object=o;id=%01?module-path=/m.so&pin-source=file:/p", "only"),
            ("pkcs11:token=t;token=u;object=o?module-path=/m.so&pin-source=file:/p", "only"),
            ("pkcs11:token=;object=o?module-path=/m.so&pin-source=file:/p", "value"),
            ("pkcs11:token=%ff;object=o?module-path=/m.so&pin-source=file:/p", "UTF-8"),
        ] {
            let found = Pkcs11Uri::parse(text).expect_err(text);
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
