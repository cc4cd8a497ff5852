"""What everything stands on: errors, settings, clock, language, log, plug-in registry. No domain."""
