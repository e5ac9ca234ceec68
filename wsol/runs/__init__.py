"""Runs at rest: rows in Parquet files whose footers describe them. Writers and readers meet here only."""
