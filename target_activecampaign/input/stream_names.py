"""Maps the stream names of the input: first `stream_maps`, then `stream_aliases`."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


class StreamMaps:
    """Finds the maps of a stream in ``mapper``, which is the SDK's."""

    def __init__(self, mapper: Any) -> None:
        self._mapper = mapper

    def streams(self, stream: str) -> list[Any]:
        """Return the maps of a stream, empty if it has none."""
        return list(self._mapper.stream_maps.get(stream, ()))

    def register(self, stream: str, schema: Message, keys: list[str]) -> list[Any]:
        """Register a schema and return the stream's maps."""
        self._mapper.register_raw_stream_schema(stream, schema, keys)
        return self.streams(stream)


class StreamNames:
    """Maps the names of a source's streams; ``aliases`` is the setting `stream_aliases`."""

    def __init__(self, maps: StreamMaps | None, aliases: dict[str, str]) -> None:
        self._maps, self._aliases = maps, aliases

    def after_maps(self, stream: str) -> list[str]:
        """Return the names that `stream_maps` gives a source's stream; without maps, its own."""
        maps = self._maps.streams(stream) if self._maps is not None else []
        return [str(stream_map.stream_alias) for stream_map in maps] or [stream]

    def alias(self, stream: str) -> str:
        """Return the target's name of a source's stream."""
        return str(self._aliases.get(stream, stream))
