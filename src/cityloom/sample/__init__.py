"""The example city 云澜市: seeded people and firms, and what departments know of them, with named dirt."""

from cityloom.sample.city import CityManifest, generate, read_manifest
from cityloom.sample.interface import serve_interface

__all__ = ["CityManifest", "generate", "read_manifest", "serve_interface"]
