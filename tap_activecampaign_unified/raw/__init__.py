"""Raw streams: rows of ActiveCampaign's collections without a mapping.

This package has the table of collections, their known columns, and schemas that grow with the rows.
Only `special_walks.py` does I/O: it reads collections without ordinary pages.
"""

from .raw_stream_table import COLLECTIONS, RawRecordReader, RawResource
from .schema_inference import InferredSchema

by_name: dict[str, RawResource] = {resource.name: resource for resource in COLLECTIONS}

__all__ = ["COLLECTIONS", "InferredSchema", "RawRecordReader", "RawResource", "by_name"]
