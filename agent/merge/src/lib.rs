//! Pure merging of configuration layers: RFC 7386, RFC 6902, locks, provenance, redaction, diff. No IO, no clock.
