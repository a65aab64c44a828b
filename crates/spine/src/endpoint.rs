//! Addresses: the practice's service root as the directory gives it, and the host that we do connect to.

use std::fmt;

use bedside_model::OdsCode;
use reqwest::Url;
use rustls::pki_types::ServerName;

/// Why a service root from the directory is refused (`security` sheet, T-10). The value itself is never part
/// of the message: it comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointProblem {
    /// Over 512 bytes.
    #[error("the service root is longer than 512 bytes")]
    TooLong,
    /// Not `https://` in lower case.
    #[error("the service root does not start with https://")]
    Scheme,
    /// A control character, a space, a character outside ASCII, or one that URLs do not have.
    #[error("the service root holds a character that does not belong in a URL")]
    Character,
    /// User information, a query or a fragment.
    #[error("the service root holds user information, a query or a fragment")]
    Component,
    /// A host outside the configured suffixes, or a port that is none.
    #[error("the host of the service root is not under an allowed suffix")]
    Host,
    /// `..`, an empty segment, an encoded slash or dot, a trailing slash, or whatever else a URL library would
    /// rewrite.
    #[error("the path of the service root has an empty, relative or encoded segment or a trailing slash")]
    Path,
    /// The ODS code asked for is not one of the path's segments.
    #[error("the service root does not name the practice asked for")]
    Practice,
    /// `/STU3/1/` is missing.
    #[error("the service root is not one of FHIR STU3, major version 1")]
    Version,
}

/// The host suffixes under which a practice's system may lie, such as `thirdparty.nhs.uk`.
#[derive(Debug, Clone)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Hosts that equal one of the suffixes or end in `.` and one of them. An empty list allows none.
    pub fn new(suffixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(suffixes.into_iter().map(|suffix| suffix.into().to_ascii_lowercase()).collect())
    }

    fn allow(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|suffix| {
            host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// A practice's FHIR service root, byte for byte as the directory gives it: SSP compares it with its own entry
/// (`retrieve` sheet, section 2). We never connect to it; it travels as text in the path of the SSP's URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceRoot(String);

impl ServiceRoot {
    /// Takes the directory's text for a practice.
    ///
    /// # Errors
    /// The first broken rule of the `security` sheet, T-10.
    pub fn new(text: &str, practice: &OdsCode, hosts: &AllowedHosts) -> Result<Self, EndpointProblem> {
        if text.len() > 512 {
            return Err(EndpointProblem::TooLong);
        }
        let rest = text.strip_prefix("https://").ok_or(EndpointProblem::Scheme)?;
        if rest.contains(['@', '?', '#']) {
            return Err(EndpointProblem::Component);
        }
        if !rest.bytes().all(is_url_byte) {
            return Err(EndpointProblem::Character);
        }
        let (authority, path) = rest.split_once('/').ok_or(EndpointProblem::Path)?;
        if !host_of(authority).is_some_and(|host| hosts.allow(host)) {
            return Err(EndpointProblem::Host);
        }
        if path.split('/').any(str::is_empty) || has_encoded_separator(path) || !is_sent_unchanged(text) {
            return Err(EndpointProblem::Path);
        }
        if !path.split('/').any(|segment| segment == practice.as_str()) {
            return Err(EndpointProblem::Practice);
        }
        if !path.contains("/STU3/1/") {
            return Err(EndpointProblem::Version);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text as the directory gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The URL of a text, `None` if it would be sent as another text.
pub(crate) fn unchanged(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.as_str() == text)
}

/// Whether a configured root is `https://HOST[:PORT][/PATH]` without a trailing slash, and is sent unchanged.
pub(crate) fn is_root(text: &str) -> bool {
    let Some(url) = unchanged(&format!("{text}/")) else { return false };
    // A name that no certificate can bear is better found now than at the first call.
    let host = url.host_str().map(|host| ServerName::try_from(host.trim_matches(['[', ']'])));
    url.scheme() == "https"
        && matches!(host, Some(Ok(_)))
        && !url.authority().contains('@')
        && !text.ends_with('/')
        && !text.contains(['?', '#'])
}

/// Whether a service root is the same once it stands in the path of a URL.
fn is_sent_unchanged(service_root: &str) -> bool {
    unchanged(&format!("https://proxy.invalid/{service_root}/")).is_some()
}

/// The host of `HOST[:PORT]`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let numbered = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (named && numbered && !host.is_empty()).then_some(host)
}

/// The bytes of RFC 3986 but for `[`, `]` and `'`: a backslash or a brace means an address that somebody else
/// would read differently.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&()*+,;=%".contains(&byte)
}

/// An encoded slash, backslash, dot, percent or control character.
fn has_encoded_separator(path: &str) -> bool {
    path.split('%').skip(1).any(|code| {
        let code = code.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        code.is_none_or(|byte| byte.is_ascii_control() || br"/\.%".contains(&byte) || !byte.is_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://gp.provider.example/A20001/STU3/1/gpconnect/structured";

    fn check(text: &str) -> Result<ServiceRoot, EndpointProblem> {
        let hosts = AllowedHosts::new(["provider.example", "other.example"]);
        ServiceRoot::new(text, &"A20001".parse().expect("an ODS code"), &hosts)
    }

    #[test]
    fn a_service_root_is_kept_byte_for_byte() {
        for text in [
            GOOD,
            "https://provider.example/A20001/STU3/1/gpconnect/structured",
            "https://GP.Provider.example:443/A20001/STU3/1/gpconnect/structured",
            "https://gp.other.example/x%20y/A20001/STU3/1/a$b",
        ] {
            assert_eq!(check(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn hostile_service_roots_are_refused() {
        use EndpointProblem::*;
        let long = format!("{GOOD}/{}", "a".repeat(512));
        let tail = "/A20001/STU3/1/x";
        let hosts: Vec<String> = [
            "evil.example",
            "evilprovider.example",
            "provider.example.evil.example",
            "127.0.0.1",
            "[::1]",
            "localhost",
            "",
            "provider.example:",
            "provider.example:x",
            "provider.example:99999",
            ".",
        ]
        .iter()
        .map(|host| format!("https://{host}{tail}"))
        .collect();
        for host in &hosts {
            assert_eq!(check(host), Err(if host.contains('[') { Character } else { Host }), "{host}");
        }
        for (text, problem) in [
            (long.as_str(), TooLong),
            ("http://gp.provider.example/A20001/STU3/1/x", Scheme),
            ("HTTPS://gp.provider.example/A20001/STU3/1/x", Scheme),
            ("file:///A20001/STU3/1/x", Scheme),
            ("//gp.provider.example/A20001/STU3/1/x", Scheme),
            (" https://gp.provider.example/A20001/STU3/1/x", Scheme),
            ("", Scheme),
            ("https://user@gp.provider.example/A20001/STU3/1/x", Component),
            ("https://evil.example@gp.provider.example/A20001/STU3/1/x", Component),
            ("https://gp.provider.example/A20001/STU3/1/x?a=b", Component),
            ("https://gp.provider.example/A20001/STU3/1/x#a", Component),
            ("https://gp.provider.example/A20001/STU3/1/x\r\nHost: evil", Character),
            ("https://gp.provider.example/A20001/STU3/1/x y", Character),
            ("https://gp.provider.example/A20001/STU3/1/x\0", Character),
            ("https://gp.provider.example/A20001/STU3/1/x\t", Character),
            ("https://gp.provider.example/A20001/STU3/1/é", Character),
            ("https://gp.provider.example\\@evil.example/A20001/STU3/1/x", Component),
            ("https://gp.provider.example\\evil/A20001/STU3/1/x", Character),
            ("https://gp.provider.example/A20001/STU3/1/{x}", Character),
            ("https://gp.provider.example/A20001/STU3/1/<x>", Character),
            ("https://gp.provider.example/A20001/STU3/1/x/", Path),
            ("https://gp.provider.example/A20001/STU3/1/../x", Path),
            ("https://gp.provider.example/A20001/STU3/1/./x", Path),
            ("https://gp.provider.example//A20001/STU3/1/x", Path),
            ("https://gp.provider.example/A20001/STU3/1/%2e%2e/x", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%2Fy", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%2fy", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%5cy", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%252fy", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%0d%0ay", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%00", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%e9", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%2", Path),
            ("https://gp.provider.example/A20001/STU3/1/x%zz", Path),
            ("https://gp.provider.example", Path),
            ("https://gp.provider.example/", Path),
            ("https://gp.provider.example/A20002/STU3/1/x", Practice),
            ("https://gp.provider.example/XA20001/STU3/1/x", Practice),
            ("https://gp.provider.example/a20001/STU3/1/x", Practice),
            ("https://A20001.provider.example/STU3/1/x", Practice),
            ("https://gp.provider.example/A20001/DSTU2/1/x", Version),
            ("https://gp.provider.example/A20001/STU3/2/x", Version),
            ("https://gp.provider.example/A20001/STU3/1", Version),
            ("https://gp.provider.example/A20001/stu3/1/x", Version),
        ] {
            assert_eq!(check(text), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn no_host_is_allowed_without_a_suffix() {
        let practice: OdsCode = "A20001".parse().expect("an ODS code");
        let none = AllowedHosts::new([""; 0]);
        assert_eq!(ServiceRoot::new(GOOD, &practice, &none), Err(EndpointProblem::Host));
    }

    #[test]
    fn a_url_that_would_be_sent_as_another_text_is_none() {
        let unchanged = |path: &str| unchanged(&format!("https://proxy.example/{path}")).is_some();
        for path in ["https://GP.example:443//x", "%7e%41", "$&'()*+,;=:@!-._~", "a/...", "|[]", "?a=%7C"] {
            assert!(unchanged(path), "{path}");
        }
        for path in
            ["a/../b", "a/./b", "..", "%2e%2E/b", "a\\b", "{a}", "a b", "\"", "<a>", "`", "\t", "é", "?'"]
        {
            assert!(!unchanged(path), "{path}");
        }
    }

    #[test]
    fn a_configured_root_is_a_host_and_perhaps_a_path_as_they_are_sent() {
        for text in [
            "https://proxy.example",
            "https://proxy.example:8443",
            "https://10.0.0.1:8443",
            "https://[::1]:8443/directory/FHIR/R4",
        ] {
            assert!(is_root(text), "{text}");
        }
        for text in [
            "http://proxy.example",
            "https://",
            "https://proxy.example/",
            "https://proxy.example/x/",
            "https://Proxy.example",
            "https://proxy.example:443",
            "https://proxy.example:",
            "https://proxy.example:0x1",
            "https://proxy.example:08443",
            "https://proxy.example:99999",
            "https://127.1",
            "https://[0::1]",
            "https://pröxy.example",
            "https://proxy..example",
            "https:/proxy.example",
            "https:///proxy.example",
            "https:\\\\proxy.example",
            "https://user@proxy.example",
            "https://:secret@proxy.example",
            "https://proxy.example?x",
            "https://proxy.example#x",
            "https://proxy.example/x?y",
            "https://proxy.example/x/../y",
            "https://proxy.example/{x}",
            "https://proxy .example",
            " https://proxy.example",
            "proxy.example",
        ] {
            assert!(!is_root(text), "{text}");
        }
    }
}
