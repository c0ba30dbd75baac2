"""Serves Truss packages: `build` makes a package's virtual environment, `serve` answers for it."""
