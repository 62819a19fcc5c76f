use url::{Host, Url};

/// The proxy of the environment that serves a URL, as curl and pip read it: none for this machine
/// itself and for hosts of `no_proxy`.
pub fn proxy_for(url: &Url, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| variable(name).or_else(|| variable(&name.to_uppercase()));
    let set = |name: &str| set(name).filter(|value| !value.is_empty());
    let host = url.host()?;
    let own = match &host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    if own || set("no_proxy").is_some_and(|list| is_listed(&host.to_string(), &list)) {
        return None;
    }
    let proxy = set(&format!("{}_proxy", url.scheme())).or_else(|| set("all_proxy"))?;
    Some(if proxy.contains("://") { proxy } else { format!("http://{proxy}") })
}

fn is_listed(host: &str, list: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let name = entry.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let name = name.map_or(entry, |(name, _)| name).trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || !name.is_empty()
                && host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which_hosts_are_reached_by_a_proxy() {
        let variables = |name: &str| match name {
            "https_proxy" => Some("proxy.example:3128".to_owned()),
            "ALL_PROXY" => Some("http://other.example".to_owned()),
            "no_proxy" => Some("inner.example, .company:8443,10.0.0.1".to_owned()),
            _ => None,
        };
        let proxy = |url: &str| proxy_for(&Url::parse(url).unwrap(), &variables);
        assert_eq!(proxy("https://example.org/x").as_deref(), Some("http://proxy.example:3128"));
        assert_eq!(proxy("http://example.org/x").as_deref(), Some("http://other.example"));
        for direct in
            ["https://inner.example/", "https://a.company/", "http://10.0.0.1/", "http://127.0.0.1:8/"]
        {
            assert_eq!(proxy(direct), None, "{direct}");
        }
        assert!(proxy("https://notinner.example/").is_some());
    }
}
