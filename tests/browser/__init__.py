"""The pages in a real browser, on a running system (`make test-browser`)."""
