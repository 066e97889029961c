//! Catalogs as YAML files: the only place besides `config` that reads YAML.
