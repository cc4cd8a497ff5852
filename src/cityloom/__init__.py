"""CityLoom 城织: a city's data, governed, fused and shared with proof."""
