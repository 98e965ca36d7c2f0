"""Settings and business data: profiles, feed contracts, table contracts, and the typed readers that refuse what they do not know."""
