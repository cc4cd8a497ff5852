"""The example city 云澜市: seeded people and firms, and what departments know of them, with named dirt."""

from cityloom.sample.city import CityManifest, generate, read_manifest

__all__ = ["CityManifest", "generate", "read_manifest"]
