"""Runs at rest: rows in Parquet files with footers that describe them. Writers and readers meet here and nowhere else."""
