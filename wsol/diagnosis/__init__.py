"""What `wsol doctor` finds: in the installation, the data, the network, the methods, and what a run will take."""

from wsol.diagnosis.finding import Finding

__all__ = ["Finding"]
