"""What the embedded cluster measures of itself: scraper, ring of samples, PromQL, HTTP API."""
