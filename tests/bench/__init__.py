"""What the platform is held to in speed: `make bench` prints one table, docs/benchmarks.md explains it."""
