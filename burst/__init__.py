"""What a burst is and what it costs: pure Python, no Pulumi, no network."""
