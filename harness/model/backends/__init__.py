"""One file a backend. Each declares itself by a `harness.model.backend.Backend` at its top level."""
