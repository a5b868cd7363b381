"""One study from params to report, in a clean room."""
