"""Ways in, one file each: what every one offers is `cityloom.collect.base.Connector`."""
