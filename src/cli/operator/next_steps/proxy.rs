//! The rules that send the log-in endpoints of clients to MAS, in the words of four reverse proxies.
//!
//! The endpoints are `/_matrix/client/*/login`, `logout` and `refresh` with what lies below them;
//! everything else stays with the homeserver.

use crate::cli::args::Proxy;

/// What stands where the address of MAS is not known: no proxy starts with it.
const UNKNOWN: &str = "http://FILL-IN";

impl Proxy {
    /// All of them, the default first.
    pub(super) const ALL: [Self; 4] = [Self::Nginx, Self::Caddy, Self::Traefik, Self::Apache];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::Traefik => "Traefik",
            Self::Apache => "Apache",
        }
    }

    /// Its rule. `mas` is the address of MAS without a slash at its end, `host` the name that clients
    /// ask for.
    pub(super) fn rule(self, mas: Option<&str>, host: Option<&str>) -> String {
        let mas = mas.unwrap_or(UNKNOWN);
        let host = host.unwrap_or("FILL-IN");
        match self {
            Self::Nginx => format!(
                r"location ~ ^/_matrix/client/[^/]+/(login|logout|refresh)(/|$) {{
    proxy_pass {mas};
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
}}
"
            ),
            Self::Caddy => format!(
                r"@mas path_regexp ^/_matrix/client/[^/]+/(login|logout|refresh)(/|$)
handle @mas {{
    reverse_proxy {mas}
}}
"
            ),
            Self::Traefik => format!(
                r#"http:
  routers:
    mas-login:
      rule: >-
        Host(`{host}`) &&
        PathRegexp(`^/_matrix/client/[^/]+/(login|logout|refresh)(/|$)`)
      priority: 10000
      service: mas
      # entryPoints and tls: as at the router of Synapse
  services:
    mas:
      loadBalancer:
        servers:
          - url: "{mas}"
"#
            ),
            // The address must be one before anything is put into it: the slash stands outside.
            Self::Apache => format!(
                r#"ProxyPassMatch \
    "^/(_matrix/client/[^/]+/(login|logout|refresh)(/.*)?)$" \
    "{mas}/$1" nocanon
"#
            ),
        }
    }

    /// Where the rule has to stand.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::Nginx => {
                "nginx: in the `server` block of Synapse, above other `location ~` blocks; a `location ^~ /_matrix` would win over it"
            }
            Self::Caddy => "Caddy: in the site of Synapse, above its other `handle` blocks",
            Self::Traefik => {
                "Traefik, from version 3 on: in a file of dynamic configuration; as labels of a container the same"
            }
            Self::Apache => {
                "Apache: in the virtual host of Synapse, above its own `ProxyPass` lines; needs `mod_proxy_http`, and `SSLProxyEngine on` if the address begins with https"
            }
        }
    }
}
