"""Polygons in GeoJSON (RFC 7946): as text, in files, as dictionaries.

Not by `shapely.from_geojson`: it refuses features without a geometry, which the standard allows, and rings that do not
end where they begin.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshfree.internal.files import read_text

_MARK = "\ufeff"  # of the byte order, which some programs write before a text


def read(source) -> tuple[Any, str | None]:
    """The object in a GeoJSON file or text, and the file's path; a dictionary is one already."""
    if isinstance(source, Mapping):
        return source, None
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"GeoJSON is a path, text or a dictionary, got {type(source).__name__}")
    if isinstance(source, str) and source.removeprefix(_MARK).lstrip().startswith("{"):
        return _parsed(source.removeprefix(_MARK), "the text"), None
    if not Path(source).is_file():
        raise FileNotFoundError(f"no GeoJSON file at {source}")
    return _parsed(read_text(Path(source)), str(source)), str(source)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no GeoJSON: {error}") from None


def polygons(found: Any, where: str | None = None) -> list[list]:
    """The rings of all polygons in a GeoJSON object, of each the outer ring first; at least one polygon."""
    of_file = "" if where is None else f"{where}: "
    try:
        rings = [[_plane(ring) for ring in polygon] for polygon in _collected(found)]
    except (TypeError, IndexError, KeyError, RecursionError) as error:
        raise ValueError(f"{of_file}a polygon in GeoJSON is a list of rings of positions: {error}") from error
    if not rings:
        kind = found.get("type") if isinstance(found, Mapping) else type(found).__name__
        raise ValueError(f"{of_file}GeoJSON must hold a Polygon or MultiPolygon that is not empty, got {kind}")
    return rings


def _collected(found: Any) -> list:
    match found:
        case {"type": "Polygon", "coordinates": rings}:
            return [rings] if rings else []
        case {"type": "MultiPolygon", "coordinates": several}:
            return [rings for rings in several if rings]
        case {"type": "Feature", "geometry": one}:
            return _collected(one)
        case {"type": "FeatureCollection", "features": list() | tuple() as inside}:
            return [rings for one in inside for rings in _collected(one)]
        case {"type": "GeometryCollection", "geometries": list() | tuple() as inside}:
            return [rings for one in inside for rings in _collected(one)]
    return []


def _plane(ring: Any) -> list:
    """Positions without their heights."""
    return [tuple(position)[:2] for position in ring]
