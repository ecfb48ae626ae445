"""ActiveCampaign's collections one to one: rows as they are sent, under schemas that are open.

The table of collections, what is known of their columns, and how a schema grows with what comes.
Nothing in here does I/O but the few walks that no other collection shares.
"""

from .resources import COLLECTIONS, RawRecordReader, RawResource
from .schema_inference import InferredSchema

by_name: dict[str, RawResource] = {resource.name: resource for resource in COLLECTIONS}

__all__ = ["COLLECTIONS", "InferredSchema", "RawRecordReader", "RawResource", "by_name"]
