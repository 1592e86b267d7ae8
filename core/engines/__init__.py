"""Real PostgreSQL and Valkey for a folder, started from wheels (docs/adr/0011-engines.md).

`core.engines.pair.Engines(data_dir)` starts both, `python -m core.engines up|down|status` does it from a shell. Plain Python:
Django's settings read the two files it leaves (`secrets.env`, `engines.env`), so nothing here imports Django.
"""
