"""Data integration for a district in an emergency: feeds in, conformed lake, consolidated warehouse tables out."""
