"""A library that keeps itself current: feeds, sitemaps, pages and folders that are read again and again."""
